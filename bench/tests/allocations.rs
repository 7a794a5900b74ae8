//! Allocations on the path of a segment, once everything is warm. The bounds are what is made today, not what should be: none. Where
//! they come from is in docs/performance.md.

use tcp_ha::core::SendMode;
use tcp_ha::engine::ReceiveMode;
use tcp_ha_bench::allocations::{Allocations, Way, count};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

fn made() -> u64 {
    dhat::HeapStats::get().total_blocks
}

#[track_caller]
fn within(seen: Allocations, engine: f64, active: f64, standby: f64) {
    eprintln!("{seen:.3?}");
    assert!(seen.segments > 10_000, "too few segments: {seen:?}");
    assert!(seen.engine <= engine, "engine: {seen:?}");
    assert!(seen.active <= active, "active: {seen:?}");
    assert!(seen.standby <= standby, "standby: {seen:?}");
}

// One test, since the allocator counts for the whole process.
#[test]
fn a_warm_segment_costs_no_more_allocations_than_it_did() {
    let _counting = dhat::Profiler::builder().testing().build();
    let counted = |way, receive, send| count(way, receive, send, &made).expect("a pair");
    let (logged, regenerated) = (SendMode::Logged, SendMode::Regenerated);
    let (marked, recorded) = (ReceiveMode::Marked, ReceiveMode::Logged);
    within(counted(Way::In, recorded, logged), 0.001, 0.87, 0.075);
    within(counted(Way::In, marked, regenerated), 0.001, 3.3, 4.0);
    within(counted(Way::Out, recorded, logged), 0.1, 0.075, 0.085);
    within(counted(Way::Out, marked, regenerated), 0.1, 0.075, 0.06);
}
