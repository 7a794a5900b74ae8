//! The captures in `captures/`, with the engine in the place of either end.

use std::path::{Path, PathBuf};

use pcaps::check::Verdict;
use pcaps::replay::{EndReplay, Proof, ReplayConfig, ReplayReport, replay_file};

/// Segments that the twins of one end may hear, so that all captures together take seconds.
const TWIN_SEGMENTS_MAX: u64 = 20_000;

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

fn replay(file: &Path) -> ReplayReport {
    let config = ReplayConfig {
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
    for file in captures() {
        let report = replay(&file);
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
    for file in captures() {
        let report = replay(&file);
        for end in replaced(&report).filter(|end| end.received > 0) {
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
