//! Runs of full segments that leave in one piece: cut, they are what would have left one by one.

mod wire;

use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tcp_ha_engine::auth::{PeerKeys, PeerPrefix, PeerSecurity, Secret, SecurityTable};
use tcp_ha_engine::segment::{self, Flags};
use tcp_ha_engine::*;
use wire::*;

fn config(super_segments: bool) -> Config {
    Config {
        super_segments,
        ..Config::default()
    }
}

/// What an end has put on the wire, octet for octet.
fn said(wire: &Wire, who: usize) -> Vec<String> {
    let sent = wire.ends[who].sent.iter();
    sent.map(|sent| format!("{sent:?}")).collect()
}

/// Plays the same scenario without super-segments, with them, and with octets that are not copied: on the wire all are the same.
/// Returns how many super-segments there were.
fn thrice(base: &Config, weather: Weather, seed: u64, play: impl Fn(&mut Wire)) -> u64 {
    let [single, joined, shared] = [(false, false), (true, false), (true, true)].map(|how| {
        let config = Config {
            super_segments: how.0,
            ..base.clone()
        };
        let mut wire = Wire::new(config);
        wire.dice = Dice(seed);
        wire.weather = weather;
        wire.shares = how.1;
        play(&mut wire);
        wire
    });
    let counted = |wire: &Wire| wire.ends[A].engine.counters().segments_out;
    for other in [&joined, &shared] {
        for who in [A, B] {
            let (single, other) = (said(&single, who), said(other, who));
            let first = single.iter().zip(&other).find(|(one, other)| one != other);
            assert_eq!(first, None);
            assert_eq!(single.len(), other.len());
        }
        assert_eq!(counted(&single), counted(other));
        assert_eq!(joined.supers, other.supers);
    }
    assert_eq!((single.supers, joined.shared), (0, 0));
    assert!(shared.shared > 0);
    joined.supers
}

#[test]
fn a_bulk_transfer_leaves_in_pieces_of_many_segments() {
    let supers = thrice(&config(false), Weather::FINE, 1, |wire| {
        wire.open(nodelay());
        transfer(wire, A, &pattern(1_000_000));
        wire.close(A);
        wire.run_until(|wire| wire.state(B) == Some(State::CloseWait));
    });
    assert!(supers >= 20, "{supers}");
}

#[test]
fn in_a_storm_the_wire_is_the_same_as_without() {
    for seed in 0..12 {
        let base = Config {
            sack: seed % 3 != 0,
            timestamps: seed % 4 != 0,
            min_burst: 1 + seed as u32 % 3,
            ..Config::default()
        };
        let options = ConnectionOptions {
            nodelay: seed % 2 == 0,
            ..nodelay()
        };
        let supers = thrice(&base, Weather::STORM, seed, |wire| {
            wire.open(options);
            transfer(wire, A, &pattern(300_000));
            transfer(wire, B, &pattern(100_000));
            wire.close(A);
            wire.run_until(|wire| wire.state(B) == Some(State::CloseWait));
        });
        assert!(supers > 0);
    }
}

#[test]
fn where_the_path_takes_less_the_wire_is_the_same_as_without() {
    for seed in 0..4 {
        let supers = thrice(&config(false), Weather::FINE, seed, |wire| {
            wire.open(nodelay());
            transfer(wire, A, &pattern(200_000));
            wire.path_mtu = 1_300;
            transfer(wire, A, &pattern(200_000));
            wire.path_mtu = 1_500;
            wire.run_for(ms(700_000));
            transfer(wire, A, &pattern(200_000));
        });
        assert!(supers > 0);
    }
}

/// Everything that one call hands out.
fn handed_out(wire: &mut Wire, octets: &[u8]) -> Vec<SegmentBuffer> {
    let id = wire.id(A);
    let now = wire.now;
    let end = &mut wire.ends[A];
    end.engine.send(now, id, octets, &mut end.fx).unwrap();
    end.fx.take_segments().collect()
}

