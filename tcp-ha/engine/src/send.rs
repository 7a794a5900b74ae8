//! What may be sent now, and sending it.

use crate::connection::{Connection, Context};
use crate::segment::Flags;

/// Duplicate ACKs that let new data out before recovery begins (RFC 3042).
const LIMITED_TRANSMIT: u64 = 2;

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
}

impl Connection {
    /// Sends whatever may be sent, the ACK that is due, and sets the timers. Ends every
    /// round of a connection.
    pub(crate) fn transmit(&mut self, ctx: &mut Context<'_>) {
        if self.cause.is_some() {
            return;
        }
        if self.state().may_transmit() {
            self.restart_after_idle(ctx);
            if self.passing.hold_until.is_none() {
                while let Some(run) = self.next_repair() {
                    self.send_run(ctx, run);
                    self.congestion.high_rxt = self.congestion.high_rxt.max(run.end());
                }
                while let Some(run) = self.next_run() {
                    self.send_run(ctx, run);
                    self.send.nxt = run.end();
                }
            }
        }
        self.acknowledge_if_due(ctx);
        self.arm_transmission(ctx);
    }

    /// RFC 5681 4.1: after an idle time the congestion window proves nothing.
    fn restart_after_idle(&mut self, ctx: &Context<'_>) {
        let idle = self.send.una == self.send.max;
        if idle && ctx.now.saturating_since(self.timers.sent_at) > self.rtt.rto {
            self.congestion.restarted(self.mss());
        }
    }

    /// Octets thought to be on the way.
    pub(crate) fn flight(&self) -> u64 {
        let (una, nxt) = (self.send.una, self.send.nxt);
        if self.scoreboard.is_empty() {
            nxt - una
        } else if self.congestion.recovery.is_some() {
            self.scoreboard
                .pipe(una, nxt, self.congestion.high_rxt, self.mss())
        } else {
            nxt - una - self.scoreboard.sacked(una, nxt)
        }
    }

    /// The next retransmission of fast recovery: the first unacknowledged segment, and with
    /// SACK every other one that counts as lost (RFC 6582, RFC 6675 NextSeg rule 1).
    fn next_repair(&self) -> Option<Run> {
        let recovery = self.congestion.recovery?;
        let mss = self.mss();
        let head = self.congestion.high_rxt <= self.send.una;
        let from = self
            .scoreboard
            .skip(self.congestion.high_rxt.max(self.send.una));
        if from >= recovery {
            return None;
        }
        // The first retransmission does not wait for room.
        let lost = self.scoreboard.is_lost(from, mss);
        let room = self.flight() + mss <= self.congestion.cwnd;
        if head || (lost && room) {
            self.old_run(from)
        } else {
            None
        }
    }

    /// What was sent before, from `from` on; `None` where it has not been supplied yet.
    fn old_run(&self, from: u64) -> Option<Run> {
        let stop = self.scoreboard.next_sacked(from).unwrap_or(u64::MAX);
        let text_end = self.send_buffer.readable_end();
        let to = (from + self.mss()).min(stop).min(text_end).max(from);
        let fin = self.lifecycle.fin_sent && to == self.send.end && text_end == self.send.end;
        (to > from || fin).then_some(Run { from, to, fin })
    }

    /// The next segment at SND.NXT: again after a timeout, else new.
    fn next_run(&self) -> Option<Run> {
        let from = self.scoreboard.skip(self.send.nxt);
        let run = if from < self.send.max {
            let run = self.old_run(from)?;
            // A peer that shrank its window still gets the first segment (RFC 9293 3.8.6).
            let fits = run.to <= self.send.una + self.send.wnd || from == self.send.una;
            fits.then_some(run)?
        } else {
            self.new_run(from)?
        };
        let limited = match self.congestion.recovery {
            Some(_) => 0,
            None => u64::from(self.congestion.dup_acks).min(LIMITED_TRANSMIT) * self.mss(),
        };
        let room = self.congestion.cwnd + limited;
        let len = run.to - run.from;
        (self.flight() + len <= room).then_some(run)
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
        let room = self.congestion.cwnd.saturating_sub(self.flight());
        self.probe_text()
            .filter(|&text| from + text <= stop && text <= room)
            .unwrap_or_else(|| self.mss())
    }

    fn send_run(&mut self, ctx: &mut Context<'_>, run: Run) {
        let Run { from, to, fin } = run;
        self.note_path(ctx, from, to);
        if self.send.una == self.send.max {
            self.timers.progress_at = ctx.now;
        }
        if from < self.send.max {
            // Karn: what is sent twice measures nothing.
            self.passing.timed = None;
            self.passing.retransmits += 1;
            self.tally.octets_retransmitted += to - from;
            ctx.counters.retransmits += 1;
        } else if self.passing.timed.is_none() {
            self.passing.timed = Some((run.end(), ctx.now));
        }
        let mut flags = Flags::ACK;
        if to > from && to == self.send.end {
            flags = flags.with(Flags::PSH);
        }
        if fin {
            flags = flags.with(Flags::FIN);
            self.lifecycle.fin_sent = true;
        }
        if to > from && to - from < self.mss() {
            self.send.small = to;
        }
        self.send.max = self.send.max.max(run.end());
        self.timers.sent_at = ctx.now;
        self.emit(ctx, flags, from, to);
    }

    /// Sends part of what the window allows although it is small: the override timeout of
    /// RFC 9293 3.8.6.2.1. False where the window is shut.
    pub(crate) fn send_small(&mut self, ctx: &mut Context<'_>) -> bool {
        let from = self.send.nxt;
        let window_end = self.send.una + self.send.wnd;
        let to = (from + self.mss())
            .min(self.send_buffer.readable_end())
            .min(window_end);
        if to <= from {
            return false;
        }
        self.send_run(
            ctx,
            Run {
                from,
                to,
                fin: false,
            },
        );
        self.send.nxt = to;
        true
    }

    /// Sends the first unacknowledged segment, whatever the windows say; false where there
    /// is none or its octets have not been supplied.
    pub(crate) fn send_head(&mut self, ctx: &mut Context<'_>) -> bool {
        if self.send.una == self.send.max {
            return false;
        }
        let Some(mut run) = self.old_run(self.send.una) else {
            return false;
        };
        run.to = run.to.min(self.send.max);
        self.send_run(ctx, run);
        self.send.nxt = run.end();
        true
    }
}
