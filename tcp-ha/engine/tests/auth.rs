//! Signed connections: who is let in, what is never answered, and what a survivor knows.

mod wire;

use std::sync::Arc;
use std::time::Duration;
use tcp_ha_engine::auth::ao::{Algorithm, AoChain, AoKey, Context, traffic_key};
use tcp_ha_engine::auth::{
    PeerKeys, PeerPrefix, PeerSecurity, Secret, SecurityTable, Signing, md5,
};
use tcp_ha_engine::options::{Options, Signature};
use tcp_ha_engine::segment::{Flags, Header, Segment};
use tcp_ha_engine::*;
use wire::*;

const WHOLE: Cut = Cut {
    frames_lost: false,
    regenerated: false,
    only_safe: false,
};
const LOST: Cut = Cut {
    frames_lost: true,
    ..WHOLE
};

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes()).unwrap()
}

fn md5_key(text: &str) -> PeerKeys {
    PeerKeys::Md5(Arc::new(secret(text)))
}

fn ao_key(id: u8, algorithm: Algorithm) -> AoKey {
    AoKey {
        algorithm,
        ..AoKey::new(id, secret(&format!("key {id}")))
    }
}

fn ao(chain: &AoChain) -> PeerKeys {
    PeerKeys::Ao(Arc::new(chain.clone()))
}

/// The table of an end that asks this of the other.
fn table(wire: &Wire, who: usize, keys: PeerKeys) -> SecurityTable {
    let mut table = SecurityTable::default();
    let peer = PeerPrefix::host(wire.ends[1 - who].socket.ip());
    let security = PeerSecurity {
        keys,
        ttl_security: None,
    };
    table.set(peer, security).unwrap();
    table
}

fn set_keys(wire: &mut Wire, who: usize, keys: PeerKeys) {
    let table = table(wire, who, keys);
    wire.ends[who].engine.set_security(table);
}

fn keyed(keys: [PeerKeys; 2], v6: bool) -> Wire {
    let mut wire = Wire::with_configs(Config::default(), Config::default(), v6);
    for (who, keys) in keys.into_iter().enumerate() {
        set_keys(&mut wire, who, keys);
    }
    wire
}

fn signing(wire: &Wire, who: usize) -> Signing {
    let end = &wire.ends[who];
    end.engine.snapshot(wire.id(who)).unwrap().auth.signing
}

fn dropped(wire: &Wire, who: usize, reason: DropReason) -> u64 {
    wire.ends[who].engine.counters().dropped(reason)
}

/// Lets `who` connect, for a minute; the other end listens. Nothing may come of it.
fn stays_shut(wire: &mut Wire, reason: DropReason) {
    let target = wire.ends[B].socket;
    let options = ConnectionOptions::default();
    wire.ends[B].engine.listen(target, options, 16).unwrap();
    wire.connect(A, options);
    wire.run_for(Duration::from_secs(60));
    assert_eq!(wire.state(A), Some(State::SynSent));
    assert_eq!(wire.ends[B].engine.connections().count(), 0);
    assert!(dropped(wire, B, reason) >= 5);
    assert!(wire.ends[B].sent.is_empty(), "refused without a word");
}

#[test]
fn md5_connections_carry_data_both_ways_over_ipv4_and_ipv6() {
    for v6 in [false, true] {
        let mut wire = keyed([md5_key("secret"), md5_key("secret")], v6);
        wire.weather = Weather::STORM;
        wire.open(ConnectionOptions::default());
        let data = pattern(200_000);
        transfer(&mut wire, A, &data);
        transfer(&mut wire, B, &data);
        wire.close(A);
        wire.close(B);
        wire.run_until(|wire| wire.closed(A).is_some() && wire.closed(B).is_some());
        for end in &wire.ends {
            let is_signed = |sent: &Sent| matches!(sent.options.signature, Signature::Md5(_));
            assert!(end.sent.iter().all(is_signed));
            // As the kernel of Linux: no timestamps beside MD5.
            assert!(
                end.sent
                    .iter()
                    .all(|sent| sent.options.timestamps.is_none())
            );
            let most = end.sent.iter().map(|sent| sent.payload.len()).max();
            assert_eq!(most, Some(if v6 { 1_420 } else { 1_440 }));
        }
    }
}

