use proptest::prelude::*;

use super::*;
use crate::craft::{Segment, frame, ip_packet};
use crate::tcp::Checksum;

const A: LinkAddress = LinkAddress([2, 0, 0, 0, 0, 0xa]);
const B: LinkAddress = LinkAddress([2, 0, 0, 0, 0, 0xb]);

fn v4() -> Vec<u8> {
    packet("10.0.0.1:179", "10.0.0.2:40000")
}

fn v6() -> Vec<u8> {
    packet("[fd00::1]:179", "[fd00::2]:40000")
}

fn packet(source: &str, destination: &str) -> Vec<u8> {
    let segment = Segment {
        payload: b"octets".to_vec(),
        ..Segment::default()
    };
    let source = source.parse().expect("an address");
    let destination = destination.parse().expect("an address");
    ip_packet(source, destination, &segment)
}

fn read(link_type: LinkType, octets: &[u8]) -> Result<Packet<'_>, Skip> {
    Packet::parse(link_type, 3, octets, octets.len())
}

#[track_caller]
fn assert_tcp(link_type: LinkType, octets: &[u8]) {
    let packet = read(link_type, octets).expect("a packet");
    let Body::Tcp(ip, tcp) = packet.body else {
        panic!("{packet:?}");
    };
    assert_eq!(tcp.payload, b"octets");
    assert_eq!(tcp.checksum, Checksum::Good);
    assert_eq!((ip.hop_limit, ip.dscp), (1, 48));
    assert_eq!(
        packet.endpoints().map(|(source, _)| source.port()),
        Some(179)
    );
}

fn tagged(octets: &[u8], tags: &[u16]) -> Vec<u8> {
    let mut tagged = octets[..12].to_vec();
    for tag in tags {
        tagged.extend(tag.to_be_bytes());
        tagged.extend([0, 5]);
    }
    tagged.extend(&octets[12..]);
    tagged
}

fn prefixed(prefix: &[u8], octets: &[u8]) -> Vec<u8> {
    [prefix, octets].concat()
}

#[test]
fn tcp_is_found_under_every_known_link_layer() {
    for (ip, ethertype) in [(v4(), [0x08, 0x00]), (v6(), [0x86, 0xdd])] {
        let ethernet = frame(A, B, &ip);
        assert_tcp(LinkType::ETHERNET, &ethernet);
        assert_tcp(LinkType::ETHERNET, &tagged(&ethernet, &[0x8100]));
        assert_tcp(LinkType::ETHERNET, &tagged(&ethernet, &[0x88a8, 0x8100]));
        for raw in [
            LinkType::RAW,
            LinkType::RAW_BSD,
            LinkType::IPV4,
            LinkType::IPV6,
        ] {
            assert_tcp(raw, &ip);
        }
        assert_tcp(LinkType::NULL, &prefixed(&[2, 0, 0, 0], &ip));
        let sll = prefixed(&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 0xa, 0, 0], &ethertype);
        assert_tcp(LinkType::LINUX_SLL, &prefixed(&sll, &ip));
        let sll2 = prefixed(
            &ethertype,
            &[0, 0, 0, 0, 0, 9, 0, 1, 0, 6, 2, 0, 0, 0, 0, 0xa, 0, 0],
        );
        assert_tcp(LinkType::LINUX_SLL2, &prefixed(&sll2, &ip));
    }
}

#[test]
fn link_source_and_interface_are_told() {
    let ethernet = frame(A, B, &v4());
    let packet = read(LinkType::ETHERNET, &ethernet).expect("a packet");
    assert_eq!((packet.link_source, packet.interface), (Some(A), 3));
    let sll2 = [8, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 6, 2, 0, 0, 0, 0, 0xa, 0, 0];
    let cooked = prefixed(&sll2, &v4());
    let packet = read(LinkType::LINUX_SLL2, &cooked).expect("a packet");
    assert_eq!((packet.link_source, packet.interface), (Some(A), 9));
}

#[test]
fn ethernet_padding_is_no_payload() {
    let mut ethernet = frame(A, B, &v4());
    ethernet.extend([0; 6]);
    assert_tcp(LinkType::ETHERNET, &ethernet);
    let mut ethernet = frame(A, B, &v6());
    ethernet.extend([0; 6]);
    assert_tcp(LinkType::ETHERNET, &ethernet);
}

#[test]
fn ipv6_extension_headers_are_walked() {
    let ip = v6();
    let mut extended = ip[..40].to_vec();
    extended[6] = 0;
    extended[4..6].copy_from_slice(&((ip.len() - 40 + 16) as u16).to_be_bytes());
    extended.extend([60, 0, 1, 4, 0, 0, 0, 0]);
    extended.extend([6, 0, 1, 4, 0, 0, 0, 0]);
    extended.extend(&ip[40..]);
    assert_tcp(LinkType::RAW, &extended);
}

