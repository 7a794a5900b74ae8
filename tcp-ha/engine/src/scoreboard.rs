//! What the peer holds beyond SND.UNA, as its SACK blocks tell (RFC 6675).

/// Most ranges kept; further ones are not noted, which costs retransmissions only.
const MAX_RANGES: usize = 256;
/// DupThresh of RFC 6675.
const DUP_THRESH: u64 = 3;

/// SACKed ranges in order, none touching another. Not part of a checkpoint: the peer may
/// renege, and a survivor starts without.
#[derive(Debug, Default)]
pub(crate) struct Scoreboard {
    ranges: Vec<(u64, u64)>,
}

impl Scoreboard {
    /// True where nothing is SACKed.
    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Forgets everything (after a timeout: the peer may have reneged).
    pub(crate) fn clear(&mut self) {
        self.ranges.clear();
    }

    /// Notes that the peer holds `left..right`; true where that was news.
    pub(crate) fn insert(&mut self, left: u64, right: u64) -> bool {
        if left >= right {
            return false;
        }
        let first = self.ranges.partition_point(|r| r.1 < left);
        let last = self.ranges.partition_point(|r| r.0 <= right);
        if first == last {
            if self.ranges.len() >= MAX_RANGES {
                return false;
            }
            self.ranges.insert(first, (left, right));
            return true;
        }
        let (low, high) = (self.ranges[first].0, self.ranges[last - 1].1);
        if last - first == 1 && low <= left && right <= high {
            return false;
        }
        self.ranges[first] = (low.min(left), high.max(right));
        self.ranges.drain(first + 1..last);
        true
    }

    /// Forgets what lies before `una`.
    pub(crate) fn trim(&mut self, una: u64) {
        let gone = self.ranges.partition_point(|r| r.1 <= una);
        self.ranges.drain(..gone);
        if let Some(first) = self.ranges.first_mut() {
            first.0 = first.0.max(una);
        }
    }

    /// The first position from `position` on that is not SACKed.
    pub(crate) fn skip(&self, position: u64) -> u64 {
        let at = self.ranges.partition_point(|r| r.1 <= position);
        match self.ranges.get(at) {
            Some(&(left, right)) if left <= position => right,
            _ => position,
        }
    }

    /// Start of the first SACKed range behind `position`.
    pub(crate) fn next_sacked(&self, position: u64) -> Option<u64> {
        let at = self.ranges.partition_point(|r| r.0 <= position);
        self.ranges.get(at).map(|r| r.0)
    }

    /// SACKed octets between the two positions.
    pub(crate) fn sacked(&self, from: u64, to: u64) -> u64 {
        self.ranges
            .iter()
            .map(|&(left, right)| right.min(to).saturating_sub(left.max(from)))
            .sum()
    }

    /// IsLost of RFC 6675: three ranges, or more than two full segments, are SACKed behind
    /// `position`, which itself is not SACKed.
    pub(crate) fn is_lost(&self, position: u64, mss: u64) -> bool {
        position < self.lost_before(mss)
    }

    /// Every position before this one that is not SACKed counts as lost.
    pub(crate) fn lost_before(&self, mss: u64) -> u64 {
        let (mut octets, mut ranges) = (0, 0);
        for &(left, right) in self.ranges.iter().rev() {
            octets += right - left;
            ranges += 1;
            if ranges >= DUP_THRESH || octets > (DUP_THRESH - 1) * mss {
                return left;
            }
        }
        0
    }

    /// Pipe of RFC 6675: octets between `una` and `end` that are thought to be on the way;
    /// what was retransmitted ends at `high_rxt`.
    pub(crate) fn pipe(&self, una: u64, end: u64, high_rxt: u64, mss: u64) -> u64 {
        let lost_before = self.lost_before(mss);
        let not_sacked = |from: u64, to: u64| {
            let len = to.saturating_sub(from);
            len - self.sacked(from, to).min(len)
        };
        not_sacked(una.max(lost_before), end) + not_sacked(una, high_rxt.min(lost_before).min(end))
    }
}

#[cfg(test)]
mod tests;
