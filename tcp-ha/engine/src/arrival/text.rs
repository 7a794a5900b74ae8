//! 3.10.7.4, seventh: process the segment text.

use super::{Arriving, DONE, GO_ON, Step};
use crate::connection::{Connection, Context};
use crate::counters::DropReason;
use crate::segment::Flags;

impl Connection {
    pub(super) fn take_text(&mut self, ctx: &mut Context<'_>, arriving: &Arriving<'_>) -> Step {
        let payload = arriving.segment.payload;
        if payload.is_empty() {
            return GO_ON;
        }
        let (start, end) = (arriving.text_start(), arriving.text_end());
        if end <= self.recv.nxt {
            ctx.counters.count_drop(DropReason::Duplicate);
            self.tally.duplicates_in += 1;
            self.note_duplicate(arriving);
            self.acknowledge_quickly();
            self.passing.ack_now = true;
            return GO_ON;
        }
        if !self.state().accepts_text() {
            ctx.counters.count_drop(DropReason::UnexpectedText);
            self.passing.ack_now = true;
            return GO_ON;
        }
        if self.refuses_text() {
            ctx.counters.count_drop(DropReason::UnexpectedText);
            self.drop_orphan(ctx);
            return DONE;
        }
        self.passing.largest_text = self.passing.largest_text.max(payload.len() as u64);
        let limit = self.text_limit(ctx);
        let (low, high) = (start.max(self.recv.nxt), end.min(limit));
        if high < end {
            ctx.counters.count_drop(DropReason::BufferFull);
            self.passing.ack_now = true;
        }
        if low >= high {
            return GO_ON;
        }
        // Both lie within the payload.
        let text = &payload[(low - start) as usize..(high - start) as usize];
        if low == self.recv.nxt {
            self.take_in_order(ctx, text);
        } else {
            self.take_out_of_order(ctx, low, text);
        }
        GO_ON
    }

    /// No octet at or behind this position is taken: the right edge, the peer's FIN, and the
    /// hard bound of the buffer. The edge may lie beyond READ + capacity by rounding, which
    /// tiny segments may repeat, but not without end.
    fn text_limit(&self, ctx: &Context<'_>) -> u64 {
        let capacity = ctx.config.receive_capacity as u64;
        let hard = self.recv.read + capacity + capacity / 2;
        let fin = self.assembler.fin().unwrap_or(u64::MAX);
        self.recv.right_edge.min(hard).min(fin)
    }

    /// Remembers a range that had come before, for a D-SACK (RFC 2883).
    pub(super) fn note_duplicate(&mut self, arriving: &Arriving<'_>) {
        let (start, end) = (arriving.text_start(), arriving.text_end());
        let end = end.min(self.recv.nxt);
        if !arriving.flags.has(Flags::SYN) && start >= 1 && start < end {
            self.passing.dsack = Some((start, end));
        }
    }
}
