//! What may be sent now, and sending it.

mod train;

use crate::connection::{Connection, Context};
use crate::effects::SUPER_SEGMENT_OCTETS_MAX;
use crate::options::MAX_OPTIONS_LEN;
use crate::output::Span;
use crate::segment::{Flags, HEADER_LEN};
use train::Train;

/// A range of positions to be sent in one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    from: u64,
    to: u64,
    fin: bool,
}

impl Run {
    /// Position behind everything in the segment.
    fn end(self) -> u64 {
        self.to + u64::from(self.fin)
    }

    /// Octets of text.
    fn len(self) -> u64 {
        self.to - self.from
    }

    /// A FIN without octets: the congestion window does not hold it back.
    fn is_bare_fin(&self) -> bool {
        self.fin && self.from == self.to
    }
}

impl Connection {
    /// Sends whatever may be sent, the ACK that is due, and sets the timers. Ends every
    /// round of a connection.
    pub(crate) fn transmit(&mut self, ctx: &mut Context<'_>) {
        if self.cause.is_some() {
            return;
        }
        if self.state().may_transmit() && self.passing.hold_until.is_none() {
            if !self.recovery.new_first {
                self.send_repairs(ctx);
            }
            self.send_new(ctx);
            if self.recovery.new_first && self.send.max <= self.recovery.high_seq {
                // F-RTO has nothing new to send: retransmissions go on.
                self.recovery.new_first = false;
                self.recovery.frto = false;
                self.send_repairs(ctx);
            }
        }
        self.acknowledge_if_due(ctx);
        self.arm_transmission(ctx);
    }

    fn has_room(&self) -> bool {
        self.outstanding.flight() < self.congestion.cwnd
    }

    /// Sends again what is lost, as the congestion window allows.
    fn send_repairs(&mut self, ctx: &mut Context<'_>) {
        while self.has_room() {
            let Some(index) = self.outstanding.next_repair() else {
                return;
            };
            if !self.retransmit(ctx, index) {
                return;
            }
        }
    }

    fn send_new(&mut self, ctx: &mut Context<'_>) {
        let before = self.send.max;
        if self.outstanding.is_empty() && self.new_run(before).is_some() {
            self.restart_after_idle(ctx);
        }
        let mut room = self
            .congestion
            .cwnd
            .saturating_sub(self.outstanding.flight());
        let mut next = self
            .new_run(before)
            .filter(|run| room > 0 || run.is_bare_fin());
        // The end of a burst is worth being handed on, as that of a TSO packet of Linux.
        let longest = self.longest_burst(ctx);
        let mut burst = 0;
        let mut train = Train::new(self.longest_train(ctx));
        while let Some(run) = next {
            room = room.saturating_sub(1);
            burst += 1;
            self.note_new(ctx, run);
            next = self
                .new_run(run.end())
                .filter(|run| room > 0 || run.is_bare_fin());
            let ends = next.is_none() || burst == longest;
            let push = self.take_push(run) || (ends && burst > 1);
            burst = if ends { 0 } else { burst };
            train.couple(run);
            if push || !train.takes(run, next, self.mss()) {
                let (whole, segments) = train.leave();
                self.emit_run(ctx, whole, push, segments);
            }
        }
        if self.send.max > before || room == 0 {
            self.note_usage();
        }
    }

    /// Segments that go out together: what the path takes in about a millisecond, more where
    /// the peer is near, and never more than half the window (as TSO packets of Linux).
    fn longest_burst(&self, ctx: &Context<'_>) -> u32 {
        /// Octets of the largest burst.
        const MOST: u64 = 1 << 16;
        let half = (self.congestion.cwnd / 2).max(1);
        let (Some(srtt), Some(least)) = (self.rtt.srtt, self.recovery.rack.min_rtt()) else {
            return half;
        };
        let micros = |time: core::time::Duration| time.as_micros().max(1) as u64;
        let window = u64::from(self.congestion.cwnd) * self.mss();
        // Twice the window in a round trip, so that it may grow.
        let paced = window * 2 * 1_000 / micros(srtt);
        let near = MOST.checked_shr(u32::try_from(micros(least) >> 9).unwrap_or(u32::MAX));
        let octets = (paced + near.unwrap_or(0)).min(MOST);
        // At most 2^16.
        let segments = (octets / self.mss()) as u32;
        segments.max(ctx.config.min_burst).min(half)
    }

    /// The next segment that was never sent, where window, silly-window avoidance and Nagle
    /// let it out (RFC 9293 3.8.6.2.1, 3.7.4).
    fn new_run(&self, from: u64) -> Option<Run> {
        let text_end = self.send_buffer.readable_end();
        let window_end = self.send.una + self.send.wnd;
        let mss = self.next_size(from, text_end.min(window_end));
        let to = (from + mss).min(text_end).min(window_end).max(from);
        let all = to == self.send.end && text_end == self.send.end;
        let fin = all && self.lifecycle.user_closed && !self.lifecycle.fin_acked;
        if fin && (to > from || !self.lifecycle.fin_sent) {
            return Some(Run { from, to, fin });
        }
        let len = to - from;
        let allowed = if len == 0 {
            false
        } else if len == mss {
            true
        } else if to == text_end {
            // Minshall: small segments wait only for small segments.
            self.identity.options.nodelay || self.send.small <= self.send.una
        } else {
            len >= self.send.max_wnd / 2
        };
        allowed.then_some(Run {
            from,
            to,
            fin: false,
        })
    }

    /// Octets of text of the next full segment: those of a path MTU probe where one is wanted
    /// and can go out whole.
    fn next_size(&self, from: u64, stop: u64) -> u64 {
        self.probe_text()
            .filter(|&text| from + text <= stop)
            .unwrap_or_else(|| self.mss())
    }

