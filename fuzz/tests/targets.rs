//! Every target over its corpus, and over seeded mutations of it: the short run that always runs.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tcp_ha_fuzz::corpus;
use tcp_ha_fuzz::memory::resident_octets;
use tcp_ha_fuzz::mutate::{Random, spoil};
use tcp_ha_fuzz::{Target, find};

/// Mutated inputs of a target.
const INPUTS: u32 = 20_000;
/// A slow machine does fewer.
const TIME_MAX: Duration = Duration::from_secs(20);
/// What a target may leave behind, allocators' reserves included.
const GROWTH_OCTETS_MAX: u64 = 48 << 20;

fn replay(name: &str) -> (&'static Target, Vec<Vec<u8>>) {
    let target = find(name).expect("a target of this name");
    let inputs = corpus::load(name).expect("a corpus");
    assert!(!inputs.is_empty(), "the corpus of {name} is empty");
    for (file, octets) in &inputs {
        // What a panic names is the input; this names the file.
        eprintln!("{name}/{file}");
        (target.run)(octets);
    }
    (
        target,
        inputs.into_iter().map(|(_, octets)| octets).collect(),
    )
}

/// One target at a time, since memory is the process's.
static TURN: Mutex<()> = Mutex::new(());

fn run(name: &str) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (target, corpus) = replay(name);
    let mut random = Random::new(1);
    let mut input = Vec::new();
    let start = Instant::now();
    let before = resident_octets().expect("/proc");
    let mut done = 0;
    while done < INPUTS && start.elapsed() < TIME_MAX {
        spoil(&mut random, &corpus, target.octets_max, &mut input);
        let outcome = std::panic::catch_unwind(|| (target.run)(&input));
        assert!(outcome.is_ok(), "{name} broke on {input:02x?}");
        done += 1;
    }
    assert!(done >= 100, "{name}: only {done} inputs in {TIME_MAX:?}");
    let growth = resident_octets().expect("/proc").saturating_sub(before);
    assert!(
        growth < GROWTH_OCTETS_MAX,
        "{name} left {growth} octets behind"
    );
}

macro_rules! targets {
    ($($test:ident => $name:literal,)*) => {
        $(#[test] fn $test() { run($name); })*

        #[test]
        fn every_target_has_its_test() {
            let tested = [$($name),*];
            for target in tcp_ha_fuzz::TARGETS {
                assert!(tested.contains(&target.name), "{} has no test", target.name);
            }
        }
    };
}

targets! {
    segments_parse_to_what_was_written => "segment",
    option_walks_end => "options",
    a_connection_keeps_its_invariants => "connection",
    octets_arrive_over_any_network_and_takeover => "pair",
    frames_are_whole_or_refused => "frames",
    records_make_a_survivor_that_lives_or_are_refused => "records",
    bgp_messages_decode_to_what_was_written => "bgp_message",
    a_replica_of_a_speaker_knows_the_same_routes => "bgp_speaker",
    captures_are_read_or_refused => "capture",
    packets_are_judged_or_skipped => "checker",
}
