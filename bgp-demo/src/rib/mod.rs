//! The routing information bases of RFC 4271 3.2.

mod adj_in;
mod adj_out;
mod export;
mod loc;

#[cfg(test)]
mod tests;

pub use adj_in::AdjRibIn;
pub use adj_out::{AdjRibOut, Group, Swept};
pub use export::{Exporter, GroupId, Groups};
pub use loc::{Change, LocRib, Path};

use serde::Serialize;

/// A peer's place in the speaker's table: the order of the peers' addresses, so equal on two speakers of equal configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct PeerIndex(pub u16);

/// Who gave a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Source {
    /// The speaker itself.
    Local,
    /// A peer.
    Peer(PeerIndex),
}
