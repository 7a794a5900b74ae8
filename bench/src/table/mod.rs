//! A full BGP table into a speaker and out of it: ours with and without a standby, BIRD, FRR.

mod peer;
mod process;
mod receiver;
mod round;
mod source;
mod speaker;
mod told;
mod updates;

pub use peer::{PeerRole, play};

use crate::report::{Row, Section};
use crate::rounds::{Contender, in_turn};
use crate::spread::Spread;
use receiver::Kind;
use round::Files;
use std::io;
use updates::Updates;

/// The port of BGP.
const BGP_PORT: u16 = 179;

/// What is measured of each contender, in the order of a round's figures.
const FIGURES: [(&str, &str); 5] = [
    ("in: until it has them all", "s"),
    ("in: its processor time", "s"),
    ("out: until a fresh peer has them all", "s"),
    ("out: its processor time", "s"),
    ("its memory, resident", "MiB"),
];

/// Measures it all.
///
/// # Errors
/// No root, a daemon is missing, or a table does not arrive.
pub fn full(rounds: usize) -> io::Result<Vec<Section>> {
    let updates = updates::pack(&source::read()?);
    let files = Files::new(&updates)?;
    let contenders = Kind::ALL.into_iter().map(|kind| {
        let files = &files;
        Contender::new(kind.name(), move || round::play(kind, files))
    });
    let seen = in_turn(rounds, contenders.collect())?;
    Ok(vec![section(&updates, &seen)])
}

/// Measures the speaker without stack, peers and processes.
///
/// # Errors
/// A table does not arrive.
pub fn alone(rounds: usize) -> io::Result<Vec<Section>> {
    let updates = updates::pack(&source::read()?);
    Ok(vec![speaker::alone(rounds, &updates)?])
}

fn section(updates: &Updates, seen: &[(String, [Spread; round::FIGURES])]) -> Section {
    let mut section = Section::new(
        "BGP: a full table in and out",
        &format!(
            "{} prefixes of IPv4 and IPv6 with their origins (the table that the crate `iptrie` ships), in {} UPDATEs with {} sets of attributes, \
             {:.1} MB. A peer on the kernel's TCP writes them; until the speaker holds all of them by its own count. Then a fresh peer connects and \
             counts until it has been told all. Nobody has the kernel's routing table to fill. Two processors for all. Ratios are over BIRD.",
            updates.prefixes,
            updates.messages,
            updates.sets,
            updates.octets.len() as f64 / 1e6
        ),
    );
    for (at, (what, unit)) in FIGURES.into_iter().enumerate() {
        let base = seen[0].1[at];
        for (name, spreads) in seen {
            let row = Row::of(format!("{what}: {name}"), unit, spreads[at]).over(&base);
            let judged = unit == "s" && name == Kind::Ours { protected: false }.name();
            section.rows.push(if judged {
                row.goal("ratio <= 1.0")
            } else {
                row
            });
        }
    }
    price_of_a_standby(&mut section, seen);
    section
}

/// What a hot standby costs: over the same speaker without one.
fn price_of_a_standby(section: &mut Section, seen: &[(String, [Spread; round::FIGURES])]) {
    let of = |protected| {
        let name = Kind::Ours { protected }.name();
        seen.iter()
            .find(|(known, _)| known == name)
            .map(|(_, it)| it)
    };
    let (Some(off), Some(on)) = (of(false), of(true)) else {
        return;
    };
    for (at, goal) in [(0, "ratio <= 1.3"), (1, "ratio <= 1.1"), (2, ""), (3, "")] {
        let (what, unit) = FIGURES[at];
        let row = Row::of(format!("{what}: NSR on over off"), unit, on[at]).over(&off[at]);
        section
            .rows
            .push(if goal.is_empty() { row } else { row.goal(goal) });
    }
    for (at, what, unit) in [
        (5, "in: until the standby's replica has them all", "s"),
        (6, "in: the standby's processor time", "s"),
        (7, "the standby's memory, resident", "MiB"),
    ] {
        section.rows.push(Row::of(what, unit, on[at]));
    }
}
