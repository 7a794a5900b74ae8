//! What is asked of each peer before a segment of it counts.

use super::ao::AoChain;
use super::prefix::PeerPrefix;
use super::secret::Secret;
use core::fmt;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// The keys of a peer. Clones share them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PeerKeys {
    /// Segments are not signed.
    #[default]
    None,
    /// RFC 2385.
    Md5(Arc<Secret>),
    /// RFC 5925.
    Ao(Arc<AoChain>),
}

/// What is asked of a peer, and done towards it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerSecurity {
    /// How segments are signed.
    pub keys: PeerKeys,
    /// Generalized TTL security (RFC 5082): the peer is at most this many hops away, 1 on the
    /// same link. Segments that came over more are dropped, ours leave with a hop limit of 255.
    pub ttl_security: Option<u8>,
}

impl PeerSecurity {
    /// The least TTL or hop limit that an arriving segment may have; 0 where any will do.
    pub fn min_hop_limit(&self) -> u8 {
        self.ttl_security.map_or(0, |hops| 255 - (hops.max(1) - 1))
    }
}

/// [`SecurityTable::MAX_ENTRIES`] is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableFull;

impl fmt::Display for TableFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let max = SecurityTable::MAX_ENTRIES;
        write!(
            f,
            "more than {max} peers with keys or TTL security; use prefixes"
        )
    }
}

impl std::error::Error for TableFull {}

/// Peers by prefix, the longest decides. Peers that are not in it sign nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityTable {
    entries: BTreeMap<PeerPrefix, PeerSecurity>,
}

impl SecurityTable {
    /// It travels to the standby in one record.
    pub const MAX_ENTRIES: usize = 16_384;

    /// Asks this of the peers of `prefix`, instead of what was asked of the same prefix.
    ///
    /// Errors: `TableFull`; nothing has changed then.
    pub fn set(&mut self, prefix: PeerPrefix, security: PeerSecurity) -> Result<(), TableFull> {
        let full = self.entries.len() >= SecurityTable::MAX_ENTRIES;
        if full && !self.entries.contains_key(&prefix) {
            return Err(TableFull);
        }
        self.entries.insert(prefix, security);
        Ok(())
    }

    /// Asks nothing special of the peers of `prefix` any more; what it was.
    pub fn remove(&mut self, prefix: PeerPrefix) -> Option<PeerSecurity> {
        self.entries.remove(&prefix)
    }

    /// What is asked of the peer at `address`.
    pub fn peer(&self, address: IpAddr) -> Option<&PeerSecurity> {
        if self.entries.is_empty() {
            return None;
        }
        let longest = if address.is_ipv4() { 32 } else { 128 };
        (0..=longest)
            .rev()
            .filter_map(|length| PeerPrefix::new(address, length))
            .find_map(|prefix| self.entries.get(&prefix))
    }

    /// What is asked of the peers of exactly this prefix.
    pub fn entry(&self, prefix: PeerPrefix) -> Option<&PeerSecurity> {
        self.entries.get(&prefix)
    }

    /// All entries, by prefix.
    pub fn entries(&self) -> impl Iterator<Item = (PeerPrefix, &PeerSecurity)> + '_ {
        self.entries
            .iter()
            .map(|(&prefix, security)| (prefix, security))
    }

    /// True where nothing is asked of anybody.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
