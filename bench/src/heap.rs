//! Memory of a session on both sides, told by whoever has a counting allocator.

use crate::pair::{Pair, Setting, TURN_US};
use crate::report::{Row, Section};
use std::io;

/// Octets that are allocated now.
pub type Heap<'a> = &'a dyn Fn() -> usize;

/// Sessions of the smaller and the larger world; a session costs the difference.
const IDLE: [usize; 2] = [1_000, 10_000];
const BUSY: [usize; 2] = [10, 110];
/// Octets each way on every busy session before it is looked at.
const BUSY_OCTETS: usize = 1 << 20;
/// Octets offered each way in a turn, to all sessions together: buffers of the node grow with its largest batch, and are to be alike in
/// both worlds.
const OFFERED: usize = 256 << 10;
/// Virtual time of rest: delayed acknowledgements and the like are over.
const REST_US: u64 = 2_000_000;

/// Makes a world with so many sessions.
type Make = fn(usize) -> io::Result<Pair>;

/// Octets that each side holds of a session.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// The active.
    pub active: f64,
    /// The standby.
    pub standby: f64,
}

/// What each part gives back when it goes.
fn weigh(pair: Pair, heap: Heap<'_>) -> Held {
    let Pair {
        mut speaker,
        standby,
        ..
    } = pair;
    speaker.forget_events();
    let all = heap();
    drop(standby);
    let without_standby = heap();
    drop(speaker);
    Held {
        standby: (all - without_standby) as f64,
        active: (without_standby - heap()) as f64,
    }
}

fn rest(pair: &mut Pair) -> io::Result<()> {
    (0..REST_US / TURN_US).try_for_each(|_| pair.turn())
}

fn idle(sessions: usize) -> io::Result<Pair> {
    let mut pair = Pair::ready(Setting::default(), sessions)?;
    rest(&mut pair)?;
    Ok(pair)
}

/// Sessions with bulk both ways, looked at in the middle of it.
fn busy(sessions: usize) -> io::Result<Pair> {
    let mut pair = Pair::ready(Setting::default(), sessions)?;
    let enough = (sessions * BUSY_OCTETS) as u64;
    while pair.speaker.read < enough || pair.peer.received < enough {
        let now_us = pair.now_us;
        for line in 0..sessions {
            pair.peer.write(now_us, line, OFFERED / sessions);
            pair.speaker.write(now_us, line, OFFERED / sessions);
        }
        pair.turn()?;
    }
    Ok(pair)
}

/// Sessions that were busy, and have nothing on their way any more.
///
/// # Errors
/// The pair does not come to be.
pub fn after_busy(sessions: usize) -> io::Result<Pair> {
    let mut pair = busy(sessions)?;
    let on_its_way = |pair: &Pair| pair.flying() != (0, 0);
    while on_its_way(&pair) || pair.speaker.active.outstanding() != (0, 0) {
        pair.turn()?;
    }
    rest(&mut pair)?;
    Ok(pair)
}

fn each(sizes: [usize; 2], heap: Heap<'_>, make: Make) -> io::Result<Held> {
    let few = weigh(make(sizes[0])?, heap);
    let many = weigh(make(sizes[1])?, heap);
    let sessions = (sizes[1] - sizes[0]) as f64;
    Ok(Held {
        active: (many.active - few.active) / sessions,
        standby: (many.standby - few.standby) / sessions,
    })
}

/// What a session holds that was never used, by the difference of two worlds of these sizes.
///
/// # Errors
/// A pair does not come to be.
pub fn never_used(sizes: [usize; 2], heap: Heap<'_>) -> io::Result<Held> {
    each(sizes, heap, idle)
}

/// What a session holds that was busy both ways and has rested since, by the difference of two worlds of these sizes.
///
/// # Errors
/// A pair does not come to be.
pub fn rested(sizes: [usize; 2], heap: Heap<'_>) -> io::Result<Held> {
    each(sizes, heap, after_busy)
}

/// Memory of a session by what it does.
///
/// # Errors
/// A pair does not come to be.
pub fn sessions(heap: Heap<'_>) -> io::Result<Section> {
    let mut section = Section::new(
        "Scale: memory of a session",
        "Octets allocated, not resident: what goes when a side is dropped, in a large world less a small one, for each session. The roles \
         alone: streams of the daemon's face and the kernel's part are not in it. Capacities of 1 MiB each way, `Logged` both ways.",
    );
    let states: [(&str, [usize; 2], Make); 3] = [
        ("idle, never used", IDLE, idle),
        ("idle, was busy", BUSY, after_busy),
        ("busy both ways", BUSY, busy),
    ];
    for (name, sizes, make) in states {
        let held = each(sizes, heap, make)?;
        for (side, octets) in [("active", held.active), ("standby", held.standby)] {
            let row = Row::once(format!("{name}: {side}"), "octets", octets);
            let idle = name.starts_with("idle");
            section
                .rows
                .push(if idle { row.goal("<= 2048") } else { row });
        }
    }
    Ok(section)
}
