//! What is eligible, and what peers are told.

use std::net::Ipv4Addr;

use super::*;
use crate::attributes::{AsPath, OpaqueAttribute};

const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

fn learned() -> PathAttributes {
    PathAttributes {
        as_path: AsPath::from_sequence(&[65_002, 65_003]),
        med: Some(9),
        local_pref: Some(300),
        ..PathAttributes::originated(OTHER)
    }
}

const fn group(external: bool) -> ExportGroup {
    ExportGroup {
        own_as: 65_001,
        external,
        four_octet_as: true,
        next_hop_self: OWN,
    }
}

#[test]
fn loops_and_impossible_next_hops_are_not_eligible() {
    assert!(is_eligible(&learned(), 65_001, &[OWN]));
    assert!(!is_eligible(&learned(), 65_003, &[OWN]));
    for next_hop in [
        OWN,
        IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V4(Ipv4Addr::new(224, 0, 0, 1)),
    ] {
        assert!(
            !is_eligible(
                &PathAttributes {
                    next_hop,
                    ..learned()
                },
                65_001,
                &[OWN]
            ),
            "{next_hop}"
        );
    }
}

#[test]
fn another_as_is_told_the_own_as_and_next_hop_and_no_preference() {
    let told = export(&group(true), LearnedBy::External, &learned()).expect("told");
    assert_eq!(
        told.as_path,
        AsPath::from_sequence(&[65_001, 65_002, 65_003])
    );
    assert_eq!(
        (told.next_hop, told.med, told.local_pref),
        (OWN, None, None)
    );
}

#[test]
fn the_own_as_is_told_what_came_from_outside_as_it_is() {
    let told = export(&group(false), LearnedBy::External, &learned()).expect("told");
    assert_eq!(told, learned());
    assert_eq!(export(&group(false), LearnedBy::Internal, &learned()), None);
    let originated = PathAttributes::originated(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let told = export(&group(false), LearnedBy::Originated, &originated).expect("told");
    assert_eq!(
        (told.next_hop, told.local_pref),
        (OWN, Some(LOCAL_PREF_DEFAULT))
    );
}

#[test]
fn an_originated_route_keeps_the_next_hop_of_its_file() {
    let told = export(
        &group(true),
        LearnedBy::Originated,
        &PathAttributes::originated(OTHER),
    )
    .expect("told");
    assert_eq!(told.next_hop, OTHER);
}

#[test]
fn communities_that_forbid_it_are_obeyed() {
    for (community, external, internal) in [
        (NO_ADVERTISE, false, false),
        (NO_EXPORT, false, true),
        (7, true, true),
    ] {
        let attributes = PathAttributes {
            communities: [community].into(),
            ..learned()
        };
        assert_eq!(
            export(&group(true), LearnedBy::External, &attributes).is_some(),
            external,
            "{community:#x}"
        );
        assert_eq!(
            export(&group(false), LearnedBy::External, &attributes).is_some(),
            internal,
            "{community:#x}"
        );
    }
}

#[test]
fn what_is_passed_on_unknown_is_marked_partial() {
    let opaque = OpaqueAttribute {
        code: 99,
        flags: 0xc0,
        value: [1].into(),
    };
    let attributes = PathAttributes {
        opaque: [opaque].into(),
        ..learned()
    };
    let told = export(&group(true), LearnedBy::External, &attributes).expect("told");
    assert_eq!(told.opaque[0].flags, 0xe0);
}

#[test]
fn attributes_that_fill_a_message_are_not_told() {
    let attributes = PathAttributes {
        communities: (0..1100).collect(),
        ..learned()
    };
    assert_eq!(export(&group(true), LearnedBy::External, &attributes), None);
}
