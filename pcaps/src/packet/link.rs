//! Link-layer headers.

use super::{LinkAddress, Skip};
use crate::link_type::LinkType;

/// Ethernet type of IPv4.
pub(super) const IPV4: u16 = 0x0800;
/// Ethernet type of IPv6.
pub(super) const IPV6: u16 = 0x86dd;
/// Ethernet type of ARP.
pub(super) const ARP: u16 = 0x0806;

/// VLAN tags that are taken off before a frame counts as malformed.
const VLAN_TAGS_MAX: usize = 4;
const ETHERNET_LEN: usize = 14;
const SLL_LEN: usize = 16;
const SLL2_LEN: usize = 20;
const NULL_LEN: usize = 4;

/// A frame without its link-layer header.
pub(super) struct Stripped<'a> {
    pub(super) protocol: u16,
    pub(super) source: Option<LinkAddress>,
    pub(super) interface: Option<u32>,
    pub(super) octets: &'a [u8],
    pub(super) wire_len: usize,
}

pub(super) fn strip(
    link_type: LinkType,
    captured: &[u8],
    wire_len: usize,
) -> Result<Stripped<'_>, Skip> {
    let wire_len = wire_len.max(captured.len());
    match link_type {
        LinkType::ETHERNET => ethernet(captured, wire_len),
        LinkType::LINUX_SLL => sll(captured, wire_len),
        LinkType::LINUX_SLL2 => sll2(captured, wire_len),
        LinkType::RAW | LinkType::RAW_BSD | LinkType::IPV4 | LinkType::IPV6 => {
            Ok(bare(version(captured)?, captured, wire_len, 0))
        }
        LinkType::NULL => {
            let inner = captured.get(NULL_LEN..).ok_or(Skip::Truncated)?;
            Ok(bare(version(inner)?, captured, wire_len, NULL_LEN))
        }
        LinkType(number) => Err(Skip::UnknownLinkType(number)),
    }
}

fn bare(protocol: u16, captured: &[u8], wire_len: usize, header_len: usize) -> Stripped<'_> {
    Stripped {
        protocol,
        source: None,
        interface: None,
        octets: &captured[header_len..],
        wire_len: wire_len - header_len,
    }
}

/// The Ethernet type that the version nibble of a bare IP packet stands for.
fn version(octets: &[u8]) -> Result<u16, Skip> {
    match octets.first().map(|octet| octet >> 4) {
        Some(4) => Ok(IPV4),
        Some(6) => Ok(IPV6),
        Some(_) => Err(Skip::Malformed),
        None => Err(Skip::Truncated),
    }
}

fn ethernet(captured: &[u8], wire_len: usize) -> Result<Stripped<'_>, Skip> {
    let header = captured.get(..ETHERNET_LEN).ok_or(Skip::Truncated)?;
    let source = link_address(&header[6..12]);
    let frame = Stripped {
        protocol: be16(&header[12..]),
        source,
        interface: None,
        octets: &captured[ETHERNET_LEN..],
        wire_len: wire_len - ETHERNET_LEN,
    };
    untag(frame)
}

/// Linux cooked, version 1: packet type, hardware type, address length, address (8), protocol.
fn sll(captured: &[u8], wire_len: usize) -> Result<Stripped<'_>, Skip> {
    let header = captured.get(..SLL_LEN).ok_or(Skip::Truncated)?;
    let frame = Stripped {
        protocol: be16(&header[14..]),
        source: cooked_address(be16(&header[4..]), &header[6..14]),
        interface: None,
        octets: &captured[SLL_LEN..],
        wire_len: wire_len - SLL_LEN,
    };
    untag(frame)
}

/// Linux cooked, version 2: protocol, reserved, interface index, hardware type, packet type, address length, address (8).
fn sll2(captured: &[u8], wire_len: usize) -> Result<Stripped<'_>, Skip> {
    let header = captured.get(..SLL2_LEN).ok_or(Skip::Truncated)?;
    let interface = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
    let frame = Stripped {
        protocol: be16(header),
        source: cooked_address(u16::from(header[11]), &header[12..20]),
        interface: Some(interface),
        octets: &captured[SLL2_LEN..],
        wire_len: wire_len - SLL2_LEN,
    };
    untag(frame)
}

/// Takes 802.1Q and 802.1ad tags off.
fn untag(mut frame: Stripped<'_>) -> Result<Stripped<'_>, Skip> {
    for _ in 0..VLAN_TAGS_MAX {
        if !matches!(frame.protocol, 0x8100 | 0x88a8 | 0x9100) {
            return Ok(frame);
        }
        let tag = frame.octets.get(..4).ok_or(Skip::Truncated)?;
        frame.protocol = be16(&tag[2..]);
        frame.octets = &frame.octets[4..];
        frame.wire_len -= 4;
    }
    Err(Skip::Malformed)
}

fn cooked_address(len: u16, field: &[u8]) -> Option<LinkAddress> {
    (len == 6).then(|| link_address(&field[..6])).flatten()
}

fn link_address(octets: &[u8]) -> Option<LinkAddress> {
    octets.try_into().ok().map(LinkAddress)
}

fn be16(octets: &[u8]) -> u16 {
    u16::from_be_bytes([octets[0], octets[1]])
}
