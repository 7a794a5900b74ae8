//! Congestion control: how much may be on the way (RFC 5681).
//!
//! The engine tells what happened, the algorithm moves `cwnd` and `ssthresh`. Which segment
//! is retransmitted is not decided here (see `recovery`).

mod reno;

use crate::checkpoint::CongestionState;

/// Before any loss the slow start threshold is out of reach (RFC 5681 3.1).
const SSTHRESH_UNSET: u64 = 1 << 40;

impl CongestionState {
    /// At the start of a connection.
    pub(crate) fn new(mss: u64) -> CongestionState {
        CongestionState {
            cwnd: initial_window(mss),
            ssthresh: SSTHRESH_UNSET,
            dup_acks: 0,
            recovery: None,
            recover: 0,
            high_rxt: 0,
        }
    }

    /// New octets were acknowledged outside of recovery while `flight` were on the way.
    pub(crate) fn acknowledged(&mut self, acked: u64, flight: u64, mss: u64) {
        reno::acknowledged(self, acked, flight, mss);
    }

    /// A loss was inferred from acknowledgements; recovery begins.
    pub(crate) fn lost(&mut self, flight: u64, mss: u64) {
        self.ssthresh = reno::ssthresh_after_loss(flight, mss);
    }

    /// The retransmission timer fired for the `nth` time in a row, counted from 1.
    pub(crate) fn timed_out(&mut self, flight: u64, mss: u64, nth: u8) {
        // RFC 5681 (4): not again for a segment that was retransmitted before.
        if nth == 1 {
            self.ssthresh = reno::ssthresh_after_loss(flight, mss);
        }
        self.cwnd = mss;
        self.dup_acks = 0;
        self.recovery = None;
    }

    /// Nothing was sent for longer than the RTO, or the sender is a survivor: restart window
    /// (RFC 5681 4.1).
    pub(crate) fn restarted(&mut self, mss: u64) {
        self.cwnd = self.cwnd.min(initial_window(mss));
        self.dup_acks = 0;
        self.recovery = None;
    }
}

/// IW of RFC 6928.
pub(crate) fn initial_window(mss: u64) -> u64 {
    (10 * mss).min((2 * mss).max(14_600))
}

#[cfg(test)]
mod tests;