#[test]
fn ao_connections_carry_data_both_ways() {
    for (algorithm, covers_options) in [
        (Algorithm::HmacSha1, true),
        (Algorithm::HmacSha1, false),
        (Algorithm::AesCmac, true),
        (Algorithm::AesCmac, false),
    ] {
        let chain = AoChain::new(AoKey {
            covers_options,
            ..ao_key(7, algorithm)
        });
        let mut wire = keyed([ao(&chain), ao(&chain)], algorithm == Algorithm::AesCmac);
        wire.weather = Weather::STORM;
        wire.open(ConnectionOptions::default());
        let data = pattern(200_000);
        transfer(&mut wire, A, &data);
        transfer(&mut wire, B, &data);
        wire.close(A);
        wire.close(B);
        wire.run_until(|wire| wire.closed(A).is_some() && wire.closed(B).is_some());
        for sent in wire.ends.iter().flat_map(|end| &end.sent) {
            let Signature::Ao(ao) = sent.options.signature else {
                panic!("every segment is signed");
            };
            assert_eq!((ao.key_id, ao.r_next_key_id), (7, 7));
            assert!(sent.options.timestamps.is_some());
        }
    }
}

#[test]
fn ids_of_the_two_directions_may_differ() {
    let key = |send_id, recv_id| AoKey {
        send_id,
        recv_id,
        ..ao_key(0, Algorithm::HmacSha1)
    };
    let (ours, theirs) = (AoChain::new(key(61, 84)), AoChain::new(key(84, 61)));
    let mut wire = keyed([ao(&ours), ao(&theirs)], false);
    wire.open(ConnectionOptions::default());
    let Signature::Ao(ao) = wire.ends[A].sent[0].options.signature else {
        panic!("the SYN is signed");
    };
    assert_eq!((ao.key_id, ao.r_next_key_id), (61, 84));
}

#[test]
fn another_key_none_or_one_too_many_stays_shut_without_a_word() {
    let chain = AoChain::new(ao_key(1, Algorithm::HmacSha1));
    let other = AoChain::new(AoKey::new(1, secret("another")));
    let unknown = AoChain::new(ao_key(2, Algorithm::HmacSha1));
    let plain = || PeerKeys::None;
    for (keys, reason) in [
        ([md5_key("a"), md5_key("b")], DropReason::BadSignature),
        ([plain(), md5_key("b")], DropReason::MissingSignature),
        ([md5_key("a"), plain()], DropReason::UnexpectedSignature),
        ([ao(&other), ao(&chain)], DropReason::BadSignature),
        ([ao(&unknown), ao(&chain)], DropReason::UnknownKey),
        ([plain(), ao(&chain)], DropReason::MissingSignature),
        ([ao(&chain), plain()], DropReason::UnexpectedSignature),
        ([md5_key("a"), ao(&chain)], DropReason::BadSignature),
        ([ao(&chain), md5_key("a")], DropReason::BadSignature),
    ] {
        stays_shut(&mut keyed(keys, false), reason);
    }
}

#[test]
fn forged_segments_change_nothing_and_draw_no_answer() {
    let chain = AoChain::new(ao_key(1, Algorithm::HmacSha1));
    for keys in [md5_key("secret"), ao(&chain)] {
        let mut wire = keyed([keys.clone(), keys], false);
        wire.open(ConnectionOptions::default());
        wire.run_for(Duration::from_secs(1));
        let id = wire.id(A);
        let before = wire.ends[A].engine.snapshot(id);
        let said = wire.ends[A].sent.len();
        let mut dirty = Vec::new();
        wire.ends[A].engine.take_dirty(&mut dirty);
        for flags in [
            Flags::RST,
            Flags::SYN,
            Flags::SYN.with(Flags::ACK),
            Flags::FIN.with(Flags::ACK),
            Flags::ACK,
            Flags::NONE,
        ] {
            let header = Header {
                flags,
                ..wire.expected_header(B)
            };
            let options = wire.fresh_options(B);
            wire.forge(B, header, options, b"forged");
            wire.forge(B, header, options, b"");
        }
        assert_eq!(dropped(&wire, A, DropReason::MissingSignature), 12);
        assert_eq!(wire.ends[A].engine.snapshot(id), before);
        assert_eq!(wire.ends[A].sent.len(), said);
        dirty.clear();
        wire.ends[A].engine.take_dirty(&mut dirty);
        assert!(dirty.is_empty(), "nothing to replicate");
    }
}

