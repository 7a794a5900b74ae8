//! Windows of either end: who waits for what.

mod wire;

use std::time::Duration;
use tcp_ha_engine::segment::Header;
use tcp_ha_engine::*;
use wire::*;

#[test]
fn nagle_holds_the_second_small_segment_and_the_switch_lets_it_go() {
    for (nodelay, expected) in [(false, 1), (true, 3)] {
        let options = ConnectionOptions {
            nodelay,
            ..ConnectionOptions::default()
        };
        let mut wire = Wire::established(Config::default(), options);
        wire.run_for(ms(100));
        let sent = wire.ends[A].sent.len();
        for _ in 0..3 {
            wire.send(A, b"word");
        }
        assert_eq!(wire.ends[A].sent.len() - sent, expected);
        wire.run_until(|wire| wire.ends[B].inbox.len() == 12);
    }
}

#[test]
fn a_reader_that_stops_stops_the_peer_and_reading_starts_it_again() {
    for nodelay_octets in [1_448, 19] {
        let config = Config {
            receive_capacity: 50_000,
            ..Config::default()
        };
        let mut wire = Wire::established(config, nodelay());
        wire.ends[B].reads = false;
        let data = pattern(200_000);
        let mut queued = 0;
        while queued < data.len() && wire.info(A).snd_end < wire.info(A).snd_una + 100_000 {
            let upto = data.len().min(queued + nodelay_octets);
            queued += wire.send(A, &data[queued..upto]);
            if queued % 7 == 0 {
                wire.run_for(ms(1));
            }
        }
        wire.run_for(Duration::from_secs(200));
        let info = wire.info(B);
        assert!(info.rcv_nxt <= 50_000, "{} octets were taken", info.rcv_nxt);
        assert!(
            info.rcv_nxt > 48_000,
            "only {} octets were taken",
            info.rcv_nxt
        );
        assert!(wire.ends[A].engine.counters().window_probes >= 3);
        assert_eq!(wire.state(A), Some(State::Established));
        read_all(&mut wire, B);
        wire.ends[B].reads = true;
        let at = wire.now;
        wire.run_until(|wire| wire.ends[B].inbox.len() == queued);
        assert!(
            wire.now.saturating_since(at) < Duration::from_secs(1),
            "the window update is enough"
        );
        assert!(wire.ends[B].inbox[..] == data[..queued]);
        assert_monotonic(&wire, B, 0);
    }
}

fn read_all(wire: &mut Wire, who: usize) {
    let (now, id, info) = (wire.now, wire.id(who), wire.info(who));
    let octets = wire.ends[who].engine.received(id, info.read).unwrap();
    let octets = octets.collect::<Vec<_>>().concat();
    wire.ends[who].inbox.extend_from_slice(&octets);
    wire.act(who, |engine, fx| engine.consume(now, id, info.rcv_nxt, fx))
        .unwrap();
}

#[test]
fn a_lost_window_update_is_found_by_a_probe() {
    let config = Config {
        receive_capacity: 20_000,
        ..Config::default()
    };
    let mut wire = Wire::established(config, nodelay());
    wire.ends[B].reads = false;
    wire.send(A, &pattern(60_000));
    wire.run_for(Duration::from_secs(2));
    wire.ends[B].reads = true;
    read_all(&mut wire, B);
    wire.flying.clear();
    wire.run_until(|wire| wire.ends[B].inbox.len() == 60_000);
}