#[test]
fn the_users_memory_is_what_leaves() {
    let mut wire = Wire::established(config(true), nodelay());
    let (id, now) = (wire.id(A), wire.now);
    let end = &mut wire.ends[A];
    let octets = Bytes::from(pattern(9_000));
    let shared = octets.clone();
    end.engine
        .send_shared(now, id, shared, &mut end.fx)
        .unwrap();
    let built: Vec<_> = end.fx.take_segments().collect();
    let text = built[0].text();
    assert_eq!(text[0].as_ptr(), octets.as_ptr());
    // Header and options alone.
    assert_eq!(built[0].segment().bytes.len(), 32);
    let all: usize = built
        .iter()
        .flat_map(|built| built.text())
        .map(Bytes::len)
        .sum();
    assert_eq!(all, 9_000);
}

#[test]
fn what_has_no_room_is_not_taken_at_all() {
    let mut wire = Wire::established(config(true), nodelay());
    let (id, now) = (wire.id(A), wire.now);
    let end = &mut wire.ends[A];
    let room = end.engine.send_room(id);
    let octets = Bytes::from(pattern(room + 1));
    let refused = end.engine.send_shared(now, id, octets, &mut end.fx);
    assert_eq!(refused, Err(Error::OutOfRange));
    assert_eq!(end.engine.send_room(id), room);
}

#[test]
fn a_super_segment_is_as_long_as_a_packet_may_be_and_ends_with_the_rest() {
    for v6 in [false, true] {
        let mut wire = Wire::with_configs(config(true), Config::default(), v6);
        // Where the peer is near, a burst is as long as may be.
        wire.weather.delay = Duration::from_micros(100);
        wire.open(ConnectionOptions {
            congestion: CongestionAlgorithm::Reno,
            ..nodelay()
        });
        transfer(&mut wire, A, &pattern(900_000));
        wire.run_until(|wire| wire.info(A).snd_una == 900_000);
        let built = handed_out(&mut wire, &pattern(100_000));
        let mss = wire.info(A).mss as usize;
        let header = 32;
        let text: Vec<_> = built
            .iter()
            .map(|built| built.segment().bytes.len() - header)
            .collect();
        assert_eq!(text[0] % mss, 0);
        assert_eq!(text[0] / mss, 45);
        assert_eq!(text.iter().sum::<usize>(), 100_000);
        assert_eq!(built[0].cut(), u16::try_from(mss).ok());
        assert_eq!(built.len(), 2);
        let flags = built.last().map(|built| built.segment().bytes[13]);
        assert_eq!(flags, Some(Flags::ACK.with(Flags::PSH).0));
    }
}

#[test]
fn its_checksum_is_left_whatever_is_configured() {
    let mut wire = Wire::established(config(true), nodelay());
    let built = handed_out(&mut wire, &pattern(5_000));
    assert_eq!(built.len(), 1);
    assert_eq!(built[0].cut(), Some(1_448));
    assert!(built[0].leaves_checksum());
    let out = built[0].segment();
    let whole = segment::Segment::parse(out.bytes).expect("a segment");
    assert_eq!(whole.payload, pattern(5_000));
    assert!(!segment::Segment::checksum_is_right(
        out.src, out.dst, out.bytes
    ));
}

#[test]
fn what_is_one_segment_stays_one() {
    let mut wire = Wire::established(config(true), nodelay());
    for octets in [1, 1_447, 1_448] {
        let built = handed_out(&mut wire, &pattern(octets));
        assert_eq!(built.len(), 1);
        assert_eq!(built[0].cut(), None);
        assert!(!built[0].leaves_checksum());
    }
}

#[test]
fn signed_segments_leave_one_by_one() {
    let mut wire = Wire::new(config(true));
    for who in [A, B] {
        let peer = PeerPrefix::host(wire.ends[1 - who].socket.ip());
        let security = PeerSecurity {
            keys: PeerKeys::Md5(Arc::new(Secret::new(b"a key of both").unwrap())),
            ttl_security: None,
        };
        let mut table = SecurityTable::default();
        table.set(peer, security).unwrap();
        wire.ends[who].engine.set_security(table);
    }
    wire.open(nodelay());
    let built = handed_out(&mut wire, &pattern(10_000));
    assert!(built.len() > 5);
    assert!(built.iter().all(|built| built.cut().is_none()));
}
