//! Every planted fault is found: a checker that misses one is no checker. Needs the feature `planted`.
#![cfg(feature = "planted")]

use tcp_ha_planted::{Planted, plant};
use tcp_ha_tests::sim;

/// Lives within which each fault must be found.
const SEEDS: u64 = 6_000;

#[test]
fn every_planted_fault_is_found() {
    let mut missed = Vec::new();
    for &fault in Planted::ALL {
        plant(Some(fault));
        if (0..SEEDS).all(|seed| sim::live(seed, false).is_ok()) {
            missed.push(fault.name());
        }
    }
    plant(None);
    assert!(missed.is_empty(), "not found: {missed:?}");
}
