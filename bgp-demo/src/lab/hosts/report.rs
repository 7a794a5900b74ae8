//! What the rounds with two hosts came to.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::register::History;
use super::reigns::{self, Order};
use super::rounds::HostsPlayed;
use super::speakers::Speakers;
use crate::lab::error::Result;
use crate::lab::report::{Spread, milliseconds};

/// See the module's text.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct HostsReport {
    /// Rounds by kind.
    pub(crate) rounds: BTreeMap<&'static str, KindReport>,
    /// How long the rounds took, seconds.
    pub(crate) rounds_s: f64,
    /// Each silence.
    pub(crate) silences: Vec<SilenceReport>,
    /// How long the silences took, seconds.
    pub(crate) silences_s: f64,
    /// Entries of the register.
    pub(crate) epochs: u64,
    /// Changes of the active's host in it.
    pub(crate) changes_of_active: u64,
    /// Every frame of both hosts, against the register.
    pub(crate) order: Order,
    /// What speaks against a pass.
    pub(crate) against: Vec<String>,
}

/// Rounds of one kind.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct KindReport {
    /// Rounds.
    pub(crate) rounds: u32,
    /// Those in which the other host took over.
    pub(crate) taken_over: u32,
    /// The longest time without a word from either host in each.
    pub(crate) silence: Spread,
}

/// A silence.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SilenceReport {
    /// How the pair was broken, and etcd.
    pub(crate) kind: String,
    /// How long it was listened to, milliseconds.
    pub(crate) listened_ms: f64,
    /// Frames meanwhile; none is right.
    pub(crate) frames: usize,
    /// From the return of etcd or the channel to the first frame, milliseconds.
    pub(crate) spoke_after_ms: Option<f64>,
}

/// What the route processors were told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// BGP's.
    pub(crate) hold_time: Duration,
    /// So long an active may hold frames back: none that was backed comes later.
    pub(crate) hold_limit: Duration,
}

impl HostsReport {
    /// Judges what was played by what each host sent.
    ///
    /// # Errors
    /// A capture or the register cannot be read.
    pub(crate) fn new(
        played: &HostsPlayed,
        history: &History,
        taps: [&Path; 2],
        limits: Limits,
    ) -> Result<Self> {
        let speakers = Speakers::read(taps)?;
        let mut times: BTreeMap<&'static str, Vec<Duration>> = BTreeMap::new();
        let mut rounds: BTreeMap<&'static str, KindReport> = BTreeMap::new();
        for round in &played.rounds {
            let name = round.blow.name();
            let kind = rounds.entry(name).or_default();
            kind.rounds += 1;
            kind.taken_over += u32::from(round.taken_over);
            let silence = speakers.longest_silence(round.from, round.to);
            times.entry(name).or_default().push(silence);
        }
        for (name, times) in times {
            rounds.entry(name).or_default().silence = Spread::of(times);
        }
        let mut against = Vec::new();
        let silences = played.silences.iter().map(|silence| {
            let (from, to) = silence.silent;
            let frames = speakers.between(from, to);
            let spoke = speakers.first_after(silence.returned);
            let kind = silence.name();
            if frames > 0 {
                against.push(format!("silence ({kind}): {frames} frames at {from}"));
            }
            if spoke.is_none_or(|after| after >= limits.hold_time) {
                against.push(format!("silence ({kind}): no word within the hold time"));
            }
            if !silence.shown {
                against.push(format!("silence ({kind}): the status does not say why"));
            }
            SilenceReport {
                kind,
                listened_ms: milliseconds(to.saturating_since(from)),
                frames,
                spoke_after_ms: spoke.map(milliseconds),
            }
        });
        let silences = silences.collect();
        let mut order = reigns::judge(speakers.frames(), &history.reigns, limits.hold_limit);
        let changes_of_active = history.reigns.len().saturating_sub(1) as u64;
        against.append(&mut order.told);
        Ok(Self {
            rounds,
            rounds_s: played.times[0].as_secs_f64(),
            silences,
            silences_s: played.times[1].as_secs_f64(),
            epochs: history.epochs,
            changes_of_active,
            order,
            against,
        })
    }
}

impl fmt::Display for HostsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds: u32 = self.rounds.values().map(|kind| kind.rounds).sum();
        writeln!(
            f,
            "{rounds} rounds with two hosts in {:.0} s:",
            self.rounds_s
        )?;
        for (name, kind) in &self.rounds {
            writeln!(
                f,
                "  {name}: {}, {} takeovers; longest silence median {:.0} ms, longest {:.0} ms",
                kind.rounds, kind.taken_over, kind.silence.median_ms, kind.silence.max_ms
            )?;
        }
        if !self.silences.is_empty() {
            let after = self.silences.iter().filter_map(|it| it.spoke_after_ms);
            let longest = after.fold(0.0, f64::max);
            writeln!(
                f,
                "{} silences (etcd gone and the pair broken) in {:.0} s: {} frames in {:.0} ms, a word at most {longest:.0} ms after the return",
                self.silences.len(),
                self.silences_s,
                self.silences.iter().map(|it| it.frames).sum::<usize>(),
                self.silences.iter().map(|it| it.listened_ms).sum::<f64>(),
            )?;
        }
        writeln!(
            f,
            "speakers: {} of {} frames of both hosts in an epoch of their host and in its order; {} changes of the active in {} epochs, each \
             known to {:.0} ms (median; at most {:.0}); {} frames after a change and before the next one's first word, at most {:.1} ms",
            self.order.right,
            self.order.right + self.order.wrong,
            self.changes_of_active,
            self.epochs,
            self.order.span_median_ms,
            self.order.span_max_ms,
            self.order.late,
            self.order.latest_ms,
        )
    }
}
