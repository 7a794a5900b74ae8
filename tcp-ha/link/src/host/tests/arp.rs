use super::wire::*;
use super::*;

use smoltcp::wire::ArpOperation;

const PEER: (LinkAddress, &str) = (PEER_MAC, PEER_V4);

#[test]
fn a_request_for_us_is_answered_and_its_sender_learned() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.take(at(0), &arp_request(PEER, OWN_V4)),
        Ok(Inbound::Handled)
    );
    let answer = Content::Arp {
        operation: ArpOperation::Reply,
        sender: (OWN_MAC, ip(OWN_V4)),
        target: (PEER_MAC, ip(PEER_V4)),
    };
    assert_eq!(
        bench.sent(),
        [Sent {
            dst: PEER_MAC,
            content: answer
        }]
    );
    bench.send(at(1), OWN_V4, PEER_V4, b"synack");
    assert_eq!(bench.sent()[0].segment(), (PEER_MAC, &b"synack"[..]));
}

#[test]
fn a_probe_is_answered_and_teaches_nothing() {
    // In a subnet of everything even the probe's empty sender address would be on the segment.
    for prefix in [24, 0] {
        let mut bench = Bench::with(|config| config.addresses[0].1 = prefix);
        let probe = arp_request((PEER_MAC, "0.0.0.0"), OWN_V4);
        assert_eq!(bench.take(at(0), &probe), Ok(Inbound::Handled));
        assert_eq!(bench.sent().len(), 1);
        assert_eq!(bench.host.counters().neighbours_learned, 0);
    }
}

#[test]
fn requests_between_others_are_dropped() {
    let mut bench = Bench::new();
    let frame = arp_request(PEER, "10.99.0.8");
    assert_eq!(bench.take(at(0), &frame), Err(DropReason::ArpNotOurs));
    assert!(bench.sent().is_empty());
}

#[test]
fn an_unasked_reply_teaches_nothing() {
    let mut bench = Bench::new();
    let frame = arp_reply(PEER, OWN_V4);
    assert_eq!(bench.take(at(0), &frame), Err(DropReason::ArpUnsolicited));
    bench.send(at(1), OWN_V4, PEER_V4, b"x");
    assert_eq!(bench.sent()[0].question(), (ip(PEER_V4), true));
}

#[test]
fn the_first_segment_waits_for_the_reply_and_keeps_its_order() {
    let mut bench = Bench::new();
    for segment in [b"one", b"two"] {
        bench.send(at(0), OWN_V4, PEER_V4, segment);
    }
    let sent = bench.sent();
    assert_eq!(sent.len(), 1, "one question for both");
    assert_eq!(sent[0].question(), (ip(PEER_V4), true));
    assert_eq!(
        bench.take(at(1), &arp_reply(PEER, OWN_V4)),
        Ok(Inbound::Handled)
    );
    let sent = bench.sent();
    assert_eq!(sent[0].segment(), (PEER_MAC, &b"one"[..]));
    assert_eq!(sent[1].segment(), (PEER_MAC, &b"two"[..]));
    assert_eq!(bench.host.next_timeout(), None);
}

#[test]
fn many_neighbours_resolve_side_by_side() {
    let mut bench = Bench::with(|config| config.addresses[0].1 = 16);
    let peers: Vec<(LinkAddress, String)> = (0..1000_u16)
        .map(|n| {
            let [high, low] = (n + 512).to_be_bytes();
            (
                LinkAddress([2, 1, 0, 0, high, low]),
                format!("10.99.{high}.{low}"),
            )
        })
        .collect();
    for (_, address) in &peers {
        bench.send(at(0), OWN_V4, address, address.as_bytes());
    }
    let asked: Vec<IpAddr> = bench.sent().iter().map(|sent| sent.question().0).collect();
    let all: Vec<IpAddr> = peers.iter().map(|(_, address)| ip(address)).collect();
    assert_eq!(asked, all, "everybody is asked at once");
    for (mac, address) in peers.iter().rev() {
        bench
            .take(at(5), &arp_reply((*mac, address), OWN_V4))
            .unwrap();
        assert_eq!(bench.sent()[0].segment(), (*mac, address.as_bytes()));
    }
    assert_eq!(bench.host.neighbours().count(), 1000);
    assert_eq!(bench.changed().len(), 1000);
    assert_eq!(bench.changed().len(), 0, "each change is told once");
}

