//! The first words of a survivor, and octets that come after it.

use crate::connection::{Connection, Context};
use crate::recovery::Phase;
use crate::segment::Segment;
use crate::seq::SeqNum;
use crate::state::State;
use core::time::Duration;

/// Least and longest silence after the first words where the peer's answer is unclear.
const HOLD: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

impl Connection {
    /// The first word after a takeover, in those states where two are said; all of them elsewhere. See [`Connection::go_on`].
    ///
    /// The first words are:
    ///
    /// 1. An ACK in the window: ACK = SAFE, the same right edge, SEQ = SND.MAX.
    /// 2. The first unacknowledged segment; where nothing is outstanding or its octets are
    ///    not there yet, a keepalive probe, since an acceptable pure ACK alone draws no
    ///    answer.
    ///
    /// Nothing more leaves of what was sent before until the peer has said what it holds.
    pub(crate) fn greet(&mut self, ctx: &mut Context<'_>, timestamp_jump_ms: u32) {
        self.jump_timestamps(ctx, timestamp_jump_ms);
        self.restart_after_takeover();
        self.timers.retransmit = None;
        self.timers.retransmits = 0;
        self.timers.persist = None;
        self.timers.persists = 0;
        self.timers.progress_at = ctx.now;
        self.timers.sent_at = ctx.now;
        self.rearm_keepalive(ctx.now);
        if self.state() == State::FinWait2 {
            self.timers.linger = Some(ctx.now + ctx.config.fin_wait_2_limit);
        }
        match self.state() {
            State::SynSent | State::SynReceived => self.emit_syn(ctx),
            State::TimeWait | State::FinWait2 => {
                self.emit_ack(ctx);
                if self.state() == State::FinWait2 {
                    self.emit_probe(ctx);
                }
            }
            _ => {
                self.resend_outstanding();
                self.emit_ack(ctx);
                return;
            }
        }
        self.transmit(ctx);
    }

    /// The second word, where the first was an ACK of an open connection.
    pub(crate) fn go_on(&mut self, ctx: &mut Context<'_>) {
        match self.state() {
            State::SynSent | State::SynReceived | State::TimeWait | State::FinWait2 => return,
            _ => {}
        }
        let outstanding = self.send.una < self.send.max;
        self.passing.hold_until = outstanding.then(|| ctx.now + self.hold_time());
        if !self.send_head(ctx) {
            self.emit_probe(ctx);
        }
        self.transmit(ctx);
    }

    /// What the dead node had sent is taken for lost, and nobody is to blame.
    fn resend_outstanding(&mut self) {
        self.outstanding.mark_lost_where(|_| true);
        self.recovery.high_seq = self.send.max;
        if !self.outstanding.is_empty() {
            self.recovery.phase = Phase::Resumed;
        }
    }

    /// Two round trips: by then ACKs of what the dead node had sent are through.
    fn hold_time(&self) -> Duration {
        (self.rtt.srtt.unwrap_or_default() * 2).clamp(HOLD.0, HOLD.1)
    }

    /// Ends the silence after the first words where `segment` answers them, which repeats
    /// the old ACK field or echoes a TSval from after the takeover.
    pub(crate) fn release_hold(&mut self, segment: &Segment<'_>, ack: u64) {
        if self.passing.hold_until.is_none() {
            return;
        }
        // More of what the dead node had sent may be told by the next ACK.
        let stale = ack == self.send.una && !segment.options.sack.is_empty();
        let echoes = match (segment.options.timestamps, self.rtt.tsecr_floor) {
            (Some(timestamps), Some(floor)) if self.identity.timestamps => {
                !SeqNum(timestamps.echo).before(SeqNum(floor))
            }
            _ => !stale,
        };
        if echoes || (ack == self.send.una && !stale) || ack == self.send.max {
            self.passing.hold_until = None;
        }
    }

    /// TSval goes on from the newest one sent, `jump_ms` further; what is echoed from before
    /// makes no RTT sample.
    fn jump_timestamps(&mut self, ctx: &Context<'_>, jump_ms: u32) {
        let clock = self.timestamp_clock(ctx.now);
        let behind = self.rtt.tsval_sent.wrapping_sub(clock);
        // A clock behind the newest TSval is first brought up to it.
        let catch_up = if (behind as i32) > 0 { behind } else { 0 };
        let jump = catch_up.wrapping_add(jump_ms);
        self.identity.timestamp_offset = self.identity.timestamp_offset.wrapping_add(jump);
        self.rtt.tsecr_floor = Some(self.timestamp_clock(ctx.now));
    }
}
