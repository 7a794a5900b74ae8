use super::*;

/// Builds the body of an UPDATE.
fn body(withdrawn: &[u8], attributes: &[u8], nlri: &[u8]) -> Vec<u8> {
    let mut body = (withdrawn.len() as u16).to_be_bytes().to_vec();
    body.extend(withdrawn);
    body.extend((attributes.len() as u16).to_be_bytes());
    body.extend(attributes);
    body.extend(nlri);
    body
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![0xff; 16];
    message.extend(((HEADER_LEN + body.len()) as u16).to_be_bytes());
    message.push(kind);
    message.extend(body);
    message
}

const ORIGIN: &[u8] = &[0x40, 1, 1, 0];
const PATH: &[u8] = &[0x40, 2, 10, 2, 2, 0, 0, 0xfd, 0xe9, 0, 0, 0xfd, 0xea];
const NEXT_HOP: &[u8] = &[0x40, 3, 4, 10, 99, 0, 1];

#[test]
fn announcements_and_withdrawals_are_read() {
    let body = body(
        &[24, 20, 0, 1],
        &[ORIGIN, PATH, NEXT_HOP].concat(),
        &[24, 20, 0, 0, 16, 64, 1],
    );
    let update = Update::parse(&body).unwrap();
    assert_eq!(update.withdrawn, ["20.0.1.0/24".parse::<IpNet>().unwrap()]);
    assert_eq!(
        update.announced,
        ["20.0.0.0/24", "64.1.0.0/16"].map(|it| it.parse::<IpNet>().unwrap())
    );
    assert_eq!(update.as_path, [65001, 65002]);
}

#[test]
fn the_order_and_the_form_of_attributes_do_not_matter() {
    let one = body(&[], &[ORIGIN, PATH, NEXT_HOP].concat(), &[24, 20, 0, 0]);
    let extended: &[u8] = &[0x50, 3, 0, 4, 10, 99, 0, 1];
    let two = body(&[], &[extended, PATH, ORIGIN].concat(), &[24, 20, 0, 0]);
    let other: &[u8] = &[0x40, 3, 4, 10, 99, 0, 2];
    let three = body(&[], &[ORIGIN, PATH, other].concat(), &[24, 20, 0, 0]);
    let digest = |body: &[u8]| Update::parse(body).unwrap().attributes;
    assert_eq!(digest(&one), digest(&two));
    assert_ne!(digest(&one), digest(&three));
}

#[test]
fn ipv6_travels_in_its_own_attributes() {
    let mut reach = vec![0x80, 14, 0, 0, 2, 1, 16];
    reach.extend("fd99::1".parse::<Ipv6Addr>().unwrap().octets());
    reach.extend([0, 48, 0x2a, 0x10, 0, 0, 0, 5]);
    reach[2] = reach.len() as u8 - 3;
    let unreach = [0x80, 15, 10, 0, 2, 1, 48, 0x2a, 0x10, 0, 0, 0, 6];
    let update = Update::parse(&body(&[], &[&reach, &unreach[..]].concat(), &[])).unwrap();
    assert_eq!(
        update.announced,
        ["2a10:0:5::/48".parse::<IpNet>().unwrap()]
    );
    assert_eq!(
        update.withdrawn,
        ["2a10:0:6::/48".parse::<IpNet>().unwrap()]
    );
}

#[test]
fn messages_are_found_wherever_the_stream_is_cut() {
    let stream = [
        message(4, &[]),
        message(UPDATE, &body(&[], &[], &[])),
        message(UPDATE, &body(&[8, 20], &[], &[])),
    ]
    .concat();
    for cut in 0..=stream.len() {
        let mut messages = Messages::default();
        let mut updates = Vec::new();
        for part in [&stream[..cut], &stream[cut..]] {
            messages
                .take(part, |body| updates.push(Update::parse(body).unwrap()))
                .unwrap();
        }
        assert_eq!(updates.len(), 2);
        assert_eq!(updates[1].withdrawn.len(), 1);
    }
}

#[test]
fn damage_is_an_error_and_never_a_panic() {
    let whole = body(
        &[24, 20, 0, 1],
        &[ORIGIN, PATH, NEXT_HOP].concat(),
        &[24, 20, 0, 0],
    );
    for end in 0..whole.len() {
        let _ = Update::parse(&whole[..end]);
    }
    for position in 0..whole.len() {
        for value in 0..=255 {
            let mut damaged = whole.clone();
            damaged[position] = value;
            let _ = Update::parse(&damaged);
        }
    }
    assert!(Update::parse(&body(&[33, 1, 2, 3, 4, 5], &[], &[])).is_err());
    assert!(Messages::default().take(&[0; 19], |_| ()).is_err());
}
