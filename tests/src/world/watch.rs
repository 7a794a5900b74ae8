//! The onlooker: judges every frame that a node of the pair puts on the wire, at the moment when it leaves.
//!
//! - Nobody speaks but the active of the register (I3).
//! - What the active of a pair says is backed: the standby's shadow already holds every variable that the segment tells the peer (I1).
//! - Right edge, TSval and ISN go on, and there is no reset (I6, I7).

use super::node::{Doing, Node};
use crate::wire::{self, Monotonic, Seen, distance};
use ipc::Entry;
use ipc::register::{MemoryRegister, Register};
use std::net::SocketAddr;
use tcp_ha::core::Standby;
use tcp_ha::engine::{ConnectionState, FourTuple};

/// See the module's text.
#[derive(Default)]
pub struct Onlooker {
    /// What never goes back.
    pub monotonic: Monotonic,
    /// What the register said when it could last be read.
    entry: Option<Entry>,
    /// Segments that were found backed.
    pub backed: u64,
}

impl Onlooker {
    /// Looks at a frame of node `at`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn look(
        &mut self,
        register: &MemoryRegister,
        nodes: &[Node],
        at: usize,
        frame: &[u8],
    ) -> Result<(), String> {
        if let Ok(entry) = register.read() {
            self.entry = entry;
        }
        let Some(entry) = self.entry else {
            return Err("it speaks before the register says anything".to_owned());
        };
        if entry.active != nodes[at].me {
            return Err(format!(
                "it speaks in epoch {}, which belongs to {}",
                entry.epoch, entry.active
            ));
        }
        let Some(seen) = wire::segment(frame) else {
            return Ok(());
        };
        let standby = entry
            .standby
            .and_then(|standby| nodes.iter().find(|node| node.me == standby));
        if let Some(Doing::Standby(standby)) = standby.map(|node| &node.doing) {
            self.check_backed(standby, &seen)?;
        }
        self.monotonic.look(&seen)
    }

    fn check_backed(&mut self, standby: &Standby, seen: &Seen) -> Result<(), String> {
        let tuple = FourTuple {
            local: SocketAddr::new(seen.src, seen.src_port),
            remote: SocketAddr::new(seen.dst, seen.dst_port),
        };
        let shadow = standby
            .shadow()
            .connections()
            .find(|(_, connection)| connection.state.identity.tuple == tuple);
        let Some((_, connection)) = shadow else {
            return Ok(());
        };
        self.backed += 1;
        backed(&connection.state, seen)
    }
}

/// Everything that a segment tells the peer is known to the standby.
fn backed(state: &ConnectionState, seen: &Seen) -> Result<(), String> {
    let ConnectionState {
        identity,
        lifecycle,
        send,
        recv,
        rtt,
        ..
    } = state;
    let beyond = |what: &str, held: u32, said: u32| {
        if distance(held, said) > 0 {
            let by = distance(held, said);
            return Err(format!(
                "{what} is {by} beyond what the standby holds: {seen:?}"
            ));
        }
        Ok(())
    };
    if seen.rst() {
        return Err(format!(
            "a reset of a connection that the standby still holds: {seen:?}"
        ));
    }
    if seen.fin() && !lifecycle.fin_sent {
        return Err("a FIN that the standby does not know of".to_owned());
    }
    beyond("SEQ", identity.iss.at(send.max).0, seen.seq_end())?;
    if seen.has_ack() {
        beyond("ACK", identity.irs.at(recv.safe).0, seen.ack)?;
        let shift = if seen.syn() { 0 } else { identity.rcv_wscale };
        let edge = seen.ack.wrapping_add(u32::from(seen.window) << shift);
        beyond("right edge", identity.irs.at(recv.right_edge).0, edge)?;
    }
    match seen.tsval {
        Some(tsval) => beyond("TSval", rtt.tsval_sent, tsval),
        None => Ok(()),
    }
}
