//! Policy: which routes count, and how a route looks when it is told to a peer. Pure functions.

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use crate::attributes::PathAttributes;
use crate::decision::LOCAL_PREF_DEFAULT;
use crate::message::attribute::flag;
use crate::message::{HEADER_OCTETS, MESSAGE_OCTETS_MAX, encode_attributes};

/// NO_EXPORT (RFC 1997): not to other ASes.
const NO_EXPORT: u32 = 0xffff_ff01;
/// NO_ADVERTISE (RFC 1997): to nobody.
const NO_ADVERTISE: u32 = 0xffff_ff02;
/// NO_EXPORT_SUBCONFED (RFC 1997): like NO_EXPORT, without confederations.
const NO_EXPORT_SUBCONFED: u32 = 0xffff_ff03;

/// Lengths of the fixed parts of an UPDATE, of MP_REACH_NLRI with two next hops, and of one prefix.
const UPDATE_OVERHEAD_OCTETS: usize = HEADER_OCTETS + 4 + 4 + 4 + 1 + 32 + 17;

/// Whether a route that a peer told may be chosen (RFC 4271 9.1.2 and 5.1.3): no loop, and a next hop that is somebody else's host.
#[must_use]
pub fn is_eligible(attributes: &PathAttributes, own_as: u32, own_addresses: &[IpAddr]) -> bool {
    let next_hop = attributes.next_hop;
    !attributes.as_path.contains(own_as)
        && !next_hop.is_unspecified()
        && !next_hop.is_multicast()
        && !own_addresses.contains(&next_hop)
}

/// What a route becomes on its way to a peer depends on this and on nothing else of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExportGroup {
    /// Own AS number.
    pub own_as: u32,
    /// The peer is in another AS.
    pub external: bool,
    /// The peer and the speaker use 4-octet AS numbers; decides only what fits into a message.
    pub four_octet_as: bool,
    /// The speaker's own address in the route's family, as next hop.
    pub next_hop_self: IpAddr,
}

/// Where the route comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LearnedBy {
    /// Originated here.
    Originated,
    /// From a peer in another AS.
    External,
    /// From a peer in the own AS.
    Internal,
}

/// The route as the group is told; none when it is not told at all.
///
/// External: own AS in front, own address as next hop, MED and LOCAL_PREF removed. Internal: as it is with LOCAL_PREF, and only what was
/// originated here or came from outside (RFC 4271 9.2.1). An originated route keeps the next hop that its file names. Communities that forbid it are
/// obeyed. A route whose attributes fill a message is not told.
#[must_use]
pub fn export(
    group: &ExportGroup,
    learned_by: LearnedBy,
    attributes: &PathAttributes,
) -> Option<PathAttributes> {
    let forbidden = attributes
        .communities
        .iter()
        .any(|community| match *community {
            NO_ADVERTISE => true,
            NO_EXPORT | NO_EXPORT_SUBCONFED => group.external,
            _ => false,
        });
    if forbidden || (!group.external && learned_by == LearnedBy::Internal) {
        return None;
    }
    let mut told = attributes.clone();
    let named = learned_by == LearnedBy::Originated && !attributes.next_hop.is_unspecified();
    if attributes.next_hop.is_unspecified() || (group.external && !named) {
        told.next_hop = group.next_hop_self;
        told.next_hop_link_local = None;
    }
    if group.external {
        told.as_path = told.as_path.prepend(group.own_as);
        told.local_pref = None;
        if learned_by != LearnedBy::Originated {
            told.med = None;
        }
    } else {
        told.local_pref = Some(told.local_pref.unwrap_or(LOCAL_PREF_DEFAULT));
    }
    // RFC 4271 5: who passes on what it does not know says so.
    for opaque in &mut told.opaque {
        opaque.flags |= flag::PARTIAL;
    }
    let octets = encode_attributes(&told, group.four_octet_as).len();
    (octets + UPDATE_OVERHEAD_OCTETS <= MESSAGE_OCTETS_MAX).then_some(told)
}
