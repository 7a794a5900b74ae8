//! UPDATE (RFC 4271 4.3), with the error handling of RFC 7606.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use super::attribute::{self, Parsed};
use super::multiprotocol::MpReach;
use super::{DecodeContext, MessageError, code, nlri, subcode};
use crate::attributes::{Origin, PathAttributes};
use crate::prefix::{Family, Prefix};

/// An UPDATE after error handling: what is left of it counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Update {
    /// Prefixes that are no longer reachable, those of a treat-as-withdraw included. Take these before [`Update::announced`].
    pub withdrawn: Vec<Prefix>,
    /// Prefixes with their attributes: at most one entry each for NLRI and MP_REACH_NLRI.
    pub announced: Vec<Announcement>,
    /// What was wrong, and what was done about it.
    pub faults: Vec<AttributeFault>,
    /// The UPDATE is the End-of-RIB marker of this family (RFC 4724 2).
    pub end_of_rib: Option<Family>,
}

/// Prefixes that share their attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// The attributes.
    pub attributes: PathAttributes,
    /// The prefixes; all of one family.
    pub prefixes: Vec<Prefix>,
}

/// What RFC 7606 2 makes of a malformed attribute when the session goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultAction {
    /// Attribute discard: as if it had not been there.
    Discarded,
    /// Treat-as-withdraw: the UPDATE's prefixes count as withdrawn.
    TreatedAsWithdraw,
}

/// A malformed attribute that did not end the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeFault {
    /// Attribute type code.
    pub code: u8,
    /// What was done.
    pub action: FaultAction,
    /// What was wrong.
    pub what: String,
}

impl fmt::Display for AttributeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = match self.action {
            FaultAction::Discarded => "discarded",
            FaultAction::TreatedAsWithdraw => "treated as withdraw",
        };
        write!(f, "attribute {}: {}; {action}", self.code, self.what)
    }
}

impl Update {
    /// Reads the body of an UPDATE.
    pub(super) fn decode(body: &[u8], context: DecodeContext) -> Result<Self, MessageError> {
        let malformed = || {
            MessageError::new(
                code::UPDATE,
                subcode::ATTRIBUTE_LIST,
                &[],
                "lengths of UPDATE do not fit its message",
            )
        };
        let (withdrawn, rest) = take_field(body).ok_or_else(malformed)?;
        let (attributes, reachable) = take_field(rest).ok_or_else(malformed)?;

        let mut update = Self::default();
        nlri::decode(withdrawn, Family::Ipv4, &mut update.withdrawn)?;
        let mut prefixes = Vec::new();
        nlri::decode(reachable, Family::Ipv4, &mut prefixes)?;
        let parsed = attribute::decode(attributes, context)?;
        if withdrawn.is_empty() && reachable.is_empty() {
            update.end_of_rib = match &parsed.mp_unreach {
                None if attributes.is_empty() => Some(Family::Ipv4),
                Some((family, gone)) if gone.is_empty() && parsed.count == 1 => Some(*family),
                _ => None,
            };
        }
        update.take(parsed, prefixes);
        Ok(update)
    }

    fn take(&mut self, mut parsed: Parsed, prefixes: Vec<Prefix>) {
        if let Some((_, gone)) = parsed.mp_unreach.take() {
            self.withdrawn.extend(gone);
        }
        let mp_reach = parsed.mp_reach.take();
        let reachable = !prefixes.is_empty() || mp_reach.is_some();
        self.faults = std::mem::take(&mut parsed.faults);
        if reachable {
            // RFC 7606 3 d: a missing well-known mandatory attribute.
            let missing = [
                (1, parsed.origin.is_none(), "ORIGIN"),
                (2, parsed.as_path.is_none(), "AS_PATH"),
                (
                    3,
                    !prefixes.is_empty() && parsed.next_hop.is_none(),
                    "NEXT_HOP",
                ),
            ];
            for (code, absent, name) in missing {
                if absent && !self.has_fault(code) {
                    let what = format!("{name} is missing");
                    self.faults.push(AttributeFault {
                        code,
                        action: FaultAction::TreatedAsWithdraw,
                        what,
                    });
                }
            }
        }
        let withdraw = self
            .faults
            .iter()
            .any(|fault| fault.action == FaultAction::TreatedAsWithdraw);
        let nlri = MpReach {
            next_hop: IpAddr::V4(parsed.next_hop.unwrap_or(Ipv4Addr::UNSPECIFIED)),
            next_hop_link_local: None,
            prefixes,
        };
        if withdraw {
            self.withdrawn.extend(nlri.prefixes);
            self.withdrawn
                .extend(mp_reach.into_iter().flat_map(|reach| reach.prefixes));
            return;
        }
        let attributes = parsed.into_attributes();
        let mp_reach = mp_reach.filter(|reach| !reach.prefixes.is_empty());
        match (nlri.prefixes.is_empty(), mp_reach) {
            (true, None) => {}
            (true, Some(reach)) => self.announce(reach, attributes),
            (false, None) => self.announce(nlri, attributes),
            (false, Some(reach)) => {
                self.announce(nlri, attributes.clone());
                self.announce(reach, attributes);
            }
        }
    }

    fn announce(&mut self, reach: MpReach, attributes: PathAttributes) {
        self.announced.push(Announcement {
            attributes: PathAttributes {
                next_hop: reach.next_hop,
                next_hop_link_local: reach.next_hop_link_local,
                ..attributes
            },
            prefixes: reach.prefixes,
        });
    }

    fn has_fault(&self, code: u8) -> bool {
        self.faults
            .iter()
            .any(|fault| fault.code == code && fault.action == FaultAction::TreatedAsWithdraw)
    }
}

impl Parsed {
    /// The attributes, without a next hop.
    fn into_attributes(self) -> PathAttributes {
        PathAttributes {
            origin: self.origin.unwrap_or(Origin::Incomplete),
            as_path: self.as_path.unwrap_or_default(),
            next_hop: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            next_hop_link_local: None,
            med: self.med,
            local_pref: self.local_pref,
            atomic_aggregate: self.atomic_aggregate,
            aggregator: self.aggregator,
            communities: self.communities,
            extended_communities: self.extended_communities,
            large_communities: self.large_communities,
            opaque: self.opaque.into(),
        }
    }
}

/// Splits off a field with a two-octet length in front.
fn take_field(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let [high, low, rest @ ..] = data else {
        return None;
    };
    rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))
}
