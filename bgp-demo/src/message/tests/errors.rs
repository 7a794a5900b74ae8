//! Bad messages: which end the session and with what words, and which only cost a route or an attribute.

use super::*;

const ORIGIN: &[u8] = &[0x40, 1, 1, 0];
const AS_PATH: &[u8] = &[0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe9];
const NEXT_HOP: &[u8] = &[0x40, 3, 4, 10, 0, 0, 1];
const NLRI: &[u8] = &[16, 10, 1];

/// The mandatory attributes, then `more`.
fn with(more: &[u8]) -> Vec<u8> {
    raw_update(&[], &[ORIGIN, AS_PATH, NEXT_HOP, more].concat(), NLRI)
}

fn ends_session(message: &[u8], code: u8, subcode: u8) {
    let error = decode(message, EXTERNAL).expect_err("an error");
    assert_eq!(
        (error.notification.code, error.notification.subcode),
        (code, subcode),
        "{error}"
    );
}

fn costs_the_route(message: &[u8], context: DecodeContext) {
    let update = update(message, context).expect("the session goes on");
    assert_eq!(
        (update.announced.len(), &update.withdrawn[..]),
        (0, &[prefix("10.1.0.0/16")][..]),
        "{update:?}"
    );
    assert!(
        update
            .faults
            .iter()
            .any(|fault| fault.action == FaultAction::TreatedAsWithdraw),
        "{update:?}"
    );
}

fn costs_the_attribute(message: &[u8], context: DecodeContext) -> PathAttributes {
    let update = update(message, context).expect("the session goes on");
    assert_eq!(
        (update.announced.len(), update.withdrawn.len()),
        (1, 0),
        "{update:?}"
    );
    assert_eq!(
        update.faults[0].action,
        FaultAction::Discarded,
        "{update:?}"
    );
    update.announced[0].attributes.clone()
}

#[test]
fn headers_out_of_order_end_the_session() {
    let mut message = encode_keepalive().to_vec();
    message[3] = 0;
    ends_session(&message, code::HEADER, subcode::NOT_SYNCHRONIZED);
    ends_session(&raw_message(9, &[]), code::HEADER, subcode::BAD_TYPE);
    ends_session(&raw_message(4, &[0]), code::HEADER, subcode::BAD_LENGTH);
    ends_session(&raw_message(2, &[0, 0]), code::HEADER, subcode::BAD_LENGTH);
    let mut long = raw_message(2, &[0; 4]);
    long[16..18].copy_from_slice(&4097_u16.to_be_bytes());
    assert_eq!(
        frame(&long).expect_err("too long").notification.subcode,
        subcode::BAD_LENGTH
    );
}

#[test]
fn an_incomplete_message_is_waited_for() {
    let message = with(&[]);
    for octets in 0..19 {
        assert_eq!(frame(&message[..octets]), Ok(None));
    }
    assert_eq!(frame(&message[..19]), Ok(Some(message.len())));
}

#[test]
fn bad_opens_end_the_session_with_the_right_words() {
    let open = |body: &[u8]| raw_message(1, body);
    ends_session(
        &open(&[3, 0xfd, 0xe9, 0, 90, 10, 0, 0, 1, 0]),
        code::OPEN,
        subcode::VERSION,
    );
    ends_session(
        &open(&[4, 0xfd, 0xe9, 0, 2, 10, 0, 0, 1, 0]),
        code::OPEN,
        subcode::HOLD_TIME,
    );
    ends_session(
        &open(&[4, 0xfd, 0xe9, 0, 90, 0, 0, 0, 0, 0]),
        code::OPEN,
        subcode::BAD_IDENTIFIER,
    );
    ends_session(
        &open(&[4, 0xfd, 0xe9, 0, 90, 10, 0, 0, 1, 3, 9, 1, 0]),
        code::OPEN,
        subcode::PARAMETER,
    );
    ends_session(
        &open(&[4, 0xfd, 0xe9, 0, 90, 10, 0, 0, 1, 7]),
        code::OPEN,
        subcode::UNSPECIFIC,
    );
    ends_session(
        &open(&[4, 0xfd, 0xe9, 0, 90, 10, 0, 0, 1, 5, 2, 3, 65, 4, 0]),
        code::OPEN,
        subcode::UNSPECIFIC,
    );
    ends_session(
        &open(&[4, 0xfd, 0xe9, 0, 90, 10, 0, 0, 1, 4, 2, 2, 65, 0]),
        code::OPEN,
        subcode::UNSPECIFIC,
    );
}

