//! Prefixes and the address families that carry them.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// An IPv4 or IPv6 prefix. The speaker keeps host bits zero, so that equal networks are equal values.
pub type Prefix = ipnet::IpNet;

/// An address family with unicast forwarding: what RFC 4760 calls AFI/SAFI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// AFI 1, SAFI 1.
    Ipv4,
    /// AFI 2, SAFI 1.
    Ipv6,
}

impl Family {
    /// Both families, in the order in which tables are walked.
    pub const ALL: [Self; 2] = [Self::Ipv4, Self::Ipv6];

    /// The family of a prefix.
    #[must_use]
    pub const fn of(prefix: &Prefix) -> Self {
        match prefix {
            Prefix::V4(_) => Self::Ipv4,
            Prefix::V6(_) => Self::Ipv6,
        }
    }

    /// The family of an address.
    #[must_use]
    pub const fn of_address(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }

    /// Address Family Identifier.
    #[must_use]
    pub const fn afi(self) -> u16 {
        match self {
            Self::Ipv4 => 1,
            Self::Ipv6 => 2,
        }
    }

    /// The family of an AFI and a SAFI, if it is one that the speaker knows.
    #[must_use]
    pub const fn from_afi_safi(afi: u16, safi: u8) -> Option<Self> {
        match (afi, safi) {
            (1, 1) => Some(Self::Ipv4),
            (2, 1) => Some(Self::Ipv6),
            _ => None,
        }
    }

    /// Index into tables by family.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Ipv4 => 0,
            Self::Ipv6 => 1,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        })
    }
}

/// A set of families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Families(u8);

impl Families {
    /// No family.
    pub const NONE: Self = Self(0);

    /// Adds a family.
    pub const fn insert(&mut self, family: Family) {
        self.0 |= 1 << family.index();
    }

    /// Removes a family.
    pub const fn remove(&mut self, family: Family) {
        self.0 &= !(1 << family.index());
    }

    /// Whether the family is in the set.
    #[must_use]
    pub const fn contains(self, family: Family) -> bool {
        self.0 & (1 << family.index()) != 0
    }

    /// Families that are in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The families in the set, IPv4 first.
    pub fn iter(self) -> impl Iterator<Item = Family> {
        Family::ALL
            .into_iter()
            .filter(move |family| self.contains(*family))
    }

    /// The set as bits, for records.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The set from bits; unknown bits are dropped.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 0b11)
    }
}

impl FromIterator<Family> for Families {
    fn from_iter<I: IntoIterator<Item = Family>>(iter: I) -> Self {
        let mut families = Self::NONE;
        for family in iter {
            families.insert(family);
        }
        families
    }
}
