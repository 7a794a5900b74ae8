//! Memory of a session that does nothing.

use tcp_ha_bench::heap::{self, Held};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

#[track_caller]
fn within(what: &str, held: Held, active: f64, standby: f64) {
    eprintln!("{what}: {held:?}");
    assert!(held.active <= active, "{what}: {held:?}");
    assert!(held.standby <= standby, "{what}: {held:?}");
}

// One test, since the allocator counts for the whole process.
#[test]
fn a_session_that_rests_holds_little() {
    let _counting = dhat::Profiler::builder().testing().build();
    let heap = || dhat::HeapStats::get().curr_bytes;
    let never = heap::never_used([100, 1_100], &heap).expect("a pair");
    within("never used", never, 3_000.0, 1_300.0);
    // A kilobyte of the buffers is kept for small messages; and the node keeps memory for the frames of its largest batch, which is larger
    // where more sessions were busy at once.
    let rested = heap::rested([10, 60], &heap).expect("a pair");
    within("was busy", rested, 7_000.0, 1_600.0);
}
