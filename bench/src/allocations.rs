//! Allocations on the path of a segment, counted by whoever has a counting allocator.

use crate::pair::{Pair, Setting, TURN_US};
use std::io;
use tcp_ha::core::{Protection, SendMode};
use tcp_ha::engine::ReceiveMode;

/// Which way payload goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the pair.
    In,
    /// From the pair.
    Out,
}

/// Allocations, by who made them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allocations {
    /// Engine and host layer alone: those of the peer.
    pub engine: u64,
    /// The active: engine, gate, records, what its daemon is given.
    pub active: u64,
    /// The standby: session, shadow, what its replica is given.
    pub standby: u64,
    /// Segments that the pair took or gave meanwhile.
    pub segments: u64,
    /// Batches that it closed.
    pub batches: u64,
}

/// Turns until all memory that is used again is there.
const WARM_TURNS: usize = 2_000;
/// Turns that are counted.
const TURNS: usize = 2_000;
/// Octets offered in a turn.
const OFFERED: usize = 64 << 10;

/// Counts with `made`, which says how many allocations there have been so far.
///
/// # Errors
/// The pair does not come to be.
pub fn count(
    way: Way,
    receive: ReceiveMode,
    send: SendMode,
    made: &dyn Fn() -> u64,
) -> io::Result<Allocations> {
    let setting = Setting {
        protection: Some(Protection {
            receive,
            send,
            application_sync: false,
        }),
        ..Setting::default()
    };
    let mut pair = Pair::ready(setting, 1)?;
    let mut seen = [0; 3];
    for _ in 0..WARM_TURNS {
        turn(&mut pair, way, made, &mut seen)?;
    }
    (seen, pair.frames) = ([0; 3], 0);
    let batches = pair.speaker.active.counters().batches;
    let mut left = 0;
    for _ in 0..TURNS {
        left += turn(&mut pair, way, made, &mut seen)?;
    }
    let segments = pair.frames + left as u64;
    let [engine, active, standby] = seen;
    Ok(Allocations {
        engine,
        active,
        standby,
        segments,
        batches: pair.speaker.active.counters().batches - batches,
    })
}

/// One turn; says how many frames left the pair.
fn turn(
    pair: &mut Pair,
    way: Way,
    made: &dyn Fn() -> u64,
    seen: &mut [u64; 3],
) -> io::Result<usize> {
    pair.now_us += TURN_US;
    let now_us = pair.now_us;
    let begun = made();
    if way == Way::In {
        pair.peer.write(now_us, 0, OFFERED);
    }
    pair.turn_of_peer()?;
    let peer_done = made();
    if way == Way::Out {
        pair.speaker.write(now_us, 0, OFFERED);
    }
    pair.turn_of_active();
    let active_done = made();
    pair.turn_of_standby()?;
    seen[0] += peer_done - begun;
    seen[1] += active_done - peer_done;
    seen[2] += made() - active_done;
    Ok(pair.flying().1)
}
