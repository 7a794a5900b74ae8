//! Round-trip time and retransmission timeout (RFC 6298).

use crate::checkpoint::RttState;
use crate::config::Config;
use core::time::Duration;

/// Largest backoff: the timeout doubles at most so often before `max_rto` holds anyway.
const MAX_BACKOFF: u8 = 16;

impl RttState {
    /// Before the first sample.
    pub(crate) fn new(config: &Config) -> RttState {
        RttState {
            srtt: None,
            rttvar: Duration::ZERO,
            rto: config.initial_rto.min(config.max_rto),
            tsval_sent: 0,
            tsecr_floor: None,
        }
    }

    /// Takes a sample in, RFC 6298 (2.2) and (2.3).
    pub(crate) fn sample(&mut self, rtt: Duration, config: &Config) {
        match self.srtt {
            None => {
                self.srtt = Some(rtt);
                self.rttvar = rtt / 2;
            }
            Some(srtt) => {
                self.rttvar = (self.rttvar * 3 + srtt.abs_diff(rtt)) / 4;
                self.srtt = Some((srtt * 7 + rtt) / 8);
            }
        }
        let variance = (self.rttvar * 4).max(config.min_rto);
        self.rto = (self.srtt.unwrap_or(rtt) + variance).min(config.max_rto);
    }

    /// The timeout after `retransmits` in a row, RFC 6298 (5.5).
    pub(crate) fn backed_off(&self, retransmits: u8, config: &Config) -> Duration {
        let factor = 1u32 << retransmits.min(MAX_BACKOFF);
        self.rto.saturating_mul(factor).min(config.max_rto)
    }
}

#[cfg(test)]
mod tests;
