//! Room: connections that wait for their user, and those in TIME-WAIT.

mod wire;

use std::net::SocketAddr;
use std::time::Duration;
use tcp_ha_engine::segment::Flags;
use tcp_ha_engine::*;
use wire::*;

fn plain() -> ConnectionOptions {
    ConnectionOptions::default()
}

/// B listens, and its user takes connections later.
fn queued(b: Config, backlog: usize) -> (Wire, ListenerId) {
    let mut wire = Wire::with_configs(Config::default(), b, false);
    let target = wire.ends[B].socket;
    let engine = &mut wire.ends[B].engine;
    let listener = engine.listen(target, plain(), backlog).unwrap();
    engine.queue_accepted(listener);
    (wire, listener)
}

/// A opens one more connection from a port of its own.
fn connect(wire: &mut Wire) -> ConnectionId {
    let local = SocketAddr::new(wire.ends[A].socket.ip(), 0);
    let (now, remote) = (wire.now, wire.ends[B].socket);
    let opened = wire.act(A, |engine, fx| {
        engine.connect(now, local, remote, plain(), fx)
    });
    opened.unwrap()
}

fn states(wire: &Wire, who: usize) -> Vec<State> {
    let engine = &wire.ends[who].engine;
    let info = |id| engine.connection(id).unwrap().state;
    engine.connections().map(info).collect()
}

fn accepted(wire: &Wire) -> usize {
    let events = wire.ends[B].events.iter();
    events
        .filter(|event| matches!(event, Event::Accepted { .. }))
        .count()
}

fn resets(wire: &Wire, who: usize) -> usize {
    let sent = wire.ends[who].sent.iter();
    sent.filter(|s| s.header.flags.has(Flags::RST)).count()
}

fn dropped(wire: &Wire, reason: DropReason) -> u64 {
    wire.ends[B].engine.counters().dropped(reason)
}

#[test]
fn beyond_the_backlog_syns_are_dropped_until_the_user_takes_one() {
    let (mut wire, listener) = queued(Config::default(), 2);
    for _ in 0..3 {
        connect(&mut wire);
        wire.run_for(Duration::from_millis(20));
    }
    assert_eq!(accepted(&wire), 2);
    assert_eq!(states(&wire, A)[2], State::SynSent);
    assert_eq!(dropped(&wire, DropReason::AcceptQueueFull), 1);
    wire.ends[B].engine.accept(listener);
    wire.run_until(|wire| accepted(wire) == 3);
    assert_eq!(resets(&wire, B), 0);
}

#[test]
fn half_open_connections_wait_while_cookies_fill_the_queue() {
    let b = Config {
        max_half_open: 1,
        ..Config::default()
    };
    let (mut wire, listener) = queued(b, 1);
    wire.weather.delay = Duration::from_millis(10);
    // The first is half open, the second holds a cookie, and is faster.
    let slow = connect(&mut wire);
    let fast = connect(&mut wire);
    wire.run_until(|wire| states(wire, A) == [State::Established; 2]);
    let first = *wire.flying.keys().next().unwrap();
    let late = wire.flying.remove(&first).unwrap();
    wire.run_until(|wire| accepted(wire) == 1);
    assert_eq!(wire.ends[B].engine.counters().cookies_taken, 1);
    wire.flying.insert((wire.now, 0), late);
    wire.run_for(Duration::from_millis(200));
    assert_eq!(dropped(&wire, DropReason::AcceptQueueFull), 1);
    assert!(states(&wire, B).contains(&State::SynReceived));
    // What the peer says meanwhile is not lost: it says it again.
    let now = wire.now;
    wire.act(A, |engine, fx| engine.send(now, slow, b"early", fx))
        .unwrap();
    wire.run_for(Duration::from_millis(300));
    assert_eq!(accepted(&wire), 1);
    wire.ends[B].engine.accept(listener);
    wire.run_until(|wire| accepted(wire) == 2 && wire.ends[B].inbox == b"early");
    assert_eq!((resets(&wire, A), resets(&wire, B)), (0, 0));
    assert!(wire.ends[A].engine.connection(fast).is_some());
}

#[test]
fn a_cookie_that_finds_the_queue_full_is_not_answered() {
    let b = Config {
        max_half_open: 1,
        ..Config::default()
    };
    let (mut wire, listener) = queued(b, 1);
    connect(&mut wire);
    connect(&mut wire);
    // Both have their SYN-ACK, the second a cookie; the first is faster.
    wire.run_until(|wire| accepted(wire) == 1);
    wire.run_for(Duration::from_millis(100));
    assert_eq!(dropped(&wire, DropReason::AcceptQueueFull), 1);
    assert_eq!(wire.ends[B].engine.connections().count(), 1);
    assert_eq!(resets(&wire, B), 0);
    wire.ends[B].engine.accept(listener);
    let (now, second) = (wire.now, wire.ends[A].engine.connections().last().unwrap());
    wire.act(A, |engine, fx| engine.send(now, second, b"text", fx))
        .unwrap();
    wire.run_until(|wire| accepted(wire) == 2 && wire.ends[B].inbox == b"text");
}

#[test]
fn a_connection_that_ended_counts_until_it_is_taken() {
    let (mut wire, listener) = queued(Config::default(), 1);
    let id = connect(&mut wire);
    wire.run_until(|wire| accepted(wire) == 1);
    let now = wire.now;
    wire.act(A, |engine, fx| engine.abort(now, id, fx)).unwrap();
    wire.run_until(|wire| wire.ends[B].engine.connections().count() == 0);
    connect(&mut wire);
    wire.run_for(Duration::from_millis(100));
    assert_eq!(accepted(&wire), 1);
    wire.ends[B].engine.accept(listener);
    wire.run_until(|wire| accepted(wire) == 2);
}

