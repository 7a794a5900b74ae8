//! Time as the caller tells it.

use core::fmt;
use core::num::NonZeroU64;
use core::ops::{Add, AddAssign};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// A moment in the engine's time domain, in microseconds since an origin the caller chose.
///
/// The engine never reads a clock. The caller's time must not go back; where it does, the
/// engine treats the difference as zero. `Option<Instant>` is no larger than an `Instant`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
pub struct Instant(NonZeroU64);

impl Instant {
    /// The origin of the time domain.
    pub const ZERO: Instant = Instant(NonZeroU64::MIN);

    /// The moment `micros` microseconds after the origin.
    pub const fn from_micros(micros: u64) -> Instant {
        Instant(NonZeroU64::MIN.saturating_add(micros))
    }

    /// The moment `millis` milliseconds after the origin.
    pub const fn from_millis(millis: u64) -> Instant {
        Instant::from_micros(millis.saturating_mul(1_000))
    }

    /// Microseconds since the origin.
    pub const fn as_micros(self) -> u64 {
        self.0.get() - 1
    }

    /// Milliseconds since the origin, rounded down.
    pub const fn as_millis(self) -> u64 {
        self.as_micros() / 1_000
    }

    /// Time from `earlier` to `self`; zero where `earlier` is later.
    pub const fn saturating_since(self, earlier: Instant) -> Duration {
        Duration::from_micros(self.0.get().saturating_sub(earlier.0.get()))
    }

    /// The same moment seen from a domain in which `from` is called `to`.
    ///
    /// Moments before the origin of the new domain become the origin.
    pub const fn rebased(self, from: Instant, to: Instant) -> Instant {
        let (own, from, to) = (self.as_micros(), from.as_micros(), to.as_micros());
        if own >= from {
            Instant::from_micros(to.saturating_add(own - from))
        } else {
            Instant::from_micros(to.saturating_sub(from - own))
        }
    }
}

impl Default for Instant {
    fn default() -> Instant {
        Instant::ZERO
    }
}

impl From<u64> for Instant {
    fn from(micros: u64) -> Instant {
        Instant::from_micros(micros)
    }
}

impl From<Instant> for u64 {
    fn from(moment: Instant) -> u64 {
        moment.as_micros()
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

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Instant").field(&self.as_micros()).finish()
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.as_micros();
        write!(f, "{}.{:06}s", micros / 1_000_000, micros % 1_000_000)
    }
}
