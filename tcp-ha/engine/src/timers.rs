//! Timers of a connection: which run, and what happens when they fire.

use crate::checkpoint::TimersState;
use crate::connection::{Connection, Context};
use crate::departures::Whereabouts;
use crate::effects::CloseCause;
use crate::state::{Opener, State};
use crate::time::Instant;
use core::time::Duration;

impl TimersState {
    /// Nothing runs.
    pub(crate) fn new(now: Instant) -> TimersState {
        TimersState {
            retransmit: None,
            retransmits: 0,
            persist: None,
            persists: 0,
            keepalive: None,
            keepalives: 0,
            linger: None,
            path: None,
            progress_at: now,
            sent_at: now,
        }
    }
}

impl Connection {
    /// The next moment at which something must happen.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let TimersState {
            retransmit,
            persist,
            keepalive,
            linger,
            path,
            ..
        } = self.timers;
        [
            retransmit,
            persist,
            keepalive,
            linger,
            path,
            self.user_timeout_at(),
            self.passing.delayed_ack,
            self.passing.hold_until,
            self.passing.spare_until,
            self.recovery.tail.timer,
            self.recovery.rack.timer,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Runs the retransmission timer while something is outstanding (RFC 6298 5.1), and the
    /// persist timer while the peer's window holds everything back.
    pub(crate) fn arm_transmission(&mut self, ctx: &Context<'_>) {
        if self.cause.is_some() {
            return;
        }
        let timers = &mut self.timers;
        if self.send.una < self.send.max {
            let rto = self.rtt.backed_off(self.recovery.backoff, ctx.config);
            timers.retransmit.get_or_insert(ctx.now + rto);
            timers.persist = None;
            timers.persists = 0;
            self.arm_probe(ctx.now);
            return;
        }
        self.recovery.backoff = 0;
        self.recovery.tail.timer = None;
        self.recovery.rack.timer = None;
        timers.retransmit = None;
        timers.retransmits = 0;
        let held_back =
            self.lifecycle.state.may_transmit() && self.send.max < self.send_buffer.readable_end();
        if held_back {
            if timers.persist.is_none() && timers.persists == 0 {
                timers.progress_at = ctx.now;
            }
            let interval = self.rtt.backed_off(timers.persists, ctx.config);
            timers.persist.get_or_insert(ctx.now + interval);
        } else {
            timers.persist = None;
            timers.persists = 0;
        }
    }

    /// The peer was heard: keepalive and FIN-WAIT-2 begin anew.
    pub(crate) fn heard(&mut self, ctx: &Context<'_>) {
        if self.send.una == self.send.max {
            self.timers.progress_at = ctx.now;
        }
        self.rearm_keepalive(ctx.now);
        if self.state() == State::FinWait2 && self.lifecycle.orphaned.is_none() {
            self.timers.linger = Some(ctx.now + ctx.config.fin_wait_2_limit);
        }
    }

    /// Starts the keepalive timer where it is wanted, stops it elsewhere.
    pub(crate) fn rearm_keepalive(&mut self, now: Instant) {
        let state = self.state();
        let wanted = state.is_synchronized() && state != State::TimeWait;
        self.timers.keepalives = 0;
        self.timers.keepalive = self
            .identity
            .options
            .keepalive
            .filter(|_| wanted)
            .map(|keepalive| now + keepalive.idle);
    }

    /// Enters TIME-WAIT, or begins it anew.
    pub(crate) fn enter_time_wait(&mut self, ctx: &Context<'_>) {
        self.lifecycle.state = State::TimeWait;
        self.timers.keepalive = None;
        self.timers.linger = Some(ctx.now + ctx.config.msl * 2);
    }

    /// Does what is due at `ctx.now`.
    pub(crate) fn on_timeout(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now;
        let due = |timer: Option<Instant>| timer.is_some_and(|at| at <= now);
        if due(self.timers.linger) {
            return self.on_linger_timeout(ctx);
        }
        if due(self.user_timeout_at()) {
            return self.delete(CloseCause::UserTimeout);
        }
        if due(self.timers.path) {
            self.on_path_timeout(ctx);
        }
        if due(self.passing.delayed_ack) {
            self.passing.delayed_ack = None;
            self.passing.ack_now = true;
        }
        if due(self.passing.hold_until) {
            self.passing.hold_until = None;
        }
        if due(self.passing.spare_until) {
            self.on_rest(ctx);
        }
        if due(self.recovery.rack.timer) {
            self.on_reordering_timeout(ctx);
        }
        if due(self.recovery.tail.timer) {
            self.on_probe_timeout(ctx);
        }
        if due(self.timers.retransmit) {
            self.on_retransmit_timeout(ctx);
        }
        if self.cause.is_none() && due(self.timers.persist) {
            self.on_persist_timeout(ctx);
        }
        if self.cause.is_none() && due(self.timers.keepalive) {
            self.on_keepalive_timeout(ctx);
        }
        self.transmit(ctx);
    }

    /// RFC 6298 (5.4) to (5.6), RFC 9293 3.8.3.
    fn on_retransmit_timeout(&mut self, ctx: &mut Context<'_>) {
        if self.is_head_held(ctx) {
            let rto = self.rtt.backed_off(self.recovery.backoff, ctx.config);
            self.timers.retransmit = Some(ctx.now + rto);
            return;
        }
        let limit = match (self.state(), self.identity.opener) {
            (State::SynSent, _) => ctx.config.syn_retries,
            (State::SynReceived, Opener::Passive(_)) => ctx.config.syn_ack_retries,
            _ => self.patience(ctx),
        };
        if self.timers.retransmits >= limit && !self.peer_holds_back(ctx) {
            return self.give_up();
        }
        ctx.counters.timeouts += 1;
        self.tally.timeouts += 1;
        self.timers.retransmits = self.timers.retransmits.saturating_add(1);
        self.timers.retransmit = None;
        self.recovery.backoff = self.recovery.backoff.saturating_add(1);
        if matches!(self.state(), State::SynSent | State::SynReceived) {
            self.emit_syn(ctx);
            return;
        }
        self.passing.hold_until = None;
        self.enter_loss(ctx.now);
        self.suspect_path(ctx);
    }

    /// The first unacknowledged segment has not left the node: nobody can have acknowledged it.
    fn is_head_held(&self, ctx: &Context<'_>) -> bool {
        let head = self.outstanding.head();
        head.is_some_and(|head| ctx.departures.of(head.sent_at) == Whereabouts::Held)
    }

    /// The peer took its window back and still answers: what is sent again are probes then
    /// (RFC 9293 SHLD-17).
    fn peer_holds_back(&self, ctx: &Context<'_>) -> bool {
        let patience = ctx.config.max_rto * 2;
        let heard = self.tally.last_received_at;
        let answers = heard.is_some_and(|at| ctx.now.saturating_since(at) < patience);
        let waits = self.state().is_synchronized() && self.lifecycle.orphaned.is_none();
        waits && answers && self.send.wnd == 0
    }

    /// When the user's patience ends (RFC 5482, the local part): while something is
    /// unacknowledged, held back, or a keepalive probe is unanswered.
    fn user_timeout_at(&self) -> Option<Instant> {
        let timers = &self.timers;
        let waits =
            self.send.una < self.send.max || timers.persist.is_some() || timers.keepalives > 0;
        let limit = self.identity.options.user_timeout.filter(|_| waits);
        // The first probe may come later than that, and gets its time to be answered.
        let answered_by = timers.keepalive.filter(|_| timers.keepalives == 1);
        limit.map(|limit| (timers.progress_at + limit).max(answered_by.unwrap_or_default()))
    }

    fn on_linger_timeout(&mut self, ctx: &mut Context<'_>) {
        match self.state() {
            State::TimeWait => self.delete(CloseCause::Normal),
            State::SynSent | State::FinWait2 => self.give_up(),
            _ => self.drop_orphan(ctx),
        }
    }

    /// RFC 9293 3.8.6.1: probe a shut window; where it is merely small, override
    /// silly-window avoidance.
    fn on_persist_timeout(&mut self, ctx: &mut Context<'_>) {
        let silent = ctx.now.saturating_since(self.timers.progress_at);
        let patience = ctx.config.max_rto * u32::from(ctx.config.max_retransmits.max(1));
        let abandoned =
            self.lifecycle.orphaned.is_some() && self.timers.persists >= self.patience(ctx);
        if silent >= patience || abandoned {
            self.emit_reset(ctx);
            return self.give_up();
        }
        self.timers.persist = None;
        if !self.send_small(ctx) {
            self.timers.persists = self.timers.persists.saturating_add(1);
            ctx.counters.window_probes += 1;
            self.emit_probe(ctx);
        }
    }

    /// RFC 9293 3.8.4.
    fn on_keepalive_timeout(&mut self, ctx: &mut Context<'_>) {
        let Some(keepalive) = self.identity.options.keepalive else {
            self.timers.keepalive = None;
            return;
        };
        // Where data is on its way, its own timers find out.
        if self.send.una < self.send.max || self.timers.persist.is_some() {
            return self.rearm_keepalive(ctx.now);
        }
        if self.timers.keepalives >= keepalive.probes {
            self.emit_reset(ctx);
            return self.give_up();
        }
        self.timers.keepalives += 1;
        self.timers.keepalive = Some(ctx.now + least(keepalive.interval));
        ctx.counters.keepalive_probes += 1;
        self.emit_probe(ctx);
    }
}

/// A timer that fires at once would never let go.
fn least(interval: Duration) -> Duration {
    interval.max(Duration::from_millis(10))
}
