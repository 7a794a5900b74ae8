use super::wire::*;
use super::*;

use core::net::SocketAddr;
use smoltcp::wire::{Icmpv4Repr, Icmpv6Repr, IpProtocol};

const DATA: &[u8] = b"0123456789abcdef";

fn echo_v4(src: &str, dst: &str) -> Vec<u8> {
    let message = icmpv4_message(&Icmpv4Repr::EchoRequest {
        ident: 7,
        seq_no: 9,
        data: DATA,
    });
    from_peer_v4(&ipv4_packet(src, dst, IpProtocol::Icmp, &message))
}

fn echo_v6(src: &str, dst: &str) -> Vec<u8> {
    let repr = Icmpv6Repr::EchoRequest {
        ident: 7,
        seq_no: 9,
        data: DATA,
    };
    from_peer_v6(&icmpv6_packet(src, dst, 64, &repr))
}

#[test]
fn echo_is_answered_to_where_it_came_from() {
    let mut bench = Bench::new();
    for (peer, own, frame) in [
        ("192.0.2.9", OWN_V4, echo_v4("192.0.2.9", OWN_V4)),
        ("2001:db8::9", OWN_V6, echo_v6("2001:db8::9", OWN_V6)),
    ] {
        assert_eq!(bench.take(at(0), &frame), Ok(Inbound::Handled));
        let content = Content::EchoReply {
            src: ip(own),
            dst: ip(peer),
            ident: 7,
            seq_no: 9,
            data: DATA.to_vec(),
        };
        assert_eq!(
            bench.sent(),
            [Sent {
                dst: PEER_MAC,
                content
            }]
        );
    }
    assert_eq!(
        bench.host.next_timeout(),
        None,
        "no neighbour was made for it"
    );
    assert_eq!(bench.host.counters().echo_answered, 2);
}

#[test]
fn echo_to_groups_or_from_impossible_sources_is_not_answered() {
    let mut bench = Bench::new();
    let mut to_group = echo_v4(PEER_V4, OWN_V4);
    to_group[..6].copy_from_slice(&LinkAddress::BROADCAST.octets());
    for (frame, reason) in [
        (to_group, DropReason::LinkBroadcast),
        (echo_v4(PEER_V4, "10.99.0.255"), DropReason::NotOurAddress),
        (echo_v4("10.99.0.255", OWN_V4), DropReason::BadSource),
        (echo_v4("0.0.0.0", OWN_V4), DropReason::BadSource),
        (echo_v4(OWN_V4, OWN_V4), DropReason::OwnSource),
        (echo_v6(PEER_V6, "ff02::1"), DropReason::NotOurAddress),
        (echo_v6("::", OWN_V6), DropReason::BadSource),
        (echo_v6("ff02::2", OWN_V6), DropReason::BadSource),
    ] {
        assert_eq!(bench.take(at(0), &frame), Err(reason));
    }
    assert!(bench.sent().is_empty());
}

#[test]
fn bad_checksums_are_refused() {
    let mut bench = Bench::new();
    let mut frame = echo_v4(PEER_V4, OWN_V4);
    frame[14 + 20 + 8] ^= 1;
    assert_eq!(bench.take(at(0), &frame), Err(DropReason::BadIcmpChecksum));
    let mut frame = echo_v6(PEER_V6, OWN_V6);
    frame[14 + 40 + 8] ^= 1;
    assert_eq!(bench.take(at(0), &frame), Err(DropReason::BadIcmpChecksum));
}

/// The start of a segment of ours: ports 179 and 40000, SEG.SEQ 0x01020304.
const SEGMENT_START: [u8; 8] = [0, 179, 0x9c, 0x40, 1, 2, 3, 4];

/// An ICMP error from a router, with as much of our packet as RFC 792 asks for, which is less than its length field says.
fn error_v4(kind: u8, code: u8, mtu: u16, embedded: &[u8]) -> Vec<u8> {
    let mut message = vec![kind, code, 0, 0, 0, 0];
    message.extend(mtu.to_be_bytes());
    message.extend(embedded);
    smoltcp::wire::Icmpv4Packet::new_unchecked(&mut message[..]).fill_checksum();
    from_peer_v4(&ipv4_packet(GATEWAY_V4, OWN_V4, IpProtocol::Icmp, &message))
}

