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
    within("never used", never, 2_400.0, 1_000.0);
    // A kilobyte of the buffers is kept for small messages.
    let rested = heap::rested([10, 60], &heap).expect("a pair");
    within("was busy", rested, 4_000.0, 1_600.0);
}
