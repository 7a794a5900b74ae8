//! Keeps what was compared, what differs and what is missing.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::report::{Difference, EndReplay, Proof};
use crate::check::Verdict;
use crate::time::Timestamp;

/// The record of one end.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) end: SocketAddr,
    pub(super) report: EndReplay,
    pub(super) differences: Vec<Difference>,
    pub(super) different: BTreeMap<Proof, u64>,
    differences_max: usize,
    missing: BTreeMap<&'static str, u64>,
    /// Twins repeat what the first course has noted already.
    pub(super) quiet: bool,
    replaced: bool,
}

impl Record {
    pub(super) fn new(end: SocketAddr, differences_max: usize) -> Record {
        Record {
            end,
            report: EndReplay::default(),
            differences: Vec::new(),
            different: BTreeMap::new(),
            differences_max,
            missing: BTreeMap::new(),
            quiet: false,
            replaced: true,
        }
    }

    /// Notes a comparison made at `(time, packet, twin_of)`.
    pub(super) fn compare(
        &mut self,
        proof: Proof,
        holds: bool,
        (time, packet, twin_of): (Timestamp, u64, Option<u64>),
        detail: impl FnOnce() -> String,
    ) {
        *self.report.compared.entry(proof).or_default() += 1;
        if holds {
            return;
        }
        self.report.differences += 1;
        *self.different.entry(proof).or_default() += 1;
        if self.differences.len() < self.differences_max {
            self.differences.push(Difference {
                proof,
                time,
                packet,
                end: self.end,
                twin_of,
                detail: detail(),
            });
        }
    }

    /// Notes what keeps something from being judged.
    pub(super) fn lacks(&mut self, what: &'static str, count: u64) {
        if !self.quiet {
            *self.missing.entry(what).or_default() += count;
        }
    }

    /// There is nothing to replace, for this reason.
    pub(super) fn never(&mut self, reason: &str) {
        self.replaced = false;
        self.report.unjudged.push(reason.to_owned());
    }

    /// Ends the record.
    pub(super) fn finish(mut self) -> EndReplay {
        let missing = self.missing.iter();
        let lines = missing.map(|(what, count)| format!("{count} {what}"));
        self.report.unjudged.extend(lines);
        if !self.replaced && self.report.differences == 0 {
            return self.report;
        }
        self.report.verdict = Some(if self.report.differences > 0 {
            Verdict::Fail
        } else if self.report.unjudged.is_empty() {
            Verdict::Pass
        } else {
            Verdict::Inconclusive
        });
        self.report
    }
}
