//! Every script of `tests/scripts`.

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use tcp_ha_tests::script::matrix::{self, Case};
use tcp_ha_tests::script::{Script, run};

/// So many there are at least.
const LEAST: usize = 200;

/// Scripts below `folder`, in the order of their names.
fn scripts(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder of scripts can be read") {
        let path = entry.expect("the folder of scripts can be read").path();
        if path.is_dir() {
            found.extend(scripts(&path));
        } else if path.extension().is_some_and(|kind| kind == "pkt") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Plays a script; a panic is a failure that has its name.
fn outcome(name: &str, text: &str) -> Result<(), String> {
    let script = Script::parse(name, text)?;
    match catch_unwind(|| run(&script)) {
        Ok(played) => played.map_err(|failure| failure.to_string()),
        Err(_) => Err(format!("{name}: the engine panicked, as printed above")),
    }
}

#[test]
fn every_script_comes_true() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let mut failures = Vec::new();
    let all = scripts(&folder);
    assert!(all.len() >= LEAST, "scripts are missing: {}", all.len());
    let wanted = std::env::var("SCRIPT").unwrap_or_default();
    for path in &all {
        let name = path
            .strip_prefix(&folder)
            .expect("it lies below")
            .display()
            .to_string();
        if !name.contains(&wanted) {
            continue;
        }
        let text = std::fs::read_to_string(path).expect("a script can be read");
        let told = text
            .lines()
            .next()
            .is_some_and(|line| line.starts_with("# "));
        if !told {
            failures.push(format!(
                "{name}:1: the first line says which rule is tested: # RFC ..."
            ));
        }
        failures.extend(outcome(&name, &text).err());
    }
    assert!(
        failures.is_empty(),
        "{} of {} scripts failed:\n\n{}",
        failures.len(),
        all.len(),
        failures.join("\n\n")
    );
}

#[test]
fn every_state_takes_every_segment_wherever_it_lies() {
    let mut cases = matrix::cases();
    assert_eq!(cases.len(), 12 * 6 * 4);
    cases.extend(matrix::cases().iter().map(Case::over_ipv6));
    let mut failures = Vec::new();
    for case in &cases {
        let play = |text: &String| {
            let told = |failure| format!("{failure}\n  the script:\n{text}");
            outcome(&case.name, text).map_err(told)
        };
        let outcomes: Vec<Result<(), String>> = case.accepted.iter().map(play).collect();
        if outcomes.iter().all(Result::is_err) {
            failures.extend(outcomes.into_iter().filter_map(Result::err).next());
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} cases failed:\n\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n\n")
    );
}
