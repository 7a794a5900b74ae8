//! The hot paths one by one, each the same to the octet whenever it is walked: for a tool that counts instructions.

use crate::checkpoint;
use crate::pair::{Pair, Setting, TURN_US};
use std::hint::black_box;
use std::io;
use tcp_ha::core::{Protection, SendMode};
use tcp_ha::engine::ReceiveMode;
use tcp_ha::ipc::gate::Gate;
use tcp_ha::ipc::register::{MemoryRegister, Register};
use tcp_ha::ipc::{Incarnation, Lsn};

/// Turns until all memory that is used again is there.
const WARM_TURNS: usize = 150;
/// Turns that are counted.
const TURNS: usize = 100;
/// Octets offered in a turn.
const OFFERED: usize = 64 << 10;
/// Checkpoints of one connection that are written and applied.
const STATES: usize = 400;
/// Batches that go through the gate, and frames of each.
const BATCHES: u64 = 400;
const FRAMES: u64 = 64;

/// Everything that is counted happens in here: the tool looks for this name.
#[inline(never)]
pub fn counted<R>(walk: impl FnOnce() -> R) -> R {
    walk()
}

/// A hot path. What it does for each unit is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Engine and host layer alone send a segment and take its acknowledgement.
    EngineOut,
    /// Engine and host layer alone take a segment.
    EngineIn,
    /// The active takes a segment: engine, records, gate, the daemon's event.
    ActiveIn,
    /// The same where the daemon marks what it has dealt with.
    ActiveInMarked,
    /// The active sends a segment.
    ActiveOut,
    /// The standby has what came in: session, shadow, the replica's event, acknowledgement.
    StandbyIn,
    /// The standby has what goes out.
    StandbyOut,
    /// A delta is found and written.
    RecordWritten,
    /// A delta is parsed and applied.
    RecordApplied,
    /// A frame goes through the gate.
    Gate,
}

/// Who is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Peer,
    Active,
    Standby,
}

impl Path {
    /// All of them.
    pub const ALL: [Path; 10] = [
        Path::EngineOut,
        Path::EngineIn,
        Path::ActiveIn,
        Path::ActiveInMarked,
        Path::ActiveOut,
        Path::StandbyIn,
        Path::StandbyOut,
        Path::RecordWritten,
        Path::RecordApplied,
        Path::Gate,
    ];

    /// Its name, for files and command lines.
    pub fn name(self) -> &'static str {
        match self {
            Path::EngineOut => "engine-out",
            Path::EngineIn => "engine-in",
            Path::ActiveIn => "active-in",
            Path::ActiveInMarked => "active-in-marked",
            Path::ActiveOut => "active-out",
            Path::StandbyIn => "standby-in",
            Path::StandbyOut => "standby-out",
            Path::RecordWritten => "record-written",
            Path::RecordApplied => "record-applied",
            Path::Gate => "gate",
        }
    }

    /// The path of this name.
    pub fn named(name: &str) -> Option<Path> {
        Path::ALL.into_iter().find(|path| path.name() == name)
    }

    /// Walks it, in [`counted`] but for what leads up to it; says how many units: segments, records or frames.
    ///
    /// # Errors
    /// The pair does not come to be.
    pub fn walk(self) -> io::Result<u64> {
        let logged = Protection::default();
        let marked = Protection {
            receive: ReceiveMode::Marked,
            send: SendMode::Regenerated,
            application_sync: false,
        };
        match self {
            Path::EngineOut => turns(Who::Peer, true, logged),
            Path::EngineIn => turns(Who::Peer, false, logged),
            Path::ActiveIn => turns(Who::Active, true, logged),
            Path::ActiveInMarked => turns(Who::Active, true, marked),
            Path::ActiveOut => turns(Who::Active, false, logged),
            Path::StandbyIn => turns(Who::Standby, true, logged),
            Path::StandbyOut => turns(Who::Standby, false, logged),
            Path::RecordWritten => {
                let states = checkpoint::states(STATES)?;
                Ok(counted(|| checkpoint::written(&states)).len() as u64)
            }
            Path::RecordApplied => {
                let states = checkpoint::states(STATES)?;
                let written = checkpoint::written(&states);
                counted(|| checkpoint::applied(&states[0], &written))?;
                Ok(written.len() as u64)
            }
            Path::Gate => gate(),
        }
    }
}

/// Bulk to the pair, or from it, with one of the three counted; says how many segments the pair took and gave.
fn turns(who: Who, to_pair: bool, protection: Protection) -> io::Result<u64> {
    let setting = Setting {
        protection: Some(protection),
        ..Setting::default()
    };
    let mut pair = Pair::ready(setting, 1)?;
    for _ in 0..WARM_TURNS {
        turn(&mut pair, None, to_pair)?;
    }
    pair.frames = 0;
    let mut left = 0;
    for _ in 0..TURNS {
        left += turn(&mut pair, Some(who), to_pair)?;
    }
    Ok(pair.frames + left as u64)
}

/// One turn; says how many frames left the pair.
fn turn(pair: &mut Pair, who: Option<Who>, to_pair: bool) -> io::Result<usize> {
    pair.now_us += TURN_US;
    let now_us = pair.now_us;
    let peer = |pair: &mut Pair| {
        if to_pair {
            pair.peer.write(now_us, 0, OFFERED);
        }
        pair.turn_of_peer()
    };
    let active = |pair: &mut Pair| {
        if !to_pair {
            pair.speaker.write(now_us, 0, OFFERED);
        }
        pair.turn_of_active();
    };
    if who == Some(Who::Peer) {
        counted(|| peer(pair))?;
    } else {
        peer(pair)?;
    }
    if who == Some(Who::Active) {
        counted(|| active(pair));
    } else {
        active(pair);
    }
    if who == Some(Who::Standby) {
        counted(|| pair.turn_of_standby())?;
    } else {
        pair.turn_of_standby()?;
    }
    Ok(pair.flying().1)
}

/// Frames through a paired gate, a batch at a time.
fn gate() -> io::Result<u64> {
    let [me, standby] = [1, 2].map(|octet| Incarnation::from_bytes([octet; 16]));
    let tenure = MemoryRegister::default()
        .compare_and_swap(None, me, Some(standby))
        .map_err(|error| io::Error::other(format!("{error:?}")))?;
    let mut gate = Gate::new(me, 4 * FRAMES as usize);
    if !gate.pair(&tenure) {
        return Err(io::Error::other("the gate refuses its tenure"));
    }
    let mut released = 0;
    counted(|| {
        for lsn in (1..=BATCHES).map(Lsn) {
            for frame in 0..FRAMES {
                // It is emptied before it is full.
                let _ = gate.push(lsn, frame);
            }
            gate.acknowledge(tenure.epoch(), standby, lsn);
            while let Some(frame) = gate.release() {
                black_box(frame.into_inner());
                released += 1;
            }
        }
    });
    Ok(released)
}
