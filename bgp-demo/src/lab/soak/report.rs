//! What a soak found: the sum of its blocks, and how long peers heard nothing, by daemon and by way of cutting.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::super::inner::Inner;
use super::super::options::{CutKind, PeerKind};
use super::super::report::{Failover, Spread, Verdict};
use super::super::resources::Series;
use super::{BlockPlan, SoakOptions};

/// A block that was run.
#[derive(Debug)]
pub(super) struct Block {
    /// What was asked for.
    pub(super) plan: BlockPlan,
    /// What was found.
    pub(super) inner: Inner,
}

/// Everything about a soak.
#[derive(Debug, Serialize)]
pub(super) struct SoakReport {
    /// The verdict.
    pub(super) verdict: Verdict,
    /// Why it is not a pass, a line each.
    pub(super) reasons: Vec<String>,
    /// What was asked for, the seed included.
    pub(super) options: SoakOptions,
    /// The counts of all blocks.
    pub(super) counts: Counts,
    /// Times by daemon and by way of cutting.
    pub(super) times: Vec<Times>,
    /// Each block in short.
    pub(super) summaries: Vec<Summary>,
    /// Length, seconds.
    pub(super) seconds: f64,
    #[serde(skip)]
    pub(super) blocks: Vec<Block>,
}

/// Counts over all blocks.
#[derive(Debug, Default, Serialize)]
pub(super) struct Counts {
    failovers: usize,
    standby_deaths: u32,
    flaps: u64,
    resets: u64,
    missing: u64,
    extra: u64,
    duplicates: u64,
    false_alarms: u32,
    unplanned_ends: u32,
    changed_slices: u64,
    packets: u64,
    sent_again: u64,
    unprotected_ms: f64,
}

/// Times of one way of cutting with one daemon, milliseconds.
#[derive(Debug, Serialize)]
pub(super) struct Times {
    peer: PeerKind,
    kind: CutKind,
    /// From the cut until the last session heard of the survivor.
    silence: Spread,
    /// From the cut until the survivor saw the first sign of it.
    detection: Spread,
    /// From the cut until the next standby had everything.
    protected_again: Spread,
    /// What the first sign was, and how often.
    signs: BTreeMap<String, usize>,
}

/// A block in short.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    verdict: Verdict,
    peer: String,
    seed: u64,
    failovers: usize,
    seconds: f64,
    resources: Vec<Series>,
}

impl SoakReport {
    /// A report without a block.
    pub(super) fn new(options: SoakOptions) -> Self {
        Self {
            verdict: Verdict::Fail,
            reasons: Vec::new(),
            options,
            counts: Counts::default(),
            times: Vec::new(),
            summaries: Vec::new(),
            seconds: 0.0,
            blocks: Vec::new(),
        }
    }

    /// Sums the blocks up, and comes to the verdict.
    pub(super) fn conclude(&mut self) {
        for (number, Block { plan, inner }) in (1..).zip(&self.blocks) {
            self.counts.add(inner);
            let reasons = inner.reasons.iter();
            self.reasons
                .extend(reasons.map(|reason| format!("block {number}: {reason}")));
            self.summaries.push(Summary {
                verdict: inner.verdict,
                peer: inner.versions.peer.lines().next().unwrap_or("").to_owned(),
                seed: plan.seed,
                failovers: inner.failovers.len(),
                seconds: inner.seconds,
                resources: inner.resources.clone(),
            });
        }
        self.times = times(&self.blocks);
        let asked = self.options.rounds as usize;
        if self.counts.failovers < asked {
            let made = self.counts.failovers;
            self.reasons
                .push(format!("{made} of {asked} failovers were made"));
        }
        // Pass, inconclusive, fail: the worst counts.
        let worst = self.blocks.iter().map(|block| block.inner.verdict).max();
        self.verdict = match worst {
            Some(worst) if self.counts.failovers >= asked => worst,
            _ => Verdict::Fail,
        };
    }
}

