//! What is encoded is decoded to the same, by this codec and by the other one.

use bytes::Bytes;
use netgauze_bgp_pkt::BgpMessage;
use netgauze_bgp_pkt::wire::deserializer::BgpParsingContext;
use netgauze_parse_utils::reader::SliceReader;
use netgauze_parse_utils::traits::ParseFromWithOneInput;

use super::*;
use crate::attributes::{Aggregator, AsSegment, OpaqueAttribute};
use crate::prefix::{Families, Family};

/// Everything set that can be set.
fn full() -> PathAttributes {
    PathAttributes {
        origin: Origin::Incomplete,
        as_path: AsPath(
            [
                AsSegment::Sequence([65_001, 4_200_000_001].into()),
                AsSegment::Set([7, 70_000].into()),
            ]
            .into(),
        ),
        med: Some(5),
        local_pref: Some(200),
        atomic_aggregate: true,
        aggregator: Some(Aggregator {
            asn: 4_200_000_002,
            identifier: Ipv4Addr::new(1, 2, 3, 4),
        }),
        communities: (0..100).collect(),
        extended_communities: [[1, 2, 3, 4, 5, 6, 7, 8]].into(),
        large_communities: [[1, 2, 3], [4, 5, 6]].into(),
        opaque: [
            OpaqueAttribute {
                code: 25,
                flags: 0xe0,
                value: [1; 20].into(),
            },
            OpaqueAttribute {
                code: 99,
                flags: 0xc0,
                value: [9; 300].into(),
            },
        ]
        .into(),
        ..plain()
    }
}

fn announce(
    attributes: &PathAttributes,
    prefixes: &[Prefix],
    four_octet_as: bool,
) -> (Bytes, usize) {
    let octets = encode_attributes(attributes, four_octet_as);
    encode_announce(&octets, attributes, prefixes, MESSAGE_OCTETS_MAX)
}

#[test]
fn every_attribute_comes_back_as_it_went() {
    let prefixes = [
        prefix("10.1.0.0/16"),
        prefix("0.0.0.0/0"),
        prefix("10.2.3.4/32"),
    ];
    for (attributes, context) in [(full(), INTERNAL), (plain(), EXTERNAL)] {
        let (message, taken) = announce(&attributes, &prefixes, true);
        assert_eq!(taken, 3);
        let update = update(&message, context).expect("a good message");
        assert_eq!(update.faults, []);
        assert_eq!(
            update.announced,
            [Announcement {
                attributes,
                prefixes: prefixes.to_vec()
            }]
        );
    }
}

#[test]
fn large_as_numbers_survive_a_two_octet_session() {
    let attributes = PathAttributes {
        local_pref: None,
        ..full()
    };
    let (message, _) = announce(&attributes, &[prefix("10.1.0.0/16")], false);
    let update = update(&message, TWO_OCTETS).expect("a good message");
    assert_eq!(update.faults, []);
    assert_eq!(update.announced[0].attributes, attributes);
}

#[test]
fn ipv6_goes_into_the_multiprotocol_attribute() {
    let link_local = "fe80::1".parse().expect("an address");
    for next_hop_link_local in [None, Some(link_local)] {
        let next_hop = "fd99::1".parse().expect("an address");
        let attributes = PathAttributes {
            next_hop,
            next_hop_link_local,
            ..plain()
        };
        let prefixes = vec![prefix("2001:db8::/32"), prefix("::/0")];
        let (message, taken) = announce(&attributes, &prefixes, true);
        assert_eq!(taken, 2);
        let update = update(&message, EXTERNAL).expect("a good message");
        assert_eq!(
            update.announced,
            [Announcement {
                attributes,
                prefixes
            }]
        );
    }
}

#[test]
fn withdrawals_of_both_families_come_back() {
    for prefixes in [
        vec![prefix("10.0.0.0/8"), prefix("10.1.0.0/16")],
        vec![prefix("2001:db8::/32")],
    ] {
        let (message, taken) = encode_withdraw(&prefixes, MESSAGE_OCTETS_MAX);
        assert_eq!(taken, prefixes.len());
        let update = update(&message, EXTERNAL).expect("a good message");
        assert_eq!((update.withdrawn, update.end_of_rib), (prefixes, None));
    }
}

#[test]
fn end_of_rib_is_known_for_each_family() {
    for family in Family::ALL {
        let update = update(&encode_end_of_rib(family), EXTERNAL).expect("a good message");
        assert_eq!(
            update,
            Update {
                end_of_rib: Some(family),
                ..Update::default()
            }
        );
    }
}

