use super::wire::*;
use super::*;

use smoltcp::wire::ArpOperation;

#[test]
fn every_own_address_is_announced_to_everybody() {
    let mut bench = Bench::new();
    bench.host.announce(at(0), &mut bench.out);
    let sent = bench.sent();
    let own = ip(OWN_V4);
    let gratuitous = |operation, target| Sent {
        dst: LinkAddress::BROADCAST,
        content: Content::Arp {
            operation,
            sender: (OWN_MAC, own),
            target: (target, own),
        },
    };
    assert!(sent.contains(&gratuitous(ArpOperation::Request, LinkAddress::UNSPECIFIED)));
    assert!(sent.contains(&gratuitous(ArpOperation::Reply, OWN_MAC)));
    for target in [ip(OWN_V6), IpAddr::V6(OWN_MAC.link_local())] {
        let content = Content::Advertisement {
            dst: ip("ff02::1"),
            target,
            solicited: false,
            overriding: true,
        };
        let dst = LinkAddress([0x33, 0x33, 0, 0, 0, 1]);
        assert!(sent.contains(&Sent { dst, content }), "{target}");
    }
    assert_eq!(sent.len(), 4);
    assert_eq!(bench.host.counters().announcements_sent, 4);
    assert_eq!(bench.host.next_timeout(), None);
}

#[test]
fn an_announcement_is_foreign_to_the_other_route_processor() {
    let mut survivor = Bench::new();
    let mut old = Bench::new();
    survivor.host.announce(at(0), &mut survivor.out);
    for frame in survivor.out.drain() {
        let found = old.host.handle_frame(at(0), frame.octets(), &mut old.out);
        assert!(
            matches!(found, Ok(Inbound::ForeignAnnouncement { .. })),
            "{found:?}"
        );
    }
    assert!(old.sent().is_empty(), "never defend");
}

#[test]
fn without_a_link_there_is_nothing_to_announce() {
    let mut bench = Bench::with(|config| config.medium = Medium::Ip);
    bench.host.announce(at(0), &mut bench.out);
    assert!(bench.out.is_empty());
}
