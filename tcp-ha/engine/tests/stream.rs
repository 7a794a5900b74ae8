//! Opening, data both ways, closing, in fine weather and in storms.

mod wire;

use std::time::Duration;
use tcp_ha_engine::segment::Flags;
use tcp_ha_engine::*;
use wire::*;

#[test]
fn a_handshake_takes_three_segments_and_agrees_on_all_options() {
    let wire = Wire::established(Config::default(), nodelay());
    assert_eq!((wire.ends[A].sent.len(), wire.ends[B].sent.len()), (2, 1));
    let state = wire.ends[A].engine.snapshot(wire.id(A)).unwrap();
    assert!(state.identity.timestamps && state.identity.sack_permitted);
    assert_eq!(
        (state.identity.rcv_wscale, state.identity.snd_wscale),
        (5, 5)
    );
    assert_eq!(wire.info(A).mss, 1_448);
    assert!(wire.info(A).srtt.is_some());
    assert!(wire.info(B).srtt.is_some());
}

#[test]
fn octets_flow_both_ways_and_both_ends_close() {
    for v6 in [false, true] {
        let mut wire = Wire::with_configs(Config::default(), Config::default(), v6);
        wire.open(nodelay());
        let data = pattern(1_000_000);
        transfer(&mut wire, A, &data);
        transfer(&mut wire, B, &data);
        wire.close(A);
        wire.run_until(|wire| wire.state(B) == Some(State::CloseWait));
        wire.run_until(|wire| wire.state(A) == Some(State::FinWait2));
        transfer(&mut wire, B, &data[..5_000]);
        wire.close(B);
        wire.run_until(|wire| wire.closed(B).is_some() && wire.state(A) == Some(State::TimeWait));
        wire.run_until(|wire| wire.closed(A).is_some());
        assert_eq!(wire.closed(A), Some(CloseCause::Normal));
        assert_eq!(wire.closed(B), Some(CloseCause::Normal));
        assert_eq!(wire.ends[A].engine.counters().retransmits, 0);
        assert_eq!(wire.ends[A].engine.connections().count(), 0);
    }
}

#[test]
fn a_storm_loses_no_octet() {
    for sack in [true, false] {
        for seed in 0..4 {
            let config = Config {
                sack,
                ..Config::default()
            };
            let mut wire = Wire::new(config);
            wire.dice = Dice(seed);
            wire.weather = Weather::STORM;
            wire.open(nodelay());
            transfer(&mut wire, A, &pattern(400_000));
            transfer(&mut wire, B, &pattern(200_000));
            wire.close(A);
            wire.close(B);
            wire.run_until(|wire| wire.closed(A).is_some() && wire.closed(B).is_some());
        }
    }
}

#[test]
fn the_wrap_of_sequence_numbers_is_crossed() {
    // The ISN advances by one every four microseconds, so a start can be chosen.
    let mut wire = Wire::new(Config::default());
    let probe = {
        let mut probe = Wire::new(Config::default());
        probe.open(nodelay());
        probe.ends[A]
            .engine
            .snapshot(probe.id(A))
            .unwrap()
            .identity
            .iss
            .0
    };
    let to_wrap = u64::from(probe.wrapping_neg()) - 100_000;
    wire.now += Duration::from_micros(4 * to_wrap);
    wire.open(nodelay());
    let iss = wire.ends[A]
        .engine
        .snapshot(wire.id(A))
        .unwrap()
        .identity
        .iss
        .0;
    assert!(iss > u32::MAX - 200_000, "{iss}");
    wire.weather = Weather::STORM;
    transfer(&mut wire, A, &pattern(500_000));
    let sent = &wire.ends[A].sent;
    assert!(sent.iter().any(|s| s.header.seq.0 < 500_000));
}

#[test]
fn text_comes_in_segments_below_the_default_mss() {
    let options = ConnectionOptions {
        max_segment: Some(100),
        ..nodelay()
    };
    let mut wire = Wire::established(Config::default(), options);
    let data = pattern(5_000);
    transfer(&mut wire, A, &data);
}

#[test]
fn a_send_without_push_sets_no_psh() {
    let mut wire = Wire::established(Config::default(), nodelay());
    let (now, id) = (wire.now, wire.id(A));
    let before = wire.ends[A].sent.len();
    wire.act(A, |engine, fx| engine.send_part(now, id, b"first", fx))
        .unwrap();
    wire.send(A, b"last");
    let sent = &wire.ends[A].sent[before..];
    let pushed: Vec<bool> = sent
        .iter()
        .map(|s| s.header.flags.has(Flags::PSH))
        .collect();
    assert_eq!(pushed, [false, true]);
}
