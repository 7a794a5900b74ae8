//! States: opening and closing at once, TIME-WAIT, ports.

mod wire;

use std::net::SocketAddr;
use std::time::Duration;
use tcp_ha_engine::options::{Options, Timestamps};
use tcp_ha_engine::segment::{Flags, Header};
use tcp_ha_engine::*;
use wire::*;

fn plain() -> ConnectionOptions {
    ConnectionOptions {
        nodelay: true,
        ..ConnectionOptions::default()
    }
}

#[test]
fn both_may_open_at_once() {
    for weather in [Weather::FINE, Weather::STORM] {
        let mut wire = Wire::new(Config::default());
        wire.weather = weather;
        wire.connect(A, plain());
        wire.connect(B, plain());
        wire.run_until(|wire| {
            [A, B]
                .iter()
                .all(|&who| wire.state(who) == Some(State::Established))
        });
        transfer(&mut wire, A, &pattern(20_000));
        transfer(&mut wire, B, &pattern(20_000));
        for who in [A, B] {
            let connected = |event: &&Event| matches!(event, Event::Connected { .. });
            assert_eq!(wire.ends[who].events.iter().filter(connected).count(), 1);
        }
    }
}

#[test]
fn both_may_close_at_once() {
    let mut wire = Wire::established(Config::default(), plain());
    wire.close(A);
    wire.close(B);
    wire.run_until(|wire| wire.state(A) == Some(State::Closing));
    wire.run_until(|wire| {
        [A, B]
            .iter()
            .all(|&who| wire.state(who) == Some(State::TimeWait))
    });
    wire.run_until(|wire| wire.closed(A).is_some() && wire.closed(B).is_some());
    assert_eq!(
        (wire.closed(A), wire.closed(B)),
        (Some(CloseCause::Normal), Some(CloseCause::Normal))
    );
}

fn in_time_wait() -> Wire {
    let mut wire = Wire::established(Config::default(), plain());
    wire.close(A);
    wire.run_until(|wire| wire.state(B) == Some(State::CloseWait));
    wire.close(B);
    wire.run_until(|wire| wire.state(A) == Some(State::TimeWait) && wire.closed(B).is_some());
    wire
}

#[test]
fn time_wait_lasts_two_lifetimes_and_answers_a_repeated_fin() {
    let mut wire = in_time_wait();
    let at = wire.now;
    wire.run_for(Duration::from_secs(40));
    let state = wire.ends[A].engine.snapshot(wire.id(A)).unwrap();
    let fin = Header {
        seq: state.identity.irs.at(state.recv.nxt - 1),
        ack: state.identity.iss.at(state.send.max),
        flags: Flags::FIN.with(Flags::ACK),
        ..Header::default()
    };
    let options = Options {
        timestamps: Some(Timestamps {
            value: state.recv.ts_recent + 100,
            echo: 0,
        }),
        ..Options::default()
    };
    let sent = wire.ends[A].sent.len();
    wire.forge(B, fin, options, &[]);
    assert_eq!(wire.ends[A].sent.len(), sent + 1);
    wire.flying.clear();
    wire.run_until(|wire| wire.closed(A).is_some());
    assert_eq!(wire.now.saturating_since(at).as_secs(), 100);
}

#[test]
fn a_new_syn_reopens_a_connection_in_time_wait() {
    let mut wire = in_time_wait();
    let old = wire.ends[A].engine.snapshot(wire.id(A)).unwrap();
    let local = wire.ends[A].socket;
    wire.ends[A].engine.listen(local, plain(), 4).unwrap();
    let old_id = wire.id(A);
    wire.run_for(Duration::from_millis(1_500));
    wire.connect(B, plain());
    wire.run_until(|wire| wire.state(B) == Some(State::Established));
    wire.run_until(|wire| {
        wire.ends[A]
            .events
            .iter()
            .any(|e| matches!(e, Event::Accepted { .. }))
    });
    assert_ne!(wire.id(A), old_id);
    let new = wire.ends[A].engine.snapshot(wire.id(A)).unwrap();
    let old_max = old.identity.iss.at(old.send.max);
    assert!(
        old_max.before(new.identity.iss),
        "the ISN of a reused tuple advances"
    );
    transfer(&mut wire, B, &pattern(5_000));
}

#[test]
fn an_old_syn_does_not_reopen() {
    let mut wire = in_time_wait();
    let local = wire.ends[A].socket;
    wire.ends[A].engine.listen(local, plain(), 4).unwrap();
    let state = wire.ends[A].engine.snapshot(wire.id(A)).unwrap();
    let syn = Header {
        seq: state.identity.irs,
        flags: Flags::SYN,
        ..Header::default()
    };
    let options = Options {
        timestamps: Some(Timestamps {
            value: state.recv.ts_recent - 10,
            echo: 0,
        }),
        ..Options::default()
    };
    wire.forge(B, syn, options, &[]);
    assert_eq!(wire.state(A), Some(State::TimeWait));
}

#[test]
fn a_half_closed_connection_still_receives_and_ends_when_the_peer_is_gone() {
    let mut wire = Wire::established(Config::default(), plain());
    wire.close(A);
    wire.run_until(|wire| wire.state(A) == Some(State::FinWait2));
    transfer(&mut wire, B, &pattern(50_000));
    wire.run_for(Duration::from_secs(1));
    wire.weather.loss_percent = 100;
    wire.run_until(|wire| wire.closed(A).is_some());
    assert_eq!(wire.closed(A), Some(CloseCause::TimedOut));
}