    /// Sends a segment for the first time.
    fn send_run(&mut self, ctx: &mut Context<'_>, run: Run) {
        self.note_new(ctx, run);
        let push = self.take_push(run);
        self.emit_run(ctx, run, push, 1);
    }

    /// Whether the segment that was noted last ends a SEND with PUSH.
    fn take_push(&mut self, run: Run) -> bool {
        let ends_send = self.pushes.take(run.from, run.to, self.send.end);
        if ends_send {
            self.outstanding.push_last();
        }
        ends_send
    }

    /// Segments that one super-segment may stand for.
    fn longest_train(&self, ctx: &Context<'_>) -> u32 {
        if !ctx.config.super_segments || !self.signer.is_plain() {
            return 1;
        }
        let text = SUPER_SEGMENT_OCTETS_MAX - HEADER_LEN - MAX_OPTIONS_LEN;
        // At most 2^16.
        (text as u64 / self.mss()) as u32
    }

    /// A segment is about to be sent for the first time.
    fn note_new(&mut self, ctx: &Context<'_>, run: Run) {
        let Run { from, to, fin } = run;
        self.note_path(ctx, from, to);
        if self.send.una == self.send.max {
            self.timers.progress_at = ctx.now;
        }
        self.lifecycle.fin_sent |= fin;
        if to > from && to - from < self.mss() {
            self.send.small = to;
        }
        self.send.max = run.end();
        self.outstanding.push(from, run.end(), ctx.now);
        self.recovery.tail.rearm = true;
    }

    /// Sends the segment at `index` of those outstanding again. False where it cannot be
    /// sent: its octets have not been supplied yet, or the peer's window has shrunk.
    pub(crate) fn retransmit(&mut self, ctx: &mut Context<'_>, index: usize) -> bool {
        let Some(&sent) = self.outstanding.at(index) else {
            return false;
        };
        let from = sent.start;
        let is_head = from == self.send.una;
        // A peer that shrank its window still gets the first segment (RFC 9293 3.8.6).
        if !is_head && sent.end > self.send.una + self.send.wnd {
            return false;
        }
        let text_end = sent.end.min(self.send.end);
        let limit = (from + self.mss()).min(self.send_buffer.readable_end());
        let mut to = text_end;
        if limit < text_end {
            if limit <= from {
                return false;
            }
            self.outstanding.split(index, limit);
            to = limit;
        }
        let last = to == text_end;
        let fin = last && sent.end > self.send.end;
        let push = last && sent.push;
        self.note_path(ctx, from, to);
        self.outstanding.note_retransmitted(index, ctx.now);
        self.passing.retransmits += 1;
        self.tally.octets_retransmitted += to - from;
        ctx.counters.retransmits += 1;
        self.emit_run(ctx, Run { from, to, fin }, push, 1);
        self.note_retransmit_for_undo();
        true
    }

    /// Builds what stands for so many segments.
    fn emit_run(&mut self, ctx: &mut Context<'_>, run: Run, push: bool, segments: u32) {
        let Run { from, to, fin } = run;
        let mut flags = Flags::ACK;
        // What is queued last has it even where the SEND's end is no longer known.
        let ends_queue = to == self.send.end && !self.pushes.more_is_to_come();
        if to > from && (push || ends_queue) {
            flags = flags.with(Flags::PSH);
        }
        if fin {
            flags = flags.with(Flags::FIN);
        }
        self.recovery.prr.out += segments;
        self.timers.sent_at = ctx.now;
        let span = Span {
            from,
            to,
            segments,
            mss: self.mss(),
        };
        self.emit_span(ctx, flags, span);
    }

    /// Sends part of what the window allows although it is small: the override timeout of
    /// RFC 9293 3.8.6.2.1. False where the window is shut.
    pub(crate) fn send_small(&mut self, ctx: &mut Context<'_>) -> bool {
        match self.small_run() {
            Some(run) => {
                self.send_run(ctx, run);
                true
            }
            None => false,
        }
    }

    /// A segment of what was never sent, whatever its size.
    fn small_run(&self) -> Option<Run> {
        let from = self.send.max;
        let window_end = self.send.una + self.send.wnd;
        let to = (from + self.mss())
            .min(self.send_buffer.readable_end())
            .min(window_end);
        (to > from).then_some(Run {
            from,
            to,
            fin: false,
        })
    }

    /// A tail loss probe with octets that were never sent; neither the congestion window nor
    /// Nagle holds it back. False where there are none.
    pub(crate) fn send_probe_of_new(&mut self, ctx: &mut Context<'_>) -> bool {
        match self.new_run(self.send.max).or_else(|| self.small_run()) {
            Some(run) => {
                self.send_run(ctx, run);
                true
            }
            None => false,
        }
    }

    /// Sends the first unacknowledged segment, whatever the windows say; false where there
    /// is none or its octets have not been supplied.
    pub(crate) fn send_head(&mut self, ctx: &mut Context<'_>) -> bool {
        self.retransmit(ctx, 0)
    }

    /// Records for what a predecessor had sent, as this node would have cut it.
    pub(crate) fn cut_outstanding(&mut self) {
        let synchronized = self.send.una >= 1;
        let mut start = self.send.una;
        while synchronized && start < self.send.max {
            let mut end = (start + self.mss()).min(self.send.max);
            if end == self.send.end {
                // A FIN goes with the octets before it.
                end = self.send.max.min(end + 1);
            }
            self.outstanding.push(start, end, self.timers.sent_at);
            start = end;
        }
    }
}
