//! The clocks that all processes of one machine share.

use rustix::time::{ClockId, clock_gettime};

/// One moment by both of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// As nodes and clients count: microseconds of the monotonic clock.
    pub(super) mono_us: u64,
    /// As captures count: nanoseconds since the Unix epoch.
    pub(super) unix_ns: u64,
}

impl Moment {
    /// Now.
    pub(super) fn now() -> Moment {
        let unix = clock_gettime(ClockId::Realtime);
        Moment {
            mono_us: mono_us(),
            unix_ns: unix.tv_sec as u64 * 1_000_000_000 + unix.tv_nsec as u64,
        }
    }
}

/// The monotonic clock, in microseconds.
pub(super) fn mono_us() -> u64 {
    let mono = clock_gettime(ClockId::Monotonic);
    mono.tv_sec as u64 * 1_000_000 + mono.tv_nsec as u64 / 1_000
}
