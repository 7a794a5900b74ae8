//! SACK blocks of an ACK (RFC 2018, RFC 2883), and the round trip that it measures.

use crate::connection::{Connection, Context};
use crate::outstanding::Taken;
use crate::segment::Segment;
use crate::seq::SeqNum;
use core::time::Duration;

/// A segment has room for no more.
const MAX_BLOCKS: usize = 4;

impl Connection {
    /// Notes what the SACK blocks tell; the first may report a duplicate.
    pub(super) fn take_sacks(&mut self, ctx: &mut Context<'_>, segment: &Segment<'_>, ack: u64) {
        if !self.identity.sack_permitted || segment.options.sack.is_empty() {
            return;
        }
        let iss = self.identity.iss;
        let (una, max) = (self.send.una, self.send.max);
        let blocks = segment.options.sack.as_slice();
        let place = |at: usize| {
            let block = blocks.get(at)?;
            let left = iss.position(block.left, una)?;
            let right = iss.position(block.right, una)?;
            (left < right && right <= max).then_some((left, right))
        };
        let duplicate = place(0).filter(|&(left, right)| {
            let within = place(1).is_some_and(|second| second.0 <= left && right <= second.1);
            right <= ack || within
        });
        if let Some((left, right)) = duplicate {
            self.note_dsack(left, right);
        }
        let mut fresh = [(u64::MAX, u64::MAX); MAX_BLOCKS];
        for (at, slot) in (usize::from(duplicate.is_some())..blocks.len()).zip(&mut fresh) {
            // Below SND.UNA it is stale; beyond SND.MAX it is a lie.
            if let Some(block) = place(at).filter(|block| block.1 > una) {
                *slot = block;
            }
        }
        // In order, or the second would look late beside the first.
        fresh.sort_unstable();
        let mut taken = Taken::default();
        let prior_sacked = self.recovery.news.prior_sacked;
        let rack = &mut self.recovery.rack;
        for &(left, right) in fresh.iter().take_while(|block| block.0 != u64::MAX) {
            let left = left.max(una);
            self.outstanding
                .sack(left, right, prior_sacked, &mut taken, |sent| {
                    rack.delivered(sent, ctx.now);
                });
        }
        self.note_taken(&taken);
        if let Some((first, _)) = taken.sacked_sent {
            self.recovery.news.sacked_sent = Some(first);
        }
    }

    /// The peer received `left..right` twice.
    fn note_dsack(&mut self, left: u64, right: u64) {
        let len = right - left;
        // Nobody can have been sent so much at once.
        if len > self.send.max_wnd {
            return;
        }
        let segments = len.div_ceil(self.mss()).max(1);
        let news = &mut self.recovery.news;
        news.dsack_of_probe = segments == 1 && self.recovery.tail.end == Some(right);
        news.dsack = true;
        let of_probe = news.dsack_of_probe;
        // At most a window of segments.
        self.note_dsack_for_undo(right, segments as u32);
        if !of_probe {
            self.recovery.rack.note_dsack();
        }
    }

    /// A segment that was sent once measures the round trip; else the echoed timestamp: a
    /// retransmission spoils the former and not the latter (Karn, RFC 7323 section 4).
    pub(super) fn sample_rtt(&mut self, ctx: &Context<'_>, taken: &Taken, segment: &Segment<'_>) {
        let sent_at = match (taken.acked_sent, taken.retransmission) {
            (Some((first, _)), None) => Some(first),
            _ => self
                .recovery
                .news
                .sacked_sent
                .or(self.passing.syn_sent_at.take()),
        };
        let rtt = match sent_at {
            Some(at) => Some(ctx.now.saturating_since(at)),
            None => self.echoed_rtt(ctx, taken, segment),
        };
        if let Some((_, last)) = taken.acked_sent.filter(|_| taken.retransmission.is_none()) {
            self.note_path_rtt(ctx, ctx.now.saturating_since(last));
        } else if let Some(rtt) = rtt.filter(|_| sent_at.is_some()) {
            self.note_path_rtt(ctx, rtt);
        }
        if let Some(rtt) = rtt {
            self.learn(rtt, ctx.config);
        }
    }

    /// A round trip without the time an ACK was delayed.
    fn note_path_rtt(&mut self, ctx: &Context<'_>, rtt: Duration) {
        self.recovery.rack.note_rtt(rtt, ctx.now);
        self.watch_delay(ctx, rtt);
    }

    /// An echo from before the last transmission says that an earlier one arrived, and not
    /// how long its ACK has been on the way: that may have been lost.
    fn echoed_rtt(
        &self,
        ctx: &Context<'_>,
        taken: &Taken,
        segment: &Segment<'_>,
    ) -> Option<Duration> {
        let echo = self.echoed(segment)?;
        let last_sent = taken.retransmission.map(|at| self.timestamp_clock(at));
        if last_sent.is_some_and(|last| SeqNum(echo).before(SeqNum(last))) {
            return None;
        }
        let millis = self.timestamp_clock(ctx.now).wrapping_sub(echo);
        ((millis as i32) >= 0).then(|| Duration::from_millis(u64::from(millis)))
    }
}
