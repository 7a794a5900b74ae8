//! Rounds with two hosts: something is cut at a random moment, mended, and everybody gets ready again.

use std::time::{Duration, Instant, SystemTime};

use pcaps::time::Timestamp;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::links::Cable;
use super::{Hosts, silence};
use crate::lab::child::wait_until;
use crate::lab::churn::Churn;
use crate::lab::error::{LabError, Result};
use crate::lab::interrupt;
use crate::lab::options::LabOptions;
use crate::lab::pair::Pair;
use crate::lab::progress::Progress;
use crate::lab::random::Random;
use crate::lab::stage::Stage;

/// The earliest moment of a cut after everything was ready.
const MOMENT_MIN: Duration = Duration::from_millis(50);
/// How long a cable stays cut, and etcd away.
const OUTAGE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_millis(900));
/// After a member of etcd has died, the active dies within this time in every second round.
const SECOND_BLOW: Duration = Duration::from_millis(300);
/// How long somebody may take to become active, far beyond what is good.
const TAKEOVER_PATIENCE: Duration = Duration::from_secs(30);
/// Rounds beyond which only every tenth is spoken of.
const TOLD_ONE_BY_ONE_MAX: u32 = 30;

/// What is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Blow {
    /// The channel between the hosts.
    Channel,
    /// A member of etcd that does not lead is killed, and in every second round the active as well.
    EtcdFollower,
    /// The same with the member that leads.
    EtcdLeader,
    /// All cables of the active's host.
    ActiveHost,
    /// All cables of the standby's host.
    StandbyHost,
    /// SIGKILL of the active.
    Kill,
    /// SIGSTOP of the active; it goes on when the survivor has taken over, and has to fence itself.
    Hang,
    /// All of etcd is killed or stopped while the pair is whole: it goes on.
    EtcdAll,
}

impl Blow {
    const ALL: [Self; 8] = [
        Self::Channel,
        Self::EtcdFollower,
        Self::EtcdLeader,
        Self::ActiveHost,
        Self::StandbyHost,
        Self::Kill,
        Self::Hang,
        Self::EtcdAll,
    ];

    /// The words in reports.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Channel => "channel cut",
            Self::EtcdFollower => "member of etcd killed",
            Self::EtcdLeader => "leader of etcd killed",
            Self::ActiveHost => "active's host lost",
            Self::StandbyHost => "standby's host lost",
            Self::Kill => "active killed",
            Self::Hang => "active hung",
            Self::EtcdAll => "all of etcd gone, pair whole",
        }
    }
}

/// A round that was played.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoundPlayed {
    pub(super) blow: Blow,
    /// Just before the blow, and when everybody was ready again.
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// Another host is active than before.
    pub(super) taken_over: bool,
}

/// Everything that was played.
#[derive(Debug, Default)]
pub(crate) struct HostsPlayed {
    pub(super) rounds: Vec<RoundPlayed>,
    pub(super) silences: Vec<silence::SilencePlayed>,
    /// What ended the series early, or went wrong in a round.
    pub(crate) reasons: Vec<String>,
    /// How long the rounds took, and the silences.
    pub(super) times: [Duration; 2],
}

