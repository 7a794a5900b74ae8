//! What flat means: over a series of rounds, the median of the last tenth is not above that of the second tenth by more than a
//! tenth (memory), by more than two (threads, of which some come when asked for and go when idle; descriptors, of
//! which one belongs to a question that is being answered). The first tenth is for warming up.

use serde::{Deserialize, Serialize};

use super::{Round, Sample, Usage};

/// Samples below which nothing can be said.
const SAMPLES_MIN: usize = 40;
/// How much more memory counts as flat: the late median in percent of the early one.
const MEMORY_PERCENT: u64 = 110;
/// More threads or descriptors that count as flat.
const COUNT_MORE: u64 = 2;

/// A number over the rounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Series {
    /// Whose, and of what.
    pub(crate) what: String,
    /// Samples.
    pub(crate) samples: usize,
    /// Median of the second tenth.
    pub(crate) early: u64,
    /// Median of the last tenth.
    pub(crate) late: u64,
    /// The largest of all.
    pub(crate) max: u64,
    /// The late median stays within the bound.
    pub(crate) flat: bool,
}

/// The most that the late median may be, from the early one.
type Bound = fn(u64) -> u64;

/// A number of those that were sampled.
type Number = fn(&Usage) -> u64;

impl Series {
    /// The series of `values`; `None` where there are too few.
    fn of(what: String, values: &[u64], bound: Bound) -> Option<Self> {
        if values.len() < SAMPLES_MIN {
            return None;
        }
        let tenth = values.len() / 10;
        let early = median(&values[tenth..2 * tenth]);
        let late = median(&values[values.len() - tenth..]);
        Some(Self {
            what,
            samples: values.len(),
            early,
            late,
            max: values.iter().copied().max().unwrap_or(0),
            flat: late <= bound(early),
        })
    }

    /// Why the run does not pass, where it is not flat.
    pub(crate) fn complaint(&self) -> Option<String> {
        (!self.flat).then(|| {
            format!(
                "{} grows: {} in the second tenth of {} rounds, {} in the last",
                self.what, self.early, self.samples, self.late
            )
        })
    }
}

fn median(values: &[u64]) -> u64 {
    let mut values = values.to_vec();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

/// Judges what was sampled: the survivors and their standbys over all failovers, and each process that was active over many
/// deaths of standbys.
pub(crate) fn judge(samples: &[Sample]) -> Vec<Series> {
    let failovers: Vec<&Sample> = of_round(samples, Round::Failover);
    let active: Vec<Usage> = failovers.iter().map(|sample| sample.active).collect();
    let standby: Vec<Usage> = failovers.iter().map(|sample| sample.standby).collect();
    let mut judged = usage("survivors", &active);
    judged.extend(usage("standbys of survivors", &standby));
    let lives: Vec<&Sample> = of_round(samples, Round::StandbyDeath);
    for life in lives.chunk_by(|one, next| one.active.pid == next.active.pid) {
        let active: Vec<Usage> = life.iter().map(|sample| sample.active).collect();
        judged.extend(usage("one active over deaths of its standby", &active));
    }
    judged
}

fn of_round(samples: &[Sample], after: Round) -> Vec<&Sample> {
    samples
        .iter()
        .filter(|sample| sample.after == after)
        .collect()
}

fn usage(whose: &str, usages: &[Usage]) -> Vec<Series> {
    let memory: Bound = |early| early * MEMORY_PERCENT / 100;
    let count: Bound = |early| early + COUNT_MORE;
    let kinds: [(&str, Number, Bound); 4] = [
        ("resident memory, KiB", |it| it.resident_kib, memory),
        ("peak memory, KiB", |it| it.peak_kib, memory),
        ("threads", |it| it.threads, count),
        ("descriptors", |it| it.descriptors, count),
    ];
    kinds
        .into_iter()
        .filter_map(|(what, number, bound)| {
            let values: Vec<u64> = usages.iter().map(number).collect();
            Series::of(format!("{whose}: {what}"), &values, bound)
        })
        .collect()
}

#[cfg(test)]
mod tests;