#[test]
fn resets_challenges_and_answers_in_time_wait_are_signed() {
    for keys in [
        md5_key("secret"),
        ao(&AoChain::new(ao_key(1, Algorithm::AesCmac))),
    ] {
        // An abort reaches the peer.
        let mut wire = keyed([keys.clone(), keys.clone()], false);
        wire.open(ConnectionOptions::default());
        let (now, id) = (wire.now, wire.id(A));
        wire.act(A, |engine, fx| engine.abort(now, id, fx)).unwrap();
        wire.run_until(|wire| wire.closed(B) == Some(CloseCause::ResetByPeer));

        // The last ACK is lost: TIME-WAIT answers the FIN that comes again.
        let mut wire = keyed([keys.clone(), keys], false);
        wire.open(ConnectionOptions::default());
        wire.close(A);
        wire.run_until(|wire| wire.state(B) == Some(State::CloseWait));
        wire.close(B);
        wire.run_until(|wire| wire.state(A) == Some(State::TimeWait));
        wire.flying.clear();
        wire.run_until(|wire| wire.closed(B) == Some(CloseCause::Normal));
    }
}

#[test]
fn a_stray_with_md5_is_answered_signed_and_one_with_ao_is_not() {
    for (keys, answered) in [
        (md5_key("secret"), true),
        (ao(&AoChain::new(ao_key(1, Algorithm::HmacSha1))), false),
    ] {
        let mut wire = keyed([keys.clone(), keys.clone()], false);
        wire.open(ConnectionOptions::default());
        transfer(&mut wire, A, b"hello");
        transfer(&mut wire, B, b"hello");
        // B forgets everything but its keys.
        let config = wire.ends[B].engine.config().clone();
        wire.ends[B].engine = Engine::new(config, secrets(100));
        set_keys(&mut wire, B, keys);
        let said = wire.ends[B].sent.len();
        wire.send(A, b"are you there?");
        wire.run_for(Duration::from_millis(150));
        assert_eq!(wire.closed(A).is_some(), answered);
        assert_eq!(wire.ends[B].sent.len() > said, answered);
        let by_key = dropped(&wire, B, DropReason::BadSignature);
        assert_eq!(by_key > 0, !answered);
    }
}

#[test]
fn gtsm_drops_what_came_from_afar_and_sends_255() {
    let mut wire = Wire::new(Config::default());
    let (src, dst) = (wire.ends[A].socket, wire.ends[B].socket);
    let mut asked = SecurityTable::default();
    let security = PeerSecurity {
        keys: PeerKeys::None,
        ttl_security: Some(1),
    };
    asked
        .set("10.99.0.0/24".parse().unwrap(), security)
        .unwrap();
    wire.ends[B].engine.set_security(asked);
    let options = ConnectionOptions::default();
    wire.ends[B].engine.listen(dst, options, 1).unwrap();
    wire.connect(A, options);
    let (_, (_, _, _, syn)) = wire.flying.pop_first().unwrap();
    let now = wire.now;
    let mut knock = |hop_limit: Option<u8>| {
        let mut arrival = Arrival::new(src.ip(), dst.ip());
        if let Some(hop_limit) = hop_limit {
            arrival = arrival.with_hop_limit(hop_limit);
        }
        wire.act(B, |engine, fx| {
            engine.handle_arrival(now, arrival, &syn, fx)
        });
        wire.ends[B].sent.len()
    };
    assert_eq!(knock(None), 0);
    assert_eq!(knock(Some(254)), 0);
    assert_eq!(knock(Some(255)), 1);
    assert_eq!(wire.ends[B].sent[0].hop_limit, 255);
    assert_eq!(dropped(&wire, B, DropReason::HopLimit), 2);
    let state = wire.ends[B].engine.snapshot(wire.id(B)).unwrap();
    assert_eq!(state.auth.min_hop_limit, 255);
}