/// The present moment, as captures tell it.
pub(super) fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
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
) -> Result<HostsPlayed> {
    let mut random = Random::new(seed);
    let mut played = HostsPlayed::default();
    let Some(mut hosts) = stage.hosts.take() else {
        return Err(LabError::new("no hosts were built"));
    };
    let began = Instant::now();
    let mut deck: Vec<Blow> = Vec::new();
    for number in 1..=options.rounds {
        if let Some(churn) = &mut churn {
            churn.must_run()?;
        }
        if deck.is_empty() {
            deck = Blow::ALL.to_vec();
        }
        // Each kind once, in an order that the seed decides, before any comes again.
        let blow = deck.swap_remove(random.below(deck.len() as u64) as usize);
        let mut round = Round {
            options,
            pair: &mut stage.pair,
            hosts: &mut hosts,
            random: &mut random,
        };
        match round.play(blow) {
            Ok(round) => {
                tell(options.rounds, number, &round, progress);
                played.rounds.push(round);
            }
            Err(error) => {
                interrupt::check()?;
                played
                    .reasons
                    .push(format!("round {number} ({}): {error}", blow.name()));
                break;
            }
        }
    }
    played.times[0] = began.elapsed();
    let began = Instant::now();
    for number in 1..=options.silences {
        if !played.reasons.is_empty() {
            break;
        }
        let mut round = Round {
            options,
            pair: &mut stage.pair,
            hosts: &mut hosts,
            random: &mut random,
        };
        match silence::play(&mut round, number) {
            Ok(silence) => {
                progress.say(&format!(
                    "silence {number} of {} ({})",
                    options.silences,
                    silence.name()
                ));
                played.silences.push(silence);
            }
            Err(error) => {
                interrupt::check()?;
                played.reasons.push(format!("silence {number}: {error}"));
            }
        }
    }
    played.times[1] = began.elapsed();
    stage.hosts = Some(hosts);
    Ok(played)
}

fn tell(last: u32, number: u32, round: &RoundPlayed, progress: &Progress) {
    if last > TOLD_ONE_BY_ONE_MAX && !number.is_multiple_of(10) && number != last {
        return;
    }
    let what = if round.taken_over {
        "the other host took over"
    } else {
        "the active goes on"
    };
    progress.say(&format!(
        "round {number} of {last} ({}): {what}; ready again after {:.0} ms",
        round.blow.name(),
        round.to.saturating_since(round.from).as_secs_f64() * 1e3,
    ));
}

/// What a round works with.
pub(super) struct Round<'a> {
    pub(super) options: &'a LabOptions,
    pub(super) pair: &'a mut Pair,
    pub(super) hosts: &'a mut Hosts,
    pub(super) random: &'a mut Random,
}

