//! The segments between SND.UNA and SND.MAX, one record each, and what became of them.
//!
//! Not part of a checkpoint: a survivor cuts the range anew. Memory is reused, and every
//! operation takes time for what it changes, not for what is outstanding.

mod delivery;
mod loss;

use crate::scoreboard::Scoreboard;
use crate::spare::Spare;
use crate::time::Instant;
use std::collections::VecDeque;

pub(crate) use delivery::Taken;
pub(crate) use loss::Verdict;

/// A segment that was sent and is not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Position of its first octet, or of the FIN.
    pub(crate) start: u64,
    /// Position behind it, a FIN counted.
    pub(crate) end: u64,
    /// When it was last sent.
    pub(crate) sent_at: Instant,
    /// The peer holds it.
    pub(crate) sacked: bool,
    /// It is taken for lost, and the last transmission may be so as well.
    pub(crate) lost: bool,
    /// A retransmission is on the way.
    pub(crate) retransmitted: bool,
    /// It was sent more than once.
    pub(crate) ever_retransmitted: bool,
    /// It ends a SEND with PUSH.
    pub(crate) push: bool,
}

/// Records in sequence order, none missing.
#[derive(Debug, Default)]
pub(crate) struct Outstanding {
    segments: VecDeque<Sent>,
    ranges: Scoreboard,
    /// Retransmissions in the order of time; some may be out of date.
    retransmissions: VecDeque<(Instant, u64)>,
    sacked: u32,
    lost: u32,
    retransmitted: u32,
    /// No segment before it waits for its retransmission.
    repair_from: u64,
    /// No first transmission before it is on the way.
    original_from: u64,
    /// End of the highest segment SACKed.
    high_sacked: u64,
}

impl Outstanding {
    /// Nothing is outstanding.
    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Segments outstanding.
    pub(crate) fn len(&self) -> u32 {
        // Bounded by the largest congestion window.
        self.segments.len() as u32
    }

    /// Segments SACKed; without SACK, duplicate ACKs that stand for segments.
    pub(crate) fn sacked(&self) -> u32 {
        self.sacked
    }

    /// Segments taken for lost.
    pub(crate) fn lost(&self) -> u32 {
        self.lost
    }

    /// Retransmissions on the way.
    pub(crate) fn retransmitted(&self) -> u32 {
        self.retransmitted
    }

    /// Segments thought to be on the way (pipe of RFC 6675).
    pub(crate) fn flight(&self) -> u32 {
        (self.len() + self.retransmitted).saturating_sub(self.sacked + self.lost)
    }

    /// End of the highest segment SACKed.
    pub(crate) fn high_sacked(&self) -> u64 {
        self.high_sacked
    }

    /// The record at `index`.
    pub(crate) fn at(&self, index: usize) -> Option<&Sent> {
        self.segments.get(index)
    }

    /// The first record.
    pub(crate) fn head(&self) -> Option<&Sent> {
        self.segments.front()
    }

    /// The last record.
    pub(crate) fn tail(&self) -> Option<&Sent> {
        self.segments.back()
    }

    /// Index of the record that holds `position`, or of the next one.
    fn index_of(&self, position: u64) -> usize {
        self.segments.partition_point(|sent| sent.end <= position)
    }

    /// A new segment was sent.
    pub(crate) fn push(&mut self, start: u64, end: u64, now: Instant) {
        if self.segments.is_empty() {
            self.repair_from = start;
            self.original_from = start;
            self.high_sacked = start;
        }
        self.segments.push_back(Sent {
            start,
            end,
            sent_at: now,
            sacked: false,
            lost: false,
            retransmitted: false,
            ever_retransmitted: false,
            push: false,
        });
    }

    /// The segment sent last ends a SEND with PUSH.
    pub(crate) fn push_last(&mut self) {
        if let Some(last) = self.segments.back_mut() {
            last.push = true;
        }
    }

    /// Cuts the segment at `index` in two at `position`.
    pub(crate) fn split(&mut self, index: usize, position: u64) {
        let Some(&sent) = self.segments.get(index) else {
            return;
        };
        if position <= sent.start || position >= sent.end {
            return;
        }
        self.segments[index].end = position;
        // PSH belongs to the end.
        self.segments[index].push = false;
        let rest = Sent {
            start: position,
            ..sent
        };
        self.segments.insert(index + 1, rest);
        self.sacked += u32::from(rest.sacked);
        self.lost += u32::from(rest.lost);
        self.retransmitted += u32::from(rest.retransmitted);
    }
}

impl Spare for Outstanding {
    fn spare_octets(&self) -> usize {
        self.segments.spare_octets()
            + self.ranges.spare_octets()
            + self.retransmissions.spare_octets()
    }

    fn give_back(&mut self) {
        self.segments.give_back();
        self.ranges.give_back();
        self.retransmissions.give_back();
    }
}

#[cfg(test)]
mod tests;
