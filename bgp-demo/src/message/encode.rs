//! Messages to octets. Written by hand, so that tests can hold it against the decoder of `netgauze-bgp-pkt`.

use std::net::IpAddr;

use bytes::Bytes;

use super::attribute::{flag, kind as attribute};
use super::notification::Notification;
use super::open::{
    AS_TRANS, CAPABILITY_FOUR_OCTET_AS, CAPABILITY_MULTIPROTOCOL, Open, PARAMETER_CAPABILITIES,
};
use super::{HEADER_OCTETS, kind, nlri};
use crate::attributes::PathAttributes;
use crate::prefix::{Family, Prefix};

const SAFI_UNICAST: u8 = 1;

fn begin(kind: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    out.extend_from_slice(&[0xff; 16]);
    out.extend_from_slice(&[0, 0, kind]);
    out
}

fn finish(mut out: Vec<u8>) -> Bytes {
    let octets = u16::try_from(out.len()).unwrap_or(u16::MAX);
    out[16..18].copy_from_slice(&octets.to_be_bytes());
    out.into()
}

fn put_len(out: &mut [u8], at: usize, octets: usize) {
    let octets = u16::try_from(octets).unwrap_or(u16::MAX);
    out[at..at + 2].copy_from_slice(&octets.to_be_bytes());
}

/// An OPEN with the capabilities that [`Open`] names.
#[must_use]
pub fn encode_open(open: &Open) -> Bytes {
    let mut capabilities = Vec::new();
    for family in open.families.iter() {
        let afi = family.afi().to_be_bytes();
        capabilities.extend_from_slice(&[
            CAPABILITY_MULTIPROTOCOL,
            4,
            afi[0],
            afi[1],
            0,
            SAFI_UNICAST,
        ]);
    }
    if open.four_octet_as {
        capabilities.extend_from_slice(&[CAPABILITY_FOUR_OCTET_AS, 4]);
        capabilities.extend_from_slice(&open.asn.to_be_bytes());
    }
    let mut out = begin(kind::OPEN);
    out.push(4);
    out.extend_from_slice(&u16::try_from(open.asn).unwrap_or(AS_TRANS).to_be_bytes());
    out.extend_from_slice(&open.hold_time.to_be_bytes());
    out.extend_from_slice(&open.identifier.octets());
    // At most 2 * 6 + 6 octets of capabilities.
    let octets = u8::try_from(capabilities.len()).unwrap_or(u8::MAX);
    if octets == 0 {
        out.push(0);
    } else {
        out.extend_from_slice(&[octets + 2, PARAMETER_CAPABILITIES, octets]);
        out.extend_from_slice(&capabilities);
    }
    finish(out)
}

/// A KEEPALIVE.
#[must_use]
pub fn encode_keepalive() -> Bytes {
    finish(begin(kind::KEEPALIVE))
}

/// A NOTIFICATION; data beyond what a message can hold is cut.
#[must_use]
pub fn encode_notification(notification: &Notification) -> Bytes {
    let mut out = begin(kind::NOTIFICATION);
    out.extend_from_slice(&[notification.code, notification.subcode]);
    let room = super::MESSAGE_OCTETS_MAX - out.len();
    out.extend_from_slice(&notification.data[..notification.data.len().min(room)]);
    finish(out)
}

/// The End-of-RIB marker of a family (RFC 4724 2).
#[must_use]
pub fn encode_end_of_rib(family: Family) -> Bytes {
    let mut out = begin(kind::UPDATE);
    match family {
        Family::Ipv4 => out.extend_from_slice(&[0, 0, 0, 0]),
        Family::Ipv6 => {
            out.extend_from_slice(&[
                0,
                0,
                0,
                6,
                flag::OPTIONAL,
                attribute::MP_UNREACH_NLRI,
                3,
                0,
                2,
                SAFI_UNICAST,
            ]);
        }
    }
    finish(out)
}

