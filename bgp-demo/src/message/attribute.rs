//! Path attributes of an UPDATE: from octets to values, with the RFC 7606 answer to each kind of error.

use std::net::Ipv4Addr;

use netgauze_bgp_pkt::path_attribute as wire;
use netgauze_parse_utils::reader::SliceReader;
use netgauze_parse_utils::traits::{ParseFromWithOneInput, ParseFromWithTwoInputs};

use super::multiprotocol::{self, MpReach};
use super::update::{AttributeFault, FaultAction};
use super::{DecodeContext, MessageError, code, subcode};
use crate::attributes::{Aggregator, AsPath, AsSegment, OpaqueAttribute, Origin};
use crate::prefix::{Family, Prefix};

/// Attribute type codes.
pub(super) mod kind {
    pub(crate) const ORIGIN: u8 = 1;
    pub(crate) const AS_PATH: u8 = 2;
    pub(crate) const NEXT_HOP: u8 = 3;
    pub(crate) const MULTI_EXIT_DISC: u8 = 4;
    pub(crate) const LOCAL_PREF: u8 = 5;
    pub(crate) const ATOMIC_AGGREGATE: u8 = 6;
    pub(crate) const AGGREGATOR: u8 = 7;
    pub(crate) const COMMUNITIES: u8 = 8;
    pub(crate) const ORIGINATOR_ID: u8 = 9;
    pub(crate) const CLUSTER_LIST: u8 = 10;
    pub(crate) const MP_REACH_NLRI: u8 = 14;
    pub(crate) const MP_UNREACH_NLRI: u8 = 15;
    pub(crate) const EXTENDED_COMMUNITIES: u8 = 16;
    pub(crate) const AS4_PATH: u8 = 17;
    pub(crate) const AS4_AGGREGATOR: u8 = 18;
    pub(crate) const LARGE_COMMUNITY: u8 = 32;
}

/// Attribute flags (RFC 4271 4.3).
pub(crate) mod flag {
    pub(crate) const OPTIONAL: u8 = 0x80;
    pub(crate) const TRANSITIVE: u8 = 0x40;
    pub(crate) const PARTIAL: u8 = 0x20;
    pub(crate) const EXTENDED_LENGTH: u8 = 0x10;
}

/// What the attributes of one UPDATE said.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) origin: Option<Origin>,
    pub(super) as_path: Option<AsPath>,
    pub(super) as4_path: Option<AsPath>,
    pub(super) next_hop: Option<Ipv4Addr>,
    pub(super) med: Option<u32>,
    pub(super) local_pref: Option<u32>,
    pub(super) atomic_aggregate: bool,
    pub(super) aggregator: Option<Aggregator>,
    pub(super) as4_aggregator: Option<Aggregator>,
    pub(super) communities: Box<[u32]>,
    pub(super) extended_communities: Box<[[u8; 8]]>,
    pub(super) large_communities: Box<[[u32; 3]]>,
    pub(super) opaque: Vec<OpaqueAttribute>,
    pub(super) mp_reach: Option<MpReach>,
    pub(super) mp_unreach: Option<(Family, Vec<Prefix>)>,
    pub(super) faults: Vec<AttributeFault>,
    /// Types seen, one bit each.
    seen: [u64; 4],
    /// How many attributes there were.
    pub(super) count: usize,
}

/// One attribute as it lies in the message.
struct Raw<'a> {
    flags: u8,
    code: u8,
    value: &'a [u8],
    /// Length field and value: where the value readers begin.
    length_and_value: &'a [u8],
}

impl Raw<'_> {
    const fn extended_length(&self) -> bool {
        self.flags & flag::EXTENDED_LENGTH != 0
    }
}

/// Splits off the first attribute; none when its header or value is cut short.
fn take(data: &[u8]) -> Option<(Raw<'_>, &[u8])> {
    let [flags, code, length_on @ ..] = data else {
        return None;
    };
    let (header, octets) = if flags & flag::EXTENDED_LENGTH != 0 {
        let [high, low, ..] = length_on else {
            return None;
        };
        (2, usize::from(u16::from_be_bytes([*high, *low])))
    } else {
        (1, usize::from(*length_on.first()?))
    };
    let (length_and_value, rest) = length_on.split_at_checked(header + octets)?;
    let value = &length_and_value[header..];
    Some((
        Raw {
            flags: *flags,
            code: *code,
            value,
            length_and_value,
        },
        rest,
    ))
}

