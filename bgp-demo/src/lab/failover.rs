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
use super::options::{CutKind, LabOptions};
use super::pair::Pair;
use super::random::Random;

/// The cut comes within this time after everything was ready.
const MOMENT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(1500));
/// How long a survivor may take to become active, far beyond what is good.
const TAKEOVER_PATIENCE: Duration = Duration::from_secs(30);
/// How long the old active may take to notice that it is not active any more.
const FENCE_PATIENCE: Duration = Duration::from_secs(15);
/// Refused switchovers before one is given up.
const REFUSALS_MAX: u32 = 20;

/// A failover that has happened.
#[derive(Debug, Clone)]
pub(crate) struct Cut {
    /// When, and who survived.
    pub(crate) moment: CutMoment,
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
    let (at, active) = make_cut(pair, options, random)?;
    let began = Instant::now();
    let survivor = 1 - active;
    let own_words = wait_until("the survivor to take over", TAKEOVER_PATIENCE, || {
        let active = pair.look()?.filter(|(index, _)| *index == survivor);
        Ok(active.map(|(_, status)| status.takeover))
    })?;
    end_old(pair, options, active)?;
    pair.end_cut();
    pair.wait_ready(options.patience())?;
    Ok(Cut {
        moment: CutMoment { at, survivor },
        protected_again: began.elapsed(),
        own_words,
    })
}

/// Waits for the moment and cuts; gives the time just before, and the slot that was cut.
fn make_cut(
    pair: &mut Pair,
    options: &LabOptions,
    random: &mut Random,
) -> Result<(Timestamp, usize)> {
    let mut refusals = 0;
    loop {
        let active = pair.wait_ready(options.patience())?;
        pair.rest(random.between(MOMENT.0, MOMENT.1))?;
        // Only what is called ready at this very moment may be cut.
        let still = pair
            .look()?
            .is_some_and(|(index, status)| index == active && status.all_ready(options.sessions));
        if !still {
            continue;
        }
        pair.begin_cut(active);
        let at = Timestamp::from(SystemTime::now());
        match options.kind {
            CutKind::Kill => signal(pair, active, Signal::KILL),
            CutKind::Hang => signal(pair, active, Signal::STOP),
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

fn signal(pair: &mut Pair, slot: usize, signal: Signal) {
    if let Some(child) = pair.slot(slot).child() {
        child.signal(signal);
    }
}

/// Sees the old active off and starts its slot again.
fn end_old(pair: &mut Pair, options: &LabOptions, old: usize) -> Result<()> {
    let fences_itself = match options.kind {
        CutKind::Kill => false,
        CutKind::Hang if options.resume => {
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
