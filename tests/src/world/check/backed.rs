//! What the active of a pair says is backed (I1): the standby's shadow already holds every variable that the segment tells the peer.

use super::super::node::{Doing, Node};
use crate::wire::{Seen, distance};
use ipc::Incarnation;
use std::net::SocketAddr;
use tcp_ha::core::Standby;
use tcp_ha::engine::{ConnectionState, FourTuple};

/// The shadow of the node with this name, if it is one. Who has resigned backs nobody, and takes nothing over.
pub(super) fn standby(nodes: &[Node], name: Incarnation) -> Option<&Standby> {
    match &nodes.iter().find(|node| node.me == name)?.doing {
        Doing::Standby(standby) if !standby.has_resigned() => Some(standby),
        _ => None,
    }
}

/// What leaves late, when another node has the epoch already: that node must hold what it says, as a shadow or as a survivor.
pub(super) fn held_by(node: &Node, seen: &Seen) -> Result<(), String> {
    match &node.doing {
        Doing::Standby(standby) => look(standby, seen).map(|_| ()),
        Doing::Active(active) => {
            let tuple = tuple(seen);
            let engine = active.engine();
            let states = engine.connections().filter_map(|id| engine.snapshot(id));
            let mut states = states.filter(|state| state.identity.tuple == tuple);
            states.next().map_or(Ok(()), |state| backed(&state, seen))
        }
        Doing::Joining | Doing::Fenced => {
            Err("the node that has the epoch holds nothing".to_owned())
        }
    }
}

fn tuple(seen: &Seen) -> FourTuple {
    FourTuple {
        local: SocketAddr::new(seen.src, seen.src_port),
        remote: SocketAddr::new(seen.dst, seen.dst_port),
    }
}

/// Whether there was something to compare.
pub(super) fn look(standby: &Standby, seen: &Seen) -> Result<bool, String> {
    let tuple = tuple(seen);
    let shadow = standby
        .shadow()
        .connections()
        .find(|(_, connection)| connection.state.identity.tuple == tuple);
    match shadow {
        Some((_, connection)) => backed(&connection.state, seen).map(|()| true),
        None => Ok(false),
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
        // A reset that is not of this connection's sequence answers a late segment of its ports' former life.
        let (una, max) = (identity.iss.at(send.una).0, identity.iss.at(send.max).0);
        if distance(una, seen.seq) < 0 || distance(seen.seq, max) < 0 {
            return Ok(());
        }
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