/// Reads the attributes of an UPDATE.
///
/// # Errors
/// What RFC 7606 answers with the end of the session: a multiprotocol attribute that is malformed or there twice, an unknown
/// well-known attribute.
pub(super) fn decode(mut data: &[u8], context: DecodeContext) -> Result<Parsed, MessageError> {
    let mut parsed = Parsed::default();
    while !data.is_empty() {
        let Some((raw, rest)) = take(data) else {
            // RFC 7606 4: the lengths of the fields around it still hold.
            parsed.fault(
                data.get(1).copied().unwrap_or(0),
                FaultAction::TreatedAsWithdraw,
                "attribute is cut short",
            );
            break;
        };
        data = rest;
        parsed.count += 1;
        let (word, bit) = (usize::from(raw.code / 64), raw.code % 64);
        if parsed.seen[word] & (1 << bit) != 0 {
            if matches!(raw.code, kind::MP_REACH_NLRI | kind::MP_UNREACH_NLRI) {
                return Err(list_error(format!("attribute {} is there twice", raw.code)));
            }
            parsed.fault(raw.code, FaultAction::Discarded, "attribute is there twice");
            continue;
        }
        parsed.seen[word] |= 1 << bit;
        parsed.attribute(&raw, context)?;
    }
    parsed.merge_as4(context);
    parsed.opaque.sort_by_key(|opaque| opaque.code);
    Ok(parsed)
}

fn list_error(what: String) -> MessageError {
    MessageError::new(code::UPDATE, subcode::ATTRIBUTE_LIST, &[], what)
}

/// The flags that RFC 7606 3 c holds an attribute to; none for types that the speaker does not interpret.
const fn flags_required(code: u8) -> Option<u8> {
    match code {
        kind::ORIGIN
        | kind::AS_PATH
        | kind::NEXT_HOP
        | kind::LOCAL_PREF
        | kind::ATOMIC_AGGREGATE => Some(flag::TRANSITIVE),
        kind::MULTI_EXIT_DISC
        | kind::ORIGINATOR_ID
        | kind::CLUSTER_LIST
        | kind::MP_REACH_NLRI
        | kind::MP_UNREACH_NLRI => Some(flag::OPTIONAL),
        kind::AGGREGATOR
        | kind::COMMUNITIES
        | kind::EXTENDED_COMMUNITIES
        | kind::AS4_PATH
        | kind::AS4_AGGREGATOR
        | kind::LARGE_COMMUNITY => Some(flag::OPTIONAL | flag::TRANSITIVE),
        _ => None,
    }
}

impl Parsed {
    fn fault(&mut self, code: u8, action: FaultAction, what: impl Into<String>) {
        self.faults.push(AttributeFault {
            code,
            action,
            what: what.into(),
        });
    }

