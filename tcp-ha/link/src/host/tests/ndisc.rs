use super::wire::*;
use super::*;

use smoltcp::wire::NdiscNeighborFlags;

const OWN_GROUP: &str = "ff02::1:ff00:1";
const SOLICITED: NdiscNeighborFlags = NdiscNeighborFlags::SOLICITED;
const OVERRIDE: NdiscNeighborFlags = NdiscNeighborFlags::OVERRIDE;

fn answer() -> NdiscNeighborFlags {
    SOLICITED | OVERRIDE
}

#[test]
fn a_solicitation_is_answered_and_its_sender_learned() {
    let mut bench = Bench::new();
    let frame = solicitation(PEER_V6, OWN_GROUP, OWN_V6, Some(PEER_MAC));
    assert_eq!(bench.take(at(0), &frame), Ok(Inbound::Handled));
    let content = Content::Advertisement {
        dst: ip(PEER_V6),
        target: ip(OWN_V6),
        solicited: true,
        overriding: true,
    };
    assert_eq!(
        bench.sent(),
        [Sent {
            dst: PEER_MAC,
            content
        }]
    );
    bench.send(at(1), OWN_V6, PEER_V6, b"synack");
    assert_eq!(bench.sent()[0].segment(), (PEER_MAC, &b"synack"[..]));
}

#[test]
fn a_unicast_probe_without_link_address_is_answered_to_its_sender() {
    let mut bench = Bench::new();
    let frame = solicitation(PEER_V6, OWN_V6, OWN_V6, None);
    assert_eq!(bench.take(at(0), &frame), Ok(Inbound::Handled));
    assert_eq!(bench.sent()[0].dst, PEER_MAC);
}

#[test]
fn the_link_local_address_is_ours_too() {
    let mut bench = Bench::new();
    let link_local = OWN_MAC.link_local().to_string();
    let frame = solicitation("fe80::77", OWN_GROUP, &link_local, Some(PEER_MAC));
    assert_eq!(bench.take(at(0), &frame), Ok(Inbound::Handled));
    assert_eq!(bench.sent().len(), 1);
}

#[test]
fn duplicate_address_detection_is_answered_to_all_nodes() {
    let mut bench = Bench::new();
    let frame = solicitation("::", OWN_GROUP, OWN_V6, None);
    assert_eq!(bench.take(at(0), &frame), Ok(Inbound::Handled));
    let content = Content::Advertisement {
        dst: ip("ff02::1"),
        target: ip(OWN_V6),
        solicited: false,
        overriding: true,
    };
    let dst = LinkAddress([0x33, 0x33, 0, 0, 0, 1]);
    assert_eq!(bench.sent(), [Sent { dst, content }]);
    for bad in [
        solicitation("::", OWN_V6, OWN_V6, None),
        solicitation("::", OWN_GROUP, OWN_V6, Some(PEER_MAC)),
    ] {
        assert_eq!(bench.take(at(0), &bad), Err(DropReason::MalformedNdisc));
    }
}

#[test]
fn a_hop_limit_below_255_is_refused() {
    let mut bench = Bench::new();
    let mut frame = solicitation(PEER_V6, OWN_GROUP, OWN_V6, Some(PEER_MAC));
    frame[14 + 7] = 254;
    assert_eq!(bench.take(at(0), &frame), Err(DropReason::NdiscHopLimit));
    assert!(bench.sent().is_empty());
}

#[test]
fn a_bad_checksum_is_refused() {
    let mut bench = Bench::new();
    let mut frame = solicitation(PEER_V6, OWN_GROUP, OWN_V6, Some(PEER_MAC));
    frame[14 + 40 + 2] ^= 1;
    assert_eq!(bench.take(at(0), &frame), Err(DropReason::BadIcmpChecksum));
}

#[test]
fn solicitations_for_others_are_dropped() {
    let mut bench = Bench::new();
    // Shares the group with us, not the address.
    let frame = solicitation(PEER_V6, OWN_GROUP, "fd99:1::1", Some(PEER_MAC));
    assert_eq!(bench.take(at(0), &frame), Err(DropReason::NdiscNotOurs));
    let frame = solicitation(PEER_V6, "ff02::1:ff00:8", "fd99::8", Some(PEER_MAC));
    assert_eq!(bench.take(at(0), &frame), Err(DropReason::NotOurAddress));
}

