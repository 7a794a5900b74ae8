//! Bare IP packets: a header of fixed length around what the engine says, and the few ICMP
//! errors that it understands.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tcp_ha_engine::{SegmentOut, Unreachable};

const TCP: u8 = 6;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
const V4_HEADER: usize = 20;
const V6_HEADER: usize = 40;
const ICMP_HEADER: usize = 8;
const DONT_FRAGMENT: u8 = 0x40;

/// What an arriving packet is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming<'a> {
    /// A TCP segment.
    Segment {
        src: IpAddr,
        dst: IpAddr,
        /// TTL or hop limit.
        hop_limit: u8,
        octets: &'a [u8],
    },
    /// An ICMP error about a segment of ours.
    Error {
        local: SocketAddr,
        remote: SocketAddr,
        seq: u32,
        what: Unreachable,
    },
}

/// Reads a packet; `None` where it is damaged or concerns no TCP.
pub(super) fn parse(octets: &[u8]) -> Option<Incoming<'_>> {
    let ip = Ip::parse(octets)?;
    match ip.protocol {
        TCP => Some(Incoming::Segment {
            src: ip.src,
            dst: ip.dst,
            hop_limit: ip.hop_limit,
            octets: ip.payload,
        }),
        ICMP => parse_icmp(ip.payload),
        ICMPV6 => parse_icmpv6(ip.payload),
        _ => None,
    }
}

/// The headers that matter of a packet, whole or quoted by ICMP.
struct Ip<'a> {
    src: IpAddr,
    dst: IpAddr,
    hop_limit: u8,
    protocol: u8,
    payload: &'a [u8],
}

impl<'a> Ip<'a> {
    /// The payload of a quoted packet ends where the quotation does.
    fn parse(octets: &'a [u8]) -> Option<Ip<'a>> {
        match octets.first()? >> 4 {
            4 => {
                let header: &[u8; V4_HEADER] = octets.first_chunk()?;
                let start = usize::from(header[0] & 0x0f) * 4;
                let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
                let end = total.min(octets.len());
                let payload = octets.get(start.max(V4_HEADER)..end)?;
                let address = |at: usize| {
                    Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3])
                };
                Some(Ip {
                    src: address(12).into(),
                    dst: address(16).into(),
                    hop_limit: header[8],
                    protocol: header[9],
                    payload,
                })
            }
            6 => {
                let header: &[u8; V6_HEADER] = octets.first_chunk()?;
                let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
                let end = (V6_HEADER + length).min(octets.len());
                let address = |at: usize| {
                    let mut octets = [0; 16];
                    octets.copy_from_slice(&header[at..at + 16]);
                    Ipv6Addr::from(octets)
                };
                Some(Ip {
                    src: address(8).into(),
                    dst: address(24).into(),
                    hop_limit: header[7],
                    protocol: header[6],
                    payload: octets.get(V6_HEADER..end)?,
                })
            }
            _ => None,
        }
    }
}

fn parse_icmp(octets: &[u8]) -> Option<Incoming<'_>> {
    let header: &[u8; ICMP_HEADER] = octets.first_chunk()?;
    let what = match (header[0], header[1]) {
        (3, 4) => Unreachable::TooBig {
            mtu: u16::from_be_bytes([header[6], header[7]]),
        },
        (3, 0) => Unreachable::Network,
        (3, 1) => Unreachable::Host,
        (3, 2) => Unreachable::Protocol,
        (3, 3) => Unreachable::Port,
        (3, 9 | 10 | 13) => Unreachable::Prohibited,
        // Source quench (RFC 6633), among others.
        (3 | 4, _) => Unreachable::Other,
        (11, 0) => Unreachable::HopLimit,
        _ => return None,
    };
    quoted(&octets[ICMP_HEADER..], what)
}

fn parse_icmpv6(octets: &[u8]) -> Option<Incoming<'_>> {
    let header: &[u8; ICMP_HEADER] = octets.first_chunk()?;
    let what = match (header[0], header[1]) {
        (1, 0) => Unreachable::Network,
        (1, 1) => Unreachable::Prohibited,
        (1, 3) => Unreachable::Host,
        (1, 4) => Unreachable::Port,
        (1, _) => Unreachable::Other,
        (3, 0) => Unreachable::HopLimit,
        (2, _) => {
            let mtu = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
            Unreachable::TooBig {
                mtu: u16::try_from(mtu).unwrap_or(u16::MAX),
            }
        }
        _ => return None,
    };
    quoted(&octets[ICMP_HEADER..], what)
}

fn quoted(octets: &[u8], what: Unreachable) -> Option<Incoming<'_>> {
    let ip = Ip::parse(octets).filter(|ip| ip.protocol == TCP)?;
    let tcp: &[u8; 8] = ip.payload.first_chunk()?;
    Some(Incoming::Error {
        local: SocketAddr::new(ip.src, u16::from_be_bytes([tcp[0], tcp[1]])),
        remote: SocketAddr::new(ip.dst, u16::from_be_bytes([tcp[2], tcp[3]])),
        seq: u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]),
        what,
    })
}

/// Puts an IP header in front of a segment.
pub(super) fn wrap(segment: &SegmentOut<'_>) -> Vec<u8> {
    // A segment is built to fit a link of at most 65,535 octets.
    let length = segment.bytes.len() as u16;
    let class = segment.dscp << 2;
    let mut packet = Vec::with_capacity(V6_HEADER + segment.bytes.len());
    match (segment.src, segment.dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            packet.extend_from_slice(&[0x45, class]);
            packet.extend_from_slice(&(length + V4_HEADER as u16).to_be_bytes());
            packet.extend_from_slice(&[0, 0, DONT_FRAGMENT, 0, segment.hop_limit, TCP, 0, 0]);
            packet.extend_from_slice(&src.octets());
            packet.extend_from_slice(&dst.octets());
            let sum = header_checksum(&packet);
            packet[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        (src, dst) => {
            packet.extend_from_slice(&[0x60 | class >> 4, class << 4, 0, 0]);
            packet.extend_from_slice(&length.to_be_bytes());
            packet.extend_from_slice(&[TCP, segment.hop_limit]);
            packet.extend_from_slice(&v6_octets(src));
            packet.extend_from_slice(&v6_octets(dst));
        }
    }
    packet.extend_from_slice(segment.bytes);
    packet
}

fn v6_octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

fn header_checksum(header: &[u8]) -> u16 {
    let mut sum: u32 = header
        .chunks_exact(2)
        .map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    // The sum was folded into 16 bits.
    !(sum as u16)
}

#[cfg(test)]
mod tests;
