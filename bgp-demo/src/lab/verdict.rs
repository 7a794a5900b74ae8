//! From everything that was found to the report and its verdict.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use ipnet::IpNet;
use pcaps::check::Verdict as WireVerdict;

use super::churn::Announced;
use super::daemons::Words;
use super::error::Result;
use super::hosts::{History, HostsPlayed, HostsReport, Limits};
use super::judge::{self, CutMoment, FirstWords, ToldCounts, ToldReport, compare, first_words};
use super::network::TAPS;
use super::options::LabOptions;
use super::pair::Noticed;
use super::report::{
    Failover, Report, SessionReport, Spread, TakeoverTimes, Verdict, Versions, WireSummary,
    milliseconds, resets,
};
use super::resources::{self, Series};
use super::rounds::Played;
use super::routes::Plan;
use super::stage::Captured;

/// Everything that a run found.
pub(crate) struct Found<'a> {
    /// What was asked for.
    pub(crate) options: &'a LabOptions,
    /// Who took part.
    pub(crate) versions: Versions,
    /// Addresses and routes.
    pub(crate) plan: &'a Plan,
    /// Which routes were announced in the end.
    pub(crate) announced: &'a Announced,
    /// The rounds.
    pub(crate) played: Played,
    /// The peers before the first cut.
    pub(crate) before: Vec<Words>,
    /// The peers after the last.
    pub(crate) after: Vec<Words>,
    /// The time between these words.
    pub(crate) elapsed: Duration,
    /// The peers' tables in the end.
    pub(crate) tables: Vec<HashSet<IpNet>>,
    /// Ours.
    pub(crate) our_table: HashSet<IpNet>,
    /// What was noticed of the route processors.
    pub(crate) noticed: Noticed,
    /// Slices that came or went.
    pub(crate) changes: u64,
    /// The captures.
    pub(crate) captured: &'a Captured,
    /// Panics of route processors, a line each.
    pub(crate) panics: Vec<String>,
    /// The rounds with two hosts, and the history of the register.
    pub(crate) hosts: Option<(HostsPlayed, History)>,
    /// Length of the run.
    pub(crate) length: Duration,
}

/// Judges a run.
///
/// # Errors
/// A capture cannot be read.
pub(crate) fn conclude(found: Found<'_>) -> Result<Report> {
    let moments: Vec<CutMoment> = found.played.cuts.iter().map(|cut| cut.moment).collect();
    let taps = [0, 1].map(|index: usize| found.captured.taps[index].as_path());
    let words = first_words(taps, found.plan, &moments)?;
    let (wire, told) = judge::wire(&found.captured.wire, found.plan, &moments, found.announced)?;
    let hosts = match &found.hosts {
        Some((played, history)) => {
            let limits = Limits {
                hold_time: Duration::from_secs(found.options.hold_time.into()),
                hold_limit: Duration::from_millis(found.options.hold_limit_ms),
            };
            Some(HostsReport::new(played, history, taps, limits)?)
        }
        None => None,
    };
    let sessions = sessions(&found);
    let our_table = compare(found.plan, &found.our_table, |route| {
        found.announced.has(found.plan, route)
    });
    let sum = |count: fn(&SessionReport) -> u64| sessions.iter().map(count).sum::<u64>();
    let taken_over = found
        .played
        .cuts
        .iter()
        .filter(|cut| cut.taken_over)
        .count();
    let taken_over = u32::try_from(taken_over).unwrap_or(u32::MAX);
    let mut report = Report {
        verdict: Verdict::Pass,
        flaps: sum(|session| u64::from(!session.breaks.is_empty())),
        resets: resets(&wire),
        missing: sum(|session| session.table.missing) + our_table.missing,
        extra: sum(|session| session.table.extra) + our_table.extra,
        duplicates: told.counts.duplicates
            + told.counts.announced_again
            + told.counts.withdrawn_without_cause,
        failovers: failovers(&found, &words, &told),
        takeover: takeover_times(&words),
        unprotected_ms: milliseconds(found.noticed.unprotected),
        false_alarms: found.noticed.role_changes.saturating_sub(taken_over),
        unplanned_ends: found.noticed.unplanned_ends,
        churned_slices: found.changes,
        wire: WireSummary::of(&wire, found.captured.dropped),
        told: told.counts,
        told_examples: told.examples,
        sessions,
        our_table,
        seconds: found.length.as_secs_f64(),
        reasons: found.played.reasons,
        standby_deaths: found.played.standby_deaths,
        watched_s: found.played.watched.time.as_secs_f64(),
        watched_alarms: found.played.watched.alarms,
        resources: resources::judge(&found.played.samples),
        samples: found.played.samples,
        crashes: found.noticed.crashes,
        panics: found.panics,
        hosts,
        versions: found.versions,
        load: found.options.clone(),
    };
    if told.missing + told.extra > 0 {
        report.reasons.push(format!(
            "on the wire {} routes were never told and {} not withdrawn",
            told.missing, told.extra
        ));
    }
    decide(&mut report);
    Ok(report)
}

fn sessions(found: &Found<'_>) -> Vec<SessionReport> {
    let words = found.before.iter().zip(&found.after);
    words
        .zip(&found.tables)
        .enumerate()
        .map(|(index, ((before, after), table))| SessionReport {
            peer: found.plan.sessions[index].address.to_string(),
            breaks: after.breaks_since(before, found.elapsed),
            before: before.clone(),
            after: after.clone(),
            table: compare(found.plan, table, |route| {
                found.announced.due(found.plan, index, route)
            }),
        })
        .collect()
}