#[test]
fn a_silent_neighbour_is_asked_three_times_a_second_apart() {
    let mut bench = Bench::new();
    bench.send(at(0), OWN_V4, PEER_V4, b"x");
    bench.send(at(10), OWN_V4, PEER_V4, b"y");
    assert_eq!(bench.sent().len(), 1);
    for second in 1..=2_u64 {
        bench.pass(at(second * 1000 - 1));
        assert!(bench.sent().is_empty());
        bench.pass(at(second * 1000));
        assert_eq!(bench.sent()[0].question(), (ip(PEER_V4), true));
    }
    bench.pass(at(3000));
    assert!(bench.sent().is_empty());
    assert_eq!(bench.dropped(DropReason::NeighbourUnreachable), 2);
    assert_eq!(bench.host.next_timeout(), None);
    bench.send(at(4000), OWN_V4, PEER_V4, b"again");
    assert_eq!(bench.sent()[0].question(), (ip(PEER_V4), true));
}

#[test]
fn a_dead_neighbour_delays_nobody_else() {
    let mut bench = Bench::new();
    for _ in 0..100 {
        bench.send(at(0), OWN_V4, "10.99.0.66", b"to the dead");
    }
    bench.send(at(0), OWN_V4, PEER_V4, b"x");
    bench.sent();
    bench.take(at(1), &arp_reply(PEER, OWN_V4)).unwrap();
    assert_eq!(bench.sent()[0].segment(), (PEER_MAC, &b"x"[..]));
    assert_eq!(bench.dropped(DropReason::PendingOverflow), 100 - 16);
}

#[test]
fn a_confirmed_neighbour_is_probed_by_unicast_when_used_long_after() {
    let mut bench = Bench::new();
    bench.send(at(0), OWN_V4, PEER_V4, b"x");
    bench.take(at(0), &arp_reply(PEER, OWN_V4)).unwrap();
    bench.sent();
    bench.send(at(29_999), OWN_V4, PEER_V4, b"fresh");
    assert_eq!(bench.host.next_timeout(), None, "fresh: no probe");
    bench.pass(at(100_000));
    bench.send(at(100_000), OWN_V4, PEER_V4, b"stale");
    assert_eq!(
        bench.sent().last().unwrap().segment(),
        (PEER_MAC, &b"stale"[..])
    );
    assert_eq!(bench.host.next_timeout(), Some(at(105_000)));
    bench.pass(at(105_000));
    let probe = bench.sent().remove(0);
    assert_eq!(
        (probe.dst, probe.question()),
        (PEER_MAC, (ip(PEER_V4), false))
    );
    bench.take(at(105_001), &arp_reply(PEER, OWN_V4)).unwrap();
    assert_eq!(bench.host.next_timeout(), None);
    bench.send(at(135_000), OWN_V4, PEER_V4, b"fresh");
    assert_eq!(bench.host.next_timeout(), None);
}

#[test]
fn an_idle_neighbour_is_left_in_peace() {
    let mut bench = Bench::new();
    bench.send(at(0), OWN_V4, PEER_V4, b"x");
    bench.take(at(0), &arp_reply(PEER, OWN_V4)).unwrap();
    bench.sent();
    bench.pass(at(3_600_000));
    assert!(bench.sent().is_empty());
}

