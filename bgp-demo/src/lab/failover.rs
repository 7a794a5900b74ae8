//! One failover: wait until a cut can be survived, cut at a random moment, see the survivor take over, give it a new
//! standby.

use std::time::{Duration, Instant, SystemTime};

use pcaps::time::Timestamp;
use rustix::process::Signal;
use serde_json::Value;

use super::child::wait_until;
use super::error::{LabError, Result};
use super::judge::CutMoment;
use super::node::Role;
use super::options::{CutKind, LabOptions, MOMENT_MIN_MS};
use super::pair::Pair;
use super::random::Random;

/// The earliest moment of a cut after everything was ready.
const MOMENT_MIN: Duration = Duration::from_millis(MOMENT_MIN_MS);
/// After a stall: time in which whoever was taken for dead learns of it.
const STALL_SETTLES: Duration = Duration::from_millis(100);
/// How long a survivor may take to become active, far beyond what is good.
const TAKEOVER_PATIENCE: Duration = Duration::from_secs(30);
/// How long the old active may take to notice that it is not active any more.
const FENCE_PATIENCE: Duration = Duration::from_secs(15);
/// Refused switchovers before one is given up.
const REFUSALS_MAX: u32 = 20;

/// A failover that has happened.
#[derive(Debug, Clone)]
pub(crate) struct Cut {
    /// How.
    pub(crate) kind: CutKind,
    /// When, and who survived.
    pub(crate) moment: CutMoment,
    /// Another node is active than before; only after a stall it may be the same.
    pub(crate) taken_over: bool,
    /// From the cut until the survivor had a standby that had everything.
    pub(crate) protected_again: Duration,
    /// The survivor's own words on its takeover.
    pub(crate) own_words: Value,
}

/// Cuts the active once.
///
/// # Errors
/// The pair does not get ready, nobody takes over, or the old active does not see that it is over.
pub(crate) fn cut(pair: &mut Pair, options: &LabOptions, random: &mut Random) -> Result<Cut> {
    let kind = options.draw_kind(random);
    let (at, active) = make_cut(pair, options, kind, random)?;
    let began = Instant::now();
    let mut survivor = 1 - active;
    let mut own_words = Value::Null;
    if kind == CutKind::Stall {
        survivor = end_stall(pair, options, active, random)?;
    } else {
        own_words = wait_until("the survivor to take over", TAKEOVER_PATIENCE, || {
            let active = pair.look()?.filter(|(index, _)| *index == survivor);
            Ok(active.map(|(_, status)| status.takeover))
        })?;
        end_old(pair, kind, active)?;
        pair.end_cut();
    }
    pair.wait_ready(options.patience())?;
    Ok(Cut {
        kind,
        moment: CutMoment { at, survivor },
        taken_over: survivor != active,
        protected_again: began.elapsed(),
        own_words,
    })
}

/// Kills the standby once, and waits for the next one.
///
/// # Errors
/// The pair does not get ready.
pub(crate) fn kill_standby(
    pair: &mut Pair,
    options: &LabOptions,
    random: &mut Random,
) -> Result<()> {
    let active = wait_for_moment(pair, options, random)?;
    let standby = 1 - active;
    pair.begin_cut(standby);
    signal(pair, standby, Signal::KILL);
    end_old(pair, CutKind::Kill, standby)?;
    pair.end_cut();
    pair.wait_ready(options.patience()).map(drop)
}

/// Waits until all is ready, for a random time longer, and until all is ready then; gives the slot of the active.
fn wait_for_moment(pair: &mut Pair, options: &LabOptions, random: &mut Random) -> Result<usize> {
    let latest = Duration::from_millis(options.moment_ms);
    loop {
        let active = pair.wait_ready(options.patience())?;
        pair.rest(random.between(MOMENT_MIN, latest))?;
        // Only what is called ready at this very moment may be cut.
        let still = pair
            .look()?
            .is_some_and(|(index, status)| index == active && status.all_ready(options.sessions));
        if still {
            return Ok(active);
        }
    }
}

/// Waits for the moment and cuts; gives the time just before, and the slot that was cut.
fn make_cut(
    pair: &mut Pair,
    options: &LabOptions,
    kind: CutKind,
    random: &mut Random,
) -> Result<(Timestamp, usize)> {
    let mut refusals = 0;
    loop {
        let active = wait_for_moment(pair, options, random)?;
        pair.begin_cut(active);
        let at = Timestamp::from(SystemTime::now());
        match kind {
            CutKind::Kill => signal(pair, active, Signal::KILL),
            CutKind::Hang | CutKind::Resume | CutKind::Stall => signal(pair, active, Signal::STOP),
            CutKind::Switchover => {
                if let Err(refusal) = pair.slot(active).socket().switchover() {
                    pair.end_cut();
                    refusals += 1;
                    if refusals > REFUSALS_MAX {
                        return Err(refusal);
                    }
                    continue;
                }
            }
        }
        return Ok((at, active));
    }
}

/// Lets a stalled active go on after a while, and gives the slot of whoever is active then.
fn end_stall(
    pair: &mut Pair,
    options: &LabOptions,
    stalled: usize,
    random: &mut Random,
) -> Result<usize> {
    let longest = Duration::from_millis(options.stall_ms);
    std::thread::sleep(random.between(longest / 3, longest));
    signal(pair, stalled, Signal::CONT);
    pair.end_cut();
    pair.rest(STALL_SETTLES)?;
    pair.wait_ready(options.patience())
}

fn signal(pair: &mut Pair, slot: usize, signal: Signal) {
    if let Some(child) = pair.slot(slot).child() {
        child.signal(signal);
    }
}

/// Sees the old active off and starts its slot again.
fn end_old(pair: &mut Pair, kind: CutKind, old: usize) -> Result<()> {
    let fences_itself = match kind {
        CutKind::Kill | CutKind::Stall => false,
        CutKind::Resume => {
            signal(pair, old, Signal::CONT);
            true
        }
        CutKind::Hang => {
            signal(pair, old, Signal::KILL);
            false
        }
        CutKind::Switchover => true,
    };
    let slot = pair.slot(old);
    let ended = wait_until("the old active to end", FENCE_PATIENCE, || {
        if slot.take_ended().is_some() {
            return Ok(Some(true));
        }
        // It may as well stay and become the standby.
        let joined = fences_itself
            && slot
                .socket()
                .status()
                .is_some_and(|status| status.role == Role::Standby);
        Ok(joined.then_some(false))
    })
    .map_err(|error| LabError::new(format!("{error}: {}", slot.last_words())))?;
    if ended { slot.start() } else { Ok(()) }
}