fn embedded_v4(src: &str, protocol: IpProtocol) -> Vec<u8> {
    let mut packet = ipv4_packet(src, "192.0.2.9", protocol, &[0; 1000]);
    packet.truncate(20);
    packet.extend(SEGMENT_START);
    packet
}

#[test]
fn errors_about_our_segments_are_handed_up() {
    let mut bench = Bench::new();
    let embedded = embedded_v4(OWN_V4, IpProtocol::Tcp);
    for (kind, code, expected) in [
        (3, 0, UnreachableCode::Network),
        (3, 1, UnreachableCode::Host),
        (3, 2, UnreachableCode::Protocol),
        (3, 3, UnreachableCode::Port),
        (3, 4, UnreachableCode::PacketTooBig { mtu: 1400 }),
        (3, 13, UnreachableCode::Prohibited),
        (3, 99, UnreachableCode::Other(99)),
        (11, 0, UnreachableCode::HopLimitExceeded),
    ] {
        let frame = error_v4(kind, code, 1400, &embedded);
        let found = Inbound::Unreachable(Unreachable {
            local: SocketAddr::new(ip(OWN_V4), 179),
            remote: "192.0.2.9:40000".parse().unwrap(),
            seq: 0x0102_0304,
            code: expected,
        });
        assert_eq!(bench.take(at(0), &frame), Ok(found));
    }
}

#[test]
fn errors_about_anything_else_are_dropped() {
    let mut bench = Bench::new();
    let mut fragment = embedded_v4(OWN_V4, IpProtocol::Tcp);
    fragment[7] = 1;
    let cut = embedded_v4(OWN_V4, IpProtocol::Tcp)[..27].to_vec();
    for (embedded, reason) in [
        (
            embedded_v4("10.99.0.2", IpProtocol::Tcp),
            DropReason::IcmpNotOurs,
        ),
        (
            embedded_v4(OWN_V4, IpProtocol::Udp),
            DropReason::IcmpNotOurs,
        ),
        (fragment, DropReason::IcmpNotOurs),
        (cut, DropReason::Truncated),
        (vec![0; 28], DropReason::MalformedIcmp),
        (vec![], DropReason::Truncated),
    ] {
        let frame = error_v4(3, 1, 0, &embedded);
        assert_eq!(bench.take(at(0), &frame), Err(reason));
    }
}

#[test]
fn ipv6_errors_are_handed_up() {
    let mut bench = Bench::new();
    let mut embedded = ipv6_packet(OWN_V6, "2001:db8::9", IpProtocol::Tcp, 64, &[0; 500]);
    embedded.truncate(40);
    embedded.extend(SEGMENT_START);
    for (kind, code, expected) in [
        (1, 0, UnreachableCode::Network),
        (1, 1, UnreachableCode::Prohibited),
        (1, 3, UnreachableCode::Host),
        (1, 4, UnreachableCode::Port),
        (2, 0, UnreachableCode::PacketTooBig { mtu: 1280 }),
        (3, 0, UnreachableCode::HopLimitExceeded),
        (4, 1, UnreachableCode::Protocol),
    ] {
        let mut message = vec![kind, code, 0, 0];
        message.extend(1280_u32.to_be_bytes());
        message.extend(&embedded);
        smoltcp::wire::Icmpv6Packet::new_unchecked(&mut message[..])
            .fill_checksum(&v6("2001:db8::1"), &v6(OWN_V6));
        let packet = ipv6_packet("2001:db8::1", OWN_V6, IpProtocol::Icmpv6, 60, &message);
        let found = Inbound::Unreachable(Unreachable {
            local: SocketAddr::new(ip(OWN_V6), 179),
            remote: "[2001:db8::9]:40000".parse().unwrap(),
            seq: 0x0102_0304,
            code: expected,
        });
        assert_eq!(bench.take(at(0), &from_peer_v6(&packet)), Ok(found));
    }
}