#[test]
fn a_neighbour_that_answers_no_probe_is_looked_for_by_broadcast() {
    let mut bench = Bench::new();
    bench.host.learn(at(0), ip(PEER_V4), PEER_MAC);
    bench.send(at(0), OWN_V4, PEER_V4, b"x");
    assert_eq!(bench.sent()[0].segment().0, PEER_MAC);
    bench.pass(at(7_999));
    let probes = bench.sent();
    assert!(probes.iter().all(|probe| probe.dst == PEER_MAC));
    assert_eq!(probes.len(), 3);
    bench.pass(at(8_000));
    assert_eq!(bench.sent()[0].question(), (ip(PEER_V4), true));
    bench.send(at(8_100), OWN_V4, PEER_V4, b"waits");
    assert!(bench.sent().is_empty());
    let moved = LinkAddress([2, 0, 0, 0, 0, 0x78]);
    bench
        .take(at(8_200), &arp_reply((moved, PEER_V4), OWN_V4))
        .unwrap();
    assert_eq!(bench.sent()[0].segment(), (moved, &b"waits"[..]));
    assert_eq!(bench.changed(), [(ip(PEER_V4), moved)]);
}

#[test]
fn a_neighbours_announcement_moves_it() {
    let moved = LinkAddress([2, 0, 0, 0, 0, 0x78]);
    for operation in [ArpOperation::Request, ArpOperation::Reply] {
        let mut bench = Bench::new();
        let frame = arp(operation, LinkAddress::BROADCAST, (moved, PEER_V4), PEER_V4);
        assert_eq!(bench.take(at(0), &frame), Err(DropReason::ArpUnsolicited));
        bench.host.learn(at(0), ip(PEER_V4), PEER_MAC);
        assert_eq!(bench.take(at(0), &frame), Ok(Inbound::Handled));
        bench.send(at(1), OWN_V4, PEER_V4, b"x");
        assert_eq!(bench.sent()[0].segment().0, moved);
    }
}

#[test]
fn whoever_speaks_as_us_is_reported_and_not_answered() {
    let foreign = LinkAddress([2, 0, 0, 0, 0, 0x99]);
    let found = Ok(Inbound::ForeignAnnouncement {
        address: ip(OWN_V4),
    });
    // The other route processor has the same link address as we.
    for mac in [foreign, OWN_MAC] {
        let mut bench = Bench::new();
        for frame in [
            arp_request((mac, OWN_V4), OWN_V4),
            arp(
                ArpOperation::Reply,
                LinkAddress::BROADCAST,
                (mac, OWN_V4),
                OWN_V4,
            ),
            arp_request((mac, OWN_V4), PEER_V4),
            arp_reply((mac, OWN_V4), OWN_V4),
        ] {
            assert_eq!(bench.take(at(0), &frame), found);
        }
        assert!(bench.sent().is_empty());
        assert_eq!(bench.host.counters().foreign_announcements, 4);
    }
}

#[test]
fn impossible_senders_are_refused() {
    let mut bench = Bench::new();
    for sender in [
        (LinkAddress::BROADCAST, PEER_V4),
        (PEER_MAC, "10.99.0.255"),
        (PEER_MAC, "224.0.0.1"),
        (PEER_MAC, "127.0.0.1"),
    ] {
        let mut frame = arp_request(sender, OWN_V4);
        frame[6..12].copy_from_slice(&PEER_MAC.octets());
        assert_eq!(
            bench.take(at(0), &frame),
            Err(DropReason::MalformedArp),
            "{sender:?}"
        );
    }
    assert!(bench.sent().is_empty());
}

#[test]
fn requests_from_another_subnet_are_answered_but_teach_nothing() {
    let mut bench = Bench::new();
    let frame = arp_request((PEER_MAC, "192.0.2.9"), OWN_V4);
    assert_eq!(bench.take(at(0), &frame), Ok(Inbound::Handled));
    assert_eq!(bench.sent().len(), 1);
    assert_eq!(bench.host.counters().neighbours_learned, 0);
}

