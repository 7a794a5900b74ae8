//! Path attributes to octets.

use std::net::IpAddr;

use super::attribute::{flag, kind};
use super::open::AS_TRANS;
use crate::attributes::{Aggregator, AsPath, AsSegment, PathAttributes};

const WELL_KNOWN: u8 = flag::TRANSITIVE;
const OPTIONAL_TRANSITIVE: u8 = flag::OPTIONAL | flag::TRANSITIVE;

/// The attributes except MP_REACH_NLRI, by ascending type code. NEXT_HOP is among them when the next hop is IPv4.
#[must_use]
pub fn encode_attributes(attributes: &PathAttributes, four_octet_as: bool) -> Vec<u8> {
    let mut out = Writer(Vec::with_capacity(64));
    out.put(WELL_KNOWN, kind::ORIGIN, &[attributes.origin as u8]);
    out.put(
        WELL_KNOWN,
        kind::AS_PATH,
        &as_path_octets(&attributes.as_path, four_octet_as),
    );
    if let IpAddr::V4(next_hop) = attributes.next_hop {
        out.put(WELL_KNOWN, kind::NEXT_HOP, &next_hop.octets());
    }
    if let Some(med) = attributes.med {
        out.put(flag::OPTIONAL, kind::MULTI_EXIT_DISC, &med.to_be_bytes());
    }
    if let Some(local_pref) = attributes.local_pref {
        out.put(WELL_KNOWN, kind::LOCAL_PREF, &local_pref.to_be_bytes());
    }
    if attributes.atomic_aggregate {
        out.put(WELL_KNOWN, kind::ATOMIC_AGGREGATE, &[]);
    }
    if let Some(aggregator) = &attributes.aggregator {
        out.put(
            OPTIONAL_TRANSITIVE,
            kind::AGGREGATOR,
            &aggregator_octets(aggregator, four_octet_as),
        );
    }
    if !attributes.communities.is_empty() {
        out.put(
            OPTIONAL_TRANSITIVE,
            kind::COMMUNITIES,
            &words(&attributes.communities),
        );
    }
    if !attributes.extended_communities.is_empty() {
        out.put(
            OPTIONAL_TRANSITIVE,
            kind::EXTENDED_COMMUNITIES,
            attributes.extended_communities.as_flattened(),
        );
    }
    if !four_octet_as {
        out.put_as4(attributes);
    }
    let large_at = attributes
        .opaque
        .partition_point(|opaque| opaque.code < kind::LARGE_COMMUNITY);
    let (before, after) = attributes.opaque.split_at(large_at);
    for opaque in before {
        out.put(opaque.flags, opaque.code, &opaque.value);
    }
    if !attributes.large_communities.is_empty() {
        out.put(
            OPTIONAL_TRANSITIVE,
            kind::LARGE_COMMUNITY,
            &words(attributes.large_communities.as_flattened()),
        );
    }
    for opaque in after {
        out.put(opaque.flags, opaque.code, &opaque.value);
    }
    out.0
}

struct Writer(Vec<u8>);

impl Writer {
    fn put(&mut self, flags: u8, code: u8, value: &[u8]) {
        match u8::try_from(value.len()) {
            Ok(octets) => self.0.extend_from_slice(&[flags, code, octets]),
            Err(_) => {
                let [high, low] = u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes();
                self.0
                    .extend_from_slice(&[flags | flag::EXTENDED_LENGTH, code, high, low]);
            }
        }
        self.0.extend_from_slice(value);
    }

    /// RFC 6793 4.2.2: what two octets cannot say goes into attributes of its own.
    fn put_as4(&mut self, attributes: &PathAttributes) {
        let numbers = attributes.as_path.0.iter().flat_map(AsSegment::as_numbers);
        if numbers.copied().any(|asn| u16::try_from(asn).is_err()) {
            self.put(
                OPTIONAL_TRANSITIVE,
                kind::AS4_PATH,
                &as_path_octets(&attributes.as_path, true),
            );
        }
        if let Some(aggregator) = attributes
            .aggregator
            .as_ref()
            .filter(|it| u16::try_from(it.asn).is_err())
        {
            self.put(
                OPTIONAL_TRANSITIVE,
                kind::AS4_AGGREGATOR,
                &aggregator_octets(aggregator, true),
            );
        }
    }
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn put_asn(out: &mut Vec<u8>, asn: u32, four_octet_as: bool) {
    if four_octet_as {
        out.extend_from_slice(&asn.to_be_bytes());
    } else {
        out.extend_from_slice(&u16::try_from(asn).unwrap_or(AS_TRANS).to_be_bytes());
    }
}

fn aggregator_octets(aggregator: &Aggregator, four_octet_as: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(8);
    put_asn(&mut out, aggregator.asn, four_octet_as);
    out.extend_from_slice(&aggregator.identifier.octets());
    out
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
            put_asn(&mut out, *asn, four_octet_as);
        }
    }
    out
}
