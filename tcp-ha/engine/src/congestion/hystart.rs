//! Leaving slow start before the first loss: where round trips grow, or ACKs come as a train
//! that is half a round trip long (Ha and Rhee, "Taming the elephants", 2011).

use crate::time::Instant;
use core::time::Duration;

/// Smallest window at which it is watched for.
pub(super) const LOW_WINDOW: u32 = 16;
/// Samples of a round before delays are judged.
const MIN_SAMPLES: u32 = 8;
/// An eighth of the smallest round trip, within these bounds, is a delay.
const THRESHOLD: (Duration, Duration) = (Duration::from_millis(4), Duration::from_millis(16));
/// ACKs no further apart than this make a train.
const TRAIN_GAP: Duration = Duration::from_millis(2);

/// One round trip of samples. Not part of a checkpoint.
#[derive(Debug, Default)]
pub(super) struct Hystart {
    /// Position whose acknowledgement ends the round.
    end: u64,
    round_start: Instant,
    last_ack: Instant,
    least: Option<Duration>,
    samples: u32,
    found: bool,
}

impl Hystart {
    /// Takes in a round trip; true where slow start should end.
    pub(super) fn sample(
        &mut self,
        now: Instant,
        rtt: Duration,
        min_rtt: Duration,
        una: u64,
        max: u64,
    ) -> bool {
        if self.found {
            return false;
        }
        if una > self.end {
            self.end = max;
            self.round_start = now;
            self.last_ack = now;
            self.least = None;
            self.samples = 0;
        }
        if now.saturating_since(self.last_ack) <= TRAIN_GAP {
            self.last_ack = now;
            if now.saturating_since(self.round_start) > min_rtt / 2 {
                self.found = true;
            }
        }
        let least = self.least.map_or(rtt, |least| least.min(rtt));
        self.least = Some(least);
        if self.samples < MIN_SAMPLES {
            self.samples += 1;
        } else if least > min_rtt + (min_rtt / 8).clamp(THRESHOLD.0, THRESHOLD.1) {
            self.found = true;
        }
        self.found
    }
}
