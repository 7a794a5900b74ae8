//! SYN cookies: beyond the half-open budget nothing is kept, and whoever means it gets in.

mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tcp_ha_engine::auth::ao::{AoChain, AoKey};
use tcp_ha_engine::auth::{PeerKeys, PeerPrefix, PeerSecurity, Secret, SecurityTable};
use tcp_ha_engine::options::Options;
use tcp_ha_engine::segment::{self, Flags, Header};
use tcp_ha_engine::*;
use wire::*;

fn options() -> ConnectionOptions {
    ConnectionOptions {
        nodelay: true,
        ..ConnectionOptions::default()
    }
}

/// B listens, and strangers have taken up its budget of one.
fn crowded(a: Config) -> Wire {
    let b = Config {
        max_half_open: 1,
        ..Config::default()
    };
    let mut wire = Wire::with_configs(a, b, false);
    let target = wire.ends[B].socket;
    wire.ends[B].engine.listen(target, options(), 16).unwrap();
    knock(&mut wire, 1_000, 1);
    wire.flying.clear();
    wire.ends[B].id = None;
    wire
}

/// SYNs of a host that never answers.
fn knock(wire: &mut Wire, first: u16, count: u16) {
    let (now, target) = (wire.now, wire.ends[B].socket);
    let stranger = SocketAddr::from(([10, 99, 7, 7], 0));
    for port in first..first + count {
        let header = Header {
            src_port: port,
            dst_port: target.port(),
            seq: SeqNum(u32::from(port) << 16),
            flags: Flags::SYN,
            ..Header::default()
        };
        let mut octets = Vec::new();
        let (src, dst) = (stranger.ip(), target.ip());
        let none = Options::default();
        segment::emit(&mut octets, src, dst, &header, &none, (&[], &[]));
        wire.act(B, |engine, fx| {
            engine.handle_segment(now, src, dst, &octets, fx)
        });
    }
}

fn connections(wire: &Wire) -> usize {
    wire.ends[B].engine.connections().count()
}

/// The accepted connection at B is the last one.
fn accepted(wire: &mut Wire) {
    wire.run_until(|wire| wire.ends[B].events.iter().any(is_accepted));
}

fn is_accepted(event: &Event) -> bool {
    matches!(event, Event::Accepted { .. })
}

#[test]
fn a_flood_of_syns_leaves_nothing_behind() {
    let mut wire = crowded(Config::default());
    let mut dirty = Vec::new();
    wire.ends[B].engine.take_dirty(&mut dirty);
    let sent = wire.ends[B].sent.len();
    knock(&mut wire, 2_000, 5_000);
    assert_eq!(connections(&wire), 1);
    dirty.clear();
    wire.ends[B].engine.take_dirty(&mut dirty);
    assert!(dirty.is_empty(), "no record: {dirty:?}");
    let answers = &wire.ends[B].sent[sent..];
    assert_eq!(answers.len(), 5_000);
    let syn_ack = Flags::SYN.with(Flags::ACK);
    assert!(answers.iter().all(|s| s.header.flags == syn_ack));
    assert_eq!(wire.ends[B].engine.counters().cookies_out, 5_000);
}

#[test]
fn who_answers_a_cookie_gets_in_with_what_was_offered() {
    for v in [true, false] {
        let mut wire = crowded(Config {
            timestamps: v,
            ..Config::default()
        });
        wire.connect(A, options());
        accepted(&mut wire);
        assert_eq!(wire.ends[B].engine.counters().cookies_taken, 1);
        let (a, b) = (wire.info(A), wire.info(B));
        assert_eq!((b.sack_permitted, b.timestamps), (v, v));
        assert_eq!((a.sack_permitted, a.timestamps), (v, v));
        assert_eq!(
            b.window_scales,
            if v { (5, 5) } else { (0, 0) },
            "without timestamps there is no place for them"
        );
        assert_eq!((a.window_scales, b.peer_mss), (b.window_scales, 1_460));
        transfer(&mut wire, A, &pattern(300_000));
        transfer(&mut wire, B, &pattern(300_000));
        assert_monotonic(&wire, B, b.window_scales.0);
    }
}

#[test]
fn the_text_brings_a_cookie_back_where_the_ack_was_lost() {
    let mut wire = crowded(Config::default());
    wire.connect(A, options());
    wire.run_until(|wire| wire.state(A) == Some(State::Established));
    wire.flying.clear();
    wire.send(A, b"hello");
    accepted(&mut wire);
    wire.run_until(|wire| wire.ends[B].inbox == b"hello");
}

#[test]
fn the_survivor_of_a_takeover_takes_the_cookie_of_the_dead() {
    let mut wire = crowded(Config::default());
    wire.connect(A, options());
    wire.run_until(|wire| wire.state(A) == Some(State::Established));
    // No record told of it: the survivor has the secrets alone.
    let mut survivor = Engine::new(wire.ends[B].engine.config().clone(), secrets(B as u8 * 100));
    survivor.listen(wire.ends[B].socket, options(), 16).unwrap();
    wire.ends[B].engine = survivor;
    accepted(&mut wire);
    transfer(&mut wire, A, &pattern(100_000));
    transfer(&mut wire, B, &pattern(100_000));
}

#[test]
fn an_old_cookie_and_a_forged_one_are_refused() {
    for (after, forged) in [(200, 0), (0, 1), (0, 1 << 24), (0, 1 << 27)] {
        let mut wire = crowded(Config::default());
        wire.connect(A, options());
        wire.run_until(|wire| !wire.ends[B].sent.iter().all(|s| s.header.seq.0 == 0));
        let cookie = wire.ends[B].sent.last().unwrap().clone();
        wire.flying.clear();
        wire.now += Duration::from_secs(after);
        let ack = Header {
            seq: cookie.header.ack,
            ack: SeqNum((cookie.header.seq.0 ^ forged).wrapping_add(1)),
            flags: Flags::ACK,
            window: 500,
            ..Header::default()
        };
        wire.forge(A, ack, Options::default(), &[]);
        assert!(
            wire.ends[B]
                .sent
                .last()
                .unwrap()
                .header
                .flags
                .has(Flags::RST)
        );
        assert_eq!(wire.ends[B].engine.counters().cookies_taken, 0);
    }
}

#[test]
fn a_cookie_to_a_peer_with_keys_is_signed() {
    let secret = || Secret::new(b"a key").unwrap();
    let chain = AoChain::new(AoKey::new(1, secret()));
    for keys in [
        PeerKeys::Md5(Arc::new(secret())),
        PeerKeys::Ao(Arc::new(chain)),
    ] {
        let mut wire = crowded(Config::default());
        for who in [A, B] {
            let security = PeerSecurity {
                keys: keys.clone(),
                ttl_security: None,
            };
            let mut table = SecurityTable::default();
            let peer = PeerPrefix::host(wire.ends[1 - who].socket.ip());
            table.set(peer, security).unwrap();
            wire.ends[who].engine.set_security(table);
        }
        wire.connect(A, options());
        accepted(&mut wire);
        assert_eq!(wire.ends[B].engine.counters().cookies_taken, 1);
        transfer(&mut wire, A, &pattern(50_000));
        transfer(&mut wire, B, &pattern(50_000));
    }
}
