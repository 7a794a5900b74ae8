use clap::Parser;
use serde_json::json;

use super::*;
use crate::lab::random::Random;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    options: SoakOptions,
}

fn failover(kind: &str, silence_ms: f64, sign: &str) -> Value {
    json!({
        "kind": kind, "taken_over": true, "at_s": 1.0, "survivor": "rp1",
        "first_segment_ms": silence_ms, "last_session_ms": silence_ms + 0.5, "sessions_served": 2,
        "first_advance_ms": null, "updates_after": 0, "protected_again_ms": 60.0,
        "own_words": {"sign": sign, "claim_us": 100, "speak_us": 200},
    })
}

fn inner(verdict: &str, failovers: &[Value]) -> Inner {
    let text = json!({
        "verdict": verdict, "reasons": if verdict == "pass" { vec![] } else { vec!["a peer noticed"] },
        "flaps": u64::from(verdict == "fail"), "resets": 0, "missing": 0, "extra": 0, "duplicates": 0,
        "failovers": failovers, "unprotected_ms": 1.0, "false_alarms": 1, "unplanned_ends": 0,
        "standby_deaths": 2, "watched_s": 0.0, "watched_alarms": 0,
        "resources": [{"what": "survivors: resident memory, KiB", "samples": 20, "early": 8000, "late": 8100,
            "max": 8200, "flat": true}],
        "churned_slices": 5, "wire": {"packets": 100, "retransmitted": 1}, "versions": {"peer": "BIRD\nmore"},
        "seconds": 2.0, "what nobody asks for": 1,
    });
    serde_json::from_value(text).unwrap()
}

/// The report of a soak of two rounds in two blocks, one with BIRD and one with FRR.
fn concluded(blocks: Vec<Inner>) -> SoakReport {
    let line = "soak --rounds 2 --blocks 2 --seed 7";
    let options = Line::parse_from(line.split(' ')).options;
    let mut report = SoakReport::new(options.clone());
    let mut random = Random::new(7);
    for (number, inner) in (0..).zip(blocks) {
        let plan = options.block(number, &mut random);
        report.blocks.push(Block { plan, inner });
    }
    report.conclude();
    report
}

#[test]
fn blocks_that_pass_make_a_soak_that_passes() {
    let report = concluded(vec![
        inner("pass", &[failover("kill", 0.4, "death")]),
        inner("pass", &[failover("hang", 14.3, "silence")]),
    ]);
    assert_eq!(report.verdict, Verdict::Pass);
    assert_eq!(
        (report.counts.failovers, report.counts.standby_deaths),
        (2, 4)
    );
    let words: Vec<(PeerKind, CutKind, f64, f64)> = report
        .times
        .iter()
        .map(|it| (it.peer, it.kind, it.silence.max_ms, it.detection.max_ms))
        .collect();
    assert_eq!(
        words,
        [
            (PeerKind::Bird, CutKind::Kill, 0.9, 0.1),
            (PeerKind::Frr, CutKind::Hang, 14.8, 14.0)
        ]
    );
    let text = report.to_string();
    assert!(
        text.contains("8000 -> 8100") && text.ends_with("verdict: PASS"),
        "{text}"
    );
}

#[test]
fn the_worst_block_decides() {
    for (verdict, worst) in [
        ("fail", Verdict::Fail),
        ("inconclusive", Verdict::Inconclusive),
    ] {
        let report = concluded(vec![
            inner(verdict, &[failover("kill", 0.4, "death")]),
            inner("pass", &[failover("kill", 0.4, "death")]),
        ]);
        assert_eq!(report.verdict, worst);
        assert_eq!(report.reasons, ["block 1: a peer noticed"]);
    }
}

#[test]
fn rounds_that_were_not_made_fail_the_soak() {
    let report = concluded(vec![inner("pass", &[failover("kill", 0.4, "death")])]);
    assert_eq!(report.verdict, Verdict::Fail);
    assert_eq!(report.reasons, ["1 of 2 failovers were made"]);
}
