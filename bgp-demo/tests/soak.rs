//! Failovers in a row, and stalls that are none, with real daemons. It wants the binaries of `make build` or `make test`, and
//! `make packages`.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// Runs the program; what it said, and its report.
fn run(name: &str, arguments: &str) -> (String, Value) {
    let file: PathBuf =
        std::env::temp_dir().join(format!("bgp-demo-test-{}-{name}.json", std::process::id()));
    let (own, more) = arguments.split_once(" -- ").unwrap_or((arguments, ""));
    let mut command = Command::new(env!("CARGO_BIN_EXE_bgp-demo"));
    command.args(own.split(' ')).arg("--report").arg(&file);
    if !more.is_empty() {
        command.arg("--").args(more.split(' '));
    }
    let output = command.output().expect("the program");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{arguments}: {said}");
    let report = std::fs::read_to_string(&file).expect("a report");
    std::fs::remove_file(&file).expect("the report is ours");
    let report = serde_json::from_str(&report).expect("a report in JSON");
    (said, report)
}

#[test]
fn ten_failovers_in_a_row_are_noticed_by_neither_daemon() {
    let (said, report) = run(
        "soak",
        "soak --rounds 10 --blocks 2 --standby-deaths 4 --seed 5 -- --patience 60 --routes-in 200 --routes-out 200",
    );
    assert!(said.contains("verdict: PASS"), "{said}");
    let counts = &report["counts"];
    assert_eq!(counts["failovers"], 10, "{said}");
    assert_eq!(counts["standby_deaths"], 4, "{said}");
    assert!(counts["changed_slices"].as_u64() > Some(0), "{said}");
    let times = report["times"].as_array().expect("times");
    for (name, words) in [
        ("peer", &["bird", "frr"][..]),
        ("kind", &["kill", "hang", "resume"]),
    ] {
        for word in words {
            let found = times.iter().any(|times| times[name] == **word);
            // A false alarm takes the place of the cut that was due.
            let crowded_out = counts["false_alarms"].as_u64() > Some(0);
            assert!(found || crowded_out, "no {name} {word}: {said}");
        }
    }
}

#[test]
fn a_false_alarm_costs_a_takeover_and_never_a_session() {
    let (said, report) = run(
        "stalls",
        "lab --peer bird --sessions 2 --routes-in 200 --routes-out 200 --patience 60 --churn-ms 100 --moment-ms 300 \
         --kind stall --stall-ms 30 --failovers 20 --heartbeat-ms 5 --misses 3 --hold-limit-ms 100 --busy 2 --seed 5",
    );
    assert!(said.contains("verdict: PASS"), "{said}");
    let stalls = report["failovers"].as_array().expect("stalls");
    let alarms = stalls.iter().filter(|stall| stall["taken_over"] == true);
    assert!(alarms.count() > 0, "no stall was taken for a death: {said}");
    assert_eq!(report["flaps"], 0, "{said}");
}