#[test]
fn the_longest_prefix_decides() {
    let mut table = SecurityTable::default();
    let ttl = |hops| PeerSecurity {
        keys: PeerKeys::None,
        ttl_security: Some(hops),
    };
    for (prefix, hops) in [
        ("0.0.0.0/0", 9),
        ("10.0.0.0/8", 8),
        ("10.1.0.1", 1),
        ("::/0", 6),
    ] {
        table.set(prefix.parse().unwrap(), ttl(hops)).unwrap();
    }
    let found = |address: &str| {
        let security = table.peer(address.parse().unwrap()).unwrap();
        security.ttl_security.unwrap()
    };
    assert_eq!(found("10.1.0.1"), 1);
    assert_eq!(found("10.1.0.2"), 8);
    assert_eq!(found("11.0.0.1"), 9);
    assert_eq!(found("fd99::1"), 6);
    assert_eq!(
        SecurityTable::default().peer("10.1.0.1".parse().unwrap()),
        None
    );
}

#[test]
fn survivors_sign_and_verify_as_the_dead_did() {
    for keys in [
        md5_key("secret"),
        ao(&AoChain::new(ao_key(1, Algorithm::HmacSha1))),
        ao(&AoChain::new(ao_key(1, Algorithm::AesCmac))),
    ] {
        let mut wire = keyed([keys.clone(), keys], false);
        wire.open(ConnectionOptions::default());
        let data = pattern(30_000);
        for cut in [WHOLE, LOST, WHOLE, LOST] {
            for who in [A, B] {
                wire.send(who, &data);
                wire.step();
                wire.step();
                wire.take_over(who, cut);
                let upto = wire.ends[1 - who].inbox.len() / data.len() * data.len() + data.len();
                wire.run_until(|wire| wire.ends[1 - who].inbox.len() >= upto);
            }
        }
        for who in [A, B] {
            assert_eq!(dropped(&wire, who, DropReason::BadSignature), 0);
            assert!(
                wire.ends[who]
                    .inbox
                    .chunks(data.len())
                    .all(|read| read == data)
            );
        }
    }
}

/// The moment at which A's initial sequence number lies `before` octets before the wrap.
fn moment_before_wrap(v6: bool, before: u32) -> Instant {
    let mut wire = keyed([PeerKeys::None, PeerKeys::None], v6);
    wire.connect(A, ConnectionOptions::default());
    let iss = wire.ends[A]
        .engine
        .snapshot(wire.id(A))
        .unwrap()
        .identity
        .iss;
    // The clock of RFC 6528 ticks every 4 microseconds.
    let ticks = 0u32.wrapping_sub(before).wrapping_sub(iss.0);
    wire.now + Duration::from_micros(u64::from(ticks) * 4)
}

#[test]
fn a_takeover_past_a_sequence_wrap_verifies() {
    for algorithm in [Algorithm::HmacSha1, Algorithm::AesCmac] {
        for before in [1, 2, 1_000, 50_000] {
            let chain = ao(&AoChain::new(ao_key(1, algorithm)));
            let mut wire = keyed([chain.clone(), chain], false);
            wire.now = moment_before_wrap(false, before);
            wire.open(ConnectionOptions::default());
            let data = pattern(100_000);
            transfer(&mut wire, A, &data);
            wire.run_for(Duration::from_secs(1));
            let state = wire.ends[A].engine.snapshot(wire.id(A)).unwrap();
            let wrapped = u64::from(state.identity.iss.0) + state.send.una > u64::from(u32::MAX);
            assert!(
                wrapped,
                "{before}: {} {}",
                state.identity.iss, state.send.una
            );
            // The survivor at the sender's end, then the one at the receiver's.
            for who in [A, B] {
                wire.take_over(who, LOST);
                transfer(&mut wire, A, &data);
                transfer(&mut wire, B, &data);
            }
            for who in [A, B] {
                assert_eq!(dropped(&wire, who, DropReason::BadSignature), 0);
            }
        }
    }
}