/// A has closed `count` connections, each first, 10 ms apart.
fn waiting(a: Config, count: usize) -> (Wire, Vec<ConnectionId>) {
    let mut wire = Wire::with_configs(a, Config::default(), false);
    let target = wire.ends[B].socket;
    wire.ends[B].engine.listen(target, plain(), 16).unwrap();
    let mut ids = Vec::new();
    for _ in 0..count {
        let id = connect(&mut wire);
        wire.run_for(Duration::from_millis(10));
        let (now, peer) = (wire.now, wire.id(B));
        wire.act(A, |engine, fx| engine.close(now, id, fx)).unwrap();
        wire.run_for(Duration::from_millis(10));
        let now = wire.now;
        wire.act(B, |engine, fx| engine.close(now, peer, fx))
            .unwrap();
        wire.run_for(Duration::from_millis(10));
        ids.push(id);
    }
    assert_eq!(states(&wire, A), vec![State::TimeWait; count]);
    (wire, ids)
}

fn small() -> Config {
    Config {
        max_connections: 3,
        ..Config::default()
    }
}

#[test]
fn the_oldest_in_time_wait_gives_way() {
    let (mut wire, ids) = waiting(small(), 3);
    let new = connect(&mut wire);
    let left: Vec<_> = wire.ends[A].engine.connections().collect();
    assert_eq!(left, [ids[1], ids[2], new]);
    assert_eq!(wire.ends[A].engine.counters().time_waits_given_up, 1);
    let gone = Event::Closed {
        id: ids[0],
        cause: CloseCause::Normal,
    };
    assert!(wire.ends[A].events.contains(&gone));
    wire.run_for(Duration::from_millis(20));
    assert_eq!(
        wire.ends[A].engine.connection(new).unwrap().state,
        State::Established
    );
}

#[test]
fn a_fin_that_comes_again_makes_a_wait_young() {
    let (mut wire, ids) = waiting(small(), 3);
    let state = wire.ends[A].engine.snapshot(ids[0]).unwrap();
    let header = tcp_ha_engine::segment::Header {
        src_port: state.identity.tuple.remote.port(),
        dst_port: state.identity.tuple.local.port(),
        seq: state.identity.irs.at(state.recv.nxt - 1),
        ack: state.identity.iss.at(state.send.max),
        flags: Flags::ACK.with(Flags::FIN),
        window: 500,
    };
    wire.ends[A].id = Some(ids[0]);
    let options = wire.fresh_options(B);
    let mut octets = Vec::new();
    let tuple = state.identity.tuple;
    let (src, dst) = (tuple.remote.ip(), tuple.local.ip());
    let options = tcp_ha_engine::options::Options {
        timestamps: options.timestamps,
        ..Default::default()
    };
    tcp_ha_engine::segment::emit(&mut octets, src, dst, &header, &options, (&[], &[]));
    let now = wire.now;
    wire.act(A, |engine, fx| {
        engine.handle_segment(now, src, dst, &octets, fx)
    });
    connect(&mut wire);
    let left: Vec<_> = wire.ends[A].engine.connections().collect();
    assert_eq!(left[..2], [ids[0], ids[2]]);
}

#[test]
fn a_listener_makes_room_too_and_never_of_living_connections() {
    let (mut wire, ids) = waiting(small(), 3);
    let target = SocketAddr::new(wire.ends[A].socket.ip(), 99);
    wire.ends[A].engine.listen(target, plain(), 16).unwrap();
    for nth in 0..4 {
        let local = SocketAddr::new(wire.ends[B].socket.ip(), 0);
        let now = wire.now;
        wire.act(B, |engine, fx| {
            engine.connect(now, local, target, plain(), fx)
        })
        .unwrap();
        wire.run_for(Duration::from_millis(20));
        assert_eq!(wire.ends[A].engine.connections().count(), 3);
        let established = states(&wire, A)
            .into_iter()
            .filter(|&state| state == State::Established);
        assert_eq!(established.count(), (nth + 1).min(ids.len()));
    }
    let counters = wire.ends[A].engine.counters();
    assert_eq!(counters.time_waits_given_up, 3);
    assert!(counters.dropped(DropReason::ConnectionsFull) >= 1);
    let now = wire.now;
    let (local, remote) = (wire.ends[A].socket, wire.ends[B].socket);
    let full = wire.act(A, |engine, fx| {
        engine.connect(now, local, remote, plain(), fx)
    });
    assert_eq!(full, Err(Error::TooManyConnections));
}

#[test]
fn the_survivor_of_a_takeover_gives_up_the_oldest_as_well() {
    let (mut wire, ids) = waiting(small(), 3);
    let mut survivor = Engine::new(small(), secrets(A as u8 * 100));
    for &id in ids.iter().rev() {
        let state = wire.ends[A].engine.snapshot(id).unwrap();
        survivor
            .restore(wire.now, id, &state, &[], Some(&[]))
            .unwrap();
    }
    wire.ends[A].engine = survivor;
    let new = connect(&mut wire);
    let left: Vec<_> = wire.ends[A].engine.connections().collect();
    assert_eq!(left, [ids[1], ids[2], new]);
}
