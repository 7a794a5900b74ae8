//! Connections whose user is gone, users whose patience ends, and ends that nobody waits for.

mod wire;

use std::time::Duration;
use tcp_ha_engine::segment::Flags;
use tcp_ha_engine::*;
use wire::*;

fn options() -> ConnectionOptions {
    ConnectionOptions {
        nodelay: true,
        ..ConnectionOptions::default()
    }
}

fn open(options: ConnectionOptions) -> Wire {
    Wire::established(Config::default(), options)
}

fn abandon(wire: &mut Wire, who: usize) {
    let (now, id) = (wire.now, wire.id(who));
    wire.act(who, |engine, fx| engine.abandon(now, id, fx))
        .unwrap();
}

fn resets(wire: &Wire, who: usize) -> usize {
    let sent = wire.ends[who].sent.iter();
    sent.filter(|s| s.header.flags.has(Flags::RST)).count()
}

/// From a call at `since` to the end of A.
fn waited(wire: &mut Wire, since: Instant) -> Duration {
    wire.run_until(|wire| wire.closed(A).is_some());
    wire.now.saturating_since(since)
}

#[test]
fn what_was_written_is_delivered_and_both_ends_close() {
    let mut wire = open(options());
    let data = pattern(200_000);
    assert_eq!(wire.send(A, &data), data.len());
    abandon(&mut wire, A);
    assert!(wire.info(A).orphaned);
    wire.run_until(|wire| wire.state(B) == Some(State::CloseWait));
    assert!(wire.ends[B].inbox == data);
    wire.close(B);
    wire.run_until(|wire| wire.closed(A).is_some() && wire.closed(B).is_some());
    assert_eq!(wire.closed(A), Some(CloseCause::Normal));
    assert_eq!(resets(&wire, A), 0);
}

#[test]
fn what_comes_in_is_discarded_until_ours_is_delivered_and_refused_then() {
    let mut wire = open(options());
    wire.ends[A].reads = false;
    wire.send(B, &pattern(3_000));
    wire.run_for(Duration::from_millis(100));
    let data = pattern(100_000);
    wire.send(A, &data);
    abandon(&mut wire, A);
    let told = wire.ends[A].events.len();
    wire.send(B, &pattern(3_000));
    wire.run_until(|wire| wire.state(A) == Some(State::FinWait2));
    assert!(wire.ends[B].inbox == data, "a RST would have cost this");
    assert!(
        !wire.ends[A].events[told..]
            .iter()
            .any(|event| matches!(event, Event::Received { .. }))
    );
    wire.send(B, b"anybody?");
    wire.run_until(|wire| wire.closed(B).is_some());
    assert_eq!(wire.closed(B), Some(CloseCause::ResetByPeer));
    assert_eq!(wire.closed(A), Some(CloseCause::Aborted));
}

#[test]
fn a_peer_that_never_closes_is_waited_for_only_so_long() {
    let mut wire = open(options());
    abandon(&mut wire, A);
    wire.run_until(|wire| wire.state(A) == Some(State::FinWait2));
    let since = wire.now;
    // The peer is alive and says so: that changes nothing.
    let keepalive = KeepaliveConfig {
        idle: Duration::from_secs(10),
        ..KeepaliveConfig::default()
    };
    let talkative = ConnectionOptions {
        keepalive: Some(keepalive),
        ..options()
    };
    let (now, id) = (wire.now, wire.id(B));
    wire.act(B, |engine, fx| engine.set_options(now, id, talkative, fx))
        .unwrap();
    assert_eq!(waited(&mut wire, since).as_secs(), 120);
}

#[test]
fn an_orphan_gives_up_sooner_than_a_connection_with_a_user() {
    let mut wire = open(options());
    wire.weather.loss_percent = 100;
    wire.send(A, b"anybody?");
    abandon(&mut wire, A);
    wire.run_until(|wire| wire.closed(A).is_some());
    assert_eq!(wire.closed(A), Some(CloseCause::TimedOut));
    let retries = wire.ends[A].engine.counters().timeouts;
    assert_eq!(retries, u64::from(Config::default().orphan_retries));
}

#[test]
fn an_orphan_behind_a_shut_window_is_reset_in_the_end() {
    let config = Config {
        receive_capacity: 4_096,
        max_rto: Duration::from_secs(2),
        ..Config::default()
    };
    let mut wire = Wire::established(config, options());
    wire.ends[B].reads = false;
    wire.send(A, &pattern(20_000));
    wire.run_for(Duration::from_secs(60));
    assert_eq!(wire.state(A), Some(State::Established), "the peer answers");
    abandon(&mut wire, A);
    wire.run_until(|wire| wire.closed(A).is_some() && wire.closed(B).is_some());
    assert_eq!(wire.closed(B), Some(CloseCause::ResetByPeer));
}

