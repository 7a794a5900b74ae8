//! What one connection counts.

use crate::time::Instant;
use serde::Serialize;

/// Sums of one connection, since it was opened or restored here. Octets are those of text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Segments that arrived for it, whether used or not.
    pub segments_in: u64,
    /// Segments built for it.
    pub segments_out: u64,
    /// Octets received in order.
    pub octets_in: u64,
    /// Octets sent, repetitions included.
    pub octets_out: u64,
    /// Octets that the peer acknowledged.
    pub octets_acked: u64,
    /// Octets sent again.
    pub octets_retransmitted: u64,
    /// Segments with text whose octets had all come before.
    pub duplicates_in: u64,
    /// Segments with text that left a gap before them.
    pub out_of_order_in: u64,
    /// Retransmission timeouts.
    pub timeouts: u64,
    /// When a segment of the peer's last arrived.
    pub last_received_at: Option<Instant>,
    /// When text of the peer's last arrived in order.
    pub last_text_at: Option<Instant>,
}
