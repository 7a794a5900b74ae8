//! Time as the caller tells it.

use core::fmt;
use core::ops::{Add, AddAssign};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// A moment in the engine's time domain, in microseconds since an origin the caller chose.
///
/// The engine never reads a clock. The caller's time must not go back; where it does, the
/// engine treats the difference as zero.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Instant(u64);

impl Instant {
    /// The origin of the time domain.
    pub const ZERO: Instant = Instant(0);

    /// The moment `micros` microseconds after the origin.
    pub const fn from_micros(micros: u64) -> Instant {
        Instant(micros)
    }

    /// The moment `millis` milliseconds after the origin.
    pub const fn from_millis(millis: u64) -> Instant {
        Instant(millis.saturating_mul(1_000))
    }

    /// Microseconds since the origin.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Milliseconds since the origin, rounded down.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }

    /// Time from `earlier` to `self`; zero where `earlier` is later.
    pub const fn saturating_since(self, earlier: Instant) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The same moment seen from a domain in which `from` is called `to`.
    ///
    /// Moments before the origin of the new domain become the origin.
    pub const fn rebased(self, from: Instant, to: Instant) -> Instant {
        if self.0 >= from.0 {
            Instant(to.0.saturating_add(self.0 - from.0))
        } else {
            Instant(to.0.saturating_sub(from.0 - self.0))
        }
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, rhs: Duration) -> Instant {
        let micros = u64::try_from(rhs.as_micros()).unwrap_or(u64::MAX);
        Instant(self.0.saturating_add(micros))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, rhs: Duration) {
        *self = *self + rhs;
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}