#[test]
fn a_scaled_window_never_moves_left_whatever_the_sizes() {
    for seed in 0..8 {
        let config = Config {
            receive_capacity: 3_000_000,
            ..Config::default()
        };
        let mut wire = Wire::established(config, nodelay());
        let shift = wire.ends[B]
            .engine
            .snapshot(wire.id(B))
            .unwrap()
            .identity
            .rcv_wscale;
        assert_eq!(shift, 6);
        wire.ends[B].reads = false;
        wire.dice = Dice(seed);
        let mut dice = Dice(seed);
        for _ in 0..3_000 {
            let len = dice.below(1_700) as usize;
            wire.send(A, &pattern(len));
            wire.step();
            if dice.below(9) == 0 {
                let (now, id, info) = (wire.now, wire.id(B), wire.info(B));
                let upto = info.read + dice.below(info.rcv_nxt - info.read + 1);
                wire.act(B, |engine, fx| engine.consume(now, id, upto, fx))
                    .unwrap();
            }
        }
        assert_monotonic(&wire, B, shift);
    }
}

#[test]
fn a_window_smaller_than_a_segment_is_not_dribbled_into() {
    let big = Config {
        receive_capacity: 100_000,
        ..Config::default()
    };
    let mut wire = Wire::established(big, nodelay());
    wire.ends[B].reads = false;
    wire.send(A, &pattern(150_000));
    wire.run_for(Duration::from_secs(3));
    let before = wire.ends[A].sent.len();
    // The user reads a few octets at a time: no update before a full segment fits.
    for _ in 0..20 {
        let (now, id, info) = (wire.now, wire.id(B), wire.info(B));
        wire.act(B, |engine, fx| engine.consume(now, id, info.read + 100, fx))
            .unwrap();
        wire.run_for(ms(10));
    }
    let small = wire.ends[A].sent[before..]
        .iter()
        .filter(|s| !s.payload.is_empty() && s.payload.len() < 1_000);
    assert_eq!(small.count(), 0);
}

#[test]
fn text_beyond_the_right_edge_is_cut_off() {
    let mut wire = Wire::established(Config::default(), nodelay());
    wire.ends[B].reads = false;
    let state = wire.ends[B].engine.snapshot(wire.id(B)).unwrap();
    let seq = state.identity.irs.at(state.recv.right_edge - 100);
    let header = Header {
        seq,
        ..wire.expected_header(A)
    };
    wire.forge(A, header, wire.fresh_options(A), &pattern(500));
    assert_eq!(wire.info(B).reassembly, 100);
    assert_eq!(
        wire.ends[B]
            .engine
            .counters()
            .dropped(DropReason::BufferFull),
        1
    );
}

#[test]
fn a_peer_that_shrinks_its_window_still_gets_the_first_segment_again() {
    let mut wire = Wire::established(Config::default(), nodelay());
    wire.send(A, &pattern(10 * 1_448));
    wire.flying.clear();
    let shrunk = Header {
        window: 0,
        ..wire.expected_header(B)
    };
    wire.forge(B, shrunk, wire.fresh_options(B), &[]);
    let before = wire.ends[A].sent.len();
    wire.weather.loss_percent = 100;
    wire.run_for(Duration::from_secs(5));
    let again: Vec<_> = wire.ends[A].sent[before..]
        .iter()
        .map(|s| s.header.seq)
        .collect();
    assert!(again.len() >= 3);
    assert!(
        again.iter().all(|seq| *seq == again[0]),
        "nothing but the first segment"
    );
}

#[test]
fn what_fills_a_gap_and_acknowledges_more_sets_the_window_too() {
    let mut wire = Wire::established(Config::default(), nodelay());
    wire.run_for(ms(100));
    wire.send(A, &pattern(3_000));
    let header = wire.expected_header(B);
    let options = wire.fresh_options(B);
    let beyond = Header {
        seq: SeqNum(header.seq.0.wrapping_add(100)),
        window: 500,
        ..header
    };
    wire.forge(B, beyond, options, &pattern(100));
    let gap = Header {
        ack: SeqNum(header.ack.0.wrapping_add(1_000)),
        window: 400,
        ..header
    };
    wire.forge(B, gap, options, &pattern(100));
    let state = wire.ends[A].engine.snapshot(wire.id(A)).unwrap();
    assert_eq!(state.send.wnd, 400 << state.identity.snd_wscale);
}
