//! CUBIC (RFC 9438): the window is a cubic function of the time since the last loss.

use crate::checkpoint::CongestionState;
use crate::time::Instant;
use core::time::Duration;

/// beta_cubic is 717 / 1024, about 0.7.
const BETA: (u64, u64) = (717, 1_024);
/// 1 / C in milliseconds^3: C is 0.4 segments per second^3.
const ONE_BY_C: u64 = 2_500_000_000;
/// Segments acknowledged per segment of growth of a Reno flow with the same beta:
/// 3 (1 - beta) / (1 + beta), times the window.
const RENO_EIGHTHS: u32 = 15;
/// Before the first loss the window grows by at least a twentieth per round trip.
const FIRST_PACE: u32 = 20;
/// Fastest growth: one segment for two acknowledged.
const FASTEST_PACE: u32 = 2;
/// The function is computed anew at most so often while the window stands.
const STEP: Duration = Duration::from_millis(31);
/// So long after the first ACK of an epoch round trips say nothing of slow start.
const FRESH: Duration = Duration::from_secs(1);

/// The epoch: congestion avoidance since the last loss. Not part of a checkpoint.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cubic {
    epoch: Option<Box<Epoch>>,
    /// Segments acknowledged per segment of growth.
    pace: u32,
    computed: Option<(Instant, u32)>,
}

#[derive(Clone, Copy, Debug)]
struct Epoch {
    start: Instant,
    /// Window at which the plateau lies.
    origin: u32,
    /// K: milliseconds from the start to the plateau.
    k: u64,
    /// W_est, the window of a Reno flow, and what was acknowledged towards its next step.
    w_est: u32,
    acked: u32,
}

impl Cubic {
    /// SSTHRESH after a loss, with fast convergence (RFC 9438 4.6, 4.7).
    pub(super) fn threshold_after_loss(&mut self, state: &mut CongestionState) -> u32 {
        self.epoch = None;
        let cwnd = u64::from(state.cwnd);
        state.w_max = if state.cwnd < state.w_max {
            (cwnd * (BETA.1 + BETA.0) / (2 * BETA.1)) as u32
        } else {
            state.cwnd
        };
        ((cwnd * BETA.0 / BETA.1) as u32).max(2)
    }

    /// True in the first second of an epoch.
    pub(super) fn is_fresh_after_loss(&self, now: Instant) -> bool {
        self.epoch
            .as_ref()
            .is_some_and(|epoch| now.saturating_since(epoch.start) < FRESH)
    }

    /// Nothing was sent for `idle`: that time does not count.
    pub(super) fn shift(&mut self, idle: Duration, now: Instant) {
        if let Some(epoch) = &mut self.epoch {
            epoch.start = (epoch.start + idle).min(now);
        }
    }

    /// How many segments must be acknowledged for the window to grow by one.
    pub(super) fn pace(
        &mut self,
        state: &CongestionState,
        acked: u32,
        now: Instant,
        rtt: Duration,
    ) -> u32 {
        let cwnd = state.cwnd;
        let epoch = self
            .epoch
            .get_or_insert_with(|| Box::new(Epoch::new(state, now)));
        // RFC 9438 4.3: with every ACK, or a short round trip would be slower than Reno's.
        epoch.acked += acked;
        let step = (cwnd * RENO_EIGHTHS / 8).max(1);
        epoch.w_est += epoch.acked / step;
        epoch.acked %= step;
        let friendly = match epoch.w_est.saturating_sub(cwnd) {
            0 => u32::MAX,
            ahead => cwnd / ahead,
        };
        let known = self
            .computed
            .is_some_and(|(at, of)| of == cwnd && now.saturating_since(at) <= STEP);
        if !known || self.pace == 0 {
            self.computed = Some((now, cwnd));
            let elapsed = now.saturating_since(epoch.start) + rtt;
            let target = epoch.window_at(elapsed.as_millis() as u64);
            self.pace = if target > cwnd {
                cwnd / (target - cwnd)
            } else {
                cwnd.saturating_mul(100)
            };
            if state.w_max == 0 {
                self.pace = self.pace.min(FIRST_PACE);
            }
            self.pace = self.pace.max(FASTEST_PACE);
        }
        self.pace.min(friendly).max(FASTEST_PACE)
    }
}

impl Epoch {
    fn new(state: &CongestionState, now: Instant) -> Epoch {
        let distance = u64::from(state.w_max.saturating_sub(state.cwnd));
        Epoch {
            start: now,
            origin: state.w_max.max(state.cwnd),
            k: cube_root(distance * ONE_BY_C),
            w_est: state.cwnd,
            acked: 0,
        }
    }

    /// W_cubic (RFC 9438 figure 1) `elapsed` milliseconds after the start.
    fn window_at(&self, elapsed: u64) -> u32 {
        // Beyond this distance from the plateau the window is out of bounds anyway.
        let offset = elapsed.abs_diff(self.k).min(1_000_000);
        let delta = u32::try_from(offset.pow(3) / ONE_BY_C).unwrap_or(u32::MAX);
        if elapsed < self.k {
            self.origin.saturating_sub(delta)
        } else {
            self.origin.saturating_add(delta)
        }
    }
}

/// The largest integer whose cube is not larger than `value`.
fn cube_root(value: u64) -> u64 {
    let (mut low, mut high) = (0u64, 2_642_245u64);
    while low < high {
        let middle = (low + high).div_ceil(2);
        if middle.pow(3) <= value {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

#[cfg(test)]
mod tests;
