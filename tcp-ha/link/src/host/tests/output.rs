use super::wire::*;
use super::*;

#[test]
fn segments_carry_their_codepoint_hop_limit_and_octets() {
    let mut bench = Bench::new();
    for (own, peer) in [(OWN_V4, PEER_V4), (OWN_V6, PEER_V6)] {
        bench.host.learn(at(0), ip(peer), PEER_MAC);
        bench.send(at(0), own, peer, b"octets");
        let content = Content::Segment {
            src: ip(own),
            dst: ip(peer),
            dscp: 48,
            hop_limit: 255,
            segment: b"octets".to_vec(),
        };
        assert_eq!(
            bench.sent(),
            [Sent {
                dst: PEER_MAC,
                content
            }]
        );
    }
    assert_eq!(bench.host.counters().segments_out, 2);
}

#[test]
fn what_is_not_on_the_segment_goes_to_the_gateway() {
    let mut bench = Bench::new();
    bench.host.learn(at(0), ip(GATEWAY_V4), PEER_MAC);
    bench.send(at(0), OWN_V4, "192.0.2.9", b"x");
    assert_eq!(bench.sent()[0].segment().0, PEER_MAC);
}

#[test]
fn a_dead_gateway_is_replaced_by_the_next() {
    let mut bench = Bench::new();
    bench.send(at(0), OWN_V4, "192.0.2.9", b"x");
    assert_eq!(bench.sent()[0].question().0, ip(GATEWAY_V4));
    bench.pass(at(3000));
    bench.sent();
    bench.send(at(3000), OWN_V4, "192.0.2.9", b"x");
    assert_eq!(bench.sent()[0].question().0, ip("10.99.0.253"));
    bench.pass(at(6000));
    bench.sent();
    bench.send(at(6000), OWN_V4, "192.0.2.9", b"x");
    assert_eq!(bench.sent()[0].question().0, ip(GATEWAY_V4), "in turn");
}

#[test]
fn what_has_no_way_is_counted() {
    let mut bench = Bench::with(|config| config.gateways.clear());
    for (src, dst) in [
        (OWN_V4, "192.0.2.9"),
        (OWN_V4, OWN_V4),
        (OWN_V4, "10.99.0.255"),
        (OWN_V4, "224.0.0.5"),
        (OWN_V4, PEER_V6),
        (PEER_V4, "10.99.0.8"),
        (OWN_V6, "ff02::1"),
    ] {
        bench.send(at(0), src, dst, b"x");
    }
    assert!(bench.sent().is_empty());
    assert_eq!(bench.dropped(DropReason::NoRoute), 7);
    assert_eq!(bench.host.counters().segments_out, 0);
}

#[test]
fn what_is_longer_than_the_mtu_is_counted() {
    let mut bench = Bench::new();
    bench.host.learn(at(0), ip(PEER_V4), PEER_MAC);
    bench.send(at(0), OWN_V4, PEER_V4, &[0; 1480]);
    assert_eq!(bench.sent().len(), 1);
    bench.send(at(0), OWN_V4, PEER_V4, &[0; 1481]);
    assert!(bench.sent().is_empty());
    assert_eq!(bench.dropped(DropReason::TooLong), 1);
}

#[test]
fn waiting_packets_are_bounded_over_all_neighbours() {
    let mut bench = Bench::with(|config| config.max_pending = 20);
    for n in 10..20 {
        for _ in 0..5 {
            bench.send(at(0), OWN_V4, &format!("10.99.0.{n}"), b"x");
        }
    }
    assert_eq!(bench.dropped(DropReason::PendingOverflow), 50 - 20);
    bench.pass(at(3000));
    assert_eq!(bench.dropped(DropReason::NeighbourUnreachable), 20);
}

