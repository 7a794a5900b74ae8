//! What the peer has received, as ACKs and SACK blocks tell; without SACK, as duplicate ACKs do.

use super::{Outstanding, Sent};
use crate::time::Instant;

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

impl Outstanding {
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
}
