//! Slow start and congestion avoidance of RFC 5681.

use crate::checkpoint::CongestionState;

/// The window grows no further than this, whatever the path.
const CWND_MAX: u64 = 1 << 32;

/// RFC 5681 (2) and (3), with appropriate byte counting (RFC 3465, L = 2).
pub(super) fn acknowledged(state: &mut CongestionState, acked: u64, flight: u64, mss: u64) {
    // A window that is not used proves nothing about the path (RFC 7661).
    if flight.saturating_mul(2) < state.cwnd {
        return;
    }
    let growth = if state.cwnd < state.ssthresh {
        acked.min(2 * mss)
    } else {
        (mss * acked.min(2 * mss) / state.cwnd.max(1)).max(1)
    };
    state.cwnd = (state.cwnd + growth).min(CWND_MAX);
}

/// RFC 5681 (4).
pub(super) fn ssthresh_after_loss(flight: u64, mss: u64) -> u64 {
    (flight / 2).max(2 * mss)
}
