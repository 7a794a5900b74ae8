//! Messages, by version. Code outside of here uses the newest version's types; a released
//! version's octets never change.

pub mod v1;

pub use v1::{Ack, Audited, Control, Finding, Heartbeat, Hello, RefuseReason, ResignCause};

use core::fmt;
use serde::{Deserialize, Serialize};

/// A version of the messages and records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version(pub u16);

impl Version {
    /// The first.
    pub const V1: Version = Version(1);
    /// The second: a trial, in builds of the tests alone.
    #[cfg(feature = "schema-v2")]
    pub const V2: Version = Version(2);
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The versions that a node speaks, from the oldest to the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// The oldest.
    pub min: Version,
    /// The newest.
    pub max: Version,
}

impl Versions {
    /// All that this build speaks.
    #[cfg(not(feature = "schema-v2"))]
    pub const SPOKEN: Versions = Versions::only(Version::V1);
    /// All that this build speaks.
    #[cfg(feature = "schema-v2")]
    pub const SPOKEN: Versions = Versions {
        min: Version::V1,
        max: Version::V2,
    };

    /// One version and no other.
    #[must_use]
    pub const fn only(version: Version) -> Versions {
        Versions {
            min: version,
            max: version,
        }
    }

    /// The newest version that both ranges hold: two nodes never speak an older one.
    #[must_use]
    pub fn common(self, theirs: Versions) -> Option<Version> {
        let newest = self.max.min(theirs.max);
        (newest >= self.min && newest >= theirs.min).then_some(newest)
    }
}

impl Default for Versions {
    /// All that this build speaks.
    fn default() -> Self {
        Versions::SPOKEN
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.min == self.max {
            return self.min.fmt(f);
        }
        write!(f, "{} to {}", self.min, self.max)
    }
}

#[cfg(test)]
mod tests;