    fn attribute(&mut self, raw: &Raw<'_>, context: DecodeContext) -> Result<(), MessageError> {
        if let Some(required) = flags_required(raw.code)
            && raw.flags & (flag::OPTIONAL | flag::TRANSITIVE) != required
        {
            let action = match raw.code {
                // RFC 6793 6, RFC 7606 7.6 and 7.7: these are discarded whatever is wrong.
                kind::AS4_PATH
                | kind::AS4_AGGREGATOR
                | kind::ATOMIC_AGGREGATE
                | kind::AGGREGATOR => FaultAction::Discarded,
                _ => FaultAction::TreatedAsWithdraw,
            };
            self.fault(
                raw.code,
                action,
                format!("attribute has flags {:#04x}", raw.flags),
            );
            // Prefixes of a multiprotocol attribute with wrong flags must still be found to be withdrawn.
            if !matches!(raw.code, kind::MP_REACH_NLRI | kind::MP_UNREACH_NLRI) {
                return Ok(());
            }
        }
        match raw.code {
            kind::MP_REACH_NLRI => self.mp_reach = multiprotocol::decode_reach(raw.value)?,
            kind::MP_UNREACH_NLRI => self.mp_unreach = multiprotocol::decode_unreach(raw.value)?,
            _ if flags_required(raw.code).is_some() => {
                if let Err((action, what)) = self.value(raw, context) {
                    self.fault(raw.code, action, what);
                }
            }
            _ if raw.flags & flag::OPTIONAL == 0 => {
                return Err(MessageError::new(
                    code::UPDATE,
                    subcode::UNRECOGNIZED,
                    &[],
                    format!("well-known attribute {} is unknown", raw.code),
                ));
            }
            // RFC 4271 5: unknown optional attributes are passed on when transitive, and dropped when not.
            _ if raw.flags & flag::TRANSITIVE != 0 => self.opaque.push(OpaqueAttribute {
                code: raw.code,
                flags: raw.flags & !flag::EXTENDED_LENGTH,
                value: raw.value.into(),
            }),
            _ => {}
        }
        Ok(())
    }

    /// Reads the value of an attribute that the speaker interprets.
    fn value(
        &mut self,
        raw: &Raw<'_>,
        context: DecodeContext,
    ) -> Result<(), (FaultAction, String)> {
        let done = match raw.code {
            // RFC 7606 7.5: ignored, whatever it says.
            kind::LOCAL_PREF if context.external => {
                Err("LOCAL_PREF from an external peer".to_owned())
            }
            kind::ATOMIC_AGGREGATE | kind::AGGREGATOR | kind::AS4_PATH | kind::AS4_AGGREGATOR => {
                self.value_to_discard(raw, context.four_octet_as)
            }
            kind::ORIGINATOR_ID | kind::CLUSTER_LIST if context.external => Ok(()),
            kind::ORIGINATOR_ID | kind::CLUSTER_LIST => multiple(raw.value, 4),
            kind::COMMUNITIES | kind::EXTENDED_COMMUNITIES | kind::LARGE_COMMUNITY => {
                self.communities(raw)
            }
            _ => self.value_to_withdraw(raw, context.four_octet_as),
        };
        let action = match raw.code {
            kind::ATOMIC_AGGREGATE | kind::AGGREGATOR | kind::AS4_PATH | kind::AS4_AGGREGATOR => {
                FaultAction::Discarded
            }
            kind::LOCAL_PREF if context.external => FaultAction::Discarded,
            _ => FaultAction::TreatedAsWithdraw,
        };
        done.map_err(|what| (action, what))
    }

    /// Attributes without which the route is another one (RFC 7606 7.1 to 7.5).
    fn value_to_withdraw(&mut self, raw: &Raw<'_>, four_octet_as: bool) -> Result<(), String> {
        let long = raw.extended_length();
        let mut cur = SliceReader::new(raw.length_and_value);
        match raw.code {
            kind::ORIGIN => {
                self.origin = Some(
                    match wire::Origin::parse(&mut cur, long).map_err(|e| e.to_string())? {
                        wire::Origin::IGP => Origin::Igp,
                        wire::Origin::EGP => Origin::Egp,
                        wire::Origin::Incomplete => Origin::Incomplete,
                    },
                );
            }
            kind::AS_PATH => {
                let path = wire::AsPath::parse(&mut cur, long, four_octet_as)
                    .map_err(|e| e.to_string())?;
                self.as_path = Some(as_path(&path));
            }
            kind::NEXT_HOP => {
                let next_hop = wire::NextHop::parse(&mut cur, long).map_err(|e| e.to_string())?;
                self.next_hop = Some(next_hop.next_hop());
            }
            kind::MULTI_EXIT_DISC => {
                let med = wire::MultiExitDiscriminator::parse(&mut cur, long)
                    .map_err(|e| e.to_string())?;
                self.med = Some(med.metric());
            }
            _ => {
                let pref =
                    wire::LocalPreference::parse(&mut cur, long).map_err(|e| e.to_string())?;
                self.local_pref = Some(pref.metric());
            }
        }
        Ok(())
    }

