//! Allocations, once everything is warm. A segment costs none. What a daemon or a replica is given is its own, and costs a few for each
//! batch, however many segments are in it.

use tcp_ha::core::SendMode;
use tcp_ha::engine::ReceiveMode;
use tcp_ha_bench::allocations::{Allocations, Way, count};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

fn made() -> u64 {
    dhat::HeapStats::get().total_blocks
}

/// Allocations of a whole run that have nothing to do with how much went through: heartbeats, audits, memory that grew late.
const NOW_AND_THEN: u64 = 200;

/// At most so many for each batch, at the active and at the standby.
#[track_caller]
fn within(seen: Allocations, active: u64, standby: u64) {
    eprintln!("{seen:?}");
    assert!(seen.segments > 10_000, "too few segments: {seen:?}");
    assert!(
        seen.segments > 10 * seen.batches,
        "batches of few: {seen:?}"
    );
    assert!(seen.engine <= NOW_AND_THEN, "engine: {seen:?}");
    let most = |each: u64| each * seen.batches + NOW_AND_THEN;
    assert!(seen.active <= most(active), "active: {seen:?}");
    assert!(seen.standby <= most(standby), "standby: {seen:?}");
}

// One test, since the allocator counts for the whole process.
#[test]
fn a_warm_segment_costs_no_allocation() {
    let _counting = dhat::Profiler::builder().testing().build();
    let counted = |way, receive, send| count(way, receive, send, &made).expect("a pair");
    let (logged, regenerated) = (SendMode::Logged, SendMode::Regenerated);
    let (marked, recorded) = (ReceiveMode::Marked, ReceiveMode::Logged);
    within(counted(Way::In, recorded, logged), 1, 2);
    within(counted(Way::In, marked, regenerated), 1, 2);
    within(counted(Way::Out, recorded, logged), 0, 2);
    within(counted(Way::Out, marked, regenerated), 0, 0);
}
