//! The report of a run: JSON for programs, a summary for people.

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use pcaps::check::Report as WireReport;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::daemons::Words;
use super::hosts::HostsReport;
use super::judge::{Differences, ToldCounts};
use super::options::{CutKind, LabOptions};
use super::resources::{Sample, Series};
use super::{FAILED, INCONCLUSIVE};

/// The verdict on a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// No peer noticed anything.
    Pass,
    /// Nothing wrong was seen, but not everything could be seen.
    Inconclusive,
    /// A peer noticed.
    Fail,
}

impl Verdict {
    /// The word for people.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Fail => "FAIL",
        }
    }

    /// The exit status of a program that came to it.
    pub(crate) fn exit_code(self) -> ExitCode {
        match self {
            Self::Pass => ExitCode::SUCCESS,
            Self::Fail => ExitCode::from(FAILED),
            Self::Inconclusive => ExitCode::from(INCONCLUSIVE),
        }
    }
}

/// Everything about a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The verdict.
    pub(crate) verdict: Verdict,
    /// Why it is not a pass, a line each.
    pub(crate) reasons: Vec<String>,
    /// Who took part.
    pub(crate) versions: Versions,
    /// What was asked for, the seed included.
    pub(crate) load: LabOptions,
    /// Sessions that were lost, as the peers' daemons tell it.
    pub(crate) flaps: u64,
    /// RSTs, FINs and NOTIFICATIONs on the wire.
    pub(crate) resets: u64,
    /// Routes missing in a table in the end.
    pub(crate) missing: u64,
    /// Routes in a table that must not be there in the end.
    pub(crate) extra: u64,
    /// Routes told again without a change: same attributes, or withdrawn and announced though they never change.
    pub(crate) duplicates: u64,
    /// Every failover.
    pub(crate) failovers: Vec<Failover>,
    /// Times over all failovers.
    pub(crate) takeover: TakeoverTimes,
    /// Time without protection, since it was there first, milliseconds.
    pub(crate) unprotected_ms: f64,
    /// Changes of the active that nobody asked for.
    pub(crate) false_alarms: u32,
    /// Processes that ended without having been cut; an active that was overtaken by a false alarm is one.
    pub(crate) unplanned_ends: u32,
    /// Those of them that ended by a signal or a panic.
    pub(crate) crashes: u32,
    /// Panics in the logs of the route processors.
    pub(crate) panics: Vec<String>,
    /// The rounds with two hosts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hosts: Option<HostsReport>,
    /// How often the standby was killed.
    pub(crate) standby_deaths: u32,
    /// Time before the first cut in which nothing was cut, seconds.
    pub(crate) watched_s: f64,
    /// Changes of the active meanwhile.
    pub(crate) watched_alarms: u32,
    /// What the route processors used over the rounds.
    pub(crate) resources: Vec<Series>,
    /// The same, round by round.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) samples: Vec<Sample>,
    /// Slices of routes that came or went during the run.
    pub(crate) churned_slices: u64,
    /// What the peers were told.
    pub(crate) told: ToldCounts,
    /// The first faults in what the peers were told.
    pub(crate) told_examples: Vec<String>,
    /// Each session, in its peer's words.
    pub(crate) sessions: Vec<SessionReport>,
    /// Our own table in the end.
    pub(crate) our_table: Differences,
    /// The wire.
    pub(crate) wire: WireSummary,
    /// Length of the run, seconds.
    pub(crate) seconds: f64,
}

/// Versions of everything that took part.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Versions {
    /// This program.
    pub(crate) lab: &'static str,
    /// The peers' daemon.
    pub(crate) peer: String,
    /// The kernel.
    pub(crate) kernel: String,
}

/// A failover.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Failover {
    /// How the active was cut.
    pub(crate) kind: CutKind,
    /// Another node is active than before (after a stall it may be the same).
    pub(crate) taken_over: bool,
    /// Seconds since the first cut.
    pub(crate) at_s: f64,
    /// Just before the cut, nanoseconds since the Unix epoch.
    #[serde(default)]
    pub(crate) cut_unix_ns: u64,
    /// The slot of the survivor.
    pub(crate) survivor: String,
    /// From the cut to the survivor's first segment, the first session's, milliseconds.
    pub(crate) first_segment_ms: Option<f64>,
    /// The same for the last session that was served.
    pub(crate) last_session_ms: Option<f64>,
    /// Sessions that saw a segment of the survivor before the next cut.
    pub(crate) sessions_served: usize,
    /// From the cut to the first acknowledgement that went beyond every earlier one, milliseconds.
    pub(crate) first_advance_ms: Option<f64>,
    /// UPDATEs to the peers in the second after the cut (they go on changing meanwhile).
    pub(crate) updates_after: u64,
    /// From the cut until the next standby had everything, milliseconds.
    pub(crate) protected_again_ms: f64,
    /// In the survivor's own words.
    pub(crate) own_words: Value,
}

/// Times over all failovers and sessions, milliseconds.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct TakeoverTimes {
    /// From the cut to the first segment of a session.
    pub(crate) first_segment: Spread,
    /// From the cut to the first advancing acknowledgement of a session.
    pub(crate) first_advance: Spread,
}

/// A distribution, milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Spread {
    /// Values.
    pub(crate) count: usize,
    /// Half of them are not above.
    pub(crate) median_ms: f64,
    /// 99 of 100 are not above.
    pub(crate) p99_ms: f64,
    /// The largest.
    pub(crate) max_ms: f64,
}