#[test]
fn the_newest_packets_wait_and_the_oldest_go() {
    let mut bench = Bench::new();
    for n in 0..20_u8 {
        bench.send(at(0), OWN_V4, PEER_V4, &[n]);
    }
    bench.sent();
    bench
        .take(at(1), &arp_reply((PEER_MAC, PEER_V4), OWN_V4))
        .unwrap();
    let order: Vec<u8> = bench
        .sent()
        .iter()
        .map(|sent| sent.segment().1[0])
        .collect();
    assert_eq!(order, (4..20).collect::<Vec<u8>>());
}

#[test]
fn what_is_learned_while_packets_wait_lets_them_go() {
    let mut bench = Bench::new();
    bench.send(at(0), OWN_V4, PEER_V4, b"waits");
    bench.sent();
    bench.host.learn(at(10), ip(PEER_V4), PEER_MAC);
    assert_eq!(bench.host.next_timeout(), Some(at(10)));
    bench.pass(at(10));
    assert_eq!(bench.sent()[0].segment(), (PEER_MAC, &b"waits"[..]));
}

#[test]
fn the_survivor_asks_nobody_before_its_first_segment() {
    let mut active = Bench::new();
    for n in 1..=50_u8 {
        let peer = format!("10.99.0.{}", 100 + n);
        let mac = LinkAddress([2, 3, 0, 0, 0, n]);
        active.send(at(0), OWN_V4, &peer, b"x");
        active
            .take(at(1), &arp_reply((mac, &peer), OWN_V4))
            .unwrap();
    }
    let mut survivor = Bench::new();
    for (address, mac) in active.changed() {
        survivor.host.learn(at(0), address, mac);
    }
    assert!(
        survivor.changed().is_empty(),
        "what was taken over is not told back"
    );
    for (address, mac) in active.host.neighbours() {
        survivor.send(at(60_000), OWN_V4, &address.to_string(), b"x");
        assert_eq!(survivor.sent()[0].segment().0, mac);
    }
    let of_active: Vec<_> = active.host.neighbours().collect();
    assert_eq!(survivor.host.neighbours().collect::<Vec<_>>(), of_active);
}

#[test]
fn nonsense_is_not_learned() {
    let mut bench = Bench::new();
    for (address, mac) in [
        (OWN_V4, PEER_MAC),
        ("192.0.2.1", PEER_MAC),
        ("10.99.0.255", PEER_MAC),
        (PEER_V4, LinkAddress::BROADCAST),
    ] {
        bench.host.learn(at(0), ip(address), mac);
    }
    assert_eq!(bench.host.neighbours().count(), 0);
}

#[test]
fn bare_packets_go_out_without_link_header_or_question() {
    let mut bench = Bench::with(|config| config.medium = Medium::Ip);
    bench.send(at(0), OWN_V4, "192.0.2.9", b"x");
    let frame = bench.out.drain().next().unwrap();
    assert!(matches!(
        parse_ipv4(frame.octets()),
        Content::Segment { dst, .. } if dst == ip("192.0.2.9")
    ));
}

#[test]
fn a_steady_flow_uses_its_buffers_again() {
    let mut bench = Bench::new();
    bench.host.learn(at(0), ip(PEER_V4), PEER_MAC);
    bench.send(at(0), OWN_V4, PEER_V4, &[1; 1000]);
    let frame = bench.out.drain().next().unwrap();
    let place = frame.octets().as_ptr();
    bench.out.recycle(frame);
    for _ in 0..100 {
        bench.send(at(0), OWN_V4, PEER_V4, &[1; 1400]);
        let frame = bench.out.drain().next().unwrap();
        assert_eq!(frame.octets().as_ptr(), place);
        bench.out.recycle(frame);
    }
}

#[test]
fn deadlines_are_met_late_as_well() {
    let mut bench = Bench::new();
    bench.send(at(0), OWN_V4, PEER_V4, b"x");
    // A stalled loop: everything is overdue, and is done one retransmission at a time.
    bench.host.handle_timeout(at(60_000), &mut bench.out);
    assert_eq!(bench.sent().len(), 2);
    let next = bench.host.next_timeout().unwrap();
    assert_eq!(next.saturating_since(at(60_000)), Duration::from_secs(1));
}
