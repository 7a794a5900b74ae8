//! The segments between SND.UNA and SND.MAX, one record each, and what became of them.
//!
//! Not part of a checkpoint: a survivor cuts the range anew. Memory is reused, and every
//! operation takes time for what it changes, not for what is outstanding.

use crate::scoreboard::Scoreboard;
use crate::time::Instant;
use std::collections::VecDeque;

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

/// What one ACK delivered, as far as records tell.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Taken {
    /// Segments acknowledged that were not SACKed before.
    pub(crate) acked: u32,
    /// Segments SACKed.
    pub(crate) sacked: u32,
    /// A retransmitted segment was acknowledged; when the first such was last sent.
    pub(crate) retransmission: Option<Instant>,
    /// Smallest end of a segment that was sent once only, and delivered.
    pub(crate) original_before: Option<u64>,
    /// Sending times of the first and the last segment acknowledged that were sent once.
    pub(crate) acked_sent: Option<(Instant, Instant)>,
    /// The same of the segments SACKed.
    pub(crate) sacked_sent: Option<(Instant, Instant)>,
    /// Lowest start of a segment sent once and delivered behind its successors.
    pub(crate) late: Option<u64>,
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

    /// SND.UNA := `una`; `each` sees every segment that the peer had not SACKed. What was
    /// sent once and ends before `prior_sacked`, the highest SACK before this ACK, came late.
    pub(crate) fn acknowledge(
        &mut self,
        una: u64,
        prior_sacked: u64,
        mut each: impl FnMut(&Sent),
    ) -> Taken {
        let mut taken = Taken::default();
        while let Some(head) = self.segments.front_mut() {
            if head.end > una {
                head.start = head.start.max(una);
                break;
            }
            let sent = *head;
            self.segments.pop_front();
            self.lost -= u32::from(sent.lost);
            self.retransmitted -= u32::from(sent.retransmitted);
            if sent.ever_retransmitted && taken.retransmission.is_none() {
                taken.retransmission = Some(sent.sent_at);
            }
            if sent.sacked {
                self.sacked -= 1;
                continue;
            }
            taken.acked += 1;
            if !sent.ever_retransmitted {
                let (first, last) = taken.acked_sent.unwrap_or((sent.sent_at, sent.sent_at));
                taken.acked_sent = Some((first.min(sent.sent_at), last.max(sent.sent_at)));
                taken.note_original(&sent, prior_sacked);
            }
            each(&sent);
        }
        self.ranges.trim(una);
        self.high_sacked = self.high_sacked.max(una);
        if self.segments.is_empty() {
            self.retransmissions.clear();
        }
        taken
    }

    /// The peer holds `left..right`; `each` sees every segment that is news. Where a
    /// segment is covered in part only, it counts as not delivered.
    pub(crate) fn sack(
        &mut self,
        left: u64,
        right: u64,
        prior_sacked: u64,
        taken: &mut Taken,
        mut each: impl FnMut(&Sent),
    ) {
        let mut from = left;
        let mut gaps = [(0, 0); 8];
        let mut count = 0;
        while let Some(gap) = self.ranges.gap(from, right) {
            if count == gaps.len() {
                // The rest is looked at whole.
                gaps[count - 1].1 = right;
                break;
            }
            gaps[count] = gap;
            count += 1;
            from = gap.1;
        }
        let Some(merged) = self.ranges.insert(left, right) else {
            return;
        };
        for &(low, high) in &gaps[..count] {
            let mut index = self.index_of(low);
            while let Some(sent) = self.segments.get_mut(index) {
                if sent.start >= high {
                    break;
                }
                index += 1;
                if sent.sacked || sent.start < merged.0 || sent.end > merged.1 {
                    continue;
                }
                let news = *sent;
                sent.sacked = true;
                self.lost -= u32::from(core::mem::take(&mut sent.lost));
                self.retransmitted -= u32::from(core::mem::take(&mut sent.retransmitted));
                self.sacked += 1;
                self.high_sacked = self.high_sacked.max(news.end);
                taken.sacked += 1;
                if !news.ever_retransmitted {
                    let (first, last) = taken.sacked_sent.unwrap_or((news.sent_at, news.sent_at));
                    taken.sacked_sent = Some((first.min(news.sent_at), last.max(news.sent_at)));
                    taken.note_original(&news, prior_sacked);
                }
                each(&news);
            }
        }
    }

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

    /// The peer has reneged: what it had SACKed may be gone.
    pub(crate) fn forget_sacks(&mut self) {
        self.ranges.clear();
        for sent in &mut self.segments {
            sent.sacked = false;
        }
        self.sacked = 0;
        self.original_from = 0;
        self.high_sacked = self.segments.front().map_or(0, |sent| sent.start);
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

    /// Without SACK: `count` duplicate ACKs say that so many segments have arrived. True
    /// where that is more than can have been lost in front of them: segments come out of
    /// order.
    pub(crate) fn add_duplicates(&mut self, count: u32) -> bool {
        self.sacked += count;
        let holes = self.lost.max(1).min(self.len());
        let most = self.len() - holes;
        let reordered = self.sacked > most;
        self.sacked = self.sacked.min(most);
        reordered
    }

    /// Without SACK: an ACK for `acked` segments filled a hole and what lay behind it.
    /// Returns how many segments it delivered.
    pub(crate) fn consume_duplicates(&mut self, acked: u32) -> u32 {
        if acked == 0 {
            return 0;
        }
        let delivered = acked.saturating_sub(self.sacked).max(1);
        self.sacked = self.sacked.saturating_sub(acked - 1);
        self.sacked = self.sacked.min(self.len());
        delivered
    }

    /// Without SACK: duplicates count from zero again.
    pub(crate) fn reset_duplicates(&mut self) {
        self.sacked = 0;
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

impl Taken {
    fn note_original(&mut self, sent: &Sent, high_sacked: u64) {
        self.original_before = Some(
            self.original_before
                .map_or(sent.end, |end| end.min(sent.end)),
        );
        if sent.start < high_sacked {
            self.late = Some(self.late.map_or(sent.start, |at| at.min(sent.start)));
        }
    }
}

#[cfg(test)]
mod tests;