#[test]
fn an_abort_resets_the_peer() {
    let mut wire = Wire::established(Config::default(), plain());
    let (now, id) = (wire.now, wire.id(A));
    wire.act(A, |engine, fx| engine.abort(now, id, fx)).unwrap();
    assert_eq!(wire.closed(A), Some(CloseCause::Aborted));
    wire.run_until(|wire| wire.closed(B).is_some());
    assert_eq!(wire.closed(B), Some(CloseCause::ResetByPeer));
}

#[test]
fn after_close_nothing_more_can_be_sent() {
    let mut wire = Wire::established(Config::default(), plain());
    wire.close(A);
    let (now, id) = (wire.now, wire.id(A));
    assert_eq!(
        wire.act(A, |engine, fx| engine.send(now, id, b"x", fx)),
        Err(Error::Closing)
    );
    assert_eq!(wire.ends[A].engine.send_room(id), 0);
    assert_eq!(
        wire.act(A, |engine, fx| engine.close(now, id, fx)),
        Err(Error::Closing)
    );
}

#[test]
fn ephemeral_ports_differ_and_run_out() {
    let config = Config {
        ephemeral_first: 50_000,
        ephemeral_last: 50_009,
        ..Config::default()
    };
    let mut wire = Wire::new(config);
    let (local, remote) = (
        SocketAddr::new(wire.ends[A].socket.ip(), 0),
        wire.ends[B].socket,
    );
    let now = wire.now;
    let mut ports = std::collections::BTreeSet::new();
    for _ in 0..10 {
        let id = wire
            .act(A, |engine, fx| {
                engine.connect(now, local, remote, plain(), fx)
            })
            .unwrap();
        ports.insert(
            wire.ends[A]
                .engine
                .connection(id)
                .unwrap()
                .tuple
                .local
                .port(),
        );
    }
    assert_eq!(ports, (50_000..=50_009).collect());
    let more = wire.act(A, |engine, fx| {
        engine.connect(now, local, remote, plain(), fx)
    });
    assert_eq!(more, Err(Error::NoFreePort));
}

#[test]
fn misuse_is_told_apart() {
    let mut wire = Wire::established(
        Config {
            max_connections: 1,
            ..Config::default()
        },
        plain(),
    );
    let (a, b, now) = (wire.ends[A].socket, wire.ends[B].socket, wire.now);
    let full = wire.act(A, |engine, fx| engine.connect(now, a, b, plain(), fx));
    assert_eq!(full, Err(Error::TooManyConnections));
    assert_eq!(
        wire.ends[B].engine.listen(b, plain(), 1),
        Err(Error::AddressInUse)
    );
    let nowhere = ConnectionId(99);
    assert_eq!(
        wire.ends[A].engine.received(nowhere, 0).err(),
        Some(Error::UnknownConnection)
    );
    let mut engine = Engine::new(Config::default(), secrets(3));
    let mut fx = Effects::new();
    let v6 = socket(B, true);
    assert_eq!(
        engine.connect(now, a, v6, plain(), &mut fx),
        Err(Error::InvalidAddress)
    );
    engine.connect(now, a, b, plain(), &mut fx).unwrap();
    assert_eq!(
        engine.connect(now, a, b, plain(), &mut fx),
        Err(Error::AddressInUse)
    );
}

#[test]
fn ten_thousand_connections_keep_their_own_time() {
    let mut engine = Engine::new(Config::default(), secrets(1));
    let mut fx = Effects::new();
    let now = Instant::from_millis(10);
    for index in 0..10_000u32 {
        let remote = SocketAddr::from(([10, 0, (index >> 8) as u8, index as u8], 179));
        let local = SocketAddr::from(([10, 99, 0, 1], 0));
        let later = now + Duration::from_micros(u64::from(index));
        engine
            .connect(later, local, remote, plain(), &mut fx)
            .unwrap();
    }
    fx.clear();
    // Each SYN goes out again a second after it was sent, and not before.
    let mut repeated = 0;
    while repeated < 10_000 {
        let at = engine.next_timeout().unwrap();
        engine.handle_timeout(at, &mut fx);
        assert_eq!(
            at,
            now + Duration::from_secs(1) + Duration::from_micros(repeated)
        );
        repeated += fx.segments().len() as u64;
        fx.clear();
    }
    assert_eq!(engine.connections().count(), 10_000);
}

#[test]
fn our_own_open_may_reuse_a_connection_in_time_wait_after_a_second() {
    let mut wire = in_time_wait();
    let (a, b) = (wire.ends[A].socket, wire.ends[B].socket);
    let old = wire.ends[A].engine.snapshot(wire.id(A)).unwrap();
    let now = wire.now;
    let at_once = wire.act(A, |engine, fx| engine.connect(now, a, b, plain(), fx));
    assert_eq!(at_once, Err(Error::AddressInUse));
    wire.run_for(Duration::from_millis(1_200));
    wire.connect(A, plain());
    wire.run_until(|wire| wire.state(A) == Some(State::Established));
    let new = wire.ends[A].engine.snapshot(wire.id(A)).unwrap();
    assert!(old.identity.iss.at(old.send.max).before(new.identity.iss));
}
