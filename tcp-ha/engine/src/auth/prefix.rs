//! A set of peers by their addresses.

use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// An address prefix. `Display` and `FromStr` know `10.0.0.1`, `10.0.0.0/8`, `fd99::/64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PeerPrefix {
    address: IpAddr,
    length: u8,
}

/// What is no prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPrefix(String);

impl fmt::Display for BadPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.0;
        write!(
            f,
            "`{text}` is no address or prefix; write 192.0.2.1 or 192.0.2.0/24"
        )
    }
}

impl std::error::Error for BadPrefix {}

impl PeerPrefix {
    /// The first `length` bits of `address`; `None` where it has fewer.
    pub fn new(address: IpAddr, length: u8) -> Option<PeerPrefix> {
        let address = match address {
            IpAddr::V4(ip) if length <= 32 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                IpAddr::V4((ip.to_bits() & mask).into())
            }
            IpAddr::V6(ip) if length <= 128 => {
                let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                IpAddr::V6((ip.to_bits() & mask).into())
            }
            _ => return None,
        };
        Some(PeerPrefix { address, length })
    }

    /// One address.
    pub fn host(address: IpAddr) -> PeerPrefix {
        let length = if address.is_ipv4() { 32 } else { 128 };
        PeerPrefix { address, length }
    }

    /// True where `address` is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.address.is_ipv4()
            && PeerPrefix::new(address, self.length) == Some(*self)
    }

    /// How many bits are fixed.
    pub fn length(&self) -> u8 {
        self.length
    }

    /// The first address.
    pub fn address(&self) -> IpAddr {
        self.address
    }
}

impl fmt::Display for PeerPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == PeerPrefix::host(self.address) {
            return self.address.fmt(f);
        }
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl FromStr for PeerPrefix {
    type Err = BadPrefix;

    fn from_str(text: &str) -> Result<PeerPrefix, BadPrefix> {
        let prefix = match text.split_once('/') {
            None => text.parse().ok().map(PeerPrefix::host),
            Some((address, length)) => address
                .parse()
                .ok()
                .zip(length.parse().ok())
                .and_then(|(address, length)| PeerPrefix::new(address, length)),
        };
        prefix.ok_or_else(|| BadPrefix(text.to_owned()))
    }
}