impl Spread {
    /// The distribution of `values`.
    pub(crate) fn of(mut values: Vec<Duration>) -> Self {
        values.sort_unstable();
        let Some(last) = values.last() else {
            return Self::default();
        };
        // The nearest rank.
        let rank = |percent: usize| values[(values.len() * percent).div_ceil(100).max(1) - 1];
        Self {
            count: values.len(),
            median_ms: milliseconds(rank(50)),
            p99_ms: milliseconds(rank(99)),
            max_ms: milliseconds(*last),
        }
    }
}

/// A time in milliseconds, to the microsecond.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// A session in its peer's words.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SessionReport {
    /// The peer's address.
    pub(crate) peer: String,
    /// Before the first cut.
    pub(crate) before: Words,
    /// After the last.
    pub(crate) after: Words,
    /// What tells that it was not one unbroken session.
    pub(crate) breaks: Vec<String>,
    /// The peer's table in the end.
    pub(crate) table: Differences,
}

/// The wire, as judged by an independent view of TCP.
#[derive(Debug, Serialize)]
pub(crate) struct WireSummary {
    /// Its verdict.
    pub(crate) verdict: pcaps::check::Verdict,
    /// What could not be judged.
    pub(crate) unjudged: Vec<String>,
    /// Rules that were broken, and how often.
    pub(crate) broken: std::collections::BTreeMap<String, u64>,
    /// The first violations in words.
    pub(crate) violations: Vec<String>,
    /// Exchanges of SYN; one a session is right.
    pub(crate) syn_exchanges: u32,
    /// Packets.
    pub(crate) packets: u64,
    /// Frames that the capture lost.
    pub(crate) dropped: u64,
    /// Segments of ours that carried only what was sent before.
    pub(crate) retransmitted: u64,
}

/// Violations that are told in words.
const VIOLATIONS_MAX: usize = 20;

impl WireSummary {
    /// The summary of a checker's report.
    pub(crate) fn of(report: &WireReport, dropped: u64) -> Self {
        let ours = report.flows.iter().filter_map(|flow| {
            Some(match flow.ours? {
                pcaps::flow::Direction::FromClient => &flow.from_client,
                pcaps::flow::Direction::FromServer => &flow.from_server,
            })
        });
        Self {
            verdict: report.verdict,
            unjudged: report.unjudged.clone(),
            broken: report
                .broken
                .iter()
                .map(|(rule, count)| (rule.name().to_owned(), *count))
                .collect(),
            violations: report
                .violations
                .iter()
                .take(VIOLATIONS_MAX)
                .map(ToString::to_string)
                .collect(),
            syn_exchanges: report.sessions.iter().map(|it| it.syn_exchanges).sum(),
            packets: report.capture.packets,
            dropped,
            retransmitted: ours.map(|direction| direction.retransmitted_segments).sum(),
        }
    }
}

/// RSTs, FINs and NOTIFICATIONs of a capture.
pub(crate) fn resets(report: &WireReport) -> u64 {
    report
        .sessions
        .iter()
        .map(|it| it.resets + u64::from(it.fins) + u64::from(it.notifications))
        .sum()
}

/// Failovers that the summary tells one by one.
const FAILOVERS_TOLD_MAX: usize = 5;

impl fmt::Display for Failover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |time: Option<f64>| time.map_or("never".to_owned(), |it| format!("{it:.1} ms"));
        write!(
            f,
            "{}, {} survives: first segment after {}, last session's first after {}, a new acknowledgement after {}",
            self.kind.name(),
            self.survivor,
            told(self.first_segment_ms),
            told(self.last_session_ms),
            told(self.first_advance_ms),
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = &self.takeover.first_segment;
        let peer = self.versions.peer.lines().next().unwrap_or_default();
        if let Some(hosts) = &self.hosts {
            write!(f, "{hosts}")?;
            writeln!(
                f,
                "{} sessions with {peer}, {:.0} s in all",
                self.load.sessions, self.seconds
            )?;
        } else {
            writeln!(
                f,
                "{} failovers ({}) over {} sessions with {} in {:.0} s",
                self.failovers.len(),
                self.load.kinds(),
                self.load.sessions,
                peer,
                self.seconds
            )?;
            writeln!(
                f,
                "silence until the survivor's first segment: median {:.1} ms, p99 {:.1} ms, longest {:.1} ms",
                times.median_ms, times.p99_ms, times.max_ms
            )?;
        }
        writeln!(
            f,
            "flaps {}, resets {}, missing {}, extra {}, duplicates {}",
            self.flaps, self.resets, self.missing, self.extra, self.duplicates
        )?;
        writeln!(
            f,
            "wire: {} packets, {} SYN exchanges, {} segments sent again, {} rules broken",
            self.wire.packets,
            self.wire.syn_exchanges,
            self.wire.retransmitted,
            self.wire.broken.values().sum::<u64>()
        )?;
        writeln!(
            f,
            "unprotected for {:.0} ms in all; false alarms {}, unplanned ends {}",
            self.unprotected_ms, self.false_alarms, self.unplanned_ends
        )?;
        if self.failovers.len() <= FAILOVERS_TOLD_MAX {
            for (number, failover) in (1..).zip(&self.failovers) {
                writeln!(f, "  failover {number}: {failover}")?;
            }
        }
        for reason in &self.reasons {
            writeln!(f, "  {reason}")?;
        }
        write!(f, "verdict: {}", self.verdict.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_names_the_nearest_ranks() {
        let values = (1..=100).rev().map(Duration::from_millis).collect();
        let spread = Spread::of(values);
        assert_eq!(
            (spread.median_ms, spread.p99_ms, spread.max_ms),
            (50.0, 99.0, 100.0)
        );
        assert_eq!(Spread::of(vec![]), Spread::default());
        let one = Spread::of(vec![Duration::from_micros(1500)]);
        assert_eq!((one.median_ms, one.p99_ms), (1.5, 1.5));
    }
}
