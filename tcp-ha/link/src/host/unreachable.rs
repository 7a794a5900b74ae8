//! ICMP errors: which of our segments they are about (RFC 792, RFC 1191, RFC 4443).

use core::net::{IpAddr, SocketAddr};

use smoltcp::wire::{IPV4_HEADER_LEN, IPV6_HEADER_LEN, IpProtocol, Ipv4Packet, Ipv6Packet};

use super::{DropReason, Unreachable, UnreachableCode};

/// ICMP header before the embedded packet.
const ICMP_HEADER_LEN: usize = 8;

/// Reads a *destination unreachable* or *time exceeded* message. The embedded packet is cut as the router liked, so its own
/// lengths are not believed.
pub(super) fn parse_v4(message: &[u8]) -> Result<Unreachable, DropReason> {
    let (header, embedded) = message
        .split_at_checked(ICMP_HEADER_LEN)
        .ok_or(DropReason::Truncated)?;
    let code = match (header[0], header[1]) {
        (3, 0 | 6 | 11) => UnreachableCode::Network,
        (3, 1 | 7 | 12) => UnreachableCode::Host,
        (3, 2) => UnreachableCode::Protocol,
        (3, 3) => UnreachableCode::Port,
        (3, 4) => UnreachableCode::PacketTooBig {
            mtu: u32::from(u16::from_be_bytes([header[6], header[7]])),
        },
        (3, 9 | 10 | 13) => UnreachableCode::Prohibited,
        (3, other) => UnreachableCode::Other(other),
        (11, 0) => UnreachableCode::HopLimitExceeded,
        _ => return Err(DropReason::UnsupportedIcmp),
    };
    if embedded.len() < IPV4_HEADER_LEN {
        return Err(DropReason::Truncated);
    }
    let packet = Ipv4Packet::new_unchecked(embedded);
    let header_len = usize::from(packet.header_len());
    if packet.version() != 4 || header_len < IPV4_HEADER_LEN {
        return Err(DropReason::MalformedIcmp);
    }
    if packet.next_header() != IpProtocol::Tcp || packet.frag_offset() != 0 {
        return Err(DropReason::IcmpNotOurs);
    }
    let ends = (packet.src_addr().into(), packet.dst_addr().into());
    let segment = embedded.get(header_len..).ok_or(DropReason::Truncated)?;
    unreachable(ends, segment, code)
}

/// Reads an ICMPv6 error message.
pub(super) fn parse_v6(message: &[u8]) -> Result<Unreachable, DropReason> {
    let (header, embedded) = message
        .split_at_checked(ICMP_HEADER_LEN)
        .ok_or(DropReason::Truncated)?;
    let code = match (header[0], header[1]) {
        (1, 0 | 2) => UnreachableCode::Network,
        (1, 1 | 5 | 6) => UnreachableCode::Prohibited,
        (1, 3) => UnreachableCode::Host,
        (1, 4) => UnreachableCode::Port,
        (1, other) => UnreachableCode::Other(other),
        (2, _) => UnreachableCode::PacketTooBig {
            mtu: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        },
        (3, 0) => UnreachableCode::HopLimitExceeded,
        (4, 1) => UnreachableCode::Protocol,
        _ => return Err(DropReason::UnsupportedIcmp),
    };
    if embedded.len() < IPV6_HEADER_LEN {
        return Err(DropReason::Truncated);
    }
    let packet = Ipv6Packet::new_unchecked(embedded);
    if packet.version() != 6 {
        return Err(DropReason::MalformedIcmp);
    }
    if packet.next_header() != IpProtocol::Tcp {
        return Err(DropReason::IcmpNotOurs);
    }
    let ends = (packet.src_addr().into(), packet.dst_addr().into());
    unreachable(ends, &embedded[IPV6_HEADER_LEN..], code)
}

fn unreachable(
    (local, remote): (IpAddr, IpAddr),
    segment: &[u8],
    code: UnreachableCode,
) -> Result<Unreachable, DropReason> {
    // RFC 792 promises the ports and SEG.SEQ, and no more.
    let &[l0, l1, r0, r1, s0, s1, s2, s3, ..] = segment else {
        return Err(DropReason::Truncated);
    };
    Ok(Unreachable {
        local: SocketAddr::new(local, u16::from_be_bytes([l0, l1])),
        remote: SocketAddr::new(remote, u16::from_be_bytes([r0, r1])),
        seq: u32::from_be_bytes([s0, s1, s2, s3]),
        code,
    })
}
