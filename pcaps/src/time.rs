//! Moments of a capture.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

/// A moment of a capture: nanoseconds since the Unix epoch, as the capturing kernel stamped them.
///
/// Prints, and serialises, as seconds with nine decimals: `1763693707.000000250`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The moment `nanos` nanoseconds after the Unix epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Timestamp(nanos)
    }

    /// The moment `micros` microseconds after the Unix epoch; saturates.
    pub const fn from_micros(micros: u64) -> Self {
        Timestamp(micros.saturating_mul(1000))
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to here; zero when `earlier` is later.
    pub const fn saturating_since(self, earlier: Timestamp) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl From<SystemTime> for Timestamp {
    /// Moments before the Unix epoch become the epoch.
    fn from(time: SystemTime) -> Self {
        let nanos = time
            .duration_since(UNIX_EPOCH)
            .map_or(0, |duration| duration.as_nanos());
        Timestamp(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Timestamp;

    fn add(self, duration: Duration) -> Timestamp {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Timestamp(self.0.saturating_add(nanos))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{:09}",
            self.0 / 1_000_000_000,
            self.0 % 1_000_000_000
        )
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_seconds_with_nine_decimals() {
        assert_eq!(
            Timestamp::from_nanos(7_000_000_250).to_string(),
            "7.000000250"
        );
    }

    #[test]
    fn difference_to_a_later_moment_is_zero() {
        let early = Timestamp::from_micros(1);
        let late = Timestamp::from_micros(5);
        assert_eq!(late.saturating_since(early), Duration::from_micros(4));
        assert_eq!(early.saturating_since(late), Duration::ZERO);
    }
}
