//! What the tests of this directory share.

pub(crate) mod etcd;
pub(crate) mod proxy;

use std::thread;
use std::time::{Duration, Instant};

/// No condition of a test takes longer.
const BOUND: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Waits for `condition` to give a value, for `what`.
pub(crate) fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(begun.elapsed() < BOUND, "waited {BOUND:?} for {what}");
        thread::sleep(LOOK_EVERY);
    }
}
