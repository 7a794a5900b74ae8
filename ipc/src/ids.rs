//! The three names that everything here is ordered by.

use core::fmt;
use core::str::FromStr;
use std::io;

use serde::{Deserialize, Serialize};

/// One start of one process: 128 random bits.
///
/// A restarted node is another incarnation, whatever its configured name; so an empty node can
/// own nothing of its predecessor. Printed and parsed as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incarnation([u8; 16]);

impl Incarnation {
    /// A fresh name from the operating system's random source.
    ///
    /// # Errors
    /// The random source's error, when there is none.
    pub fn random() -> io::Result<Self> {
        let mut octets = [0; 16];
        getrandom::fill(&mut octets).map_err(|error| {
            io::Error::other(format!(
                "no random octets for the incarnation ({error}): check /dev/urandom"
            ))
        })?;
        Ok(Self(octets))
    }

    /// The incarnation with these octets.
    #[must_use]
    pub const fn from_bytes(octets: [u8; 16]) -> Self {
        Self(octets)
    }

    /// The octets of the name.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnIncarnation;

impl fmt::Display for NotAnIncarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an incarnation is 32 hexadecimal digits")
    }
}

impl core::error::Error for NotAnIncarnation {}

impl FromStr for Incarnation {
    type Err = NotAnIncarnation;

    fn from_str(text: &str) -> Result<Self, NotAnIncarnation> {
        let digits = text.as_bytes();
        if digits.len() != 32 {
            return Err(NotAnIncarnation);
        }
        let mut octets = [0; 16];
        for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
            *octet = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
        }
        Ok(Self(octets))
    }
}

fn hex_digit(digit: u8) -> Result<u8, NotAnIncarnation> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(NotAnIncarnation),
    }
}

/// Number of an entry of the register: who speaks, and who backs it. Only grows.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch that a won compare-and-swap on this one makes.
    ///
    /// # Panics
    /// After 2^64 epochs.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.checked_add(1).expect("epochs are used up"))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Log sequence number of a batch. The first batch is 1; an acknowledgement of an LSN covers
/// every batch up to it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Lsn(pub u64);

impl Lsn {
    /// Before the first batch.
    pub const ZERO: Self = Self(0);

    /// The batch after this one.
    ///
    /// # Panics
    /// After 2^64 batches.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(
            self.0
                .checked_add(1)
                .expect("log sequence numbers are used up"),
        )
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests;
