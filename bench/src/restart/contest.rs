//! One after the other is killed under the same load.

use super::peer::{Peer, Standing};
use super::processor::{PATIENCE, Processor, until};
use super::wire::{capture, told};
use super::{DUE, ROUTES, SESSIONS};
use crate::report::{Row, Section};
use crate::rounds::{Contender, in_turn};
use pcaps::time::Timestamp;
use std::io;
use std::time::{Duration, Instant, SystemTime};

/// Rounds; each takes a while.
const ROUNDS_MAX: usize = 2;
/// Nothing new for so long is the end of what a restart brings.
const QUIET: Duration = Duration::from_secs(5);
/// Time between two looks at the peer.
const LOOK: Duration = Duration::from_millis(10);

const FIGURES: [(&str, &str); 6] = [
    ("longest time that a session was down", "ms"),
    ("routes gone at the peers, at the worst moment", "routes"),
    ("time in which routes were gone", "ms"),
    ("connections begun anew", "connections"),
    ("UPDATEs sent again", "messages"),
    ("from the kill to the last of them", "ms"),
];

/// Kills each in turn.
///
/// # Errors
/// No root, a daemon is missing, or a table does not come back.
pub fn restarts(rounds: usize) -> io::Result<Section> {
    const PROCESSORS: [Processor; 5] = [
        Processor::Ours,
        Processor::Bird { graceful: true },
        Processor::Bird { graceful: false },
        Processor::Frr { graceful: true },
        Processor::Frr { graceful: false },
    ];
    let contenders =
        PROCESSORS.map(|processor| Contender::new(processor.name(), move || round(processor)));
    let seen = in_turn(rounds.min(ROUNDS_MAX), contenders.into())?;
    let how = format!(
        "A route processor with sessions to {SESSIONS} BIRDs, each of which announces a part of {} routes and gets all others ({DUE} in all); killed \
         by SIGKILL and started again at once. The peers are asked each {} ms; UPDATEs are counted on their wire.",
        SESSIONS * ROUTES,
        LOOK.as_millis()
    );
    let mut section = Section::new("Restart: what users do today, beside ours", &how);
    for (at, (what, unit)) in FIGURES.into_iter().enumerate() {
        for (name, spreads) in &seen {
            let row = Row::of(format!("{what}: {name}"), unit, spreads[at]);
            section.rows.push(row);
        }
    }
    Ok(section)
}

fn is_whole(standing: Standing) -> bool {
    standing.established == SESSIONS && standing.routes == DUE
}

fn round(processor: Processor) -> io::Result<[f64; 6]> {
    let place = processor.ground()?;
    let captured = capture(&place)?;
    let mut peer = Peer::start(&place, processor.is_graceful())?;
    let mut running = processor.start(&place)?;
    until("full tables", || {
        Ok(is_whole(peer.standing()?).then_some(()))
    })?;
    running.until_ready()?;
    settle(&mut peer)?;
    let (cut, begun) = (Timestamp::from(SystemTime::now()), Instant::now());
    // The daemon that comes back is started while the peer is watched.
    let watched = std::thread::scope(|scope| {
        let killer = scope.spawn(move || running.kill_and_start().map(|()| running));
        let watched = watch(&mut peer, begun);
        let running = killer.join();
        let running = running.map_err(|_| io::Error::other("the killer panicked"))??;
        watched.map(|watched| (watched, running))
    });
    let (watched, running) = watched?;
    let told = told(&captured.stop()?, cut)?;
    drop((running, peer));
    Ok([
        watched.down.as_secs_f64() * 1e3,
        watched.gone as f64,
        watched.missing.as_secs_f64() * 1e3,
        told.connections as f64,
        told.updates as f64,
        told.last_ms,
    ])
}

/// Waits until nothing new is told.
fn settle(peer: &mut Peer) -> io::Result<()> {
    let (mut last, mut since) = (Standing::default(), Instant::now());
    until("quiet", || {
        let now = peer.standing()?;
        if now != last {
            (last, since) = (now, Instant::now());
        }
        Ok((since.elapsed() > QUIET / 2).then_some(()))
    })
}

/// What was seen of the peer.
#[derive(Clone, Copy, Debug, Default)]
struct Watched {
    down: Duration,
    gone: usize,
    missing: Duration,
}

/// Watches until everything is there and nothing new has been told for a while.
fn watch(peer: &mut Peer, begun: Instant) -> io::Result<Watched> {
    let mut watched = Watched::default();
    let (mut last, mut changed) = (Standing::default(), Instant::now());
    loop {
        let now = peer.standing()?;
        if now.established < SESSIONS {
            watched.down = begun.elapsed();
        }
        let gone = DUE.saturating_sub(now.routes);
        if gone > 0 {
            watched.missing = begun.elapsed();
        }
        watched.gone = watched.gone.max(gone);
        if now != last {
            (last, changed) = (now, Instant::now());
        }
        if is_whole(now) && changed.elapsed() > QUIET {
            return Ok(watched);
        }
        if begun.elapsed() > PATIENCE {
            return Err(io::Error::other(format!(
                "{} of {SESSIONS} sessions, {} of {DUE} routes came back",
                now.established, now.routes
            )));
        }
        std::thread::sleep(LOOK);
    }
}
