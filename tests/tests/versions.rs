//! I10: the octets of version 1. They never change once it is released; another layout is another version.

use ipc::schema::v1::Hello;
use ipc::{BatchBuilder, Incarnation, Lsn, OwnedBatch, codec};
use std::net::IpAddr;
use tcp_ha::core::record::{self, Record, SharedState};
use tcp_ha::core::{DownReason, Readiness};
use tcp_ha::engine::ConnectionId;
use tcp_ha::engine::auth::ao::{Algorithm, AoChain, AoKey};
use tcp_ha::engine::auth::{PeerKeys, PeerSecurity, Secret, SecurityTable};

/// Kind and body of a record.
fn written(record: &Record<'_>) -> (u16, Vec<u8>) {
    let mut batch = BatchBuilder::new();
    record.write(&mut batch);
    let octets = batch.to_bytes(Lsn(1), 0);
    let batch = OwnedBatch::parse(octets).expect("a batch");
    let first = batch.records().next().expect("a record");
    (first.kind, first.body.to_vec())
}

fn expect(record: Record<'_>, kind: u16, body: &[u8]) {
    assert_eq!(written(&record), (kind, body.to_vec()), "{record:?}");
    assert_eq!(record::parse(kind, body), Ok(record));
}

#[test]
fn a_hello_names_its_oldest_version_first() {
    let hello = Hello {
        version_min: 1,
        version_max: 2,
        incarnation: Incarnation::from_bytes([0x11; 16]),
        config_digest: [0x22; 32],
        heartbeat_us: 5_000,
        software: "rp 1".to_owned(),
        heard: None,
    };
    let mut octets = Vec::new();
    codec::encode_into(&hello, &mut octets).expect("a message");
    let expected = [
        &[1, 2][..],
        &[0x11; 16],
        &[0x22; 32],
        &[251, 0x88, 0x13, 4],
        b"rp 1",
        &[0],
    ]
    .concat();
    assert_eq!(octets, expected);
}

#[test]
fn records_of_octets_have_these_octets() {
    let id = ConnectionId(0x0102);
    let head = [2, 1, 0, 0, 0, 0, 0, 0];
    let at = [0x34, 0x12, 0, 0, 0, 0, 0, 0];
    let octets = b"text".as_slice();
    let body = [&head, &at, octets].concat();
    let offset = 0x1234;
    expect(Record::Received { id, offset, octets }, 6, &body);
    expect(Record::Sent { id, offset, octets }, 7, &body);
    let with_id = Record::Application {
        id: Some(id),
        octets,
    };
    expect(with_id, 8, &[&head, octets].concat());
    let without = Record::Application { id: None, octets };
    expect(without, 8, &[&[0xff; 8], octets].concat());
}

#[test]
fn small_records_have_these_octets() {
    let id = ConnectionId(7);
    expect(Record::Deleted { id }, 5, &[7]);
    let address = IpAddr::from([10, 0, 0, 2]);
    let link = [2, 0, 0, 0, 0, 9];
    expect(
        Record::Neighbour { address, link },
        2,
        &[0, 10, 0, 0, 2, 2, 0, 0, 0, 0, 9],
    );
    let shared = SharedState {
        isn_key: [1; 16],
        demux_key: [2; 16],
        timestamp_key: [3; 16],
        cookie_key: [4; 16],
        next_id: 300,
    };
    let body = [&[1; 16][..], &[2; 16], &[3; 16], &[4; 16], &[251, 0x2c, 1]].concat();
    expect(Record::Shared(shared), 1, &body);
}

#[test]
fn keys_of_peers_have_these_octets() {
    let secret = |text: &str| Secret::new(text.as_bytes()).expect("a key");
    let mut chain = AoChain::new(AoKey::new(1, secret("a")));
    let second = AoKey {
        send_id: 2,
        recv_id: 3,
        algorithm: Algorithm::AesCmac,
        covers_options: false,
        secret: secret("bc"),
    };
    chain.add(second).expect("room");
    chain.prefer(2).expect("a key");
    let mut table = SecurityTable::default();
    let asked = [
        ("10.0.0.2", PeerKeys::Md5(secret("key").into()), Some(1)),
        ("fd99::/64", PeerKeys::Ao(chain.into()), None),
    ];
    for (prefix, keys, ttl_security) in asked {
        let prefix = prefix.parse().expect("a prefix");
        let security = PeerSecurity { keys, ttl_security };
        table.set(prefix, security).expect("room");
    }
    let body = [
        &[4, 10, 0, 0, 2, 32, 1, 1, 3][..],
        b"key",
        &[
            6, 0xfd, 0x99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0,
        ],
        &[2, 2, 2],
        &[1, 1, 0, 1, 1],
        b"a",
        &[2, 3, 1, 0, 2],
        b"bc",
    ]
    .concat();
    expect(Record::Security(table), 10, &body);
}

#[test]
fn readiness_has_these_octets() {
    let id = ConnectionId(7);
    let steps = [
        Readiness::None,
        Readiness::TcpInitialSync,
        Readiness::TcpSecondPhase,
        Readiness::ApplicationSync,
        Readiness::Ready,
    ];
    for (number, readiness) in (0..).zip(steps) {
        expect(Record::Readiness { id, readiness }, 9, &[7, number]);
    }
    let readiness = Readiness::Down(DownReason::KeyMissing);
    expect(Record::Readiness { id, readiness }, 9, &[7, 5, 10]);
    let readiness = Readiness::Down(DownReason::NoStandby);
    expect(Record::Readiness { id, readiness }, 9, &[7, 5, 0]);
}

#[test]
fn a_kind_of_a_newer_version_is_named_as_such() {
    let refused = record::parse(4_711, &[]).expect_err("nobody knows it");
    assert_eq!(
        refused.to_string(),
        "record of kind 4711: unknown kind: the active is of a newer version"
    );
}
