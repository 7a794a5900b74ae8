//! Properties of the codec under random input.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::attributes::{Aggregator, AsSegment, OpaqueAttribute};

fn as_path() -> impl Strategy<Value = AsPath> {
    let numbers = || vec(prop_oneof![1..70_000_u32, any::<u32>(), Just(23_456)], 1..5);
    let segment = prop_oneof![
        numbers().prop_map(|it| AsSegment::Sequence(it.into())),
        numbers().prop_map(|it| AsSegment::Set(it.into())),
    ];
    vec(segment, 0..4).prop_map(|segments| AsPath(segments.into()))
}

fn attributes() -> impl Strategy<Value = PathAttributes> {
    let origin = prop_oneof![
        Just(Origin::Igp),
        Just(Origin::Egp),
        Just(Origin::Incomplete)
    ];
    let fixed = (
        origin,
        as_path(),
        any::<[u8; 4]>(),
        option::of(any::<u32>()),
        any::<bool>(),
    );
    let aggregator = option::of((any::<u32>(), any::<[u8; 4]>()));
    let lists = (
        vec(any::<u32>(), 0..80),
        vec(any::<[u8; 8]>(), 0..4),
        vec(any::<[u32; 3]>(), 0..4),
    );
    let opaque = vec((33..255_u8, vec(any::<u8>(), 0..300)), 0..3);
    (fixed, aggregator, lists, opaque).prop_map(|(fixed, aggregator, lists, mut opaque)| {
        let (origin, as_path, next_hop, med, atomic_aggregate) = fixed;
        let (communities, extended_communities, large_communities) = lists;
        opaque.sort_by_key(|(code, _)| *code);
        opaque.dedup_by_key(|(code, _)| *code);
        let opaque = opaque.into_iter().map(|(code, value)| OpaqueAttribute {
            code,
            flags: 0xe0,
            value: value.into(),
        });
        PathAttributes {
            origin,
            as_path,
            med,
            atomic_aggregate,
            aggregator: aggregator.map(|(asn, identifier)| Aggregator {
                asn,
                identifier: identifier.into(),
            }),
            communities: communities.into(),
            extended_communities: extended_communities.into(),
            large_communities: large_communities.into(),
            opaque: opaque.collect(),
            ..PathAttributes::originated(IpAddr::from(next_hop))
        }
    })
}

proptest! {
    #[test]
    fn attributes_come_back_over_four_octet_sessions(attributes in attributes()) {
        let octets = encode_attributes(&attributes, true);
        let (message, taken) = encode_announce(&octets, &attributes, &[prefix("10.0.0.0/8")], MESSAGE_OCTETS_MAX);
        prop_assume!(taken == 1);
        let update = update(&message, EXTERNAL).expect("a good message");
        prop_assert_eq!(&update.announced[0].attributes, &attributes);
    }

    #[test]
    fn attributes_come_back_over_two_octet_sessions(attributes in attributes()) {
        let octets = encode_attributes(&attributes, false);
        let (message, taken) = encode_announce(&octets, &attributes, &[prefix("10.0.0.0/8")], MESSAGE_OCTETS_MAX);
        prop_assume!(taken == 1);
        let update = update(&message, TWO_OCTETS).expect("a good message");
        prop_assert_eq!(&update.announced[0].attributes, &attributes);
    }

    #[test]
    fn random_octets_never_panic(kind in 0..7_u8, body in vec(any::<u8>(), 0..600), four in any::<bool>()) {
        let context = DecodeContext { four_octet_as: four, external: four };
        let _ = decode(&raw_message(kind, &body), context);
        let _ = frame(&body);
    }

    #[test]
    fn damaged_updates_never_panic(
        attributes in attributes(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let octets = encode_attributes(&attributes, true);
        let (message, _) = encode_announce(&octets, &attributes, &[prefix("10.0.0.0/8")], MESSAGE_OCTETS_MAX);
        let mut message = message.to_vec();
        for (at, octet) in damage {
            let at = 19 + at.index(message.len() - 19);
            message[at] = octet;
        }
        for context in [EXTERNAL, INTERNAL, TWO_OCTETS] {
            let _ = decode(&message, context);
        }
    }
}
