//! The log: allocates sequence numbers and accounts for what the standby has not acknowledged.
//!
//! It holds no octets of batches, only their sizes; time is the caller's clock in microseconds.

use core::fmt;
use std::collections::VecDeque;

use crate::ids::Lsn;

/// Octets that an outstanding batch counts for beyond its own, so that barriers are bounded too.
pub const BATCH_OVERHEAD_OCTETS: usize = 64;

/// The standby has not acknowledged as much as the log may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogFull {
    /// Octets outstanding.
    pub held_octets: usize,
    /// Octets that may be outstanding.
    pub limit_octets: usize,
}

impl fmt::Display for LogFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "log full: {} octets are not acknowledged, {} may be",
            self.held_octets, self.limit_octets
        )
    }
}

impl core::error::Error for LogFull {}

/// An acknowledgement of a batch that was never appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeverAppended {
    /// What was acknowledged.
    pub lsn: Lsn,
    /// The last batch.
    pub last: Lsn,
}

impl fmt::Display for NeverAppended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "LSN {} acknowledged, the last is {}",
            self.lsn, self.last
        )
    }
}

impl core::error::Error for NeverAppended {}

#[derive(Clone, Copy, Debug)]
struct Outstanding {
    octets: usize,
    since_us: u64,
}

/// LSNs and outstanding octets; see the module's text. Begins detached: with nobody to
/// acknowledge, LSNs are allocated and nothing is held.
#[derive(Debug)]
pub struct Log {
    limit_octets: usize,
    attached: bool,
    last: Lsn,
    acknowledged: Lsn,
    held_octets: usize,
    outstanding: VecDeque<Outstanding>,
}

impl Log {
    /// A log whose first batch is 1 and which holds at most `limit_octets`.
    #[must_use]
    pub fn new(limit_octets: usize) -> Self {
        Self::starting_after(Lsn::ZERO, limit_octets)
    }

    /// A log whose first batch comes after `last`: a survivor goes on counting.
    #[must_use]
    pub fn starting_after(last: Lsn, limit_octets: usize) -> Self {
        Self {
            limit_octets,
            attached: false,
            last,
            acknowledged: last,
            held_octets: 0,
            outstanding: VecDeque::new(),
        }
    }

    /// From now on somebody acknowledges: batches are held until then.
    pub fn attach(&mut self) {
        self.attached = true;
    }

    /// Nobody acknowledges any more: nothing is held, everything counts as acknowledged.
    pub fn detach(&mut self) {
        self.attached = false;
        self.acknowledged = self.last;
        self.held_octets = 0;
        self.outstanding.clear();
    }

    /// Whether batches are held until they are acknowledged.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        self.attached
    }

    /// Allocates the LSN of a batch of `octets`, closed at `now_us`.
    ///
    /// # Errors
    /// [`LogFull`], when it is attached and would hold more than its limit; a single batch is
    /// always taken when nothing is outstanding.
    pub fn append(&mut self, octets: usize, now_us: u64) -> Result<Lsn, LogFull> {
        if !self.attached {
            self.last = self.last.next();
            self.acknowledged = self.last;
            return Ok(self.last);
        }
        let octets = octets.saturating_add(BATCH_OVERHEAD_OCTETS);
        let held_octets = self.held_octets.saturating_add(octets);
        if held_octets > self.limit_octets && !self.outstanding.is_empty() {
            return Err(LogFull {
                held_octets: self.held_octets,
                limit_octets: self.limit_octets,
            });
        }
        self.last = self.last.next();
        self.held_octets = held_octets;
        self.outstanding.push_back(Outstanding {
            octets,
            since_us: now_us,
        });
        Ok(self.last)
    }

    /// Whether a batch of `octets` would be taken.
    #[must_use]
    pub fn has_room(&self, octets: usize) -> bool {
        let octets = octets.saturating_add(BATCH_OVERHEAD_OCTETS);
        !self.attached
            || self.outstanding.is_empty()
            || self.held_octets.saturating_add(octets) <= self.limit_octets
    }

    /// The standby holds everything up to `lsn`. An older one than the last changes nothing.
    ///
    /// # Errors
    /// [`NeverAppended`]; nothing is changed then.
    pub fn acknowledge(&mut self, lsn: Lsn) -> Result<(), NeverAppended> {
        if lsn > self.last {
            return Err(NeverAppended {
                lsn,
                last: self.last,
            });
        }
        let lsn = match planted!(LogTrimmedEarly) {
            true => lsn.next().min(self.last),
            false => lsn,
        };
        while self.acknowledged < lsn {
            self.acknowledged = self.acknowledged.next();
            if let Some(batch) = self.outstanding.pop_front() {
                self.held_octets -= batch.octets;
            }
        }
        Ok(())
    }

    /// The last LSN allocated.
    #[must_use]
    pub fn last(&self) -> Lsn {
        self.last
    }

    /// The last LSN acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> Lsn {
        self.acknowledged
    }

    /// Batches not acknowledged.
    #[must_use]
    pub fn lag_batches(&self) -> u64 {
        self.last.0 - self.acknowledged.0
    }

    /// Octets not acknowledged, overhead included.
    #[must_use]
    pub fn held_octets(&self) -> usize {
        self.held_octets
    }

    /// When the oldest batch that is not acknowledged was closed, on the caller's clock.
    #[must_use]
    pub fn oldest_unacknowledged_since(&self) -> Option<u64> {
        self.outstanding.front().map(|batch| batch.since_us)
    }

    /// For how long the oldest batch has waited for its acknowledgement; 0 when none waits.
    #[must_use]
    pub fn lag_us(&self, now_us: u64) -> u64 {
        self.oldest_unacknowledged_since()
            .map_or(0, |since_us| now_us.saturating_sub(since_us))
    }
}

#[cfg(test)]
mod tests;