#[test]
fn lengths_that_do_not_fit_end_the_session() {
    ends_session(
        &raw_message(2, &[0, 9, 0, 0]),
        code::UPDATE,
        subcode::ATTRIBUTE_LIST,
    );
    ends_session(
        &raw_message(2, &[0, 0, 0, 9]),
        code::UPDATE,
        subcode::ATTRIBUTE_LIST,
    );
}

#[test]
fn prefixes_that_lose_their_place_end_the_session() {
    ends_session(
        &raw_update(&[33, 1, 2, 3, 4, 5], &[], &[]),
        code::UPDATE,
        subcode::NETWORK_FIELD,
    );
    ends_session(
        &raw_update(&[], &[ORIGIN, AS_PATH, NEXT_HOP].concat(), &[24, 10, 1]),
        code::UPDATE,
        subcode::NETWORK_FIELD,
    );
}

#[test]
fn multicast_prefixes_are_left_out() {
    let update = update(
        &raw_update(
            &[],
            &[ORIGIN, AS_PATH, NEXT_HOP].concat(),
            &[8, 224, 16, 10, 1],
        ),
        EXTERNAL,
    )
    .expect("good");
    assert_eq!(update.announced[0].prefixes, [prefix("10.1.0.0/16")]);
}

#[test]
fn host_bits_are_cleared() {
    let update = update(&raw_update(&[12, 10, 0x1f], &[], &[]), EXTERNAL).expect("good");
    assert_eq!(update.withdrawn, [prefix("10.16.0.0/12")]);
}

#[test]
fn a_missing_mandatory_attribute_costs_the_route() {
    for attributes in [[AS_PATH, NEXT_HOP], [ORIGIN, NEXT_HOP], [ORIGIN, AS_PATH]] {
        costs_the_route(&raw_update(&[], &attributes.concat(), NLRI), EXTERNAL);
    }
}

#[test]
fn malformed_attributes_cost_the_route() {
    let cases: &[(&[u8], DecodeContext)] = &[
        (&[0x80, 4, 3, 0, 0, 1], EXTERNAL), // MED of three octets
        (&[0x40, 5, 3, 0, 0, 1], INTERNAL), // LOCAL_PREF of three octets
        (&[0xc0, 8, 3, 0, 0, 1], EXTERNAL), // half a community
        (&[0xc0, 8, 0], EXTERNAL),          // no community
        (&[0xc0, 16, 7, 0, 0, 0, 0, 0, 0, 1], EXTERNAL), // not quite an extended community
        (&[0xc0, 32, 4, 0, 0, 0, 1], EXTERNAL), // a third of a large community
        (&[0x80, 9, 3, 0, 0, 1], INTERNAL), // ORIGINATOR_ID of three octets
        (&[0x80, 10, 5, 0, 0, 0, 0, 1], INTERNAL), // CLUSTER_LIST of five octets
        (&[0xc0, 4, 4, 0, 0, 0, 1], EXTERNAL), // MED that claims to be transitive
        (&[0x80, 4, 9, 0], EXTERNAL),       // longer than what is left
        (&[0x80], EXTERNAL),                // half a header
    ];
    for (more, context) in cases {
        costs_the_route(&with(more), *context);
    }
    let instead: &[[&[u8]; 3]] = &[
        [&[0x40, 1, 1, 3], AS_PATH, NEXT_HOP],
        [&[0x40, 1, 2, 0, 0], AS_PATH, NEXT_HOP],
        [&[0xc0, 1, 1, 0], AS_PATH, NEXT_HOP],
        [ORIGIN, &[0x40, 2, 2, 2, 0], NEXT_HOP],
        [ORIGIN, &[0x40, 2, 2, 2, 1], NEXT_HOP],
        [ORIGIN, &[0x40, 2, 6, 9, 1, 0, 0, 0xfd, 0xe9], NEXT_HOP],
        [ORIGIN, &[0x40, 2, 7, 2, 1, 0, 0, 0xfd, 0xe9, 2], NEXT_HOP],
        [ORIGIN, AS_PATH, &[0x40, 3, 5, 10, 0, 0, 1, 1]],
    ];
    for attributes in instead {
        costs_the_route(&raw_update(&[], &attributes.concat(), NLRI), EXTERNAL);
    }
}

