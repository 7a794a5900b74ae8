//! The captures in `captures/`, with the engine in the place of either end.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use pcaps::check::Verdict;
use pcaps::replay::{EndReplay, Proof, ReplayConfig, ReplayReport, replay_file};
use tcp_ha_engine::auth::Secret;

/// Segments that the twins of one end may hear, so that all captures together take seconds.
const TWIN_SEGMENTS_MAX: u64 = 200_000;

fn captures() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|name| name == "pcapng"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

/// Every capture, replayed once for all tests.
static REPLAYED: LazyLock<Vec<(PathBuf, ReplayReport)>> = LazyLock::new(|| {
    let replay = |file: PathBuf| {
        let report = replay_with_key(&file, "a-key-that-everybody-knows");
        (file, report)
    };
    captures().into_iter().map(replay).collect()
});

fn replay_with_key(file: &Path, key: &str) -> ReplayReport {
    let config = ReplayConfig {
        md5_key: Some(Secret::new(key.as_bytes()).expect("a key")),
        twin_segments_max: TWIN_SEGMENTS_MAX,
        ..ReplayConfig::default()
    };
    replay_file(file, &config).expect("a capture that can be read")
}

fn replaced(report: &ReplayReport) -> impl Iterator<Item = &EndReplay> {
    report
        .flows
        .iter()
        .flat_map(|flow| [&flow.client, &flow.server])
        .filter(|end| end.verdict.is_some())
}

#[test]
fn engine_in_the_place_of_either_end_shows_what_the_captures_prove() {
    for (file, report) in REPLAYED.iter() {
        assert_eq!(
            report.verdict,
            Verdict::Pass,
            "{}: {report}",
            file.display()
        );
    }
}

#[test]
fn twins_are_equal_at_every_packet_and_go_on_alone() {
    for (file, report) in REPLAYED.iter() {
        for end in replaced(report).filter(|end| end.received > 0) {
            let equal = end.compared[&Proof::Twin];
            assert_eq!(end.twins, equal, "{}: {report}", file.display());
            let wanted = end.twins / end.alone_every;
            assert!(
                end.twins > 0 && end.twins_alone + 1 >= wanted,
                "{}: {report}",
                file.display()
            );
        }
    }
}

#[test]
fn every_signature_is_verified_and_another_key_fails() {
    for (file, report) in REPLAYED.iter() {
        let signatures = report.signatures.expect("a key was given");
        let signed = file
            .file_stem()
            .is_some_and(|name| name.to_string_lossy().starts_with("md5"));
        let all = if signed { report.packets } else { 0 };
        assert_eq!(signatures.right, all, "{}: {report}", file.display());
        if signed {
            let report = replay_with_key(file, "another-key");
            assert_eq!(report.different[&Proof::Signature], all, "{report}");
            assert_eq!(report.verdict, Verdict::Fail, "{report}");
        }
    }
}

#[test]
fn losses_call_for_the_same_repairs() {
    let mut compared = 0;
    for (_, report) in REPLAYED.iter() {
        compared += replaced(report)
            .filter_map(|end| end.compared.get(&Proof::SentAgain))
            .sum::<u64>();
    }
    assert!(compared >= 5, "{compared} repairs that the captures prove");
}