#[test]
fn a_flood_of_requests_pushes_out_no_neighbour_in_use() {
    let mut bench = Bench::with(|config| {
        config.addresses[0].1 = 16;
        config.max_neighbours = 8;
    });
    bench.host.learn(at(0), ip(PEER_V4), PEER_MAC);
    for n in 1..=200_u8 {
        let sender = format!("10.99.1.{n}");
        let mac = LinkAddress([2, 2, 0, 0, 0, n]);
        bench
            .take(at(u64::from(n)), &arp_request((mac, &sender), OWN_V4))
            .unwrap();
    }
    assert_eq!(
        bench.host.neighbours().collect::<Vec<_>>(),
        [(ip(PEER_V4), PEER_MAC)]
    );
    assert!(
        bench.changed().is_empty(),
        "who was never sent to is not replicated"
    );
    bench.sent();
    bench.send(at(300), OWN_V4, PEER_V4, b"x");
    assert_eq!(bench.sent()[0].segment().0, PEER_MAC);
}

#[test]
fn a_full_table_gives_room_to_what_is_sent_to_now() {
    let mut bench = Bench::with(|config| config.max_neighbours = 2);
    for (n, seconds) in [(1_u8, 10), (2, 20)] {
        let mac = LinkAddress([2, 2, 0, 0, 0, n]);
        bench
            .host
            .learn(at(seconds * 1000), ip(&format!("10.99.0.10{n}")), mac);
    }
    bench.send(at(30_000), OWN_V4, PEER_V4, b"x");
    bench.take(at(30_001), &arp_reply(PEER, OWN_V4)).unwrap();
    let left: Vec<IpAddr> = bench
        .host
        .neighbours()
        .map(|(address, _)| address)
        .collect();
    assert_eq!(left, [ip(PEER_V4), ip("10.99.0.102")]);
    assert_eq!(bench.host.counters().neighbours_evicted, 1);
}

#[test]
fn who_only_asks_finds_no_room_among_neighbours_in_use() {
    let mut bench = Bench::with(|config| config.max_neighbours = 1);
    bench.host.learn(at(0), ip(PEER_V4), PEER_MAC);
    let asker = (LinkAddress([2, 2, 0, 0, 0, 1]), "10.99.0.101");
    let frame = arp_request(asker, OWN_V4);
    assert_eq!(bench.take(at(1), &frame), Ok(Inbound::Handled));
    assert_eq!(bench.sent().len(), 1, "answered all the same");
    assert_eq!(bench.dropped(DropReason::NeighbourTableFull), 1);
    let left: Vec<_> = bench.host.neighbours().collect();
    assert_eq!(left, [(ip(PEER_V4), PEER_MAC)]);
}

#[test]
fn a_neighbour_is_replicated_from_its_first_use_on() {
    let mut bench = Bench::new();
    let moved = LinkAddress([2, 0, 0, 0, 0, 0x78]);
    for mac in [PEER_MAC, moved] {
        bench
            .take(at(0), &arp_request((mac, PEER_V4), OWN_V4))
            .unwrap();
        assert!(bench.changed().is_empty());
    }
    bench.send(at(1), OWN_V4, PEER_V4, b"x");
    assert_eq!(bench.changed(), [(ip(PEER_V4), moved)]);
    bench.take(at(2), &arp_request(PEER, OWN_V4)).unwrap();
    assert_eq!(bench.changed(), [(ip(PEER_V4), PEER_MAC)]);
}

#[test]
fn packets_that_have_left_take_no_room() {
    let mut bench = Bench::with(|config| config.max_pending = 2);
    for n in 100..150_u8 {
        let peer = format!("10.99.0.{n}");
        let mac = LinkAddress([2, 2, 0, 0, 0, n]);
        bench.send(at(0), OWN_V4, &peer, b"one");
        bench.send(at(0), OWN_V4, &peer, b"two");
        bench.sent();
        bench.take(at(0), &arp_reply((mac, &peer), OWN_V4)).unwrap();
        assert_eq!(bench.sent().len(), 2, "{peer}");
    }
    assert_eq!(bench.dropped(DropReason::PendingOverflow), 0);
}