fn failovers(found: &Found<'_>, words: &[FirstWords], told: &ToldReport) -> Vec<Failover> {
    let begin = found.played.cuts.first().map(|cut| cut.moment.at);
    let extreme = |times: &BTreeMap<usize, Duration>, last: bool| {
        let time = if last {
            times.values().max()
        } else {
            times.values().min()
        };
        time.copied().map(milliseconds)
    };
    found
        .played
        .cuts
        .iter()
        .zip(words)
        .zip(&told.updates_after)
        .map(|((cut, words), updates)| Failover {
            kind: cut.kind,
            taken_over: cut.taken_over,
            at_s: begin.map_or(0.0, |begin| {
                cut.moment.at.saturating_since(begin).as_secs_f64()
            }),
            cut_unix_ns: cut.moment.at.as_nanos(),
            survivor: TAPS[cut.moment.survivor].to_owned(),
            first_segment_ms: extreme(&words.segment, false),
            last_session_ms: extreme(&words.segment, true),
            sessions_served: words.segment.len(),
            first_advance_ms: extreme(&words.advance, false),
            updates_after: *updates,
            protected_again_ms: milliseconds(cut.protected_again),
            own_words: cut.own_words.clone(),
        })
        .collect()
}

fn takeover_times(words: &[FirstWords]) -> TakeoverTimes {
    let all = |times: fn(&FirstWords) -> &BTreeMap<usize, Duration>| {
        Spread::of(
            words
                .iter()
                .flat_map(|it| times(it).values().copied())
                .collect(),
        )
    };
    TakeoverTimes {
        first_segment: all(|words| &words.segment),
        first_advance: all(|words| &words.advance),
    }
}

/// Finds what speaks against a pass, and so the verdict.
fn decide(report: &mut Report) {
    let mut against = Vec::new();
    let asked = report.load.failovers as usize;
    if report.failovers.len() < asked {
        against.push(format!(
            "{} of {asked} failovers were made",
            report.failovers.len()
        ));
    }
    for session in &report.sessions {
        let breaks = session.breaks.iter();
        against.extend(breaks.map(|what| format!("{}: {what}", session.peer)));
        let table = session.table.examples.iter();
        against.extend(table.map(|what| format!("table of {}: {what}", session.peer)));
    }
    let table = report.our_table.examples.iter();
    against.extend(table.map(|what| format!("our table: {what}")));
    for failover in &report.failovers {
        if failover.sessions_served < report.load.sessions {
            against.push(format!(
                "failover at {:.1} s: {} of {} sessions saw a segment of the survivor",
                failover.at_s, failover.sessions_served, report.load.sessions
            ));
        }
    }
    against.extend(told_wrongly(&report.told));
    against.extend(report.told_examples.iter().cloned());
    against.extend(report.resources.iter().filter_map(Series::complaint));
    against.extend(report.panics.iter().cloned());
    if let Some(hosts) = &report.hosts {
        against.extend(hosts.against.iter().cloned());
    }
    if report.crashes > 0 {
        against.push(format!("{} processes crashed", report.crashes));
    }
    if report.standby_deaths < report.load.standby_deaths {
        against.push(format!(
            "{} of {} deaths of the standby were made",
            report.standby_deaths, report.load.standby_deaths
        ));
    }
    let broken = report.wire.broken.iter();
    against.extend(broken.map(|(rule, count)| format!("wire: {rule}: broken {count} times")));
    against.extend(report.wire.violations.iter().cloned());
    let failed = !against.is_empty()
        || !report.reasons.is_empty()
        || report.wire.verdict == WireVerdict::Fail
        || report.flaps + report.resets + report.missing + report.extra + report.duplicates > 0;
    let unseen = unseen(report);
    report.verdict = match (failed, unseen.is_empty()) {
        (true, _) => Verdict::Fail,
        (false, false) => Verdict::Inconclusive,
        (false, true) => Verdict::Pass,
    };
    report.reasons.extend(against);
    report.reasons.extend(unseen);
}

fn told_wrongly(told: &ToldCounts) -> Vec<String> {
    [
        (told.duplicates, "announcements without a change"),
        (
            told.announced_again,
            "announcements, again, of routes that never change",
        ),
        (
            told.withdrawn_without_cause,
            "withdrawals of routes that never change",
        ),
        (
            told.withdrawn_twice,
            "withdrawals of what was not announced",
        ),
        (told.foreign, "prefixes that the peer must not be told of"),
        (told.wrong_path, "announcements with a wrong AS_PATH"),
        (told.unreadable, "streams or messages that cannot be read"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("told: {count} {what}"))
    .collect()
}

/// What could not be seen.
fn unseen(report: &Report) -> Vec<String> {
    let mut unseen = Vec::new();
    if report.wire.dropped > 0 {
        unseen.push(format!("the capture lost {} frames", report.wire.dropped));
    }
    if report.wire.verdict == WireVerdict::Inconclusive {
        unseen.extend(
            report
                .wire
                .unjudged
                .iter()
                .map(|what| format!("wire: {what}")),
        );
    }
    if report.load.churn_ms > 0 && report.load.failovers > 0 && report.churned_slices == 0 {
        unseen.push("no route changed during the run".to_owned());
    }
    unseen
}

#[cfg(test)]
mod tests;
