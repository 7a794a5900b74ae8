//! ICMP errors and the path MTU: what is believed, what follows from it, how it is searched
//! again (RFC 5927, RFC 1191, RFC 8201, RFC 4821).

mod wire;

use std::time::Duration;
use tcp_ha_engine::*;
use wire::*;

fn options() -> ConnectionOptions {
    ConnectionOptions {
        nodelay: true,
        ..ConnectionOptions::default()
    }
}

fn open(v6: bool) -> Wire {
    let mut wire = Wire::with_configs(Config::default(), Config::default(), v6);
    wire.open(options());
    wire
}

/// The network tells A about its segment `by` positions behind SND.UNA.
fn tell(wire: &mut Wire, by: u32, what: Unreachable) {
    let state = wire.ends[A].engine.snapshot(wire.id(A)).unwrap();
    let tuple = state.identity.tuple;
    let seq = state.identity.iss.at(state.send.una).0.wrapping_add(by);
    let now = wire.now;
    wire.act(A, |engine, fx| {
        engine.handle_unreachable(now, tuple.local, tuple.remote, seq, what, fx)
    });
}

#[test]
fn a_hard_error_ends_an_opening_and_only_when_it_is_about_our_syn() {
    for what in [Unreachable::Port, Unreachable::Protocol] {
        let mut wire = Wire::new(Config::default());
        wire.connect(A, options());
        tell(&mut wire, 1, what);
        assert_eq!(wire.closed(A), None);
        assert_eq!(wire.ends[A].engine.counters().icmp_ignored, 1);
        tell(&mut wire, 0, what);
        assert_eq!(wire.closed(A), Some(CloseCause::Refused));
    }
}

#[test]
fn a_soft_error_is_the_cause_when_an_opening_times_out() {
    for (what, cause) in [
        (Unreachable::Network, CloseCause::NetworkUnreachable),
        (Unreachable::Host, CloseCause::Unreachable),
        (Unreachable::HopLimit, CloseCause::Unreachable),
    ] {
        let mut wire = Wire::new(Config::default());
        wire.weather.loss_percent = 100;
        wire.connect(A, options());
        tell(&mut wire, 0, what);
        assert_eq!(wire.state(A), Some(State::SynSent), "RFC 9293 MUST-56");
        assert_eq!(wire.info(A).soft_error, Some(what));
        wire.run_until(|wire| wire.closed(A).is_some());
        assert_eq!(wire.closed(A), Some(cause));
    }
}

#[test]
fn no_error_ends_an_open_connection_and_progress_forgets_it() {
    let mut wire = open(false);
    wire.send(A, b"x");
    for what in [Unreachable::Port, Unreachable::Protocol, Unreachable::Host] {
        tell(&mut wire, 0, what);
        assert_eq!(wire.state(A), Some(State::Established));
        assert_eq!(wire.info(A).soft_error, Some(what));
    }
    wire.run_until(|wire| wire.info(A).unacknowledged == 0);
    assert_eq!(wire.info(A).soft_error, None);
    tell(&mut wire, 0, Unreachable::Host);
    assert_eq!(wire.info(A).soft_error, None, "nothing is on the way");
}

#[test]
fn a_packet_too_big_makes_segments_smaller() {
    for (v6, told, packet) in [
        (false, 1_000, 1_000),
        (false, 100, 552),
        (false, 0, 1_492),
        (true, 1_400, 1_400),
        (true, 100, 1_280),
    ] {
        let mut wire = open(v6);
        wire.path_mtu = packet;
        wire.send(A, &pattern(5_000));
        let before = wire.ends[A].sent.len();
        tell(&mut wire, 0, Unreachable::TooBig { mtu: told });
        assert_eq!(usize::from(wire.info(A).path_mtu), packet);
        let text = packet - if v6 { 40 } else { 20 } - 20 - 12;
        assert_eq!(usize::from(wire.info(A).mss), text);
        let sent = &wire.ends[A].sent[before..];
        assert!(!sent.is_empty(), "sent again without a timeout");
        assert!(sent.iter().all(|s| s.payload.len() <= text));
        wire.run_until(|wire| wire.ends[B].inbox.len() == 5_000);
        assert_eq!(wire.info(A).tally.timeouts, 0);
    }
}

