//! IPv4 and IPv6 headers.

use std::net::IpAddr;

use smoltcp::wire::{IPV4_HEADER_LEN, IPV6_HEADER_LEN, Ipv4Packet, Ipv6Packet};

use super::{Body, IpHeader, Skip, neighbour};
use crate::tcp::TcpSegment;

const TCP: u8 = 6;
const ICMPV6: u8 = 58;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;
/// Extension headers that are walked before a packet counts as malformed.
const EXTENSIONS_MAX: usize = 8;

/// Reads an IPv4 packet; link-layer padding after its total length is cut off.
pub(super) fn v4(captured: &[u8], wire_len: usize) -> Result<Body<'_>, Skip> {
    if captured.len() < IPV4_HEADER_LEN {
        return Err(short(wire_len, IPV4_HEADER_LEN));
    }
    let packet = Ipv4Packet::new_unchecked(captured);
    let header_len = usize::from(packet.header_len());
    let mut total_len = usize::from(packet.total_len());
    if total_len == 0 {
        // A super-frame of segmentation offload beyond 64 KiB carries no total length.
        total_len = wire_len;
    }
    if packet.version() != 4 || header_len < IPV4_HEADER_LEN || header_len > total_len {
        return Err(Skip::Malformed);
    }
    if total_len > wire_len {
        return Err(Skip::Malformed);
    }
    if captured.len() < header_len {
        return Err(Skip::Truncated);
    }
    let protocol = u8::from(packet.next_header());
    if packet.more_frags() || packet.frag_offset() != 0 {
        return Err(Skip::Fragment);
    }
    let header = IpHeader {
        source: IpAddr::V4(packet.src_addr()),
        destination: IpAddr::V4(packet.dst_addr()),
        hop_limit: packet.hop_limit(),
        dscp: packet.dscp(),
    };
    let octets = &captured[header_len..captured.len().min(total_len)];
    upper(header, protocol, octets, total_len - header_len)
}

/// Reads an IPv6 packet, extension headers included.
pub(super) fn v6(captured: &[u8], wire_len: usize) -> Result<Body<'_>, Skip> {
    if captured.len() < IPV6_HEADER_LEN {
        return Err(short(wire_len, IPV6_HEADER_LEN));
    }
    let packet = Ipv6Packet::new_unchecked(captured);
    if packet.version() != 6 {
        return Err(Skip::Malformed);
    }
    let mut payload_len = usize::from(packet.payload_len());
    if payload_len == 0 {
        payload_len = wire_len - IPV6_HEADER_LEN;
    }
    if IPV6_HEADER_LEN + payload_len > wire_len {
        return Err(Skip::Malformed);
    }
    let header = IpHeader {
        source: IpAddr::V6(packet.src_addr()),
        destination: IpAddr::V6(packet.dst_addr()),
        hop_limit: packet.hop_limit(),
        dscp: packet.traffic_class() >> 2,
    };
    let end = captured.len().min(IPV6_HEADER_LEN + payload_len);
    let mut octets = &captured[IPV6_HEADER_LEN..end];
    let mut protocol = u8::from(packet.next_header());
    for _ in 0..EXTENSIONS_MAX {
        let len = match protocol {
            HOP_BY_HOP | ROUTING | DESTINATION => 8 + 8 * extension_field(octets)?,
            AUTHENTICATION => 8 + 4 * extension_field(octets)?,
            FRAGMENT => return Err(Skip::Fragment),
            _ => return upper(header, protocol, octets, payload_len),
        };
        if len > payload_len {
            return Err(Skip::Malformed);
        }
        protocol = octets[0];
        octets = octets.get(len..).ok_or(Skip::Truncated)?;
        payload_len -= len;
    }
    Err(Skip::Malformed)
}

/// The length field of an extension header.
fn extension_field(octets: &[u8]) -> Result<usize, Skip> {
    octets
        .get(1)
        .copied()
        .map(usize::from)
        .ok_or(Skip::Truncated)
}

fn upper(header: IpHeader, protocol: u8, octets: &[u8], wire_len: usize) -> Result<Body<'_>, Skip> {
    match protocol {
        TCP => TcpSegment::parse(header.source, header.destination, octets, wire_len)
            .map(|segment| Body::Tcp(header, segment)),
        ICMPV6 => Ok(neighbour::icmpv6(octets).map_or(Body::OtherIp(protocol), Body::Neighbour)),
        other => Ok(Body::OtherIp(other)),
    }
}

fn short(wire_len: usize, needed: usize) -> Skip {
    if wire_len < needed {
        Skip::Malformed
    } else {
        Skip::Truncated
    }
}