impl Counts {
    fn add(&mut self, inner: &Inner) {
        self.failovers += inner.failovers.len();
        self.standby_deaths += inner.standby_deaths;
        self.flaps += inner.flaps;
        self.resets += inner.resets;
        self.missing += inner.missing;
        self.extra += inner.extra;
        self.duplicates += inner.duplicates;
        self.false_alarms += inner.false_alarms;
        self.unplanned_ends += inner.unplanned_ends;
        self.changed_slices += inner.churned_slices;
        self.packets += inner.wire.packets;
        self.sent_again += inner.wire.retransmitted;
        self.unprotected_ms += inner.unprotected_ms;
    }
}

/// From the cut until the survivor saw the first sign of it: what is left of the silence without the claim and the first words.
pub(crate) fn detection_ms(failover: &Failover) -> Option<f64> {
    let micros = |name: &str| failover.own_words[name].as_f64();
    let own_ms = (micros("claim_us")? + micros("speak_us")?) / 1e3;
    Some((failover.first_segment_ms? - own_ms).max(0.0))
}

/// The distribution of times in milliseconds.
pub(crate) fn spread(values: impl Iterator<Item = f64>) -> Spread {
    Spread::of(values.map(|ms| Duration::from_secs_f64(ms / 1e3)).collect())
}

fn times(blocks: &[Block]) -> Vec<Times> {
    let mut groups: BTreeMap<(PeerKind, CutKind), Vec<&Failover>> = BTreeMap::new();
    for block in blocks {
        for failover in &block.inner.failovers {
            let group = groups.entry((block.plan.peer, failover.kind));
            group.or_default().push(failover);
        }
    }
    groups
        .into_iter()
        .map(|((peer, kind), failovers)| {
            let mut signs = BTreeMap::new();
            for failover in &failovers {
                if let Value::String(sign) = &failover.own_words["sign"] {
                    *signs.entry(sign.clone()).or_default() += 1;
                }
            }
            Times {
                peer,
                kind,
                silence: spread(failovers.iter().filter_map(|it| it.last_session_ms)),
                detection: spread(failovers.iter().filter_map(|it| detection_ms(it))),
                protected_again: spread(failovers.iter().map(|it| it.protected_again_ms)),
                signs,
            }
        })
        .collect()
}

impl fmt::Display for SoakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        writeln!(
            f,
            "{} failovers and {} deaths of the standby in {:.0} s, seed {}",
            counts.failovers,
            counts.standby_deaths,
            self.seconds,
            self.options.seed.unwrap_or(0)
        )?;
        writeln!(
            f,
            "flaps {}, resets {}, missing {}, extra {}, duplicates {}; {} slices of routes came or went",
            counts.flaps,
            counts.resets,
            counts.missing,
            counts.extra,
            counts.duplicates,
            counts.changed_slices
        )?;
        writeln!(
            f,
            "wire: {} packets checked, {} segments sent again; false alarms {}, unplanned ends {}",
            counts.packets, counts.sent_again, counts.false_alarms, counts.unplanned_ends
        )?;
        writeln!(
            f,
            "{:10} {:10} {:>6}  silence, ms (median p99 max)  detection, ms (median p99 max)",
            "peer", "cut", "times"
        )?;
        for times in &self.times {
            let (silence, detection) = (&times.silence, &times.detection);
            writeln!(
                f,
                "{:10} {:10} {:6}  {:8.1} {:8.1} {:8.1}     {:8.1} {:8.1} {:8.1}",
                times.peer.name(),
                times.kind.name(),
                silence.count,
                silence.median_ms,
                silence.p99_ms,
                silence.max_ms,
                detection.median_ms,
                detection.p99_ms,
                detection.max_ms
            )?;
        }
        for (number, summary) in (1..).zip(&self.summaries) {
            let memory = summary.resources.iter();
            let memory: Vec<String> = memory
                .filter(|series| series.what.ends_with("resident memory, KiB"))
                .map(|series| format!("{} -> {}", series.early, series.late))
                .collect();
            writeln!(
                f,
                "block {number}: {}, {} failovers in {:.0} s; KiB resident, second tenth -> last (survivors, standbys, one active): {}",
                summary.peer,
                summary.failovers,
                summary.seconds,
                memory.join(", ")
            )?;
        }
        for reason in &self.reasons {
            writeln!(f, "  {reason}")?;
        }
        write!(f, "verdict: {}", self.verdict.word())
    }
}

#[cfg(test)]
mod tests;
