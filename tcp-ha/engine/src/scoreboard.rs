//! What the peer holds beyond SND.UNA, as its SACK blocks tell (RFC 2018).

use crate::spare::Spare;

/// Most ranges kept; further ones are not noted, which costs retransmissions only.
const MAX_RANGES: usize = 256;

/// SACKed ranges in order, none touching another. Not part of a checkpoint: the peer may
/// renege, and a survivor starts without.
#[derive(Debug, Default)]
pub(crate) struct Scoreboard {
    ranges: Vec<(u64, u64)>,
}

impl Scoreboard {
    /// Forgets everything: the peer has reneged.
    pub(crate) fn clear(&mut self) {
        self.ranges.clear();
    }

    /// Notes that the peer holds `left..right`. Returns the range that now stands there;
    /// `None` where that was no news.
    pub(crate) fn insert(&mut self, left: u64, right: u64) -> Option<(u64, u64)> {
        if left >= right {
            return None;
        }
        let first = self.ranges.partition_point(|r| r.1 < left);
        let last = self.ranges.partition_point(|r| r.0 <= right);
        if first == last {
            if self.ranges.len() >= MAX_RANGES {
                return None;
            }
            self.ranges.insert(first, (left, right));
            return Some((left, right));
        }
        let (low, high) = (self.ranges[first].0, self.ranges[last - 1].1);
        if last - first == 1 && low <= left && right <= high {
            return None;
        }
        let merged = (low.min(left), high.max(right));
        self.ranges[first] = merged;
        self.ranges.drain(first + 1..last);
        Some(merged)
    }

    /// The first gap of `left..right` from `from` on that no range covers.
    pub(crate) fn gap(&self, from: u64, right: u64) -> Option<(u64, u64)> {
        let at = self.ranges.partition_point(|r| r.1 <= from);
        let (start, next) = match self.ranges.get(at) {
            Some(&(left, end)) if left <= from => {
                (end, self.ranges.get(at + 1).map_or(right, |r| r.0))
            }
            Some(&(left, _)) => (from, left),
            None => (from, right),
        };
        (start < right).then(|| (start, next.min(right)))
    }

    /// Forgets what lies before `una`.
    pub(crate) fn trim(&mut self, una: u64) {
        let gone = self.ranges.partition_point(|r| r.1 <= una);
        self.ranges.drain(..gone);
        if let Some(first) = self.ranges.first_mut() {
            first.0 = first.0.max(una);
        }
    }
}

impl Spare for Scoreboard {
    fn spare_octets(&self) -> usize {
        self.ranges.spare_octets()
    }

    fn give_back(&mut self) {
        self.ranges.give_back();
    }
}

#[cfg(test)]
mod tests;