#[test]
fn fragments_are_told() {
    let mut fragment = v4();
    fragment[6] = 0x20;
    assert_eq!(read(LinkType::RAW, &fragment).err(), Some(Skip::Fragment));
    let mut fragment = v6();
    fragment[6] = 44;
    assert_eq!(read(LinkType::RAW, &fragment).err(), Some(Skip::Fragment));
}

#[test]
fn unknown_link_type_is_told_with_its_number() {
    let error = read(LinkType(147), &v4()).err();
    assert_eq!(error, Some(Skip::UnknownLinkType(147)));
    assert_eq!(
        error.map(|skip| skip.to_string()),
        Some("unknown link type 147".to_owned())
    );
}

#[test]
fn headers_that_contradict_themselves_are_malformed() {
    let mut longer = v4();
    longer[3] += 1;
    assert_eq!(read(LinkType::RAW, &longer).err(), Some(Skip::Malformed));
    let mut short_header = v4();
    short_header[0] = 0x44;
    assert_eq!(
        read(LinkType::RAW, &short_header).err(),
        Some(Skip::Malformed)
    );
    assert_eq!(
        read(LinkType::RAW, &[0x15; 60]).err(),
        Some(Skip::Malformed)
    );
    let tags = tagged(&frame(A, B, &v4()), &[0x8100; 5]);
    assert_eq!(read(LinkType::ETHERNET, &tags).err(), Some(Skip::Malformed));
}

#[test]
fn packet_cut_in_its_headers_is_truncated() {
    let ethernet = frame(A, B, &v4());
    for kept in [0, 10, 14, 20, 33, 40, 53] {
        let packet = Packet::parse(LinkType::ETHERNET, 0, &ethernet[..kept], ethernet.len());
        assert_eq!(packet.err(), Some(Skip::Truncated), "{kept} octets");
    }
}

#[test]
fn super_frames_without_a_total_length_are_read() {
    let mut ip = v4();
    ip[2..4].fill(0);
    let packet = read(LinkType::RAW, &ip).expect("a packet");
    assert!(matches!(packet.body, Body::Tcp(_, tcp) if tcp.payload == b"octets"));
}

fn arp(operation: u8, sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
    let mut message = vec![0, 1, 8, 0, 6, 4, 0, operation];
    message.extend(A.0);
    message.extend(sender);
    message.extend([0; 6]);
    message.extend(target);
    let mut octets = frame(A, B, &message);
    octets[12..14].copy_from_slice(&[8, 6]);
    octets
}

#[track_caller]
fn neighbour(octets: &[u8]) -> Neighbour {
    match read(LinkType::ETHERNET, octets).expect("a packet").body {
        Body::Neighbour(neighbour) => neighbour,
        body => panic!("{body:?}"),
    }
}

#[test]
fn gratuitous_arp_is_told_from_an_answer() {
    let own = [10, 0, 0, 1];
    let gratuitous = neighbour(&arp(2, own, own));
    assert_eq!(gratuitous.kind, NeighbourKind::ArpReply);
    assert_eq!(
        (gratuitous.target, gratuitous.link),
        (IpAddr::from(own), Some(A))
    );
    assert!(gratuitous.unsolicited);
    assert!(neighbour(&arp(1, own, own)).unsolicited);
    assert!(!neighbour(&arp(2, own, [10, 0, 0, 2])).unsolicited);
    let asked = neighbour(&arp(1, own, [10, 0, 0, 2]));
    assert_eq!(asked.target, IpAddr::from([10, 0, 0, 2]));
}

#[test]
fn unsolicited_advertisement_is_read() {
    let mut ip = v6()[..40].to_vec();
    ip[6] = 58;
    ip[4..6].copy_from_slice(&32_u16.to_be_bytes());
    let target = "fd00::1".parse::<std::net::Ipv6Addr>().expect("an address");
    ip.extend([136, 0, 0, 0, 0x20, 0, 0, 0]);
    ip.extend(target.octets());
    ip.extend([2, 1]);
    ip.extend(A.0);
    let told = neighbour(&frame(A, B, &ip));
    assert_eq!(
        (told.kind, told.link),
        (NeighbourKind::Advertisement, Some(A))
    );
    assert_eq!(told.target, IpAddr::V6(target));
    assert!(told.unsolicited);
}

proptest! {
    #[test]
    fn no_octets_make_the_reader_panic(
        link_type in prop::sample::select(vec![0, 1, 12, 101, 113, 228, 276]),
        octets in prop::collection::vec(any::<u8>(), 0..200),
        more in 0_usize..100,
    ) {
        let _ = Packet::parse(LinkType(link_type), 0, &octets, octets.len() + more);
    }

    #[test]
    fn no_damage_makes_the_reader_panic(
        six in any::<bool>(),
        damage in prop::collection::vec((0_usize..100, any::<u8>()), 1..6),
        kept in 0_usize..120,
    ) {
        let mut octets = frame(A, B, &if six { v6() } else { v4() });
        let len = octets.len();
        for (at, value) in damage {
            octets[at % len] = value;
        }
        let _ = Packet::parse(LinkType::ETHERNET, 0, &octets[..kept.min(len)], len);
    }
}
