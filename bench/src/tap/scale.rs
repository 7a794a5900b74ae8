//! Ten thousand sessions on real nodes: opened, idle, brought to a standby.

use super::actor::Actor;
use super::place::{Place, SERVER, TAP};
use super::role::{Mode, NodeRole, Request, Role, Said, Service};
use super::stack::{nodes, standby};
use crate::report::{Row, Section};
use std::io;
use std::thread;
use std::time::{Duration, Instant};

/// Name of the node's thread.
const NODE_THREAD: &str = "tcp-ha-node";
/// From the last session's opening until the watch begins.
const SETTLING: Duration = Duration::from_secs(3);
/// Periods of the messages that keep a session alive, in milliseconds.
const PERIODS_MS: [u64; 2] = [60_000, 1_000];

fn client(place: &Place, sessions: usize, period_ms: u64) -> io::Result<Actor> {
    let request = Request::Sessions {
        sessions,
        period_ms,
    };
    let role = Role::KernelClient {
        address: SERVER,
        request,
    };
    Actor::start(&place.near, &role)
}

fn opened(client: &mut Actor) -> io::Result<f64> {
    loop {
        if let Said::Opened { seconds } = client.hear()? {
            return Ok(seconds);
        }
    }
}

fn at(actor: &mut Actor) -> io::Result<u64> {
    loop {
        if let Said::At { unix_us } = actor.hear()? {
            return Ok(unix_us);
        }
    }
}

/// CPU of all that matters, at one moment.
struct Used {
    at: Instant,
    figures: Vec<(&'static str, f64)>,
}

fn used(active: &Actor, standby: Option<&Actor>) -> io::Result<Used> {
    let mut figures = vec![
        (
            "active, the node's thread",
            active.cpu_seconds_of(NODE_THREAD)?,
        ),
        ("active, whole process", active.cpu_seconds()?),
    ];
    if let Some(standby) = standby {
        let node = standby.cpu_seconds_of(NODE_THREAD)?;
        figures.push(("standby, the node's thread", node));
        figures.push(("standby, whole process", standby.cpu_seconds()?));
    }
    Ok(Used {
        at: Instant::now(),
        figures,
    })
}

/// Opens sessions, watches them rest, and says what that takes.
fn idle(
    section: &mut Section,
    mode: Mode,
    sessions: usize,
    period_ms: u64,
    watch: Duration,
) -> io::Result<()> {
    let place = Place::with_taps()?;
    let service = Service::Keepalives {
        period_ms,
        sessions,
    };
    let (active, others) = nodes(&place, mode, true, service)?;
    let mut active = active.until_ready()?;
    let mut client = client(&place, sessions, period_ms)?;
    let seconds = opened(&mut client)?;
    if mode != Mode::None {
        at(&mut active)?;
    }
    thread::sleep(SETTLING);
    let before = used(&active, others.first())?;
    thread::sleep(watch);
    let after = used(&active, others.first())?;
    let name = match mode {
        Mode::None => "unprotected",
        _ => "protected",
    };
    let period = period_ms / 1_000;
    let time = (after.at - before.at).as_secs_f64();
    for ((who, after), (_, before)) in after.figures.iter().zip(&before.figures) {
        let share = (after - before) / time * 100.0;
        let what = format!("{name}, messages every {period} s: {who}");
        let row = Row::once(what, "% of a core", share);
        let judged = mode != Mode::None && period_ms == PERIODS_MS[0];
        section
            .rows
            .push(if judged { row.goal("<= 2") } else { row });
    }
    if period_ms == PERIODS_MS[0] {
        let rate = sessions as f64 / seconds;
        let what = format!("{name}: connections opened by 256 at a time");
        section.rows.push(Row::once(what, "1/s", rate));
        let mut resident = |who: &str, actor: &Actor| -> io::Result<()> {
            let each = actor.resident()? / sessions as f64;
            let what = format!("{name}: resident memory of the {who}, whole process");
            section.rows.push(Row::once(what, "octets a session", each));
            Ok(())
        };
        resident("active", &active)?;
        if let Some(standby) = others.first() {
            resident("standby", standby)?;
        }
    }
    Ok(())
}

/// How long a standby takes that comes when all sessions are there.
fn late_standby(sessions: usize) -> io::Result<f64> {
    let place = Place::with_taps()?;
    let role = NodeRole {
        tap: TAP.to_owned(),
        offload: true,
        register: place.register()?,
        address: SERVER,
        stands_by: false,
        waits_for_standby: false,
        mode: Mode::Logged,
        service: Service::Keepalives {
            period_ms: PERIODS_MS[0],
            sessions,
        },
    };
    let mut active = Actor::start(&place.near, &Role::Node(role.clone()))?.until_ready()?;
    let mut client = client(&place, sessions, PERIODS_MS[0])?;
    opened(&mut client)?;
    thread::sleep(SETTLING);
    let mut standby = Actor::start(&place.near, &standby(role))?;
    let joined_us = at(&mut standby)?;
    let ready_us = at(&mut active)?;
    Ok(ready_us.saturating_sub(joined_us) as f64 / 1e3)
}

/// Opening, rest and initial synchronisation.
///
/// # Errors
/// No root, or a process fails.
pub fn sessions(sessions: usize, watch: Duration, rounds: usize) -> io::Result<Section> {
    let how = format!(
        "{sessions} connections of a kernel's client over a TAP; messages of 19 octets both ways, spread over the period; {} s \
         watched. The whole process includes the daemon's timers and tasks, the node's thread does not. Initial synchronisation: from \
         the start of the standby's node until the last connection is ready.",
        watch.as_secs()
    );
    let mut section = Section::new("Scale: sessions of real nodes", &how);
    for period_ms in PERIODS_MS {
        for mode in [Mode::None, Mode::Logged] {
            idle(&mut section, mode, sessions, period_ms, watch)?;
        }
    }
    let mut synced = Vec::new();
    for _ in 0..rounds {
        synced.push(late_standby(sessions)?);
    }
    if let Some(spread) = crate::spread::Spread::of(synced) {
        let what = format!("initial synchronisation of {sessions} sessions");
        section.rows.push(Row::of(what, "ms", spread));
    }
    Ok(section)
}
