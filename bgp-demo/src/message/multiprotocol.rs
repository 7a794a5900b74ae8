//! MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760). Malformed, they end the session: where their prefixes begin is in doubt.

use std::net::{IpAddr, Ipv6Addr};

use super::{MessageError, code, nlri, subcode};
use crate::prefix::{Family, Prefix};

/// MP_REACH_NLRI of a family that the speaker knows.
#[derive(Debug)]
pub(super) struct MpReach {
    pub(super) next_hop: IpAddr,
    pub(super) next_hop_link_local: Option<Ipv6Addr>,
    pub(super) prefixes: Vec<Prefix>,
}

fn optional_error(what: &str) -> MessageError {
    MessageError::new(code::UPDATE, subcode::OPTIONAL_ATTRIBUTE, &[], what)
}

/// RFC 4760 3; none for a family that the speaker does not know.
pub(super) fn decode_reach(value: &[u8]) -> Result<Option<MpReach>, MessageError> {
    let [afi_high, afi_low, safi, octets, rest @ ..] = value else {
        return Err(optional_error(
            "MP_REACH_NLRI is shorter than its fixed part",
        ));
    };
    let Some((next_hop, [_reserved, prefixes @ ..])) = rest.split_at_checked(usize::from(*octets))
    else {
        return Err(optional_error("next hop of MP_REACH_NLRI does not fit"));
    };
    let Some(family) = Family::from_afi_safi(u16::from_be_bytes([*afi_high, *afi_low]), *safi)
    else {
        return Ok(None);
    };
    let (next_hop, next_hop_link_local) = match (family, next_hop.len()) {
        (Family::Ipv4, 4) => (IpAddr::from(octets_at::<4>(next_hop, 0)), None),
        // RFC 8950 allows IPv6 next hops to IPv4, by a capability that is not offered; accepted all the same.
        (_, 16) => (IpAddr::from(octets_at::<16>(next_hop, 0)), None),
        (_, 32) => (
            IpAddr::from(octets_at::<16>(next_hop, 0)),
            Some(Ipv6Addr::from(octets_at::<16>(next_hop, 16))),
        ),
        (_, other) => {
            // RFC 7606 7.11: where the prefixes begin is in doubt.
            return Err(optional_error(&format!(
                "next hop of MP_REACH_NLRI has {other} octets"
            )));
        }
    };
    let mut reach = MpReach {
        next_hop,
        next_hop_link_local,
        prefixes: Vec::new(),
    };
    nlri::decode(prefixes, family, &mut reach.prefixes)?;
    Ok(Some(reach))
}

fn octets_at<const N: usize>(data: &[u8], at: usize) -> [u8; N] {
    let mut octets = [0; N];
    octets.copy_from_slice(&data[at..at + N]);
    octets
}

/// RFC 4760 4; none for a family that the speaker does not know.
pub(super) fn decode_unreach(value: &[u8]) -> Result<Option<(Family, Vec<Prefix>)>, MessageError> {
    let [afi_high, afi_low, safi, prefixes @ ..] = value else {
        return Err(optional_error(
            "MP_UNREACH_NLRI is shorter than its fixed part",
        ));
    };
    let Some(family) = Family::from_afi_safi(u16::from_be_bytes([*afi_high, *afi_low]), *safi)
    else {
        return Ok(None);
    };
    let mut withdrawn = Vec::new();
    nlri::decode(prefixes, family, &mut withdrawn)?;
    Ok(Some((family, withdrawn)))
}
