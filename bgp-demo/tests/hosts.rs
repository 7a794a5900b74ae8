//! A pair on two hosts, its register in etcd, under everything that is cut there. It wants the binaries of `make build` or `make test`,
//! and `make packages`.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

#[test]
fn two_hosts_survive_every_cut_and_are_silent_without_etcd_and_each_other() {
    let file: PathBuf =
        std::env::temp_dir().join(format!("bgp-demo-test-hosts-{}.json", std::process::id()));
    let arguments = "lab --hosts --rounds 16 --silences 4 --seed 7 --moment-ms 300 --heartbeat-ms 20 --misses 3 --hold-limit-ms 150 \
                     --churn-ms 100 --routes-in 200 --routes-out 200 --patience 60";
    let output = Command::new(env!("CARGO_BIN_EXE_bgp-demo"))
        .args(arguments.split_whitespace())
        .arg("--report")
        .arg(&file)
        .output()
        .expect("the program");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{said}");
    let report = std::fs::read_to_string(&file).expect("a report");
    std::fs::remove_file(&file).expect("the report is ours");
    let report: Value = serde_json::from_str(&report).expect("a report in JSON");
    assert_eq!(
        (&report["flaps"], &report["resets"]),
        (&0.into(), &0.into())
    );
    let hosts = &report["hosts"];
    let kinds = hosts["rounds"].as_object().expect("rounds");
    let rounds = kinds.values().filter_map(|kind| kind["rounds"].as_u64());
    assert_eq!(rounds.sum::<u64>(), 16, "{said}");
    let silences = hosts["silences"].as_array().expect("silences");
    assert_eq!(silences.len(), 4, "{said}");
    assert!(silences.iter().all(|it| it["frames"] == 0), "{said}");
    assert!(hosts["changes_of_active"].as_u64() > Some(0), "{said}");
    assert!(hosts["order"]["right"].as_u64() > Some(0), "{said}");
    assert_eq!(hosts["order"]["wrong"].as_u64(), Some(0), "{said}");
}
