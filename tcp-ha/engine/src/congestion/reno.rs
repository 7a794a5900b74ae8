//! Slow start and the reduction of RFC 5681, counted in segments.

use super::CWND_MAX;
use crate::checkpoint::CongestionState;

/// RFC 5681 (2) with all that was acknowledged counted (RFC 3465 without its limit, as
/// Linux has it). Returns the segments left over where the threshold is reached.
pub(super) fn slow_start(state: &mut CongestionState, acked: u32) -> u32 {
    let grown = (state.cwnd + acked).min(state.ssthresh).min(CWND_MAX);
    let used = grown.saturating_sub(state.cwnd);
    state.cwnd = state.cwnd.max(grown);
    acked - used
}

/// RFC 5681 (4); the window stands for the flight, since it only grows where it is used.
pub(super) fn threshold_after_loss(cwnd: u32) -> u32 {
    (cwnd / 2).max(2)
}