#[test]
fn the_first_segment_waits_for_the_advertisement() {
    let mut bench = Bench::new();
    bench.send(at(0), OWN_V6, PEER_V6, b"syn");
    let sent = bench.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].dst, LinkAddress([0x33, 0x33, 0xff, 0, 0, 7]));
    let content = Content::Solicitation {
        src: ip(OWN_V6),
        dst: ip("ff02::1:ff00:7"),
        target: ip(PEER_V6),
    };
    assert_eq!(sent[0].content, content);
    let frame = advertisement((PEER_V6, OWN_V6), PEER_V6, answer(), Some(PEER_MAC));
    assert_eq!(bench.take(at(1), &frame), Ok(Inbound::Handled));
    assert_eq!(bench.sent()[0].segment(), (PEER_MAC, &b"syn"[..]));
    assert_eq!(bench.changed(), [(ip(PEER_V6), PEER_MAC)]);
}

#[test]
fn an_advertisement_without_link_address_resolves_nothing() {
    let mut bench = Bench::new();
    bench.send(at(0), OWN_V6, PEER_V6, b"syn");
    bench.sent();
    let frame = advertisement((PEER_V6, OWN_V6), PEER_V6, SOLICITED, None);
    assert_eq!(bench.take(at(1), &frame), Err(DropReason::NdiscUnsolicited));
    assert!(bench.sent().is_empty());
}

#[test]
fn a_stale_neighbour_is_probed_and_confirmed() {
    let mut bench = Bench::new();
    bench.host.learn(at(0), ip(PEER_V6), PEER_MAC);
    bench.send(at(0), OWN_V6, PEER_V6, b"x");
    assert_eq!(bench.sent()[0].segment().0, PEER_MAC, "used at once");
    bench.pass(at(5000));
    let probe = bench.sent().remove(0);
    assert_eq!(
        (probe.dst, probe.question()),
        (PEER_MAC, (ip(PEER_V6), false))
    );
    // RFC 4861 7.2.5: the answer to a unicast probe may leave its link address out.
    let frame = advertisement((PEER_V6, OWN_V6), PEER_V6, SOLICITED, None);
    assert_eq!(bench.take(at(5001), &frame), Ok(Inbound::Handled));
    assert_eq!(bench.host.next_timeout(), None);
}

#[test]
fn only_an_overriding_advertisement_moves_a_neighbour() {
    let moved = LinkAddress([2, 0, 0, 0, 0, 0x78]);
    let mut bench = Bench::new();
    bench.host.learn(at(0), ip(PEER_V6), PEER_MAC);
    let frame = advertisement((PEER_V6, OWN_V6), PEER_V6, SOLICITED, Some(moved));
    bench.take(at(0), &frame).unwrap();
    bench.send(at(1), OWN_V6, PEER_V6, b"x");
    assert_eq!(bench.sent()[0].segment().0, PEER_MAC);
    let frame = advertisement((PEER_V6, "ff02::1"), PEER_V6, OVERRIDE, Some(moved));
    bench.take(at(2), &frame).unwrap();
    bench.send(at(3), OWN_V6, PEER_V6, b"x");
    assert_eq!(bench.sent()[0].segment().0, moved);
}

#[test]
fn unasked_advertisements_teach_nothing() {
    let mut bench = Bench::new();
    let frame = advertisement((PEER_V6, OWN_V6), PEER_V6, answer(), Some(PEER_MAC));
    assert_eq!(bench.take(at(0), &frame), Err(DropReason::NdiscUnsolicited));
    let frame = advertisement((PEER_V6, "ff02::1"), PEER_V6, answer(), Some(PEER_MAC));
    assert_eq!(bench.take(at(0), &frame), Err(DropReason::MalformedNdisc));
}

#[test]
fn whoever_advertises_our_address_is_reported_and_not_answered() {
    let mut bench = Bench::new();
    let found = Ok(Inbound::ForeignAnnouncement {
        address: ip(OWN_V6),
    });
    let ends = (OWN_V6, "ff02::1");
    for frame in [
        advertisement(ends, OWN_V6, OVERRIDE, Some(PEER_MAC)),
        advertisement((PEER_V6, "ff02::1"), OWN_V6, OVERRIDE, Some(OWN_MAC)),
        solicitation(OWN_V6, "ff02::1:ff00:1", OWN_V6, Some(PEER_MAC)),
    ] {
        assert_eq!(bench.take(at(0), &frame), found);
    }
    assert!(bench.sent().is_empty());
}

#[test]
fn link_local_gateways_are_solicited_from_the_link_local_address() {
    let mut bench = Bench::new();
    bench.send(at(0), OWN_V6, "2001:db8::5", b"syn");
    let content = Content::Solicitation {
        src: IpAddr::V6(OWN_MAC.link_local()),
        dst: ip("ff02::1:ff00:254"),
        target: ip("fe80::254"),
    };
    assert_eq!(bench.sent()[0].content, content);
}
