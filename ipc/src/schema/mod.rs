//! Messages, by version. Code outside of here uses the newest version's types; a released
//! version's octets never change.

pub mod v1;

pub use v1::{Ack, Audited, Control, Finding, Heartbeat, Hello, RefuseReason, ResignCause};

/// Oldest version of the messages that is spoken.
pub const VERSION_MIN: u16 = 1;
/// Newest version of the messages that is spoken.
pub const VERSION_MAX: u16 = 1;

/// The highest version that both ranges hold.
#[must_use]
pub fn common_version(ours: (u16, u16), theirs: (u16, u16)) -> Option<u16> {
    let highest = ours.1.min(theirs.1);
    (highest >= ours.0 && highest >= theirs.0).then_some(highest)
}

#[cfg(test)]
mod tests;
