//! Losses and silence: what is sent again, and when a connection is given up.

mod wire;

use std::time::Duration;
use tcp_ha_engine::segment::Flags;
use tcp_ha_engine::*;
use wire::*;

#[test]
fn the_timeout_doubles_and_gives_up_in_the_end() {
    let config = Config {
        max_retransmits: 6,
        ..Config::default()
    };
    let mut wire = Wire::established(config, nodelay());
    wire.weather.loss_percent = 100;
    let before = wire.ends[A].sent.len();
    wire.send(A, b"anybody?");
    wire.run_until(|wire| wire.closed(A).is_some());
    assert_eq!(wire.closed(A), Some(CloseCause::TimedOut));
    let times: Vec<_> = wire.ends[A].sent[before..]
        .iter()
        .map(|s| s.at.as_micros())
        .collect();
    // The segment, a tail loss probe, six timeouts; the timeout counts from the probe.
    assert_eq!(times.len(), 8);
    assert_eq!(times[2] - times[1], times[1] - times[0]);
    for three in times[1..].windows(3) {
        assert_eq!(three[2] - three[1], 2 * (three[1] - three[0]));
    }
}

#[test]
fn a_user_timeout_ends_the_wait() {
    let options = ConnectionOptions {
        user_timeout: Some(Duration::from_secs(3)),
        ..nodelay()
    };
    let mut wire = Wire::established(Config::default(), options);
    wire.weather.loss_percent = 100;
    let at = wire.now;
    wire.send(A, b"anybody?");
    wire.run_until(|wire| wire.closed(A).is_some());
    let waited = wire.now.saturating_since(at);
    assert!((3..7).contains(&waited.as_secs()), "{waited:?}");
}

#[test]
fn a_syn_that_nobody_hears_is_repeated_and_given_up() {
    let mut wire = Wire::new(Config::default());
    wire.weather.loss_percent = 100;
    wire.connect(A, nodelay());
    wire.run_until(|wire| wire.closed(A).is_some());
    assert_eq!(wire.closed(A), Some(CloseCause::TimedOut));
    assert_eq!(wire.ends[A].sent.len(), 8);
    assert!(wire.ends[A].events.len() == 1);
}

#[test]
fn a_lost_segment_is_repaired_without_a_timeout() {
    for sack in [true, false] {
        let mut wire = Wire::established(
            Config {
                sack,
                ..Config::default()
            },
            nodelay(),
        );
        transfer(&mut wire, A, &pattern(100_000));
        wire.run_for(ms(100));
        wire.send(A, &pattern(20 * 1_448));
        // The third and the ninth of the segments under way are lost.
        let keys: Vec<_> = wire.flying.keys().copied().collect();
        for lost in [2, 8] {
            wire.flying.remove(&keys[lost]);
        }
        let at = wire.now;
        wire.run_until(|wire| wire.ends[B].inbox.len() == 100_000 + 20 * 1_448);
        assert!(wire.now.saturating_since(at) < ms(20), "{sack}");
        assert_eq!(wire.ends[A].engine.counters().timeouts, 0);
        assert_eq!(wire.ends[A].engine.counters().fast_recoveries, 1);
        assert_eq!(wire.ends[A].engine.counters().retransmits, 2);
    }
}

#[test]
fn a_silent_peer_is_probed_and_given_up() {
    let keepalive = KeepaliveConfig {
        idle: Duration::from_secs(10),
        interval: Duration::from_secs(2),
        probes: 3,
    };
    let options = ConnectionOptions {
        keepalive: Some(keepalive),
        ..nodelay()
    };
    let mut wire = Wire::established(Config::default(), options);
    wire.run_for(Duration::from_secs(100));
    assert_eq!(
        wire.state(A),
        Some(State::Established),
        "probes are answered"
    );
    assert!(wire.ends[A].engine.counters().keepalive_probes >= 5);
    wire.weather.loss_percent = 100;
    let at = wire.now;
    wire.run_until(|wire| wire.closed(A).is_some());
    assert_eq!(wire.closed(A), Some(CloseCause::TimedOut));
    assert!(wire.now.saturating_since(at) <= Duration::from_secs(16));
    assert!(
        wire.ends[A]
            .sent
            .last()
            .unwrap()
            .header
            .flags
            .has(Flags::RST)
    );
}

#[test]
fn a_user_timeout_gives_a_keepalive_probe_time_to_be_answered() {
    let options = ConnectionOptions {
        keepalive: Some(KeepaliveConfig {
            idle: Duration::from_secs(10),
            interval: Duration::from_secs(2),
            probes: 30,
        }),
        user_timeout: Some(Duration::from_secs(3)),
        ..nodelay()
    };
    let mut wire = Wire::established(Config::default(), options);
    wire.run_for(Duration::from_secs(100));
    assert_eq!(wire.state(A), Some(State::Established));
    assert!(wire.ends[A].engine.counters().keepalive_probes >= 5);
    wire.weather.loss_percent = 100;
    let at = wire.now;
    wire.run_until(|wire| wire.closed(A).is_some());
    assert_eq!(wire.closed(A), Some(CloseCause::UserTimeout));
    assert!(wire.now.saturating_since(at) <= Duration::from_secs(13));
}

#[test]
fn what_a_timeout_sends_again_starts_no_recovery() {
    let mut wire = Wire::established(
        Config {
            sack: false,
            ..Config::default()
        },
        nodelay(),
    );
    wire.send(A, &pattern(10 * 1_448));
    wire.flying.clear();
    wire.weather.loss_percent = 100;
    wire.run_for(ms(300));
    let options = wire.fresh_options(B);
    for _ in 0..5 {
        let header = wire.expected_header(B);
        wire.forge(B, header, options, &[]);
    }
    assert_eq!(wire.ends[A].engine.counters().timeouts, 1);
    assert_eq!(wire.ends[A].engine.counters().fast_recoveries, 0);
}
