//! The decision process (RFC 4271 9.1.2.2) as a pure function of the set of candidates.
//!
//! There is no "oldest route" and no order of arrival in it: two speakers that hold the same set choose the same route.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv4Addr};

use crate::attributes::PathAttributes;

/// LOCAL_PREF of a route that carries none (RFC 4271 leaves it open; everybody uses 100).
pub const LOCAL_PREF_DEFAULT: u32 = 100;

/// A route that may be chosen.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Its attributes.
    pub attributes: &'a PathAttributes,
    /// Where it comes from.
    pub origin: CandidateOrigin,
}

/// Where a candidate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CandidateOrigin {
    /// Originated by the speaker itself: always preferred.
    Local,
    /// Learned from a peer.
    Peer {
        /// The peer is in another AS.
        external: bool,
        /// The peer's BGP Identifier.
        identifier: Ipv4Addr,
        /// The peer's address, which no other peer has.
        address: IpAddr,
    },
}

/// The index of the best candidate; none when there is no candidate.
///
/// Highest LOCAL_PREF, fewest AS hops, lowest ORIGIN, lowest MED among those from the same neighbouring AS, external before internal, lowest
/// BGP Identifier, lowest peer address. The interior cost to the next hop is the same for all: the speaker resolves none.
#[must_use]
pub fn best(candidates: &[Candidate<'_>]) -> Option<usize> {
    if candidates.len() < 2 {
        return candidates.len().checked_sub(1);
    }
    let mut left: Vec<usize> = (0..candidates.len()).collect();
    keep_least(&mut left, |at| {
        candidates[at].origin != CandidateOrigin::Local
    });
    keep_least(&mut left, |at| {
        Reverse(
            candidates[at]
                .attributes
                .local_pref
                .unwrap_or(LOCAL_PREF_DEFAULT),
        )
    });
    keep_least(&mut left, |at| candidates[at].attributes.as_path.hops());
    keep_least(&mut left, |at| candidates[at].attributes.origin);
    keep_least_med(&mut left, candidates);
    keep_least(&mut left, |at| match candidates[at].origin {
        CandidateOrigin::Local => (false, Ipv4Addr::UNSPECIFIED, None),
        CandidateOrigin::Peer {
            external,
            identifier,
            address,
        } => (!external, identifier, Some(address)),
    });
    left.first().copied()
}

fn keep_least<K: Ord>(left: &mut Vec<usize>, key: impl Fn(usize) -> K) {
    if left.len() < 2 {
        return;
    }
    if let Some(least) = left.iter().map(|at| key(*at)).min() {
        left.retain(|at| key(*at) == least);
    }
}

/// RFC 4271 9.1.2.2 c: a route goes when another from the same neighbouring AS has a lower MED; no MED is the lowest.
fn keep_least_med(left: &mut Vec<usize>, candidates: &[Candidate<'_>]) {
    let key = |at: usize| {
        (
            candidates[at].attributes.as_path.neighbour(),
            candidates[at].attributes.med.unwrap_or(0),
        )
    };
    let all = left.clone();
    left.retain(|at| {
        let (neighbour, med) = key(*at);
        !all.iter()
            .map(|other| key(*other))
            .any(|(other, lower)| other == neighbour && lower < med)
    });
}
