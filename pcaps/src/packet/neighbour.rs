//! ARP, neighbour solicitation and advertisement: who says where an address lives.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::LinkAddress;

/// Which message it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NeighbourKind {
    /// ARP request (RFC 826).
    ArpRequest,
    /// ARP reply.
    ArpReply,
    /// Neighbour solicitation (RFC 4861 4.3).
    Solicitation,
    /// Neighbour advertisement (RFC 4861 4.4).
    Advertisement,
}

/// A message by which link-layer addresses are learned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Neighbour {
    /// The message.
    pub kind: NeighbourKind,
    /// The address it asks for (request, solicitation) or tells of (reply, advertisement).
    pub target: IpAddr,
    /// The link-layer address it tells, where it tells one.
    pub link: Option<LinkAddress>,
    /// Unasked for: a gratuitous ARP, or an advertisement without the solicited flag.
    pub unsolicited: bool,
}

/// Reads an ARP message for IPv4 over Ethernet; `None` for anything else.
pub(super) fn arp(octets: &[u8]) -> Option<Neighbour> {
    let message: &[u8; 28] = octets.get(..28)?.try_into().ok()?;
    if message[..6] != [0, 1, 8, 0, 6, 4] {
        return None;
    }
    let sender = Ipv4Addr::from(<[u8; 4]>::try_from(&message[14..18]).ok()?);
    let target = Ipv4Addr::from(<[u8; 4]>::try_from(&message[24..28]).ok()?);
    let link = LinkAddress(message[8..14].try_into().ok()?);
    let (kind, told) = match u16::from_be_bytes([message[6], message[7]]) {
        1 => (NeighbourKind::ArpRequest, target),
        2 => (NeighbourKind::ArpReply, sender),
        _ => return None,
    };
    Some(Neighbour {
        kind,
        target: IpAddr::V4(told),
        link: Some(link),
        unsolicited: sender == target,
    })
}

/// Reads a neighbour solicitation or advertisement; `None` for other ICMPv6.
pub(super) fn icmpv6(octets: &[u8]) -> Option<Neighbour> {
    let (kind, option) = match octets.first()? {
        135 => (NeighbourKind::Solicitation, 1),
        136 => (NeighbourKind::Advertisement, 2),
        _ => return None,
    };
    let target = Ipv6Addr::from(<[u8; 16]>::try_from(octets.get(8..24)?).ok()?);
    let solicited = octets[4] & 0x40 != 0;
    Some(Neighbour {
        kind,
        target: IpAddr::V6(target),
        link: link_option(&octets[24..], option),
        unsolicited: kind == NeighbourKind::Advertisement && !solicited,
    })
}

fn link_option(mut list: &[u8], wanted: u8) -> Option<LinkAddress> {
    while let [kind, len, ..] = list {
        let len = usize::from(*len) * 8;
        let option = list.get(..len).filter(|option| !option.is_empty())?;
        if *kind == wanted && len == 8 {
            return option[2..].try_into().ok().map(LinkAddress);
        }
        list = &list[len..];
    }
    None
}