#[test]
fn a_packet_too_big_about_nothing_on_the_way_is_a_forgery() {
    let mut wire = open(false);
    tell(&mut wire, 0, Unreachable::TooBig { mtu: 600 });
    wire.send(A, &pattern(5_000));
    tell(&mut wire, 5_000, Unreachable::TooBig { mtu: 600 });
    tell(&mut wire, u32::MAX, Unreachable::TooBig { mtu: 600 });
    tell(&mut wire, 0, Unreachable::TooBig { mtu: 1_500 });
    assert_eq!(wire.info(A).path_mtu, 1_500);
    assert_eq!(wire.ends[A].engine.counters().icmp_ignored, 3);
}

#[test]
fn after_ten_minutes_a_larger_packet_is_tried_and_proved() {
    let mut wire = open(false);
    wire.send(A, &pattern(5_000));
    tell(&mut wire, 0, Unreachable::TooBig { mtu: 1_000 });
    wire.run_for(Duration::from_secs(590));
    transfer(&mut wire, A, &pattern(50_000));
    assert_eq!(wire.info(A).path_mtu, 1_000, "too early");
    wire.run_for(Duration::from_secs(20));
    transfer(&mut wire, A, &pattern(500_000));
    assert_eq!(wire.info(A).path_mtu, 1_500);
    assert_eq!(wire.info(A).timers.path, None);
}

#[test]
fn a_probe_that_is_lost_costs_no_timeout_and_ends_the_search() {
    let mut wire = open(false);
    wire.path_mtu = 1_300;
    wire.send(A, &pattern(5_000));
    tell(&mut wire, 0, Unreachable::TooBig { mtu: 1_300 });
    wire.run_for(Duration::from_secs(610));
    let timeouts = wire.info(A).tally.timeouts;
    transfer(&mut wire, A, &pattern(200_000));
    let info = wire.info(A);
    assert_eq!((info.path_mtu, info.tally.timeouts), (1_300, timeouts));
    let again = info.timers.path.expect("it is tried again");
    assert!(again.saturating_since(wire.now) > Duration::from_secs(500));
}

#[test]
fn a_path_that_swallows_large_packets_is_found_out() {
    for (v6, passes, found) in [
        (false, 1_300, 1_280),
        (false, 600, 576),
        (true, 1_300, 1_280),
    ] {
        let mut wire = open(v6);
        wire.path_mtu = passes;
        transfer(&mut wire, A, &pattern(100_000));
        assert_eq!(wire.info(A).path_mtu, found);
        // Once the path has healed, full packets come back.
        wire.path_mtu = usize::MAX;
        wire.run_for(Duration::from_secs(61));
        transfer(&mut wire, A, &pattern(300_000));
        assert_eq!(wire.info(A).path_mtu, 1_500);
    }
}

#[test]
fn silence_after_small_segments_does_not_shrink_the_path() {
    let mut wire = open(false);
    wire.weather.loss_percent = 100;
    wire.send(A, &pattern(500));
    wire.run_for(Duration::from_secs(20));
    assert!(wire.info(A).tally.timeouts > 3);
    assert_eq!(wire.info(A).path_mtu, 1_500);
}

#[test]
fn the_path_mtu_and_its_age_survive_a_takeover() {
    let mut wire = open(false);
    wire.send(A, &pattern(5_000));
    tell(&mut wire, 0, Unreachable::TooBig { mtu: 1_000 });
    wire.run_for(Duration::from_secs(300));
    let cut = Cut {
        frames_lost: true,
        regenerated: false,
        only_safe: false,
    };
    wire.take_over(A, cut);
    transfer(&mut wire, A, &pattern(50_000));
    assert_eq!(wire.info(A).path_mtu, 1_000);
    wire.run_for(Duration::from_secs(301));
    transfer(&mut wire, A, &pattern(500_000));
    assert_eq!(wire.info(A).path_mtu, 1_500);
}
