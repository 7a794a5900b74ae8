//! UPDATE (RFC 4271 4.3), with the error handling of RFC 7606.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::attribute::{self, Parsed};
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
        let nlri_next_hop = IpAddr::V4(parsed.next_hop.unwrap_or(Ipv4Addr::UNSPECIFIED));
        let nlri = (prefixes, nlri_next_hop, None);
        let reach =
            mp_reach.map(|reach| (reach.prefixes, reach.next_hop, reach.next_hop_link_local));
        for (prefixes, next_hop, link_local) in [Some(nlri), reach].into_iter().flatten() {
            if withdraw {
                self.withdrawn.extend(prefixes);
            } else if !prefixes.is_empty() {
                self.announced.push(Announcement {
                    attributes: parsed.attributes(next_hop, link_local),
                    prefixes,
                });
            }
        }
    }

    fn has_fault(&self, code: u8) -> bool {
        self.faults
            .iter()
            .any(|fault| fault.code == code && fault.action == FaultAction::TreatedAsWithdraw)
    }
}

impl Parsed {
    fn attributes(
        &self,
        next_hop: IpAddr,
        next_hop_link_local: Option<Ipv6Addr>,
    ) -> PathAttributes {
        PathAttributes {
            origin: self.origin.unwrap_or(Origin::Incomplete),
            as_path: self.as_path.clone().unwrap_or_default(),
            next_hop,
            next_hop_link_local,
            med: self.med,
            local_pref: self.local_pref,
            atomic_aggregate: self.atomic_aggregate,
            aggregator: self.aggregator,
            communities: self.communities.clone(),
            extended_communities: self.extended_communities.clone(),
            large_communities: self.large_communities.clone(),
            opaque: self.opaque.clone().into(),
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