impl Round<'_> {
    fn play(&mut self, blow: Blow) -> Result<RoundPlayed> {
        let active = self.ready_at_some_moment()?;
        let from = now();
        match blow {
            Blow::Channel => self.cut_for_a_while(0, &[Cable::Channel])?,
            Blow::ActiveHost => self.cut_for_a_while(active, &Cable::ALL)?,
            Blow::StandbyHost => self.cut_for_a_while(1 - active, &Cable::ALL)?,
            Blow::Kill => self.kill(active)?,
            Blow::Hang => self.hang(active)?,
            Blow::EtcdFollower | Blow::EtcdLeader => self.kill_member(active, blow)?,
            Blow::EtcdAll => self.live_without_etcd(active)?,
        }
        let now_active = self.pair.wait_ready(self.options.patience())?;
        Ok(RoundPlayed {
            blow,
            from,
            to: now(),
            taken_over: now_active != active,
        })
    }

    /// Waits until everybody is ready, and then for a random time; gives the active.
    pub(super) fn ready_at_some_moment(&mut self) -> Result<usize> {
        let longest = Duration::from_millis(self.options.moment_ms);
        loop {
            let active = self.pair.wait_ready(self.options.patience())?;
            self.pair.rest(self.random.between(MOMENT_MIN, longest))?;
            // Only what is called ready at this very moment may be cut.
            let ready = |(index, status): &(usize, crate::lab::node::NodeStatus)| {
                *index == active && status.all_ready(self.options.sessions)
            };
            if self.pair.look()?.as_ref().is_some_and(ready) {
                return Ok(active);
            }
        }
    }

    pub(super) fn outage(&mut self) -> Duration {
        self.random.between(OUTAGE.0, OUTAGE.1)
    }

    fn cut_for_a_while(&mut self, host: usize, cables: &[Cable]) -> Result<()> {
        self.hosts.links.cut(host, cables)?;
        let time = self.outage();
        // Who ends meanwhile is started again, as by any supervisor.
        let rested = self.pair.rest(time);
        self.hosts.links.mend(host, cables)?;
        rested
    }

    pub(super) fn signal(&mut self, host: usize, signal: Signal) {
        if let Some(child) = self.pair.slot(host).child() {
            child.signal(signal);
        }
    }

    fn wait_for_the_other(&mut self, old: usize) -> Result<()> {
        wait_until("the survivor to take over", TAKEOVER_PATIENCE, || {
            let active = self.pair.look()?.filter(|(index, _)| *index != old);
            Ok(active.map(drop))
        })
    }

    fn kill(&mut self, active: usize) -> Result<()> {
        self.pair.begin_cut(active);
        self.signal(active, Signal::KILL);
        self.wait_for_the_other(active)?;
        self.replace(active)
    }

    /// Starts the slot of a process that was killed again.
    pub(super) fn replace(&mut self, host: usize) -> Result<()> {
        let slot = self.pair.slot(host);
        wait_until("the killed process to end", TAKEOVER_PATIENCE, || {
            Ok(slot.take_ended().map(drop))
        })?;
        slot.start()?;
        self.pair.end_cut();
        Ok(())
    }

    fn hang(&mut self, active: usize) -> Result<()> {
        self.pair.begin_cut(active);
        self.signal(active, Signal::STOP);
        self.wait_for_the_other(active)?;
        self.signal(active, Signal::CONT);
        self.pair.end_cut();
        Ok(())
    }

    fn kill_member(&mut self, active: usize, blow: Blow) -> Result<()> {
        let leader = self.hosts.etcds.leader()?;
        let member = match blow {
            Blow::EtcdLeader => leader,
            _ => (leader + 1 + self.random.below(2) as usize) % 3,
        };
        self.hosts.etcds.kill(member);
        let pause = self.random.between(Duration::ZERO, SECOND_BLOW);
        self.pair.rest(pause)?;
        let still = self.pair.look()?.is_some_and(|(index, status)| {
            index == active && status.all_ready(self.options.sessions)
        });
        if still && self.random.below(2) == 0 {
            self.kill(active)?;
        }
        self.hosts.etcds.start_missing()?;
        self.hosts.etcds.wait_until_all_answer()
    }

    /// Takes all of etcd away, by one of two ways.
    pub(super) fn take_etcd(&mut self) -> EtcdGone {
        if self.random.below(2) == 0 {
            self.hosts.etcds.kill_all();
            EtcdGone::Killed
        } else {
            self.hosts.etcds.signal_all(Signal::STOP);
            EtcdGone::Stopped
        }
    }

    /// Lets etcd begin to come back.
    pub(super) fn return_etcd(&mut self, gone: EtcdGone) -> Result<()> {
        match gone {
            EtcdGone::Killed => self.hosts.etcds.start_missing(),
            EtcdGone::Stopped => {
                self.hosts.etcds.signal_all(Signal::CONT);
                Ok(())
            }
        }
    }

    fn live_without_etcd(&mut self, active: usize) -> Result<()> {
        let gone = self.take_etcd();
        let socket = self.pair.slot(active).socket().clone();
        let lsn = || socket.document().map(|it| it["lsn_acknowledged"].as_u64());
        let before = lsn()?;
        let time = self.outage();
        self.pair.rest(time)?;
        let after = lsn()?;
        let still = self.pair.look()?;
        self.return_etcd(gone)?;
        self.hosts.etcds.wait_until_all_answer()?;
        let goes_on = still.is_some_and(|(index, status)| index == active && status.protected);
        // A false alarm may have ended the pair; then the silence that follows is right.
        if goes_on && after <= before {
            return Err(LabError::new(
                "the pair is whole, but nothing was acknowledged while etcd was gone",
            ));
        }
        Ok(())
    }
}

/// How etcd was taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EtcdGone {
    Killed,
    Stopped,
}