#[test]
fn an_attribute_after_a_malformed_one_is_still_found() {
    // ATOMIC_AGGREGATE of one octet; the communities behind it count all the same.
    let attributes = costs_the_attribute(&with(&[0x40, 6, 1, 0, 0xc0, 8, 4, 0, 1, 0, 2]), EXTERNAL);
    assert_eq!(&attributes.communities[..], [0x0001_0002]);
}

#[test]
fn attributes_that_do_not_matter_are_discarded() {
    let discarded = |more: &[u8], context| costs_the_attribute(&with(more), context);
    assert!(!discarded(&[0x40, 6, 1, 0], EXTERNAL).atomic_aggregate);
    assert_eq!(
        discarded(&[0xc0, 7, 5, 0, 0, 0, 0, 0], EXTERNAL).aggregator,
        None
    );
    assert_eq!(
        discarded(&[0x40, 5, 4, 0, 0, 0, 9], EXTERNAL).local_pref,
        None
    );
    assert_eq!(
        discarded(&[0xc0, 17, 6, 2, 1, 0, 0, 0, 9], EXTERNAL).as_path,
        AsPath::from_sequence(&[65_001])
    );
    assert_eq!(
        discarded(&[0x80, 4, 4, 0, 0, 0, 1, 0x80, 4, 4, 0, 0, 0, 2], EXTERNAL).med,
        Some(1)
    );
}

#[test]
fn an_unknown_well_known_attribute_ends_the_session() {
    ends_session(&with(&[0x40, 200, 0]), code::UPDATE, subcode::UNRECOGNIZED);
}

#[test]
fn unknown_optional_attributes_are_kept_when_transitive_only() {
    let update = update(&with(&[0xc0, 200, 1, 7, 0x80, 201, 1, 7]), EXTERNAL).expect("good");
    let codes: Vec<u8> = update.announced[0]
        .attributes
        .opaque
        .iter()
        .map(|opaque| opaque.code)
        .collect();
    assert_eq!((codes, update.faults.len()), (vec![200], 0));
}

#[test]
fn malformed_multiprotocol_attributes_end_the_session() {
    let bad: &[&[u8]] = &[
        &[0x80, 14, 3, 0, 2, 1],                // cut short
        &[0x80, 14, 6, 0, 2, 1, 9, 0, 0],       // next hop beyond the end
        &[0x80, 14, 8, 0, 2, 1, 3, 1, 2, 3, 0], // next hop of three octets
        &[0x80, 15, 2, 0, 2],                   // cut short
    ];
    for more in bad {
        ends_session(&with(more), code::UPDATE, subcode::OPTIONAL_ATTRIBUTE);
    }
    ends_session(
        &with(&[0x80, 15, 4, 0, 2, 1, 129]),
        code::UPDATE,
        subcode::NETWORK_FIELD,
    );
    ends_session(
        &with(&[0x80, 15, 3, 0, 2, 1, 0x80, 15, 3, 0, 2, 1]),
        code::UPDATE,
        subcode::ATTRIBUTE_LIST,
    );
}

#[test]
fn families_that_are_not_known_are_ignored() {
    let update = update(&with(&[0x80, 15, 5, 0, 25, 70, 1, 1]), EXTERNAL).expect("good");
    assert_eq!((update.announced.len(), update.withdrawn.len()), (1, 0));
}

#[test]
fn ipv6_routes_are_withdrawn_with_the_message_that_is_malformed() {
    let mut reach = vec![0x80, 14, 26, 0, 2, 1, 16];
    reach.extend_from_slice(&[0xfd; 16]);
    reach.extend_from_slice(&[0, 32, 0x20, 1, 0x0d, 0xb8]);
    reach[2] = u8::try_from(reach.len() - 3).expect("short");
    let message = raw_update(
        &[],
        &[&reach, ORIGIN, AS_PATH, &[0x80, 4, 1, 0]].concat(),
        &[],
    );
    let update = update(&message, EXTERNAL).expect("the session goes on");
    assert_eq!(
        (update.announced.len(), &update.withdrawn[..]),
        (0, &[prefix("2001:db8::/32")][..])
    );
}

#[test]
fn a_notification_without_its_words_is_not_answered() {
    let notification = raw_message(3, &[6, 2]);
    assert_eq!(
        decode(&notification, EXTERNAL),
        Ok(Message::Notification(Notification::new(6, 2)))
    );
}