#[test]
fn a_message_takes_what_fits_and_says_how_much() {
    let prefixes: Vec<Prefix> = (0..2000_u32)
        .map(|at| {
            Prefix::new(Ipv4Addr::from(0x0a00_0000 + (at << 8)).into(), 24).expect("a prefix")
        })
        .collect();
    let (message, taken) = announce(&plain(), &prefixes, true);
    assert!(
        message.len() <= MESSAGE_OCTETS_MAX && message.len() > MESSAGE_OCTETS_MAX - 4,
        "{}",
        message.len()
    );
    let announced = update(&message, EXTERNAL)
        .expect("a good message")
        .announced;
    assert_eq!(announced[0].prefixes[..], prefixes[..taken]);
    let (message, taken) = encode_withdraw(&prefixes, MESSAGE_OCTETS_MAX);
    assert!(message.len() <= MESSAGE_OCTETS_MAX);
    assert_eq!(
        update(&message, EXTERNAL)
            .expect("a good message")
            .withdrawn[..],
        prefixes[..taken]
    );
}

#[test]
fn an_open_comes_back_with_its_capabilities() {
    let both = Families::from_iter(Family::ALL);
    for (asn, families) in [
        (65_001, both),
        (4_200_000_001, Families::from_iter([Family::Ipv6])),
    ] {
        let identifier = Ipv4Addr::new(10, 0, 0, 1);
        let open = Open {
            asn,
            hold_time: 90,
            identifier,
            families,
            four_octet_as: true,
        };
        assert_eq!(
            decode(&encode_open(&open), EXTERNAL),
            Ok(Message::Open(open))
        );
    }
}

#[test]
fn an_open_without_capabilities_means_ipv4_and_two_octets() {
    let octets = raw_message(1, &[4, 0xfd, 0xe9, 0, 90, 10, 0, 0, 1, 0]);
    let Ok(Message::Open(open)) = decode(&octets, EXTERNAL) else {
        panic!("not an OPEN")
    };
    assert_eq!((open.asn, open.four_octet_as), (65_001, false));
    assert_eq!(open.families, Families::from_iter([Family::Ipv4]));
}

#[test]
fn an_open_that_names_only_unknown_families_has_none() {
    let octets = raw_message(
        1,
        &[
            4, 0xfd, 0xe9, 0, 90, 10, 0, 0, 1, 8, 2, 6, 1, 4, 0, 25, 0, 70,
        ],
    );
    let Ok(Message::Open(open)) = decode(&octets, EXTERNAL) else {
        panic!("not an OPEN")
    };
    assert_eq!(open.families, Families::NONE);
}

#[test]
fn extended_optional_parameters_are_read() {
    // RFC 9072: one parameter of capabilities with a two-octet length.
    let capabilities = [65, 4, 0, 1, 0, 0, 200, 0];
    let mut body = vec![4, 0x5b, 0xa0, 0, 90, 10, 0, 0, 1, 255, 255, 0, 11, 2, 0, 8];
    body.extend_from_slice(&capabilities);
    let Ok(Message::Open(open)) = decode(&raw_message(1, &body), EXTERNAL) else {
        panic!("not an OPEN")
    };
    assert_eq!(open.asn, 65_536);
}

#[test]
fn the_other_codec_reads_what_is_written_here() {
    let next_hop = "fd99::1".parse().expect("an address");
    let ipv6 = PathAttributes { next_hop, ..full() };
    let open = Open {
        asn: 4_200_000_001,
        hold_time: 9,
        identifier: Ipv4Addr::new(10, 0, 0, 1),
        families: Families::from_iter(Family::ALL),
        four_octet_as: true,
    };
    let messages = [
        announce(
            &full(),
            &[prefix("10.1.0.0/16"), prefix("10.2.0.0/15")],
            true,
        )
        .0,
        announce(&ipv6, &[prefix("2001:db8::/32")], true).0,
        encode_withdraw(&[prefix("10.1.0.0/16")], MESSAGE_OCTETS_MAX).0,
        encode_withdraw(&[prefix("2001:db8::/32")], MESSAGE_OCTETS_MAX).0,
        encode_end_of_rib(Family::Ipv4),
        encode_end_of_rib(Family::Ipv6),
        encode_keepalive(),
        encode_notification(&Notification::new(code::CEASE, subcode::COLLISION)),
        encode_open(&open),
    ];
    for message in messages {
        let mut context = BgpParsingContext::default();
        let read = BgpMessage::parse(&mut SliceReader::new(&message), &mut context);
        assert!(read.is_ok(), "{read:?} from {message:?}");
    }
}