#[test]
fn a_survivor_signs_with_the_extension_that_the_wrap_asks_for() {
    let key = ao_key(1, Algorithm::HmacSha1);
    let chain = ao(&AoChain::new(key.clone()));
    let mut wire = keyed([chain.clone(), chain], false);
    wire.now = moment_before_wrap(false, 5_000);
    wire.open(ConnectionOptions::default());
    wire.send(A, &pattern(14_000));
    wire.take_over(A, LOST);
    let identity = wire.ends[A].engine.snapshot(wire.id(A)).unwrap().identity;
    let context = Context {
        src: identity.tuple.local,
        dst: identity.tuple.remote,
        src_isn: identity.iss,
        dst_isn: identity.irs,
    };
    let traffic = traffic_key(key.algorithm, &key.secret, &context);
    let (mut before, mut behind) = (0, 0);
    for _ in 0..20 {
        for (to, src, dst, octets) in wire.flying.values() {
            if *to != B {
                continue;
            }
            let segment = Segment::parse(octets).unwrap();
            let Signature::Ao(carried) = segment.options.signature else {
                panic!("every segment is signed");
            };
            // A number below the ISN lies behind the wrap: RFC 5925 6.2 by hand.
            let extension = u32::from(segment.header.seq.0 < identity.iss.0);
            let mac = traffic.mac(*src, *dst, octets, extension, true);
            assert_eq!(mac, Some(carried.mac), "{}", segment.header.seq);
            *if extension == 0 {
                &mut before
            } else {
                &mut behind
            } += 1;
        }
        wire.step();
    }
    assert!(before > 0 && behind > 0, "{before} before, {behind} behind");
}

#[test]
fn a_takeover_in_the_middle_of_a_wrap_verifies() {
    let chain = ao(&AoChain::new(ao_key(1, Algorithm::HmacSha1)));
    let mut wire = keyed([chain.clone(), chain], false);
    wire.now = moment_before_wrap(false, 5_000);
    wire.open(ConnectionOptions::default());
    let data = pattern(14_000);
    // The initial window of ten segments spans the wrap; nobody has acknowledged any.
    wire.send(A, &data);
    wire.take_over(A, LOST);
    wire.run_until(|wire| wire.ends[B].inbox.len() == data.len());
    assert_eq!(wire.ends[B].inbox, data);
    assert_eq!(dropped(&wire, B, DropReason::BadSignature), 0);
}

#[test]
fn a_rollover_goes_on_over_a_failover() {
    let mut chain = AoChain::new(ao_key(1, Algorithm::HmacSha1));
    let mut wire = keyed([ao(&chain), ao(&chain)], false);
    wire.open(ConnectionOptions::default());
    let data = pattern(10_000);
    let current = |wire: &Wire, who| match signing(wire, who) {
        Signing::Ao(state) => (state.current, state.rnext),
        other => panic!("{other}"),
    };
    // Both learn the new key; A wants it first, and is cut at once.
    chain.add(ao_key(2, Algorithm::AesCmac)).unwrap();
    set_keys(&mut wire, A, ao(&chain));
    set_keys(&mut wire, B, ao(&chain));
    assert_eq!(current(&wire, A), (1, 1));
    chain.prefer(2).unwrap();
    set_keys(&mut wire, A, ao(&chain));
    assert_eq!(current(&wire, A), (1, 2));
    wire.send(A, &data);
    wire.take_over(A, LOST);
    wire.run_until(|wire| wire.ends[B].inbox.len() == data.len());
    assert_eq!(current(&wire, B), (2, 1), "B follows A's wish");
    assert_eq!(
        current(&wire, A),
        (1, 2),
        "B has not asked for the new key yet"
    );
    // B is cut after it followed, then wants the new key as well.
    wire.take_over(B, LOST);
    assert_eq!(current(&wire, B), (2, 1));
    set_keys(&mut wire, B, ao(&chain));
    wire.send(B, &data);
    wire.run_until(|wire| wire.ends[A].inbox.len() == data.len());
    assert_eq!(current(&wire, A), (2, 2));
    wire.take_over(A, LOST);
    // The old key can go.
    chain.remove(1).unwrap();
    set_keys(&mut wire, A, ao(&chain));
    set_keys(&mut wire, B, ao(&chain));
    transfer(&mut wire, A, &data);
    transfer(&mut wire, B, &data);
    for who in [A, B] {
        assert_eq!(current(&wire, who), (2, 2));
        assert_eq!(dropped(&wire, who, DropReason::BadSignature), 0);
        assert_eq!(dropped(&wire, who, DropReason::UnknownKey), 0);
    }
}

