//! Round-trip time and retransmission timeout (RFC 6298).

use crate::checkpoint::RttState;
use crate::config::Config;
use core::time::Duration;

/// Largest backoff: the timeout doubles at most so often before `max_rto` holds anyway.
const MAX_BACKOFF: u8 = 16;
/// G of RFC 6298: what a timestamp can tell apart.
const GRANULARITY: Duration = Duration::from_millis(1);
/// No round trip counts as longer: an echo may be as old, or as false, as it likes.
pub(crate) const ROUND_TRIP_MAX: Duration = Duration::from_secs(3_600);

/// Round trips before a timeout, RFC 4015 (0).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before {
    /// SRTT_prev.
    srtt: Duration,
    /// RTTVAR_prev.
    rttvar: Duration,
}

impl RttState {
    /// What a timeout finds; `None` before the first sample.
    pub(crate) fn before_timeout(&self) -> Option<Before> {
        let srtt = (self.srtt? + GRANULARITY * 2).min(ROUND_TRIP_MAX);
        let rttvar = self.rttvar;
        Some(Before { srtt, rttvar })
    }

    /// Before the first sample.
    pub(crate) fn new(config: &Config) -> RttState {
        RttState {
            srtt: None,
            rttvar: Duration::ZERO,
            variance: Duration::ZERO,
            variance_peak: Duration::ZERO,
            round_end: 0,
            rto: config.initial_rto.min(config.max_rto),
            tsval_sent: 0,
            tsecr_floor: None,
        }
    }

    /// Takes a sample in, RFC 6298 (2.2) and (2.3); `una` and `max` are SND.UNA and SND.MAX.
    ///
    /// As in Linux the variance term is the peak of a round trip and decays by a quarter
    /// in each, and a round trip that gets shorter does not count as variance.
    pub(crate) fn sample(&mut self, rtt: Duration, una: u64, max: u64, config: &Config) {
        let rtt = rtt.min(ROUND_TRIP_MAX);
        match self.srtt {
            None => {
                self.srtt = Some(rtt);
                self.rttvar = rtt / 2;
                self.variance = (self.rttvar * 4).max(config.min_rto);
                self.variance_peak = self.variance;
                self.round_end = max;
            }
            Some(srtt) => {
                self.note_deviation(srtt, rtt);
                self.srtt = Some((srtt * 7 + rtt) / 8);
                self.variance_peak = self.variance_peak.max(self.rttvar * 4);
                self.variance = self.variance.max(self.variance_peak);
                if una > self.round_end {
                    self.variance -= self.variance.saturating_sub(self.variance_peak) / 4;
                    self.round_end = max;
                    self.variance_peak = config.min_rto;
                }
            }
        }
        let variance = self.variance.max(config.min_rto);
        self.rto = (self.srtt.unwrap_or(rtt) + variance).min(config.max_rto);
    }

    /// The first sample after a timeout that was none, RFC 4015 (9): the path is slower than was
    /// thought, so the timer is no more eager than it was before, or than for a first sample.
    pub(crate) fn relearn(&mut self, before: Before, rtt: Duration, max: u64, config: &Config) {
        let rtt = rtt.min(ROUND_TRIP_MAX);
        let srtt = before.srtt.max(rtt);
        self.srtt = Some(srtt);
        self.rttvar = before.rttvar.max(rtt / 2);
        self.variance = (self.rttvar * 4).max(config.min_rto);
        self.variance_peak = self.variance;
        self.round_end = max;
        self.rto = (srtt + self.variance).min(config.max_rto);
    }

    fn note_deviation(&mut self, srtt: Duration, rtt: Duration) {
        let deviation = srtt.abs_diff(rtt);
        self.rttvar = if rtt < srtt && deviation > self.rttvar {
            self.rttvar + (deviation - self.rttvar) / 32
        } else {
            (self.rttvar * 3 + deviation) / 4
        };
    }

    /// The timeout doubled `times` times, RFC 6298 (5.5).
    pub(crate) fn backed_off(&self, times: u8, config: &Config) -> Duration {
        let factor = 1u32 << times.min(MAX_BACKOFF);
        self.rto.saturating_mul(factor).min(config.max_rto)
    }
}

#[cfg(test)]
mod tests;
