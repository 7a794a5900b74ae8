//! The engine's time domain, which outlives the node that began it.

use tcp_ha_engine::Instant;

/// The largest time, in microseconds, that is believed: far beyond any clock, and far from the end of the numbers.
const TIME_US_MAX: u64 = 1 << 60;

/// How long a reading counts, at least; at most twice as long. Clocks of two hosts drift apart by a few milliseconds meanwhile.
const WINDOW_US: u64 = 10_000_000;

/// Maps this host's monotonic clock, in microseconds, to the engine's time domain.
///
/// A cold start begins a domain at the local clock. A standby learns the offset from the times that the active stamps on its
/// batches and heartbeats, so that deadlines, timestamps and ISNs go on in the same domain after a takeover, on any host.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    offset_us: i64,
    readings: Option<Readings>,
    frozen_at_us: Option<u64>,
}

/// The largest offsets of two windows of local time.
#[derive(Clone, Copy, Debug)]
struct Readings {
    since_us: u64,
    now: i64,
    before: i64,
}

impl Clock {
    /// A new domain, equal to the local clock.
    pub fn new() -> Clock {
        Clock::default()
    }

    /// The engine's time at `mono_us` of the local clock; stands still while frozen.
    pub fn now(&self, mono_us: u64) -> Instant {
        let mono_us = self.frozen_at_us.unwrap_or(mono_us);
        Instant::from_micros(mono_us.saturating_add_signed(self.offset_us))
    }

    /// The local time at which the engine's clock will show `at`, if it is not frozen.
    pub fn local(&self, at: Instant) -> u64 {
        at.as_micros()
            .saturating_add_signed(self.offset_us.saturating_neg())
    }

    /// Takes over the sender's time `time_us`, read at local time `mono_us`.
    ///
    /// A reading is late by the channel's delay, so the largest offset of late is the best. Older ones are forgotten: where this
    /// host's clock is the faster one, they would lead ever farther ahead. No time that was read is ever in the future.
    /// A time that no clock comes to teaches nothing.
    pub fn learn(&mut self, time_us: u64, mono_us: u64) {
        if time_us > TIME_US_MAX || mono_us > TIME_US_MAX {
            return;
        }
        let offset = time_us as i64 - mono_us as i64;
        let fresh = Readings {
            since_us: mono_us,
            now: offset,
            before: offset,
        };
        let readings = match self.readings {
            None => fresh,
            Some(old) if mono_us.saturating_sub(old.since_us) < WINDOW_US => Readings {
                now: old.now.max(offset),
                ..old
            },
            Some(old) => Readings {
                before: old.now,
                ..fresh
            },
        };
        self.readings = Some(readings);
        self.offset_us = readings.now.max(readings.before);
    }

    /// Stops the engine's clock: nothing may leave (I8), so no timer may run.
    pub fn freeze(&mut self, mono_us: u64) {
        self.frozen_at_us.get_or_insert(mono_us);
    }

    /// Lets the engine's clock go on from where it stood.
    pub fn thaw(&mut self, mono_us: u64) {
        if let Some(at) = self.frozen_at_us.take() {
            let stood_us = i64::try_from(mono_us.saturating_sub(at)).unwrap_or(i64::MAX);
            self.offset_us = self.offset_us.saturating_sub(stood_us);
        }
    }

    /// Whether the engine's clock stands still.
    pub fn is_frozen(&self) -> bool {
        self.frozen_at_us.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_goes_on_from_where_it_stood() {
        let mut clock = Clock::new();
        clock.freeze(1_000);
        assert_eq!(clock.now(5_000).as_micros(), 1_000);
        clock.thaw(6_000);
        assert_eq!(clock.now(6_500).as_micros(), 1_500);
        assert_eq!(clock.local(Instant::from_micros(1_500)), 6_500);
    }

    #[test]
    fn the_least_delayed_reading_wins() {
        let mut clock = Clock::new();
        clock.learn(10_000, 500); // delayed by 40
        clock.learn(20_000, 10_460); // delayed by 0
        clock.learn(30_000, 20_500); // delayed by 40
        assert_eq!(clock.now(20_500).as_micros(), 30_040);
    }
    #[test]
    fn a_clock_of_another_rate_is_followed_either_way() {
        // A day of heartbeats each 20 ms, of a host whose clock is 100 ppm faster or slower, some of them delayed.
        for rate in [9_999, 10_001] {
            let mut clock = Clock::new();
            for beat in 0..4_320_000_u64 {
                let sent_us = beat * 20_000;
                let delay_us = 200 + beat % 7 * 300;
                let mono_us = (sent_us + delay_us) * rate / 10_000;
                clock.learn(sent_us, mono_us);
                let ahead_us = clock.now(mono_us).as_micros() as i64 - sent_us as i64;
                assert!((0..=5_000).contains(&ahead_us), "{ahead_us} at {beat}");
            }
        }
    }

    #[test]
    fn a_time_that_no_clock_comes_to_teaches_nothing() {
        let mut clock = Clock::new();
        clock.learn(10_000, 500);
        for hostile in [u64::MAX, 1 << 63, i64::MAX as u64] {
            clock.learn(hostile, 700);
            assert_eq!(clock.now(700).as_micros(), 10_200);
        }
    }
}
