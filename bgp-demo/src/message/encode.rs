//! Messages to octets. Written by hand, so that tests can hold it against the decoder of `netgauze-bgp-pkt`.

use std::net::IpAddr;

use bytes::Bytes;

use super::attribute::{flag, kind as attribute};
use super::notification::Notification;
use super::open::{
    AS_TRANS, CAPABILITY_FOUR_OCTET_AS, CAPABILITY_MULTIPROTOCOL, Open, PARAMETER_CAPABILITIES,
};
use super::{HEADER_OCTETS, kind, nlri};
use crate::attributes::{AsPath, AsSegment, PathAttributes};
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
/// `attributes` are the octets of [`encode_attributes`] for the same `next_hop`; all prefixes are of one family. IPv4 with an IPv4 next hop goes
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

/// The attributes except MP_REACH_NLRI, by ascending type code. NEXT_HOP is among them when the next hop is IPv4.
#[must_use]
pub fn encode_attributes(attributes: &PathAttributes, four_octet_as: bool) -> Vec<u8> {
    const WELL_KNOWN: u8 = flag::TRANSITIVE;
    const OPTIONAL_TRANSITIVE: u8 = flag::OPTIONAL | flag::TRANSITIVE;
    let mut out = Vec::with_capacity(64);
    put(
        &mut out,
        WELL_KNOWN,
        attribute::ORIGIN,
        &[attributes.origin as u8],
    );
    put(
        &mut out,
        WELL_KNOWN,
        attribute::AS_PATH,
        &as_path_octets(&attributes.as_path, four_octet_as),
    );
    if let IpAddr::V4(next_hop) = attributes.next_hop {
        put(
            &mut out,
            WELL_KNOWN,
            attribute::NEXT_HOP,
            &next_hop.octets(),
        );
    }
    if let Some(med) = attributes.med {
        put(
            &mut out,
            flag::OPTIONAL,
            attribute::MULTI_EXIT_DISC,
            &med.to_be_bytes(),
        );
    }
    if let Some(local_pref) = attributes.local_pref {
        put(
            &mut out,
            WELL_KNOWN,
            attribute::LOCAL_PREF,
            &local_pref.to_be_bytes(),
        );
    }
    if attributes.atomic_aggregate {
        put(&mut out, WELL_KNOWN, attribute::ATOMIC_AGGREGATE, &[]);
    }
    let aggregator = attributes
        .aggregator
        .map(|it| (it.asn.to_be_bytes(), it.asn, it.identifier.octets()));
    if let Some((wide, asn, identifier)) = aggregator {
        let narrow = u16::try_from(asn).unwrap_or(AS_TRANS).to_be_bytes();
        let asn: &[u8] = if four_octet_as { &wide } else { &narrow };
        put(
            &mut out,
            OPTIONAL_TRANSITIVE,
            attribute::AGGREGATOR,
            &[asn, &identifier].concat(),
        );
    }
    if !attributes.communities.is_empty() {
        let value: Vec<u8> = attributes
            .communities
            .iter()
            .flat_map(|it| it.to_be_bytes())
            .collect();
        put(
            &mut out,
            OPTIONAL_TRANSITIVE,
            attribute::COMMUNITIES,
            &value,
        );
    }
    if !attributes.extended_communities.is_empty() {
        put(
            &mut out,
            OPTIONAL_TRANSITIVE,
            attribute::EXTENDED_COMMUNITIES,
            attributes.extended_communities.as_flattened(),
        );
    }
    // RFC 6793 4.2.2: what two octets cannot say goes into attributes of its own.
    if !four_octet_as && !fits_two_octets(&attributes.as_path) {
        put(
            &mut out,
            OPTIONAL_TRANSITIVE,
            attribute::AS4_PATH,
            &as_path_octets(&attributes.as_path, true),
        );
    }
    if let Some((wide, asn, identifier)) = aggregator
        && !four_octet_as
        && u16::try_from(asn).is_err()
    {
        put(
            &mut out,
            OPTIONAL_TRANSITIVE,
            attribute::AS4_AGGREGATOR,
            &[wide, identifier].concat(),
        );
    }
    let large = attributes.large_communities.as_flattened();
    let (before, after) = attributes.opaque.split_at(
        attributes
            .opaque
            .partition_point(|it| it.code < attribute::LARGE_COMMUNITY),
    );
    for opaque in before {
        put(&mut out, opaque.flags, opaque.code, &opaque.value);
    }
    if !large.is_empty() {
        let value: Vec<u8> = large.iter().flat_map(|it| it.to_be_bytes()).collect();
        put(
            &mut out,
            OPTIONAL_TRANSITIVE,
            attribute::LARGE_COMMUNITY,
            &value,
        );
    }
    for opaque in after {
        put(&mut out, opaque.flags, opaque.code, &opaque.value);
    }
    out
}

fn put(out: &mut Vec<u8>, flags: u8, code: u8, value: &[u8]) {
    match u8::try_from(value.len()) {
        Ok(octets) => out.extend_from_slice(&[flags, code, octets]),
        Err(_) => {
            let octets = u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes();
            out.extend_from_slice(&[flags | flag::EXTENDED_LENGTH, code, octets[0], octets[1]]);
        }
    }
    out.extend_from_slice(value);
}

fn fits_two_octets(path: &AsPath) -> bool {
    path.0
        .iter()
        .flat_map(AsSegment::as_numbers)
        .all(|asn| u16::try_from(*asn).is_ok())
}

fn as_path_octets(path: &AsPath, four_octet_as: bool) -> Vec<u8> {
    const AS_SET: u8 = 1;
    const AS_SEQUENCE: u8 = 2;
    let mut out = Vec::new();
    for segment in &path.0 {
        let kind = match segment {
            AsSegment::Set(_) => AS_SET,
            AsSegment::Sequence(_) => AS_SEQUENCE,
        };
        let numbers = segment.as_numbers();
        out.extend_from_slice(&[kind, u8::try_from(numbers.len()).unwrap_or(u8::MAX)]);
        for asn in numbers.iter().take(usize::from(u8::MAX)) {
            if four_octet_as {
                out.extend_from_slice(&asn.to_be_bytes());
            } else {
                out.extend_from_slice(&u16::try_from(*asn).unwrap_or(AS_TRANS).to_be_bytes());
            }
        }
    }
    out
}
