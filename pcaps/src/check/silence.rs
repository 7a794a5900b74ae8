//! Times without a segment.

use std::time::Duration;

use crate::check::report::Silence;
use crate::time::Timestamp;

/// The longest silences of one direction.
#[derive(Debug, Default)]
pub(super) struct Silences {
    last: Option<Timestamp>,
    longest: Vec<Silence>,
}

impl Silences {
    /// A segment came at `now`.
    pub(super) fn segment(&mut self, now: Timestamp, min: Duration, kept_max: usize) {
        let Some(from) = self.last.replace(now) else {
            return;
        };
        let length = now.saturating_since(from);
        if length < min {
            return;
        }
        self.longest.push(Silence {
            from,
            until: now,
            length_us: u64::try_from(length.as_micros()).unwrap_or(u64::MAX),
        });
        if self.longest.len() > kept_max {
            let shortest = (0..self.longest.len()).min_by_key(|&at| self.longest[at].length_us);
            if let Some(shortest) = shortest {
                self.longest.remove(shortest);
            }
        }
    }

    /// The silences kept, in the order of the capture.
    pub(super) fn into_longest(self) -> Vec<Silence> {
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_silences_are_kept_in_order() {
        let mut silences = Silences::default();
        for moment in [0, 5, 105, 110, 410, 460, 660] {
            let now = Timestamp::from_micros(moment * 1000);
            silences.segment(now, Duration::from_millis(50), 2);
        }
        let lengths: Vec<u64> = silences
            .into_longest()
            .iter()
            .map(|s| s.length_us)
            .collect();
        assert_eq!(lengths, [300_000, 200_000]);
    }
}
