//! Pairs of addresses: what a session went through over all its flows.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// Two addresses, the smaller first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Pair(pub(super) IpAddr, pub(super) IpAddr);

impl Pair {
    pub(super) fn of(one: IpAddr, other: IpAddr) -> Pair {
        Pair(one.min(other), one.max(other))
    }
}

/// Completed exchanges of SYN by pair.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    exchanges: BTreeMap<Pair, u32>,
}

impl Sessions {
    /// Completed exchanges of a pair.
    pub(super) fn exchanges(&self, pair: Pair) -> u32 {
        self.exchanges.get(&pair).copied().unwrap_or(0)
    }

    /// One more was completed; gives the number.
    pub(super) fn exchanged(&mut self, pair: Pair) -> u32 {
        let exchanges = self.exchanges.entry(pair).or_default();
        *exchanges += 1;
        *exchanges
    }
}
