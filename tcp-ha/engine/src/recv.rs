//! Taking octets in, and when to acknowledge them (RFC 5681 4.2, RFC 9293 3.8.6.3).

use crate::config::ReceiveMode;
use crate::connection::{Connection, Context, QUICK_ACKS};
use crate::counters::DropReason;
use crate::effects::Event;
use crate::error::Error;

/// As `QUICK_ACKS`, where the daemon marks what may be acknowledged.
const QUICK_ACKS_MARKED: u32 = 2;
/// The peer's full segment is taken for at least this (as Linux does).
const MIN_FULL_TEXT: u64 = 536;

impl Connection {
    /// Takes the octets `text`, which begin at RCV.NXT, and what had waited behind them.
    pub(crate) fn take_in_order(&mut self, ctx: &mut Context<'_>, text: &[u8]) {
        let from = self.recv.nxt;
        self.recv_buffer.append(text, ctx.memory);
        self.recv.nxt += text.len() as u64;
        let had_gap = !self.assembler.is_empty();
        while let Some(octets) = self.assembler.take(self.recv.nxt) {
            let (front, back) = octets.as_slices();
            self.recv_buffer.append(front, None);
            self.recv_buffer.append(back, None);
            self.recv.nxt += octets.len() as u64;
        }
        self.tally.octets_in += self.recv.nxt - from;
        if self
            .tally
            .last_text_at
            .is_some_and(|at| ctx.now.saturating_since(at) > self.rtt.rto)
        {
            self.acknowledge_quickly();
        }
        self.tally.last_text_at = Some(ctx.now);
        if self.identity.options.receive_mode == ReceiveMode::Logged {
            self.recv.safe = self.recv.nxt;
        }
        if self.lifecycle.orphaned.is_some() {
            self.discard_received();
        } else {
            ctx.fx.events.push(Event::Received {
                id: self.id,
                from: from - 1,
                to: self.recv.nxt - 1,
            });
        }
        self.plan_ack(ctx, had_gap);
    }

    /// The peer comes out of a timeout, or is in one: its window is one segment, and waits for its acknowledgement.
    pub(crate) fn acknowledge_quickly(&mut self) {
        let quick = match self.identity.options.receive_mode {
            ReceiveMode::Logged => QUICK_ACKS,
            // A trailing part made safe costs a record.
            ReceiveMode::Marked => QUICK_ACKS_MARKED,
        };
        self.passing.quick_acks = self.passing.quick_acks.max(quick);
    }

    /// Now, or with company later.
    fn plan_ack(&mut self, ctx: &Context<'_>, had_gap: bool) {
        let full = self
            .passing
            .largest_text
            .max(MIN_FULL_TEXT)
            .min(u64::from(self.identity.our_mss));
        let quick = self.passing.quick_acks > 0;
        self.passing.quick_acks = self.passing.quick_acks.saturating_sub(1);
        let second = self.recv.nxt - self.recv.last_ack_sent > full;
        let marked = self.identity.options.receive_mode == ReceiveMode::Marked;
        let patience = ctx.config.mark_patience;
        if second && marked && !had_gap && !quick && !patience.is_zero() {
            self.passing.ack_on_mark.get_or_insert(self.recv.nxt);
            let at = ctx.now + patience;
            let delayed = self.passing.delayed_ack.get_or_insert(at);
            *delayed = at.min(*delayed);
            return;
        }
        if second && !had_gap && !quick && !marked && ctx.config.gather_acks {
            self.passing.ack_gathered = true;
        } else if had_gap || quick || second || ctx.config.delayed_ack.is_zero() {
            self.passing.ack_now = true;
        } else {
            self.passing
                .delayed_ack
                .get_or_insert(ctx.now + ctx.config.delayed_ack);
        }
    }

    /// Keeps octets that came too early.
    pub(crate) fn take_out_of_order(&mut self, ctx: &mut Context<'_>, start: u64, text: &[u8]) {
        self.tally.out_of_order_in += 1;
        if !self
            .assembler
            .insert(start, text, ctx.config.max_reassembly_ranges)
        {
            ctx.counters.count_drop(DropReason::ReassemblyFull);
        }
        self.passing.ack_now = true;
    }

    /// READ := `upto` (a position); a window update goes out where it is worth one.
    pub(crate) fn consume(&mut self, ctx: &mut Context<'_>, upto: u64) -> Result<(), Error> {
        if upto < self.recv.read || upto > self.recv_text_end() {
            return Err(Error::OutOfRange);
        }
        if upto > self.recv.safe {
            return Err(Error::NotSafe);
        }
        self.recv.read = upto;
        self.recv_buffer.trim(upto);
        let open = self.state().accepts_text() && !self.lifecycle.fin_received;
        if open && self.window_update_is_due(ctx) {
            self.emit_ack_in_turn(ctx);
        }
        Ok(())
    }

    /// SAFE := `upto` (a position), the FIN behind it included; the ACK that was due goes out.
    pub(crate) fn make_safe(&mut self, ctx: &mut Context<'_>, upto: u64) -> Result<(), Error> {
        if upto > self.recv_text_end() {
            return Err(Error::OutOfRange);
        }
        let safe = if upto == self.recv_text_end() {
            self.recv.nxt
        } else {
            upto
        };
        // Marks may come late and out of date: SAFE never goes back.
        self.recv.safe = self.recv.safe.max(safe);
        self.passing.safe_asked = None;
        if self.passing.ack_now || self.passing.ack_on_mark.is_some() {
            self.passing.ack_now = false;
            self.wait_for_next_mark(ctx);
            self.emit_ack_in_turn(ctx);
        }
        Ok(())
    }

    /// What lies behind a mark waits for the next one, and each octet for as long as the first did.
    fn wait_for_next_mark(&mut self, ctx: &Context<'_>) {
        let Some(awaited) = self.passing.ack_on_mark else {
            return;
        };
        if self.recv.safe == self.recv.nxt {
            self.passing.ack_on_mark = None;
        } else if self.recv.safe >= awaited {
            self.passing.ack_on_mark = Some(self.recv.nxt);
            self.passing.delayed_ack = Some(ctx.now + ctx.config.mark_patience);
        }
    }

    /// Changes when octets may be acknowledged. Towards `Logged` all that was received
    /// counts as recorded.
    pub(crate) fn set_receive_mode(&mut self, ctx: &mut Context<'_>, mode: ReceiveMode) {
        self.identity.options.receive_mode = mode;
        if mode == ReceiveMode::Logged && self.recv.safe < self.recv.nxt {
            self.recv.safe = self.recv.nxt;
            self.passing.ack_now = true;
            self.acknowledge_if_due(ctx);
        }
    }
}
