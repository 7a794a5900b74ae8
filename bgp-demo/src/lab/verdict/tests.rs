use clap::Parser;
use serde_json::Value;

use super::*;
use crate::lab::judge::Differences;
use crate::lab::options::CutKind;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    options: LabOptions,
}

/// A run of one session and one failover in which all went well.
fn clean() -> Report {
    let words = Words {
        established: true,
        ..Words::default()
    };
    Report {
        verdict: Verdict::Fail,
        reasons: Vec::new(),
        versions: Versions {
            lab: "0",
            peer: "a peer".to_owned(),
            kernel: "a kernel".to_owned(),
        },
        load: Line::parse_from(["lab", "--failovers", "1"]).options,
        flaps: 0,
        resets: 0,
        missing: 0,
        extra: 0,
        duplicates: 0,
        failovers: vec![Failover {
            kind: CutKind::Kill,
            taken_over: true,
            at_s: 0.0,
            cut_unix_ns: 0,
            survivor: "rp1".to_owned(),
            first_segment_ms: Some(0.4),
            last_session_ms: Some(0.4),
            sessions_served: 1,
            first_advance_ms: None,
            updates_after: 0,
            protected_again_ms: 50.0,
            own_words: Value::Null,
        }],
        takeover: TakeoverTimes::default(),
        unprotected_ms: 50.0,
        false_alarms: 0,
        unplanned_ends: 0,
        crashes: 0,
        hosts: None,
        panics: Vec::new(),
        standby_deaths: 0,
        watched_s: 0.0,
        watched_alarms: 0,
        resources: Vec::new(),
        samples: Vec::new(),
        churned_slices: 5,
        told: ToldCounts::default(),
        told_examples: Vec::new(),
        sessions: vec![SessionReport {
            peer: "10.99.1.1".to_owned(),
            before: words.clone(),
            after: words,
            breaks: Vec::new(),
            table: Differences::default(),
        }],
        our_table: Differences::default(),
        wire: WireSummary {
            verdict: WireVerdict::Pass,
            unjudged: Vec::new(),
            broken: BTreeMap::new(),
            violations: Vec::new(),
            syn_exchanges: 1,
            packets: 100,
            dropped: 0,
            retransmitted: 0,
        },
        seconds: 1.0,
    }
}

fn growing() -> Series {
    Series {
        what: "survivors: threads".to_owned(),
        samples: 20,
        early: 6,
        late: 7,
        max: 7,
        flat: false,
    }
}

fn verdict_after(change: impl FnOnce(&mut Report)) -> (Verdict, Vec<String>) {
    let mut report = clean();
    change(&mut report);
    decide(&mut report);
    (report.verdict, report.reasons)
}

#[test]
fn a_clean_run_passes() {
    assert_eq!(verdict_after(|_| ()), (Verdict::Pass, Vec::new()));
}

#[test]
fn whatever_a_peer_noticed_fails_the_run() {
    let changes: [fn(&mut Report); 17] = [
        |it| it.flaps = 1,
        |it| it.resets = 1,
        |it| it.missing = 1,
        |it| it.extra = 1,
        |it| it.duplicates = 1,
        |it| it.sessions[0].breaks.push("dropped once".to_owned()),
        |it| it.wire.verdict = WireVerdict::Fail,
        |it| it.told.withdrawn_twice = 1,
        |it| it.told.foreign = 1,
        |it| it.told.wrong_path = 1,
        |it| it.told.unreadable = 1,
        |it| it.failovers[0].sessions_served = 0,
        |it| it.crashes = 1,
        |it| it.panics.push("rp0: panicked at a line".to_owned()),
        |it| it.load.standby_deaths = 1,
        |it| it.resources.push(growing()),
        |it| it.reasons.push("failover 1: nobody took over".to_owned()),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        assert_eq!(verdict_after(change).0, Verdict::Fail, "change {number}");
    }
}

#[test]
fn too_few_failovers_fail_the_run_with_the_reason() {
    let (verdict, reasons) = verdict_after(|it| it.failovers.clear());
    assert_eq!(verdict, Verdict::Fail);
    assert_eq!(reasons, ["0 of 1 failovers were made"]);
}

#[test]
fn what_could_not_be_seen_is_no_pass() {
    let changes: [fn(&mut Report); 3] = [
        |it| it.wire.dropped = 1,
        |it| it.churned_slices = 0,
        |it| {
            it.wire.verdict = WireVerdict::Inconclusive;
            it.wire.unjudged.push("a gap".to_owned());
        },
    ];
    for change in changes {
        let (verdict, reasons) = verdict_after(change);
        assert_eq!((verdict, reasons.len()), (Verdict::Inconclusive, 1));
    }
}

#[test]
fn the_summary_names_the_verdict_and_the_reasons() {
    let mut report = clean();
    report.told.duplicates = 3;
    report.duplicates = 3;
    decide(&mut report);
    let text = report.to_string();
    assert!(
        text.contains("duplicates 3") && text.ends_with("verdict: FAIL"),
        "{text}"
    );
    assert!(
        text.contains("told: 3 announcements without a change"),
        "{text}"
    );
}
