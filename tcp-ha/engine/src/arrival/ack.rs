//! 3.10.7.4, fifth: check the ACK field.

use super::{Arriving, DONE, Door, GO_ON, Step};
use crate::connection::{Connection, Context};
use crate::counters::DropReason;
use crate::effects::{CloseCause, Event};
use crate::segment::{Flags, Segment};
use crate::state::{Opener, State};

impl Connection {
    pub(super) fn check_ack(
        &mut self,
        ctx: &mut Context<'_>,
        arriving: &Arriving<'_>,
        door: Door,
    ) -> Step {
        if !arriving.flags.has(Flags::ACK) {
            return self.drop_segment(ctx, DropReason::MissingAck);
        }
        let segment = arriving.segment;
        let ack = self
            .identity
            .iss
            .position(segment.header.ack, self.send.una);
        if self.state() == State::SynReceived {
            if ack.is_none_or(|ack| ack <= self.send.una || ack > self.send.max) {
                self.reset_stray(ctx, segment);
                return self.drop_segment(ctx, DropReason::AckTooNew);
            }
            let passive = matches!(self.identity.opener, Opener::Passive(_));
            if passive && door == Door::Shut {
                return self.drop_segment(ctx, DropReason::AcceptQueueFull);
            }
            self.establish(ctx, arriving);
        }
        let oldest = self.send.una.saturating_sub(self.send.max_wnd);
        let Some(ack) = ack.filter(|&ack| ack >= oldest) else {
            // RFC 5961 5.2.
            self.challenge(ctx);
            return self.drop_segment(ctx, DropReason::AckTooOld);
        };
        if ack > self.send.max {
            self.challenge(ctx);
            return self.drop_segment(ctx, DropReason::AckTooNew);
        }
        self.release_hold(segment, ack);
        self.take_acknowledgement(ctx, arriving, ack);
        self.follow_fin_acked(ctx)
    }

    /// Acknowledged octets leave, the window moves, losses are found. An ACK older than
    /// SND.UNA still tells what the peer holds.
    fn take_acknowledgement(&mut self, ctx: &mut Context<'_>, arriving: &Arriving<'_>, ack: u64) {
        let segment = arriving.segment;
        let outstanding = !self.outstanding.is_empty();
        self.begin_news(segment);
        self.take_sacks(ctx, segment, ack);
        let window_changed = self.update_window(arriving, ack);
        let old = ack < self.send.una;
        self.recovery.news.is_other_than_duplicate |= window_changed || old;
        if ack > self.send.una {
            self.advance_una(ctx, ack, segment);
        }
        let reports = self.recovery.news.sacked || self.recovery.news.dsack;
        if reports || (outstanding && !old) {
            self.react(ctx);
        }
    }

    /// Enters ESTABLISHED; where the user has closed already, goes straight on.
    pub(super) fn establish(&mut self, ctx: &mut Context<'_>, arriving: &Arriving<'_>) {
        self.lifecycle.state = if self.lifecycle.user_closed {
            State::FinWait1
        } else {
            State::Established
        };
        let shift = if arriving.flags.has(Flags::SYN) {
            0
        } else {
            self.identity.snd_wscale
        };
        self.send.wnd = u64::from(arriving.segment.header.window) << shift;
        self.send.max_wnd = self.send.max_wnd.max(self.send.wnd);
        self.send.wl1 = arriving.seq;
        self.send.wl2 = self.send.una;
        // An opening may have had a limit.
        self.timers.linger = None;
        self.passing.soft_error = None;
        if self.timers.retransmits > 0 {
            // RFC 5681 3.1: the path has lost our SYN.
            self.congestion.cwnd = 1;
        }
        self.rearm_keepalive(ctx.now);
        ctx.fx.events.push(match self.identity.opener {
            Opener::Active => Event::Connected { id: self.id },
            Opener::Passive(listener) => Event::Accepted {
                listener,
                id: self.id,
            },
        });
    }

    /// SND.WND, where the segment is not older than the one that set it: what fills a gap has a lower SEQ than what came before it,
    /// and yet a newer ACK. Its window counts, or SND.UNA + SND.WND would pass the edge. True where the window is another one now.
    fn update_window(&mut self, arriving: &Arriving<'_>, ack: u64) -> bool {
        let newer = ack > self.send.wl2
            || arriving.seq > self.send.wl1
            || (arriving.seq == self.send.wl1 && ack >= self.send.wl2);
        if !newer || ack < self.send.una {
            return false;
        }
        let shift = if arriving.flags.has(Flags::SYN) {
            0
        } else {
            self.identity.snd_wscale
        };
        let wnd = u64::from(arriving.segment.header.window) << shift;
        let changed = wnd != self.send.wnd;
        self.send.wnd = wnd;
        self.send.max_wnd = self.send.max_wnd.max(wnd);
        self.send.wl1 = arriving.seq;
        self.send.wl2 = ack;
        changed
    }

    /// SND.UNA := `ack`, with all that follows from it.
    pub(super) fn advance_una(&mut self, ctx: &mut Context<'_>, ack: u64, segment: &Segment<'_>) {
        let before = self.send_offset(self.send.una);
        let prior_sacked = self.recovery.news.prior_sacked;
        let rack = &mut self.recovery.rack;
        let taken = self
            .outstanding
            .acknowledge(ack, prior_sacked, |sent| rack.acknowledged(sent, ctx.now));
        self.recovery.news.una_advanced = true;
        self.note_taken(&taken);
        if !self.identity.sack_permitted && taken.acked > 0 {
            let delivered = self.outstanding.consume_duplicates(taken.acked);
            self.recovery.news.delivered = delivered;
            // What was acknowledged with a retransmission may owe it to that.
            self.recovery.news.original_delivered &= taken.retransmission.is_none();
        }
        self.send.una = ack;
        self.tally.octets_acked += self.send_offset(ack) - before;
        self.passing.soft_error = None;
        self.prove_path(ctx);
        self.send_buffer.trim(ack.min(self.send.end));
        self.sample_rtt(ctx, &taken, segment);
        self.recovery.tail.rearm = true;
        // RFC 6298 (5.3): the timer begins anew, where something is outstanding.
        self.timers.retransmit = None;
        self.timers.retransmits = 0;
        self.timers.progress_at = ctx.now;
        if self.lifecycle.fin_sent && ack > self.send.end {
            self.lifecycle.fin_acked = true;
        }
        let upto = self.send_offset(ack);
        if upto > before {
            ctx.fx
                .events
                .push(Event::Acknowledged { id: self.id, upto });
        }
    }

    /// State changes once our FIN is acknowledged.
    fn follow_fin_acked(&mut self, ctx: &mut Context<'_>) -> Step {
        if !self.lifecycle.fin_acked {
            return GO_ON;
        }
        match self.state() {
            State::FinWait1 => {
                self.lifecycle.state = State::FinWait2;
                self.timers.linger = Some(ctx.now + ctx.config.fin_wait_2_limit);
            }
            State::Closing => self.enter_time_wait(ctx),
            State::LastAck => {
                self.delete(CloseCause::Normal);
                return DONE;
            }
            _ => {}
        }
        GO_ON
    }
}
