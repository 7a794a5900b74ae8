//! The delay that the gate adds: from the end of the batch in which a frame was built to the moment when it may leave.

mod loops;
mod stamps;

use crate::lines::{Ends, Kind, Lines};
use crate::report::{Row, Section};
use crate::round_trips::{Seats, there_and_back};
use crate::rounds::{Contender, in_turn};
use crate::spread::Spread;
use std::io;
use std::time::Duration;
use tcp_ha::ipc::transport::memory;

pub use loops::Load;
pub use stamps::{FrameKind, Stamps, kind_of};

/// Writes that may be under way in a channel in memory.
const PIECES: usize = 64;

/// The limit: two threads that only read and write, as much as a small batch takes, and as often.
const BARE: [(&str, Seats); 2] = [
    ("a bare message there and back, Unix socket", Seats::Free),
    (
        "the same, each thread on a processor of its own",
        Seats::Apart,
    ),
];
const BARE_OCTETS: usize = 100;
const BARE_REST_US: u64 = 1_000;

/// What is between the two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Between {
    /// There is one node alone: the gate is open.
    Nothing,
    /// Memory; both threads turn without rest.
    Memory,
    Line(Kind),
}

impl Between {
    const ALL: [Between; 4] = [
        Between::Line(Kind::Unix),
        Between::Nothing,
        Between::Memory,
        Between::Line(Kind::Tls),
    ];

    fn name(self) -> String {
        match self {
            Between::Nothing => "no standby".to_owned(),
            Between::Memory => "memory, both spin".to_owned(),
            Between::Line(kind) => kind.to_string(),
        }
    }

    fn open(self, lines: &Lines) -> io::Result<Option<Ends>> {
        Ok(match self {
            Between::Nothing => None,
            Between::Memory => {
                let (near, far) = memory::pair(PIECES);
                Some((Box::new(near), Box::new(far)))
            }
            Between::Line(kind) => Some(lines.open(kind)?),
        })
    }
}

/// The distribution by channel and load.
///
/// # Errors
/// The system's.
pub fn delays(rounds: usize, watch: Duration) -> io::Result<Vec<Section>> {
    let lines = Lines::new()?;
    [Load::Idle, Load::Bulk]
        .into_iter()
        .map(|load| section(&lines, load, rounds, watch))
        .collect()
}

fn section(lines: &Lines, load: Load, rounds: usize, watch: Duration) -> io::Result<Section> {
    let (title, what) = match load {
        Load::Idle => (
            "Gate: delay added, idle",
            "A message of 100 octets every millisecond, acknowledged at once and answered with as many.",
        ),
        Load::Bulk => (
            "Gate: delay added, under load",
            "Bulk both ways as fast as the pair takes it.",
        ),
    };
    let how = format!(
        "{what} One connection, `Logged` both ways; the active with its peer in one thread, the standby in another, with real clocks. \
         From the end of the batch to the release of the frame; ratios are over the Unix socket."
    );
    let mut section = Section::new(title, &how);
    let mut contenders: Vec<_> = Between::ALL
        .map(|between| {
            Contender::new(between.name(), move || {
                let mut seen = loops::run(between.open(lines)?, load, watch)?;
                let (acks, data) = (&mut seen.acknowledgements, &mut seen.transmissions);
                Ok([acks.at(50.0), acks.at(99.0), data.at(50.0), data.at(99.0)])
            })
        })
        .into();
    if load == Load::Idle {
        let trips = watch.as_micros() as usize / BARE_REST_US as usize;
        contenders.extend(BARE.map(|(name, seats)| {
            Contender::new(name, move || {
                let unix = Kind::Unix;
                let (p50, p99) =
                    there_and_back(lines, unix, BARE_OCTETS, trips, BARE_REST_US, seats)?;
                Ok([p50, p99, p50, p99])
            })
        }));
    }
    let seen = in_turn(rounds, contenders)?;
    let (gates, bare): (Vec<_>, Vec<_>) = seen
        .iter()
        .partition(|(name, _)| BARE.iter().all(|(bare, _)| name != bare));
    let kinds = [
        "ACK p50",
        "ACK p99",
        "first transmission p50",
        "first transmission p99",
    ];
    for (at, kind) in kinds.into_iter().enumerate() {
        let base: Option<Spread> = seen.first().map(|(_, spreads)| spreads[at]);
        for (name, spreads) in &gates {
            let mut row = Row::of(format!("{name}: {kind}"), "us", spreads[at]);
            if let Some(base) = base {
                row = row.over(&base);
            }
            let unix = *name == Kind::Unix.to_string() && load == Load::Idle;
            if unix {
                row = row.goal(if at % 2 == 0 { "<= 20" } else { "<= 100" });
            }
            section.rows.push(row);
        }
    }
    for (name, spreads) in bare {
        for (kind, spread) in ["p50", "p99"].into_iter().zip(*spreads) {
            section
                .rows
                .push(Row::of(format!("{name}: {kind}"), "us", spread));
        }
    }
    Ok(section)
}
