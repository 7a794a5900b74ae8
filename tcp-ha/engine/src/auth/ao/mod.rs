//! The TCP Authentication Option (RFC 5925) with the algorithms of RFC 5926.

mod chain;
mod kdf;
mod mac;
pub(crate) mod session;

pub use chain::{AoChain, AoKey, ChainError};
pub use kdf::{Algorithm, Context, traffic_key};
pub use mac::TrafficKey;

/// The sequence number extension of a sequence number (RFC 5925 6.2), from the 64-bit
/// position of the segment: 0 in the first round from the ISN on, one more after each wrap.
///
/// Positions never wrap, so nothing has to be remembered or guessed (compare RFC 9187).
pub fn sequence_extension(initial: crate::SeqNum, position: u64) -> u32 {
    // A connection does not live for 2^64 octets.
    ((u64::from(initial.0) + position) >> 32) as u32
}

#[cfg(test)]
mod tests;