/// An UPDATE that withdraws as many of `prefixes` as fit into `octets_max`, and how many these are.
///
/// All prefixes are of one family; `octets_max` counts the header.
#[must_use]
pub fn encode_withdraw(prefixes: &[Prefix], octets_max: usize) -> (Bytes, usize) {
    let mut out = begin(kind::UPDATE);
    let family = prefixes.first().map_or(Family::Ipv4, Family::of);
    let mut taken = 0;
    match family {
        Family::Ipv4 => {
            out.extend_from_slice(&[0, 0]);
            taken = put_prefixes(&mut out, prefixes, octets_max.saturating_sub(2));
            let octets = out.len() - HEADER_OCTETS - 2;
            put_len(&mut out, HEADER_OCTETS, octets);
            out.extend_from_slice(&[0, 0]);
        }
        Family::Ipv6 => {
            out.extend_from_slice(&[0, 0, 0, 0]);
            let afi = family.afi().to_be_bytes();
            let flags = flag::OPTIONAL | flag::EXTENDED_LENGTH;
            out.extend_from_slice(&[
                flags,
                attribute::MP_UNREACH_NLRI,
                0,
                0,
                afi[0],
                afi[1],
                SAFI_UNICAST,
            ]);
            taken += put_prefixes(&mut out, prefixes, octets_max);
            let octets = out.len() - HEADER_OCTETS - 4;
            put_len(&mut out, HEADER_OCTETS + 2, octets);
            put_len(&mut out, HEADER_OCTETS + 6, octets - 4);
        }
    }
    (finish(out), taken)
}

fn put_prefixes(out: &mut Vec<u8>, prefixes: &[Prefix], octets_max: usize) -> usize {
    let mut taken = 0;
    for prefix in prefixes {
        if out.len() + nlri::octets(prefix) > octets_max {
            break;
        }
        nlri::encode(prefix, out);
        taken += 1;
    }
    taken
}

/// An UPDATE that announces as many of `prefixes` as fit into `octets_max`, and how many these are: zero when the attributes
/// leave no room for the first.
///
/// `attributes` are the octets of `encode_attributes` for the same `next_hop`; all prefixes are of one family. IPv4 with an IPv4 next hop goes
/// into NLRI, everything else into MP_REACH_NLRI.
#[must_use]
pub fn encode_announce(
    attributes: &[u8],
    next_hop: &PathAttributes,
    prefixes: &[Prefix],
    octets_max: usize,
) -> (Bytes, usize) {
    let mut out = begin(kind::UPDATE);
    let family = prefixes.first().map_or(Family::Ipv4, Family::of);
    out.extend_from_slice(&[0, 0, 0, 0]);
    let begin_attributes = out.len();
    out.extend_from_slice(attributes);
    let taken = match (family, next_hop.next_hop) {
        (Family::Ipv4, IpAddr::V4(_)) => {
            let octets = out.len() - begin_attributes;
            put_len(&mut out, begin_attributes - 2, octets);
            put_prefixes(&mut out, prefixes, octets_max)
        }
        _ => {
            let afi = family.afi().to_be_bytes();
            let flags = flag::OPTIONAL | flag::EXTENDED_LENGTH;
            out.extend_from_slice(&[flags, attribute::MP_REACH_NLRI, 0, 0]);
            let begin_value = out.len();
            out.extend_from_slice(&[afi[0], afi[1], SAFI_UNICAST]);
            put_mp_next_hop(&mut out, next_hop);
            out.push(0);
            let taken = put_prefixes(&mut out, prefixes, octets_max);
            let octets = out.len() - begin_value;
            put_len(&mut out, begin_value - 2, octets);
            let octets = out.len() - begin_attributes;
            put_len(&mut out, begin_attributes - 2, octets);
            taken
        }
    };
    (finish(out), taken)
}

fn put_mp_next_hop(out: &mut Vec<u8>, attributes: &PathAttributes) {
    match (attributes.next_hop, attributes.next_hop_link_local) {
        (IpAddr::V4(address), _) => {
            out.push(4);
            out.extend_from_slice(&address.octets());
        }
        (IpAddr::V6(address), None) => {
            out.push(16);
            out.extend_from_slice(&address.octets());
        }
        (IpAddr::V6(address), Some(link_local)) => {
            out.push(32);
            out.extend_from_slice(&address.octets());
            out.extend_from_slice(&link_local.octets());
        }
    }
}
