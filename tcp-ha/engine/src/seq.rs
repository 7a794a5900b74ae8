//! Sequence numbers of the wire, and 64-bit positions.

use core::fmt;
use serde::{Deserialize, Serialize};

/// A sequence number as it stands in a TCP header, modulo 2^32.
///
/// It has no `Ord`: which of two comes first depends on where one stands
/// (RFC 9293 3.4), see [`SeqNum::before`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SeqNum(pub u32);

impl SeqNum {
    /// True where `self` lies in the half circle before `other`.
    pub fn before(self, other: SeqNum) -> bool {
        (self.0.wrapping_sub(other.0) as i32) < 0
    }

    /// Number on the wire of `position`, where `self` is the initial sequence number.
    pub fn at(self, position: u64) -> SeqNum {
        // Only the low 32 bits travel.
        SeqNum(self.0.wrapping_add(position as u32))
    }

    /// Position of the wire number `wire` that lies nearest to position `near`, where
    /// `self` is the initial sequence number; `None` where it would lie before the SYN.
    pub fn position(self, wire: SeqNum, near: u64) -> Option<u64> {
        let distance = wire.0.wrapping_sub(self.at(near).0) as i32;
        near.checked_add_signed(i64::from(distance))
    }
}

impl fmt::Display for SeqNum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests;
