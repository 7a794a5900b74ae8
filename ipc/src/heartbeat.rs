//! Judges by silence whether the other node is dead.

/// What the silence says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Heard from lately.
    Alive,
    /// Silent for the whole of the limit, while we were running.
    Dead,
}

/// Counts silence only for time during which we ourselves were running, so that a stall of our
/// own is no sign of the other's death.
///
/// The caller reads its transport first, reports what it heard, and then checks; at least once an
/// interval. Of a longer gap between two calls one interval counts: what was sent meanwhile lies in
/// the transport and is heard before the check.
#[derive(Clone, Copy, Debug)]
pub struct Detector {
    interval_us: u64,
    limit_us: u64,
    silent_us: u64,
    last_us: u64,
}

impl Detector {
    /// Dead after `misses` intervals of silence. It begins at `now_us`, with the other just heard.
    ///
    /// # Panics
    /// When the interval or the number of misses is zero.
    #[must_use]
    pub fn new(interval_us: u64, misses: u32, now_us: u64) -> Self {
        assert!(
            interval_us > 0 && misses > 0,
            "a detector needs an interval and misses"
        );
        Self {
            interval_us,
            limit_us: interval_us.saturating_mul(u64::from(misses)),
            silent_us: 0,
            last_us: now_us,
        }
    }

    /// Something came from the other node.
    pub fn heard(&mut self, now_us: u64) {
        self.silent_us = 0;
        self.last_us = self.last_us.max(now_us);
    }

    /// Everything that came has been reported; judges.
    pub fn checked(&mut self, now_us: u64) -> Verdict {
        let gap_us = now_us.saturating_sub(self.last_us);
        self.last_us = self.last_us.max(now_us);
        self.silent_us = self.silent_us.saturating_add(gap_us.min(self.interval_us));
        if self.silent_us >= self.limit_us {
            Verdict::Dead
        } else {
            Verdict::Alive
        }
    }

    /// When to check next: the verdict cannot change earlier, and no interval goes by unchecked.
    #[must_use]
    pub fn next_check_us(&self) -> u64 {
        let left_us = self.limit_us.saturating_sub(self.silent_us).max(1);
        self.last_us.saturating_add(left_us.min(self.interval_us))
    }

    /// Silence counted so far, in microseconds.
    #[must_use]
    pub fn silent_us(&self) -> u64 {
        self.silent_us
    }
}

#[cfg(test)]
mod tests;
