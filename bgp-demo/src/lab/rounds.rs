//! The rounds of a run: cuts of the active, deaths of the standby, and what the route processors use after each.

use std::time::{Duration, Instant};

use super::busy::Busy;
use super::churn::Churn;
use super::error::Result;
use super::failover::{self, Cut};
use super::network::TAPS;
use super::options::LabOptions;
use super::pair::Pair;
use super::progress::Progress;
use super::random::Random;
use super::resources::{Round, Sample, Usage};
use super::stage::Stage;
use super::{interrupt, rollover};

/// Rounds beyond which only every tenth is spoken of.
const TOLD_ONE_BY_ONE_MAX: u32 = 50;

/// What was played.
#[derive(Debug, Default)]
pub(crate) struct Played {
    /// The failovers.
    pub(crate) cuts: Vec<Cut>,
    /// How often the standby was killed.
    pub(crate) standby_deaths: u32,
    /// What the route processors used after each round.
    pub(crate) samples: Vec<Sample>,
    /// Changes of the active while nothing was cut, and how long that was.
    pub(crate) watched: Watched,
    /// What ended the series early.
    pub(crate) reasons: Vec<String>,
}

/// A time in which nothing was cut.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Watched {
    /// How long.
    pub(crate) time: Duration,
    /// Changes of the active meanwhile.
    pub(crate) alarms: u32,
}

/// Plays all rounds; what ends the series early is a reason against a pass.
///
/// # Errors
/// The laboratory itself failed.
pub(crate) fn play(
    options: &LabOptions,
    stage: &mut Stage,
    mut churn: Option<&mut Churn>,
    seed: u64,
    progress: &Progress,
) -> Result<Played> {
    let mut random = Random::new(seed);
    let mut played = Played::default();
    let _busy = Busy::start(options.busy)?;
    watch(options, stage, &mut played, progress)?;
    for number in 1..=options.failovers {
        if let Some(churn) = &mut churn {
            churn.must_run()?;
        }
        if options.story {
            progress.say(
                "routes come and go in both directions; at some moment soon: kill -9 of the active",
            );
        }
        let rolled = options
            .ao
            .is_some()
            .then(|| rollover::begin(options, stage, number, &mut random))
            .transpose()?;
        let cut = failover::cut(&mut stage.pair, options, &mut random);
        if let Some(rolled) = rolled {
            rolled.finish()?;
        }
        match cut {
            Ok(cut) => {
                tell(options, number, &cut, progress);
                played.cuts.push(cut);
                played.sample(&mut stage.pair, Round::Failover);
            }
            Err(error) => {
                interrupt::check()?;
                let reason = format!("failover {number}: {error}");
                progress.say(&reason);
                played.reasons.push(reason);
                return Ok(played);
            }
        }
        if number == options.failovers.div_ceil(2) {
            kill_standbys(options, stage, &mut random, &mut played, progress)?;
        }
    }
    Ok(played)
}

impl Played {
    /// Notes what both use now; nothing, when one of them is gone at this very moment.
    fn sample(&mut self, pair: &mut Pair, after: Round) {
        let Some(active) = pair.active() else {
            return;
        };
        let mut usage = |slot: usize| {
            let pid = pair.slot(slot).child()?.pid();
            Usage::of(pid).ok()
        };
        if let (Some(active), Some(standby)) = (usage(active), usage(1 - active)) {
            self.samples.push(Sample {
                after,
                active,
                standby,
            });
        }
    }
}

/// Lets time pass without a cut, and counts the changes of the active.
fn watch(
    options: &LabOptions,
    stage: &mut Stage,
    played: &mut Played,
    progress: &Progress,
) -> Result<()> {
    if options.watch == 0 {
        return Ok(());
    }
    let before = stage.pair.noticed().role_changes;
    let began = Instant::now();
    stage.pair.rest(Duration::from_secs(options.watch))?;
    played.watched = Watched {
        time: began.elapsed(),
        alarms: stage.pair.noticed().role_changes - before,
    };
    progress.say(&format!(
        "watched for {} s: {} false alarms",
        options.watch, played.watched.alarms
    ));
    Ok(())
}

fn kill_standbys(
    options: &LabOptions,
    stage: &mut Stage,
    random: &mut Random,
    played: &mut Played,
    progress: &Progress,
) -> Result<()> {
    for number in 1..=options.standby_deaths {
        if let Err(error) = failover::kill_standby(&mut stage.pair, options, random) {
            interrupt::check()?;
            played
                .reasons
                .push(format!("death {number} of the standby: {error}"));
            return Ok(());
        }
        played.standby_deaths += 1;
        played.sample(&mut stage.pair, Round::StandbyDeath);
    }
    if options.standby_deaths > 0 {
        progress.say(&format!("{} deaths of the standby", options.standby_deaths));
    }
    Ok(())
}

fn tell(options: &LabOptions, number: u32, cut: &Cut, progress: &Progress) {
    let last = options.failovers;
    if last > TOLD_ONE_BY_ONE_MAX && !number.is_multiple_of(10) && number != last {
        return;
    }
    let survivor = TAPS[cut.moment.survivor];
    let what = if cut.taken_over {
        format!("{survivor} took over")
    } else {
        format!("{survivor} goes on")
    };
    progress.say(&format!(
        "failover {number} of {last} ({}): {what}; protected again after {:.0} ms",
        cut.kind.name(),
        cut.protected_again.as_secs_f64() * 1e3,
    ));
}
