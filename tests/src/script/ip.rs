//! IP packets and ICMP errors as octets: built and read here, apart from the host's own code.

use super::line::Icmp;
use std::net::{IpAddr, SocketAddr};

/// Protocol number of TCP.
pub(super) const TCP: u8 = 6;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
const V4_HEADER: usize = 20;
const V6_HEADER: usize = 40;
/// Hop limit of routers that tell errors.
const ROUTER_HOP_LIMIT: u8 = 255;

/// A packet around `payload`.
///
/// # Errors
/// A payload that no packet holds, and addresses of two families; in words.
pub(super) fn wrap(
    src: IpAddr,
    dst: IpAddr,
    protocol: u8,
    hop_limit: u8,
    payload: &[u8],
) -> Result<Vec<u8>, String> {
    let length = |len: usize| u16::try_from(len).map_err(|_| "the packet is too long".to_owned());
    let mut packet = Vec::new();
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            packet.extend_from_slice(&[0x45, 0]);
            packet.extend_from_slice(&length(V4_HEADER + payload.len())?.to_be_bytes());
            packet.extend_from_slice(&[0, 0, 0, 0, hop_limit, protocol, 0, 0]);
            packet.extend_from_slice(&src.octets());
            packet.extend_from_slice(&dst.octets());
            let sum = ones_complement(&[&packet]);
            packet[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            packet.extend_from_slice(&[0x60, 0, 0, 0]);
            packet.extend_from_slice(&length(payload.len())?.to_be_bytes());
            packet.extend_from_slice(&[protocol, hop_limit]);
            packet.extend_from_slice(&src.octets());
            packet.extend_from_slice(&dst.octets());
        }
        _ => return Err(format!("{src} and {dst} are of two families")),
    }
    packet.extend_from_slice(payload);
    Ok(packet)
}

/// Both ends and the TCP segment of a packet of ours.
///
/// # Errors
/// What no packet of ours may be, in words.
pub(super) fn unwrap(packet: &[u8]) -> Result<(IpAddr, IpAddr, &[u8]), String> {
    let word = |at: usize| usize::from(u16::from_be_bytes([packet[at], packet[at + 1]]));
    match packet.first() {
        Some(0x45)
            if packet.len() >= V4_HEADER
                && word(2) == packet.len()
                && packet[9] == TCP
                && ones_complement(&[&packet[..V4_HEADER]]) == 0 =>
        {
            let end = |at: usize| <[u8; 4]>::try_from(&packet[at..at + 4]).map(IpAddr::from);
            let ends = end(12).and_then(|src| Ok((src, end(16)?)));
            let (src, dst) = ends.map_err(|error| error.to_string())?;
            Ok((src, dst, &packet[V4_HEADER..]))
        }
        Some(first)
            if first >> 4 == 6
                && packet.len() >= V6_HEADER
                && V6_HEADER + word(4) == packet.len()
                && packet[6] == TCP =>
        {
            let end = |at: usize| <[u8; 16]>::try_from(&packet[at..at + 16]).map(IpAddr::from);
            let ends = end(8).and_then(|src| Ok((src, end(24)?)));
            let (src, dst) = ends.map_err(|error| error.to_string())?;
            Ok((src, dst, &packet[V6_HEADER..]))
        }
        _ => Err("a packet left whose IP header is wrong".into()),
    }
}

/// An ICMP error about the segment of ours that begins with `seq` on the wire.
///
/// # Errors
/// An error that there is none of in this family, in words.
pub(super) fn error(
    icmp: &Icmp,
    seq: u32,
    local: SocketAddr,
    remote: SocketAddr,
) -> Result<Vec<u8>, String> {
    let v4 = local.is_ipv4();
    let unknown = || {
        let family = if v4 { "IPv4" } else { "IPv6" };
        format!("ICMP {} is not known here over {family}", icmp.kind)
    };
    let (kind, code) = codes(icmp, v4).ok_or_else(unknown)?;
    let mut quoted = Vec::new();
    quoted.extend_from_slice(&local.port().to_be_bytes());
    quoted.extend_from_slice(&remote.port().to_be_bytes());
    quoted.extend_from_slice(&seq.to_be_bytes());
    let mut message = vec![kind, code, 0, 0];
    // Where the next hop's MTU is told, it fills the word, or its lower half.
    message.extend_from_slice(&icmp.mtu.unwrap_or(0).to_be_bytes());
    message.extend(wrap(local.ip(), remote.ip(), TCP, 64, &quoted)?);
    let (protocol, sum) = if v4 {
        (ICMP, ones_complement(&[&message]))
    } else {
        (ICMPV6, checksum(remote.ip(), local.ip(), ICMPV6, &message))
    };
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    wrap(
        remote.ip(),
        local.ip(),
        protocol,
        ROUTER_HOP_LIMIT,
        &message,
    )
}

/// Type and code of an error (RFC 792, RFC 1812 5.2.7; RFC 4443).
fn codes(icmp: &Icmp, v4: bool) -> Option<(u8, u8)> {
    if icmp.mtu.is_some() && icmp.kind != "frag_needed" {
        return None;
    }
    Some(match (icmp.kind.as_str(), v4) {
        ("frag_needed", true) => (3, 4),
        ("net_unreachable", true) => (3, 0),
        ("host_unreachable", true) => (3, 1),
        ("protocol_unreachable", true) => (3, 2),
        ("port_unreachable", true) => (3, 3),
        ("admin_prohibited", true) => (3, 13),
        ("ttl_exceeded", true) => (11, 0),
        ("source_quench", true) => (4, 0),
        ("frag_needed", false) => (2, 0),
        ("net_unreachable", false) => (1, 0),
        ("admin_prohibited", false) => (1, 1),
        ("host_unreachable", false) => (1, 3),
        ("port_unreachable", false) => (1, 4),
        ("ttl_exceeded", false) => (3, 0),
        _ => return None,
    })
}

/// The checksum behind a pseudo-header (RFC 9293 3.1, RFC 8200 8.1); 0 for octets whose
/// checksum is right.
pub(super) fn checksum(src: IpAddr, dst: IpAddr, protocol: u8, octets: &[u8]) -> u16 {
    let mut pseudo = Vec::new();
    for ip in [src, dst] {
        match ip {
            IpAddr::V4(ip) => pseudo.extend_from_slice(&ip.octets()),
            IpAddr::V6(ip) => pseudo.extend_from_slice(&ip.octets()),
        }
    }
    // Far below 2^32.
    pseudo.extend_from_slice(&(octets.len() as u32).to_be_bytes());
    pseudo.extend_from_slice(&[0, 0, 0, protocol]);
    ones_complement(&[&pseudo, octets])
}

/// RFC 1071, over parts of which all but the last have an even number of octets.
fn ones_complement(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u64;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u64::from(pair[0]) << 8 | u64::from(*pair.get(1).unwrap_or(&0));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests;