#[test]
fn beyond_the_bound_an_orphan_is_reset_at_once() {
    let config = Config {
        max_orphans: 1,
        ..Config::default()
    };
    let mut wire = Wire::established(config, options());
    let (target, now) = (wire.ends[B].socket, wire.now);
    let local = std::net::SocketAddr::new(wire.ends[A].socket.ip(), 41_000);
    let second = wire
        .act(A, |engine, fx| {
            engine.connect(now, local, target, options(), fx)
        })
        .unwrap();
    wire.run_for(Duration::from_millis(100));
    wire.weather.loss_percent = 100;
    abandon(&mut wire, A);
    let now = wire.now;
    wire.act(A, |engine, fx| engine.abandon(now, second, fx))
        .unwrap();
    assert_eq!(resets(&wire, A), 1);
    assert_eq!(wire.ends[A].engine.counters().orphans_dropped, 1);
    let connections: Vec<_> = wire.ends[A].engine.connections().collect();
    assert_eq!(connections, [wire.id(A)]);
    // Once it is over there is room for another.
    wire.run_until(|wire| wire.closed(A).is_some());
    assert_eq!(wire.ends[A].engine.connections().count(), 0);
}

#[test]
fn linger_resets_at_once_or_after_its_time() {
    for (linger, seconds) in [(Duration::ZERO, 0), (Duration::from_secs(3), 3)] {
        let mut wire = open(ConnectionOptions {
            linger: Some(linger),
            ..options()
        });
        wire.weather.loss_percent = 100;
        wire.send(A, b"anybody?");
        let since = wire.now;
        abandon(&mut wire, A);
        assert_eq!(waited(&mut wire, since).as_secs(), seconds);
        assert_eq!(wire.closed(A), Some(CloseCause::Aborted));
        assert_eq!(resets(&wire, A), 1);
    }
}

#[test]
fn an_orphan_survives_a_takeover_as_an_orphan() {
    let mut wire = open(options());
    let data = pattern(100_000);
    wire.send(A, &data);
    abandon(&mut wire, A);
    let cut = Cut {
        frames_lost: true,
        regenerated: false,
        only_safe: false,
    };
    wire.take_over(A, cut);
    assert!(wire.info(A).orphaned);
    wire.run_until(|wire| wire.state(A) == Some(State::FinWait2));
    assert!(wire.ends[B].inbox == data);
    let since = wire.now;
    assert_eq!(waited(&mut wire, since).as_secs(), 120);
}

#[test]
fn a_connect_timeout_ends_an_opening() {
    let mut wire = Wire::new(Config::default());
    wire.weather.loss_percent = 100;
    let since = wire.now;
    wire.connect(
        A,
        ConnectionOptions {
            connect_timeout: Some(Duration::from_millis(2_500)),
            ..options()
        },
    );
    assert_eq!(waited(&mut wire, since), Duration::from_millis(2_500));
    assert_eq!(wire.closed(A), Some(CloseCause::TimedOut));
}

#[test]
fn a_connect_timeout_means_nothing_once_open() {
    let mut wire = open(ConnectionOptions {
        connect_timeout: Some(Duration::from_secs(1)),
        ..options()
    });
    wire.run_for(Duration::from_secs(10));
    assert_eq!(wire.state(A), Some(State::Established));
}

#[test]
fn the_user_timeout_ends_the_wait_to_the_microsecond() {
    let patience = Duration::from_secs(3);
    let mut wire = open(ConnectionOptions {
        user_timeout: Some(patience),
        ..options()
    });
    // An hour of nothing to wait for does not count.
    wire.run_for(Duration::from_secs(3_600));
    wire.weather.loss_percent = 100;
    let since = wire.now;
    wire.send(A, b"anybody?");
    assert_eq!(waited(&mut wire, since), patience);
    assert_eq!(wire.closed(A), Some(CloseCause::UserTimeout));
}

#[test]
fn the_user_timeout_counts_from_the_last_progress_also_over_a_takeover() {
    let patience = Duration::from_secs(30);
    let mut wire = open(ConnectionOptions {
        user_timeout: Some(patience),
        ..options()
    });
    wire.weather.loss_percent = 100;
    wire.send(A, b"anybody?");
    wire.run_for(Duration::from_secs(20));
    assert_eq!(wire.state(A), Some(State::Established));
    let cut = Cut {
        frames_lost: true,
        regenerated: false,
        only_safe: false,
    };
    wire.take_over(A, cut);
    let since = wire.now;
    // The silence of the dead is not the peer's: the survivor's patience is its own.
    assert_eq!(waited(&mut wire, since), patience);
}

#[test]
fn keepalive_ends_with_the_user_timeout() {
    let mut wire = open(ConnectionOptions {
        user_timeout: Some(Duration::from_secs(25)),
        keepalive: Some(KeepaliveConfig {
            idle: Duration::from_secs(10),
            interval: Duration::from_secs(10),
            probes: 100,
        }),
        ..options()
    });
    wire.run_for(Duration::from_secs(100));
    assert_eq!(wire.state(A), Some(State::Established));
    wire.weather.loss_percent = 100;
    let since = wire.info(A).progress_at;
    assert_eq!(waited(&mut wire, since), Duration::from_secs(25));
    assert_eq!(wire.closed(A), Some(CloseCause::UserTimeout));
}
