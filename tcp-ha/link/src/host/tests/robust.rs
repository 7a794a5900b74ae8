use super::wire::*;
use super::*;

use proptest::prelude::*;
use smoltcp::wire::{ArpOperation, Icmpv4Repr, Icmpv6Repr, IpProtocol, NdiscNeighborFlags};

/// Good frames of every kind, to be spoilt.
fn samples() -> Vec<Vec<u8>> {
    let peer = (PEER_MAC, PEER_V4);
    let echo_v4 = icmpv4_message(&Icmpv4Repr::EchoRequest {
        ident: 1,
        seq_no: 2,
        data: &[3; 40],
    });
    let echo_v6 = Icmpv6Repr::EchoRequest {
        ident: 1,
        seq_no: 2,
        data: &[3; 40],
    };
    let mut unreachable = vec![3, 4, 0, 0, 0, 0, 5, 0];
    unreachable.extend(ipv4_packet(OWN_V4, PEER_V4, IpProtocol::Tcp, &[1; 20]));
    smoltcp::wire::Icmpv4Packet::new_unchecked(&mut unreachable[..]).fill_checksum();
    let chain = [60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0, 9, 9, 9, 9];
    vec![
        arp_request(peer, OWN_V4),
        arp_reply(peer, OWN_V4),
        arp(ArpOperation::Reply, LinkAddress::BROADCAST, peer, PEER_V4),
        tcp_v4(PEER_V4, OWN_V4, &[1; 40]),
        from_peer_v4(&ipv4_packet(PEER_V4, OWN_V4, IpProtocol::Icmp, &echo_v4)),
        from_peer_v4(&ipv4_packet(
            PEER_V4,
            OWN_V4,
            IpProtocol::Icmp,
            &unreachable,
        )),
        from_peer_v6(&icmpv6_packet(PEER_V6, OWN_V6, 64, &echo_v6)),
        from_peer_v6(&ipv6_packet(
            PEER_V6,
            OWN_V6,
            IpProtocol::HopByHop,
            64,
            &chain,
        )),
        solicitation(PEER_V6, "ff02::1:ff00:1", OWN_V6, Some(PEER_MAC)),
        advertisement(
            (PEER_V6, OWN_V6),
            PEER_V6,
            NdiscNeighborFlags::SOLICITED,
            Some(PEER_MAC),
        ),
    ]
}

/// Makes the checksums right again, so that what is wrong lies deeper.
fn repair(frame: &mut [u8]) {
    use smoltcp::wire::{Icmpv4Packet, Icmpv6Packet, Ipv4Packet, Ipv6Packet};
    let Some(packet) = frame.get_mut(14..) else {
        return;
    };
    if packet.first().is_some_and(|octet| octet >> 4 == 4) {
        if let Ok(mut ip) = Ipv4Packet::new_checked(&mut *packet) {
            ip.fill_checksum();
            let payload = ip.payload_mut();
            if payload.len() >= 4 {
                Icmpv4Packet::new_unchecked(payload).fill_checksum();
            }
        }
    } else if let Ok(mut ip) = Ipv6Packet::new_checked(packet) {
        let (src, dst) = (ip.src_addr(), ip.dst_addr());
        let payload = ip.payload_mut();
        if payload.len() >= 4 {
            Icmpv6Packet::new_unchecked(payload).fill_checksum(&src, &dst);
        }
    }
}

/// Whatever came in, what goes out can be read, and the bounds hold.
fn check(bench: &mut Bench) {
    assert!(bench.host.neighbours().count() <= bench.host.config().max_neighbours);
    for frame in bench.out.drain() {
        Sent::parse(frame.octets());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn noise_never_panics(frame in proptest::collection::vec(any::<u8>(), 0..200), bare: bool) {
        let mut bench = Bench::with(|config| if bare { config.medium = Medium::Ip });
        let _ = bench.take(at(0), &frame);
    }

    #[test]
    fn spoilt_frames_never_panic(
        sample in 0..10_usize,
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<proptest::sample::Index>(),
        keep_length: bool,
        repaired: bool,
    ) {
        let mut frame = samples().swap_remove(sample);
        for (place, value) in flips {
            let place = place.index(frame.len());
            frame[place] = value;
        }
        if !keep_length {
            frame.truncate(cut.index(frame.len() + 1));
        }
        if repaired {
            repair(&mut frame);
        }
        let mut bench = Bench::with(|config| config.max_neighbours = 2);
        bench.send(at(0), OWN_V4, PEER_V4, b"waits");
        bench.send(at(0), OWN_V6, PEER_V6, b"waits");
        let before = bench.host.counters().drops().map(|(_, n)| n).sum::<u64>();
        let result = bench.take(at(1), &frame).is_ok();
        let after = bench.host.counters().drops().map(|(_, n)| n).sum::<u64>();
        prop_assert!(result || after > before, "every drop is counted");
        check(&mut bench);
        bench.pass(at(20_000));
        check(&mut bench);
    }

    #[test]
    fn every_history_is_bounded_and_ends(
        steps in proptest::collection::vec((0..6_u8, 1..40_u8, 0..3000_u64), 1..120),
    ) {
        let mut bench = Bench::with(|config| {
            config.max_neighbours = 5;
            config.max_pending = 7;
        });
        let mut now = 0;
        for (what, who, wait) in steps {
            let peer = format!("10.99.0.{}", 100 + who);
            let mac = LinkAddress([2, 4, 0, 0, 0, who]);
            match what {
                0 | 1 => bench.send(at(now), OWN_V4, &peer, &[who; 20]),
                2 => drop(bench.take(at(now), &arp_request((mac, &peer), OWN_V4))),
                3 => drop(bench.take(at(now), &arp_reply((mac, &peer), OWN_V4))),
                4 => bench.host.learn(at(now), ip(&peer), mac),
                _ => {
                    now += wait;
                    bench.pass(at(now));
                    prop_assert!(bench.host.next_timeout().is_none_or(|due| due > at(now)));
                }
            }
            check(&mut bench);
        }
        // Left alone, it becomes quiet: no packet waits and nobody is asked any more.
        bench.pass(at(now + 20_000));
        prop_assert_eq!(bench.host.next_timeout(), None);
    }
}

#[test]
fn all_samples_are_good() {
    let mut bench = Bench::new();
    bench.host.learn(at(0), ip(PEER_V4), PEER_MAC);
    bench.host.learn(at(0), ip(PEER_V6), PEER_MAC);
    for (n, frame) in samples().into_iter().enumerate() {
        assert!(bench.take(at(0), &frame).is_ok(), "sample {n}");
    }
}
