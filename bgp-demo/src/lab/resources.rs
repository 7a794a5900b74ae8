//! What the route processors use, sampled at the same point of every round, and whether it stays flat.

mod flat;

use std::path::Path;

use serde::Serialize;

use super::error::{At, LabError, Result};

pub(crate) use flat::{Series, judge};

/// What a process uses at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Usage {
    /// Process id.
    pub(crate) pid: u32,
    /// Resident memory, KiB (`VmRSS`).
    pub(crate) resident_kib: u64,
    /// The most that was ever resident, KiB (`VmHWM`).
    pub(crate) peak_kib: u64,
    /// Threads.
    pub(crate) threads: u64,
    /// Open file descriptors.
    pub(crate) descriptors: u64,
}

impl Usage {
    /// What the process `pid` uses now.
    ///
    /// # Errors
    /// It has ended, or /proc cannot be read.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let process = Path::new("/proc").join(pid.to_string());
        let file = process.join("status");
        let text = std::fs::read_to_string(&file).at(file.display())?;
        let descriptors = process.join("fd");
        let descriptors = std::fs::read_dir(&descriptors).at(descriptors.display())?;
        parse(pid, &text, descriptors.count() as u64)
    }
}

fn parse(pid: u32, status: &str, descriptors: u64) -> Result<Usage> {
    let number = |label: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(label));
        let word = line.and_then(|line| line.split_whitespace().next());
        word.and_then(|word| word.parse().ok())
            .ok_or_else(|| LabError::new(format!("/proc/{pid}/status: no number behind {label}")))
    };
    Ok(Usage {
        pid,
        resident_kib: number("VmRSS:")?,
        peak_kib: number("VmHWM:")?,
        threads: number("Threads:")?,
        descriptors,
    })
}

/// What happened in the round before a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Round {
    /// The active was cut.
    Failover,
    /// The standby was killed.
    StandbyDeath,
}

/// Both route processors, after a round, when all is ready again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Sample {
    /// The round before.
    pub(crate) after: Round,
    /// Who speaks.
    pub(crate) active: Usage,
    /// Who stands by.
    pub(crate) standby: Usage,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_read_from_the_words_of_the_kernel() {
        let status = "Name:\tactive-rp\nVmPeak:\t  9 kB\nVmHWM:\t   15872 kB\nVmRSS:\t   15360 kB\nThreads:\t6\n";
        let usage = parse(7, status, 21).unwrap();
        assert_eq!((usage.resident_kib, usage.peak_kib), (15_360, 15_872));
        assert_eq!((usage.threads, usage.descriptors), (6, 21));
    }

    #[test]
    fn a_process_that_has_ended_uses_nothing_that_could_be_told() {
        let zombie = "Name:\tactive-rp\nState:\tZ (zombie)\nThreads:\t1\n";
        assert!(parse(7, zombie, 0).is_err());
    }

    #[test]
    fn this_process_can_be_sampled() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.resident_kib > 0 && usage.peak_kib >= usage.resident_kib);
        assert!(usage.threads > 0 && usage.descriptors > 2);
    }
}