    /// Attributes that decide nothing (RFC 7606 7.6 and 7.7, RFC 6793 6).
    fn value_to_discard(&mut self, raw: &Raw<'_>, four_octet_as: bool) -> Result<(), String> {
        let long = raw.extended_length();
        let mut cur = SliceReader::new(raw.length_and_value);
        match raw.code {
            kind::ATOMIC_AGGREGATE => {
                wire::AtomicAggregate::parse(&mut cur, long).map_err(|e| e.to_string())?;
                self.atomic_aggregate = true;
            }
            kind::AGGREGATOR => {
                let it = wire::Aggregator::parse(&mut cur, long, four_octet_as)
                    .map_err(|e| e.to_string())?;
                self.aggregator = Some(aggregator(&it));
            }
            // RFC 6793 4.1: new speakers never send these to each other.
            _ if four_octet_as => {
                return Err("attribute between speakers of 4-octet AS numbers".to_owned());
            }
            kind::AS4_PATH => {
                let path = wire::AsPath::parse(&mut cur, long, true).map_err(|e| e.to_string())?;
                self.as4_path = Some(as_path(&path));
            }
            _ => {
                let it =
                    wire::Aggregator::parse(&mut cur, long, true).map_err(|e| e.to_string())?;
                self.as4_aggregator = Some(aggregator(&it));
            }
        }
        Ok(())
    }

    fn communities(&mut self, raw: &Raw<'_>) -> Result<(), String> {
        let unit = match raw.code {
            kind::COMMUNITIES => 4,
            kind::EXTENDED_COMMUNITIES => 8,
            _ => 12,
        };
        multiple(raw.value, unit)?;
        match raw.code {
            kind::COMMUNITIES => self.communities = words(raw.value).collect(),
            kind::EXTENDED_COMMUNITIES => {
                self.extended_communities = raw.value.as_chunks().0.into()
            }
            _ => {
                self.large_communities = raw
                    .value
                    .chunks_exact(12)
                    .map(words)
                    .map(|mut it| std::array::from_fn(|_| it.next().unwrap_or(0)))
                    .collect();
            }
        }
        Ok(())
    }
}

/// RFC 7606 7.8 to 7.10 and 7.14, RFC 8092 6: a non-zero multiple.
fn multiple(value: &[u8], unit: usize) -> Result<(), String> {
    if value.is_empty() || !value.len().is_multiple_of(unit) {
        return Err(format!(
            "length {} is not a non-zero multiple of {unit}",
            value.len()
        ));
    }
    Ok(())
}

fn words(value: &[u8]) -> impl Iterator<Item = u32> {
    value
        .as_chunks()
        .0
        .iter()
        .map(|word| u32::from_be_bytes(*word))
}

fn as_path(path: &wire::AsPath) -> AsPath {
    let segment = |kind: wire::AsPathSegmentType, numbers: Box<[u32]>| match kind {
        wire::AsPathSegmentType::AsSet => AsSegment::Set(numbers),
        wire::AsPathSegmentType::AsSequence => AsSegment::Sequence(numbers),
    };
    AsPath(match path {
        wire::AsPath::As2PathSegments(segments) => segments
            .iter()
            .map(|it| {
                segment(
                    it.segment_type(),
                    it.as_numbers().iter().map(|asn| u32::from(*asn)).collect(),
                )
            })
            .collect(),
        wire::AsPath::As4PathSegments(segments) => segments
            .iter()
            .map(|it| segment(it.segment_type(), it.as_numbers().into()))
            .collect(),
    })
}

fn aggregator(aggregator: &wire::Aggregator) -> Aggregator {
    match aggregator {
        wire::Aggregator::As2Aggregator(it) => Aggregator {
            asn: u32::from(*it.asn()),
            identifier: it.origin(),
        },
        wire::Aggregator::As4Aggregator(it) => Aggregator {
            asn: *it.asn(),
            identifier: it.origin(),
        },
    }
}
