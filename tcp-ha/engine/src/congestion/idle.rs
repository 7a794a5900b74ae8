//! What silence does to the window (RFC 5681 4.1, RFC 2861).

use super::initial_window;
use crate::connection::{Connection, Context};

impl Connection {
    /// Before the first segment after an idle time: the window halves for every RTO that
    /// has passed, down to the restart window; the threshold remembers.
    ///
    /// Whatever is configured, CUBIC's clock stands still meanwhile (RFC 9438 5.8).
    pub(crate) fn restart_after_idle(&mut self, ctx: &Context<'_>) {
        if !self.outstanding.is_empty() {
            return;
        }
        let rto = self.rtt.rto;
        let mut idle = ctx.now.saturating_since(self.timers.sent_at);
        self.growth.cubic.shift(idle, ctx.now);
        if !ctx.config.restart_after_idle || idle <= rto || rto.is_zero() {
            return;
        }
        self.congestion.ssthresh = self.current_ssthresh();
        let restart = initial_window(self.mss()).min(self.congestion.cwnd);
        while idle > rto && self.congestion.cwnd > restart {
            idle -= rto;
            self.congestion.cwnd /= 2;
        }
        self.congestion.cwnd = self.congestion.cwnd.max(restart);
    }

    /// The window of a survivor: it knows nothing of the path at this moment.
    pub(crate) fn restart_after_takeover(&mut self) {
        self.congestion.cwnd = self.congestion.cwnd.min(initial_window(self.mss()));
    }
}
