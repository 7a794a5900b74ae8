//! What is taken for lost, and what is sent again.

use super::{Outstanding, Sent};
use crate::time::Instant;

/// What is to be thought of a segment on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Sent after all that was delivered, and so is everything that follows.
    Later,
    /// Should have been delivered, but may still come.
    Wait,
    /// Lost.
    Lost,
}

impl Outstanding {
    /// Takes the segment at `index` for lost, a retransmission of it as well.
    pub(crate) fn mark_lost(&mut self, index: usize) {
        let Some(sent) = self.segments.get_mut(index) else {
            return;
        };
        if sent.sacked || (sent.lost && !sent.retransmitted) {
            return;
        }
        self.retransmitted -= u32::from(core::mem::take(&mut sent.retransmitted));
        if !sent.lost {
            sent.lost = true;
            self.lost += 1;
        }
        self.repair_from = self.repair_from.min(sent.start);
    }

    /// Takes every segment for lost for which `is_lost` says so.
    pub(crate) fn mark_lost_where(&mut self, is_lost: impl Fn(&Sent) -> bool) {
        for index in 0..self.segments.len() {
            if is_lost(&self.segments[index]) {
                self.mark_lost(index);
            }
        }
    }

    /// Nothing is taken for lost any more.
    pub(crate) fn unmark_lost(&mut self) {
        for sent in &mut self.segments {
            sent.lost = false;
        }
        self.lost = 0;
        self.original_from = 0;
    }

    /// Index of the first segment that is lost and not retransmitted.
    pub(crate) fn next_repair(&mut self) -> Option<usize> {
        if self.lost == 0 {
            return None;
        }
        let mut index = self.index_of(self.repair_from);
        while let Some(sent) = self.segments.get(index) {
            if sent.lost && !sent.retransmitted {
                self.repair_from = sent.start;
                return Some(index);
            }
            index += 1;
        }
        self.repair_from = self.segments.back().map_or(0, |sent| sent.end);
        None
    }

    /// The segment at `index` was sent again.
    pub(crate) fn note_retransmitted(&mut self, index: usize, now: Instant) {
        let Some(sent) = self.segments.get_mut(index) else {
            return;
        };
        sent.sent_at = now;
        sent.ever_retransmitted = true;
        if !sent.sacked && !sent.retransmitted {
            sent.retransmitted = true;
            self.retransmitted += 1;
        }
        let start = sent.start;
        if self.retransmissions.len() > 2 * self.segments.len() + 16 {
            self.drop_stale();
        }
        self.retransmissions.push_back((now, start));
    }

    fn drop_stale(&mut self) {
        let mut all = core::mem::take(&mut self.retransmissions);
        all.retain(|&(at, start)| self.retransmission(at, start).is_some());
        self.retransmissions = all;
    }

    /// Index of the segment that was sent again at `at`, where that is still its last
    /// transmission and on the way.
    fn retransmission(&self, at: Instant, start: u64) -> Option<usize> {
        let index = self.index_of(start);
        let sent = self.segments.get(index)?;
        (sent.retransmitted && sent.sent_at == at && sent.start <= start).then_some(index)
    }

    /// Calls `judge` for each segment on the way in the order in which they were sent, the
    /// first transmissions first and then the retransmissions; what it calls lost is marked,
    /// and at `Later` the walk ends.
    pub(crate) fn judge(&mut self, mut judge: impl FnMut(&Sent) -> Verdict) {
        let mut index = self.index_of(self.original_from);
        let mut settled = true;
        while let Some(sent) = self.segments.get(index).copied() {
            let original = !sent.sacked && !sent.lost && !sent.retransmitted;
            if original {
                match judge(&sent) {
                    Verdict::Later => break,
                    Verdict::Lost => self.mark_lost(index),
                    Verdict::Wait => settled = false,
                }
            }
            if settled {
                self.original_from = sent.end;
            }
            index += 1;
        }
        let mut at = 0;
        while let Some(&(sent_at, start)) = self.retransmissions.get(at) {
            let Some(index) = self.retransmission(sent_at, start) else {
                if at == 0 {
                    self.retransmissions.pop_front();
                } else {
                    at += 1;
                }
                continue;
            };
            match judge(&self.segments[index]) {
                Verdict::Later => break,
                Verdict::Lost => self.mark_lost(index),
                Verdict::Wait => at += 1,
            }
        }
    }
}
