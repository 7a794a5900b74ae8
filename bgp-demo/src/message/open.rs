//! OPEN (RFC 4271 4.2) and its capabilities (RFC 5492).

use std::net::Ipv4Addr;

use super::{MessageError, code, subcode};
use crate::prefix::{Families, Family};

/// Stands for an AS number that does not fit in two octets (RFC 6793).
pub(crate) const AS_TRANS: u16 = 23456;

pub(super) const CAPABILITY_MULTIPROTOCOL: u8 = 1;
pub(super) const CAPABILITY_FOUR_OCTET_AS: u8 = 65;
pub(super) const PARAMETER_CAPABILITIES: u8 = 2;
const PARAMETER_EXTENDED_LENGTH: u8 = 255;

/// An OPEN, as far as the speaker uses it. Capabilities that it does not know are ignored (RFC 5492 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// The sender's AS number: from the 4-octet capability when there is one.
    pub asn: u32,
    /// Proposed Hold Time in seconds: 0, or at least 3.
    pub hold_time: u16,
    /// BGP Identifier.
    pub identifier: Ipv4Addr,
    /// Families of the multiprotocol capabilities; IPv4 alone when there is none of them (RFC 4760 8).
    pub families: Families,
    /// Whether the 4-octet AS capability was there.
    pub four_octet_as: bool,
}

impl Open {
    /// Reads the body of an OPEN.
    pub(super) fn decode(body: &[u8]) -> Result<Self, MessageError> {
        let malformed = |what: &str| MessageError::new(code::OPEN, subcode::UNSPECIFIC, &[], what);
        let [
            version,
            as_high,
            as_low,
            hold_high,
            hold_low,
            a,
            b,
            c,
            d,
            octets,
            rest @ ..,
        ] = body
        else {
            return Err(malformed("OPEN is shorter than its fixed part"));
        };
        if *version != 4 {
            return Err(MessageError::new(
                code::OPEN,
                subcode::VERSION,
                &[0, 4],
                format!("OPEN has version {version}"),
            ));
        }
        let hold_time = u16::from_be_bytes([*hold_high, *hold_low]);
        if hold_time == 1 || hold_time == 2 {
            return Err(MessageError::new(
                code::OPEN,
                subcode::HOLD_TIME,
                &[],
                format!("OPEN proposes a hold time of {hold_time} s"),
            ));
        }
        let identifier = Ipv4Addr::new(*a, *b, *c, *d);
        // RFC 6286: any non-zero number.
        if identifier.is_unspecified() {
            return Err(MessageError::new(
                code::OPEN,
                subcode::BAD_IDENTIFIER,
                &[],
                "OPEN has BGP identifier 0.0.0.0",
            ));
        }
        let mut open = Self {
            asn: u32::from(u16::from_be_bytes([*as_high, *as_low])),
            hold_time,
            identifier,
            families: Families::NONE,
            four_octet_as: false,
        };
        let (parameters, wide) = take_parameters(*octets, rest)
            .ok_or_else(|| malformed("parameter length of OPEN does not fit its message"))?;
        if !open.decode_parameters(parameters, wide)? {
            open.families.insert(Family::Ipv4);
        }
        Ok(open)
    }

    /// True when a family was named, be it one that the speaker does not know.
    fn decode_parameters(
        &mut self,
        mut parameters: &[u8],
        wide: bool,
    ) -> Result<bool, MessageError> {
        let mut named = false;
        while let Some((kind, value, rest)) = take_tlv(parameters, wide) {
            if kind != PARAMETER_CAPABILITIES {
                return Err(MessageError::new(
                    code::OPEN,
                    subcode::PARAMETER,
                    &[],
                    format!("OPEN has the unsupported optional parameter {kind}"),
                ));
            }
            named |= self.decode_capabilities(value)?;
            parameters = rest;
        }
        if parameters.is_empty() {
            Ok(named)
        } else {
            Err(MessageError::new(
                code::OPEN,
                subcode::UNSPECIFIC,
                &[],
                "an optional parameter of OPEN is cut short",
            ))
        }
    }

    fn decode_capabilities(&mut self, mut capabilities: &[u8]) -> Result<bool, MessageError> {
        let mut named = false;
        while let Some((kind, value, rest)) = take_tlv(capabilities, false) {
            match (kind, value) {
                (CAPABILITY_MULTIPROTOCOL, [high, low, _, safi]) => {
                    named = true;
                    if let Some(family) =
                        Family::from_afi_safi(u16::from_be_bytes([*high, *low]), *safi)
                    {
                        self.families.insert(family);
                    }
                }
                (CAPABILITY_FOUR_OCTET_AS, [a, b, c, d]) => {
                    self.asn = u32::from_be_bytes([*a, *b, *c, *d]);
                    self.four_octet_as = true;
                }
                (CAPABILITY_MULTIPROTOCOL | CAPABILITY_FOUR_OCTET_AS, _) => {
                    return Err(MessageError::new(
                        code::OPEN,
                        subcode::UNSPECIFIC,
                        &[],
                        format!("capability {kind} of OPEN has {} octets", value.len()),
                    ));
                }
                _ => {}
            }
            capabilities = rest;
        }
        if capabilities.is_empty() {
            Ok(named)
        } else {
            Err(MessageError::new(
                code::OPEN,
                subcode::UNSPECIFIC,
                &[],
                "a capability of OPEN is cut short",
            ))
        }
    }
}

/// The optional parameters and whether their lengths have two octets; none when the length of all does not fit.
fn take_parameters(octets: u8, rest: &[u8]) -> Option<(&[u8], bool)> {
    match (octets, rest) {
        // RFC 9072: 255 followed by parameter type 255.
        (255, [PARAMETER_EXTENDED_LENGTH, high, low, parameters @ ..]) => {
            let fits = usize::from(u16::from_be_bytes([*high, *low])) == parameters.len();
            fits.then_some((parameters, true))
        }
        _ => (usize::from(octets) == rest.len()).then_some((rest, false)),
    }
}

/// Splits off one type-length-value; none when what is left is empty or too short.
fn take_tlv(data: &[u8], wide: bool) -> Option<(u8, &[u8], &[u8])> {
    let (kind, octets, rest) = if wide {
        let [kind, high, low, rest @ ..] = data else {
            return None;
        };
        (*kind, usize::from(u16::from_be_bytes([*high, *low])), rest)
    } else {
        let [kind, octets, rest @ ..] = data else {
            return None;
        };
        (*kind, usize::from(*octets), rest)
    };
    let (value, rest) = rest.split_at_checked(octets)?;
    Some((kind, value, rest))
}