#[test]
fn an_old_segment_does_not_turn_a_rollover_back() {
    let mut chain = AoChain::new(ao_key(1, Algorithm::HmacSha1));
    chain.add(ao_key(2, Algorithm::HmacSha1)).unwrap();
    let mut wire = keyed([ao(&chain), ao(&chain)], false);
    wire.open(ConnectionOptions::default());
    wire.send(A, b"with key 1");
    let (_, src, dst, old) = wire.flying.first_key_value().unwrap().1.clone();
    wire.run_until(|wire| wire.ends[B].inbox.len() == 10);
    chain.prefer(2).unwrap();
    set_keys(&mut wire, A, ao(&chain));
    wire.send(A, b"wants key 2");
    wire.run_until(|wire| wire.ends[B].inbox.len() == 21);
    let now = wire.now;
    wire.act(B, |engine, fx| {
        engine.handle_segment(now, src, dst, &old, fx)
    });
    assert!(matches!(signing(&wire, B), Signing::Ao(state) if state.current == 2));
}

#[test]
fn a_connection_whose_key_is_gone_is_silent_and_cannot_be_restored() {
    let mut wire = keyed([md5_key("secret"), md5_key("secret")], false);
    wire.open(ConnectionOptions::default());
    wire.run_for(Duration::from_secs(1));
    let said = wire.ends[A].sent.len();
    let id = wire.id(A);
    let state = wire.ends[A].engine.snapshot(id).unwrap();
    wire.ends[A].engine.set_security(SecurityTable::default());
    assert!(!wire.ends[A].engine.has_keys(id));
    wire.send(A, b"not without a signature");
    wire.run_for(Duration::from_secs(3));
    assert_eq!(wire.ends[A].sent.len(), said);
    assert!(wire.ends[A].engine.counters().unsigned_held > 1);
    let mut other = Engine::new(Config::default(), secrets(0));
    let restored = other.restore(wire.now, id, &state, &[], Some(&[]));
    assert_eq!(restored, Err(RestoreError::MissingKey));
    // It comes back with its key.
    set_keys(&mut wire, A, md5_key("secret"));
    wire.run_until(|wire| !wire.ends[B].inbox.is_empty());
}

#[test]
fn connections_opened_without_a_key_go_on_without_one() {
    let mut wire = keyed([PeerKeys::None, PeerKeys::None], false);
    wire.open(ConnectionOptions::default());
    set_keys(&mut wire, A, md5_key("secret"));
    set_keys(&mut wire, B, md5_key("secret"));
    transfer(&mut wire, A, &pattern(1_000));
}

#[test]
fn md5_keys_change_under_a_connection() {
    let mut wire = keyed([md5_key("old"), md5_key("old")], false);
    wire.open(ConnectionOptions::default());
    set_keys(&mut wire, A, md5_key("new"));
    wire.send(A, b"across");
    wire.run_for(Duration::from_millis(100));
    assert!(dropped(&wire, B, DropReason::BadSignature) > 0);
    set_keys(&mut wire, B, md5_key("new"));
    wire.run_until(|wire| wire.ends[B].inbox == b"across");
}

#[test]
fn a_flipped_bit_is_found_anywhere_but_in_the_options_of_md5() {
    let mut wire = keyed([md5_key("secret"), md5_key("secret")], false);
    wire.open(ConnectionOptions::default());
    wire.send(A, b"text");
    let (_, src, dst, good) = wire.flying.first_key_value().unwrap().1.clone();
    let key = secret("secret");
    assert!(md5::verify(src, dst, &good, &key));
    assert!(!md5::verify(dst, src, &good, &key));
    for at in (0..16).chain(18..20).chain(good.len() - 4..good.len()) {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        assert!(!md5::verify(src, dst, &bad, &key), "octet {at}");
    }
    let digest = md5::signature(src, dst, &good, &key);
    let carried = Segment::parse(&good).unwrap().options.signature;
    assert_eq!(carried, Signature::Md5(digest.unwrap()));
}

#[test]
fn nothing_of_a_key_is_shown() {
    let shown = format!("{:?}", md5_key("hidden"));
    assert!(
        !shown.contains("hidden") && !shown.contains("104"),
        "{shown}"
    );
    let chain = ao(&AoChain::new(AoKey::new(1, secret("hidden"))));
    assert!(!format!("{chain:?}").contains("hidden"));
    assert!(Secret::new(b"").is_err() && Secret::new(&[1; 81]).is_err());
    assert_eq!(Options::default().signature, Signature::None);
}
