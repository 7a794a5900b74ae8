//! Proportional rate reduction: how much may leave while a loss is repaired (RFC 6937, with
//! the slow start reduction bound).

use crate::connection::Connection;

/// State of one recovery, in segments.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Prr {
    /// RecoverFS: the window before the reduction.
    prior_cwnd: u32,
    /// prr_delivered: delivered since.
    delivered: u32,
    /// prr_out: sent since.
    pub(crate) out: u32,
}

impl Prr {
    /// A reduction from `cwnd` begins.
    pub(crate) fn new(cwnd: u32) -> Prr {
        Prr {
            prior_cwnd: cwnd.max(1),
            delivered: 0,
            out: 0,
        }
    }

    /// How many segments may leave now. `made_way`: SND.UNA moved and nothing more was lost.
    fn allowance(&mut self, ssthresh: u32, flight: u32, delivered: u32, made_way: bool) -> u32 {
        self.delivered = self.delivered.saturating_add(delivered);
        let ahead = self.delivered.saturating_sub(self.out);
        let allowed = if flight > ssthresh {
            let share = (u64::from(ssthresh) * u64::from(self.delivered))
                .div_ceil(u64::from(self.prior_cwnd));
            u32::try_from(share)
                .unwrap_or(u32::MAX)
                .saturating_sub(self.out)
        } else {
            (ahead.max(delivered) + u32::from(made_way)).min(ssthresh - flight)
        };
        // The first retransmission waits for nothing.
        allowed.max(u32::from(self.out == 0))
    }
}

impl Connection {
    /// Moves the window towards SSTHRESH after `delivered` segments have arrived while
    /// `lost` more were found lost.
    pub(crate) fn reduce_window(&mut self, delivered: u32, lost: u32) {
        if delivered == 0 {
            return;
        }
        let flight = self.outstanding.flight();
        let made_way = self.recovery.news.una_advanced && lost == 0;
        let ssthresh = self.congestion.ssthresh;
        let allowed = self
            .recovery
            .prr
            .allowance(ssthresh, flight, delivered, made_way);
        self.congestion.cwnd = flight + allowed;
    }
}

#[cfg(test)]
mod tests;
