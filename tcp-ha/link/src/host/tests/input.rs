use super::wire::*;
use super::*;

use smoltcp::wire::{IpProtocol, Ipv4Packet};

#[test]
fn a_segment_is_handed_up_without_padding() {
    let mut bench = Bench::new();
    let frame = tcp_v4(PEER_V4, OWN_V4, b"segment");
    assert_eq!(frame.len(), 60, "the frame is padded");
    let found = Inbound::Segment {
        src: ip(PEER_V4),
        dst: ip(OWN_V4),
        hop_limit: 1,
        segment: b"segment",
    };
    assert_eq!(bench.take(at(0), &frame), Ok(found));
    let packet = ipv6_packet(PEER_V6, OWN_V6, IpProtocol::Tcp, 255, b"six");
    let frame = from_peer_v6(&packet);
    let found = Inbound::Segment {
        src: ip(PEER_V6),
        dst: ip(OWN_V6),
        hop_limit: 255,
        segment: b"six",
    };
    assert_eq!(bench.take(at(0), &frame), Ok(found));
    assert_eq!(bench.host.counters().segments_in, 2);
    assert!(bench.sent().is_empty());
}

#[test]
fn ip_options_are_passed_over() {
    let mut packet = ipv4_packet(PEER_V4, OWN_V4, IpProtocol::Tcp, b"\x01\x01\x01\x00segment");
    packet[0] = 0x46;
    Ipv4Packet::new_unchecked(&mut packet[..]).fill_checksum();
    let frame = from_peer_v4(&packet);
    let mut bench = Bench::new();
    let Ok(Inbound::Segment { segment, .. }) = bench.take(at(0), &frame) else {
        panic!("no segment");
    };
    assert_eq!(segment, b"segment");
}

#[test]
fn each_defect_has_its_reason() {
    let good = tcp_v4(PEER_V4, OWN_V4, b"segment");
    let change = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut frame = good.clone();
        change(&mut frame);
        frame
    };
    let refill = |frame: &mut [u8]| {
        Ipv4Packet::new_unchecked(&mut frame[14..34]).fill_checksum();
    };
    for (frame, reason) in [
        (vec![], DropReason::Truncated),
        (vec![0; 13], DropReason::Truncated),
        (change(&|f| f.truncate(14 + 19)), DropReason::Truncated),
        (change(&|f| f.truncate(14 + 25)), DropReason::Truncated),
        (change(&|f| f[5] ^= 0x10), DropReason::NotOurLinkAddress),
        (change(&|f| f[6] |= 1), DropReason::BadLinkSource),
        (change(&|f| f[..6].fill(0xff)), DropReason::LinkBroadcast),
        (
            change(&|f| f[12..14].copy_from_slice(&[0x81, 0])),
            DropReason::UnknownEtherType,
        ),
        (change(&|f| f[14] = 0x65), DropReason::MalformedIp),
        (change(&|f| f[14 + 8] ^= 1), DropReason::BadIpChecksum),
        (
            change(&|f| {
                f[20] |= 0x20;
                refill(f);
            }),
            DropReason::IpFragment,
        ),
        (
            change(&|f| {
                f[21] = 8;
                refill(f);
            }),
            DropReason::IpFragment,
        ),
        (
            change(&|f| {
                f[33] = 9;
                refill(f);
            }),
            DropReason::NotOurAddress,
        ),
        (
            change(&|f| {
                f[26] = 240;
                refill(f);
            }),
            DropReason::BadSource,
        ),
        (
            change(&|f| {
                f[26] = 127;
                refill(f);
            }),
            DropReason::BadSource,
        ),
        (
            change(&|f| {
                f[29] = 1;
                refill(f);
            }),
            DropReason::OwnSource,
        ),
        (
            change(&|f| {
                f[23] = 17;
                refill(f);
            }),
            DropReason::UnknownProtocol,
        ),
    ] {
        let mut bench = Bench::new();
        assert_eq!(bench.take(at(0), &frame), Err(reason));
        assert_eq!(bench.dropped(reason), 1);
        let all: Vec<_> = bench.host.counters().drops().collect();
        assert_eq!(all, [(reason, 1)]);
        assert!(bench.sent().is_empty());
    }
}

#[test]
fn ipv6_fragments_and_foreign_groups_are_dropped() {
    let mut bench = Bench::new();
    for (dst, protocol, reason) in [
        (OWN_V6, IpProtocol::Ipv6Frag, DropReason::IpFragment),
        (OWN_V6, IpProtocol::Udp, DropReason::UnknownProtocol),
        ("ff02::1", IpProtocol::Tcp, DropReason::NotOurAddress),
        ("ff02::2", IpProtocol::Icmpv6, DropReason::NotOurAddress),
        ("fd99::2", IpProtocol::Tcp, DropReason::NotOurAddress),
    ] {
        let packet = ipv6_packet(PEER_V6, dst, protocol, 64, &[0; 32]);
        assert_eq!(
            bench.take(at(0), &from_peer_v6(&packet)),
            Err(reason),
            "{dst}"
        );
    }
}

#[test]
fn bare_packets_need_no_link_header() {
    let mut bench = Bench::with(|config| config.medium = Medium::Ip);
    let packet = ipv4_packet(PEER_V4, OWN_V4, IpProtocol::Tcp, b"segment");
    assert!(matches!(
        bench.take(at(0), &packet),
        Ok(Inbound::Segment {
            segment: b"segment",
            ..
        })
    ));
    assert_eq!(bench.take(at(0), &[]), Err(DropReason::Truncated));
    assert_eq!(bench.take(at(0), &[0x50; 40]), Err(DropReason::MalformedIp));
}

#[test]
fn a_host_of_ipv4_only_hears_no_ipv6() {
    let mut bench = Bench::with(|config| {
        config.addresses.truncate(1);
        config.gateways.clear();
    });
    let group = "ff02::1:ff00:1";
    let target = OWN_MAC.link_local().to_string();
    let frame = solicitation(PEER_V6, group, &target, Some(PEER_MAC));
    assert_eq!(bench.take(at(0), &frame), Err(DropReason::NotOurAddress));
}
