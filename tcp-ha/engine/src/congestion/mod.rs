//! Congestion control: how much may be on the way, in segments (RFC 5681).
//!
//! Loss recovery tells what happened, the algorithm moves `cwnd` and `ssthresh`. Which
//! segment is retransmitted is not decided here (see `recovery`).

mod cubic;
mod hystart;
mod idle;
mod reno;

use crate::checkpoint::CongestionState;
use crate::config::CongestionAlgorithm;
use crate::connection::{Connection, Context};
use cubic::Cubic;
use hystart::Hystart;

/// Before any loss the slow start threshold is out of reach (RFC 5681 3.1).
pub(crate) const SSTHRESH_UNSET: u32 = i32::MAX as u32;
/// The window grows no further than this, whatever the path.
pub(crate) const CWND_MAX: u32 = 1 << 16;

/// What growing the window needs besides the window. Not part of a checkpoint.
#[derive(Debug, Default)]
pub(crate) struct Growth {
    /// Segments acknowledged towards the next one of the window (snd_cwnd_cnt of Linux).
    count: u32,
    usage: Usage,
    cubic: Cubic,
    /// What is watched in slow start of a large window.
    hystart: Option<Box<Hystart>>,
}

/// Whether the window was used: one that is not proves nothing (RFC 7661).
#[derive(Debug, Default)]
struct Usage {
    limited: bool,
    most: u32,
    /// End of the window of octets that is looked at.
    until: u64,
}

impl CongestionState {
    /// At the start of a connection.
    pub(crate) fn new(mss: u64) -> CongestionState {
        CongestionState {
            cwnd: initial_window(mss),
            ssthresh: SSTHRESH_UNSET,
            w_max: 0,
        }
    }

    /// Slow start, not congestion avoidance.
    pub(crate) fn in_slow_start(&self) -> bool {
        self.cwnd < self.ssthresh
    }
}

impl Growth {
    /// One segment more for every `per` acknowledged.
    fn count(&mut self, cwnd: u32, per: u32, acked: u32) -> u32 {
        let mut grown = cwnd;
        if self.count >= per {
            self.count = 0;
            grown += 1;
        }
        self.count += acked;
        if self.count >= per {
            grown += self.count / per;
            self.count %= per;
        }
        grown
    }
}

impl Connection {
    /// Segments were sent, or could not be for want of window: notes how the window is used.
    pub(crate) fn note_usage(&mut self) {
        let limited = self.outstanding.flight() >= self.congestion.cwnd;
        let len = self.outstanding.len();
        let usage = &mut self.growth.usage;
        if self.send.una >= usage.until || limited || (!usage.limited && len > usage.most) {
            usage.limited = limited;
            usage.most = len;
            usage.until = self.send.max;
        }
    }

    /// The window is what held us back; in slow start half of it suffices.
    fn is_window_limited(&self) -> bool {
        let usage = &self.growth.usage;
        let halfway =
            self.congestion.in_slow_start() && self.congestion.cwnd < usage.most.saturating_mul(2);
        usage.limited || halfway
    }

    /// `acked` segments were delivered and nothing is being repaired by fast recovery.
    pub(crate) fn grow_window(&mut self, ctx: &Context<'_>, acked: u32) {
        if !self.is_window_limited() {
            return;
        }
        let state = &mut self.congestion;
        let acked = if state.in_slow_start() {
            reno::slow_start(state, acked)
        } else {
            acked
        };
        if acked == 0 {
            return;
        }
        let per = match self.identity.options.congestion {
            CongestionAlgorithm::Reno => state.cwnd,
            CongestionAlgorithm::Cubic => {
                let rtt = self.recovery.rack.min_rtt().unwrap_or_default();
                self.growth.cubic.pace(state, acked, ctx.now, rtt)
            }
        };
        state.cwnd = self.growth.count(state.cwnd, per, acked).min(CWND_MAX);
    }

    /// SSTHRESH after a loss.
    pub(crate) fn reduce_threshold(&mut self) {
        self.growth.count = 0;
        let state = &mut self.congestion;
        state.ssthresh = match self.identity.options.congestion {
            CongestionAlgorithm::Reno => reno::threshold_after_loss(state.cwnd),
            CongestionAlgorithm::Cubic => self.growth.cubic.threshold_after_loss(state),
        };
    }

    /// A timeout: what was learnt of the path is void (RFC 9438 4.8).
    pub(crate) fn forget_path(&mut self) {
        self.congestion.w_max = 0;
        self.growth.count = 0;
        self.growth.cubic = Cubic::default();
        self.growth.hystart = None;
    }

    /// A round trip was measured: CUBIC may leave slow start before it loses anything.
    pub(crate) fn watch_delay(&mut self, ctx: &Context<'_>, rtt: core::time::Duration) {
        let state = &mut self.congestion;
        let watched = self.identity.options.congestion == CongestionAlgorithm::Cubic
            && state.in_slow_start()
            && state.cwnd >= hystart::LOW_WINDOW
            && !self.growth.cubic.is_fresh_after_loss(ctx.now);
        let (una, max) = (self.send.una, self.send.max);
        if watched
            && let Some(least) = self.recovery.rack.min_rtt()
            && self
                .growth
                .hystart
                .get_or_insert_default()
                .sample(ctx.now, rtt, least, una, max)
        {
            state.ssthresh = state.cwnd;
        }
    }

    /// Nothing was sent for a while: what was watched last says nothing of what comes.
    pub(crate) fn end_watch(&mut self) {
        self.growth.hystart = None;
    }

    /// What the window has proved, as a threshold (tcp_current_ssthresh of Linux).
    pub(crate) fn current_ssthresh(&self) -> u32 {
        let CongestionState { cwnd, ssthresh, .. } = self.congestion;
        if self.recovery.phase == crate::recovery::Phase::Recovery {
            ssthresh
        } else {
            ssthresh.max(cwnd / 2 + cwnd / 4)
        }
    }
}

/// IW of RFC 6928, in segments.
pub(crate) fn initial_window(mss: u64) -> u32 {
    let octets = (10 * mss).min((2 * mss).max(14_600));
    // At most ten.
    (octets / mss.max(1)).max(2) as u32
}

#[cfg(test)]
mod tests;
