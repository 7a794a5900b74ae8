//! Windows, timers, acknowledgements: who waits for what, and for how long.

mod wire;

use std::time::Duration;
use tcp_ha_engine::segment::{Flags, Header};
use tcp_ha_engine::*;
use wire::*;

fn nodelay() -> ConnectionOptions {
    ConnectionOptions {
        nodelay: true,
        ..ConnectionOptions::default()
    }
}

fn marked() -> ConnectionOptions {
    ConnectionOptions {
        receive_mode: ReceiveMode::Marked,
        ..nodelay()
    }
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Spends the ACKs that come at once at the start of a connection.
fn past_quick_acks(wire: &mut Wire, from: usize) {
    for _ in 0..20 {
        wire.send(from, b"x");
        wire.run_for(ms(100));
    }
}

#[test]
fn a_single_small_segment_is_acknowledged_after_the_delay() {
    let mut wire = Wire::established(Config::default(), nodelay());
    past_quick_acks(&mut wire, A);
    let (sent, at) = (wire.ends[B].sent.len(), wire.now);
    wire.send(A, b"x");
    wire.run_until(|wire| wire.ends[B].sent.len() > sent);
    assert_eq!(wire.now.saturating_since(at), ms(41));
}

#[test]
fn every_second_full_segment_is_acknowledged_at_once() {
    let mut wire = Wire::established(Config::default(), nodelay());
    past_quick_acks(&mut wire, A);
    let (sent, at) = (wire.ends[B].sent.len(), wire.now);
    wire.send(A, &pattern(6 * 1_448));
    wire.run_until(|wire| wire.info(A).snd_una == wire.info(A).snd_end);
    assert_eq!(wire.now.saturating_since(at), ms(2));
    assert_eq!(wire.ends[B].sent.len(), sent + 3);
}

#[test]
fn data_carries_the_acknowledgement_that_was_waiting() {
    let mut wire = Wire::established(Config::default(), nodelay());
    past_quick_acks(&mut wire, A);
    let sent = wire.ends[B].sent.len();
    wire.send(A, b"ping");
    wire.run_for(ms(5));
    wire.send(B, b"pong");
    wire.run_for(ms(200));
    assert_eq!(wire.ends[B].sent.len(), sent + 1);
}

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
    let (first, second) = wire.ends[who].engine.received(id, info.read).unwrap();
    let octets = [first, second].concat();
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
    assert_eq!(times.len(), 7);
    for three in times.windows(3) {
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
fn out_of_order_octets_are_told_in_sack_blocks() {
    let mut wire = Wire::established(Config::default(), nodelay());
    wire.send(A, &pattern(5 * 1_448));
    let first = *wire.flying.keys().next().unwrap();
    wire.flying.remove(&first);
    wire.run_until(|wire| {
        wire.ends[B]
            .sent
            .last()
            .unwrap()
            .options
            .sack
            .as_slice()
            .len()
            == 1
    });
    wire.run_for(ms(1));
    let last = wire.ends[B].sent.last().unwrap();
    let iss = wire.ends[A]
        .engine
        .snapshot(wire.id(A))
        .unwrap()
        .identity
        .iss;
    let block = last.options.sack.as_slice()[0];
    assert_eq!(
        (block.left, block.right),
        (iss.at(1 + 1_448), iss.at(1 + 5 * 1_448))
    );
    assert_eq!(last.header.ack, iss.at(1));
}

#[test]
fn a_repeated_segment_is_told_in_a_d_sack() {
    let mut wire = Wire::established(Config::default(), nodelay());
    wire.weather.duplicate_percent = 100;
    wire.send(A, b"hello");
    wire.run_for(ms(10));
    let iss = wire.ends[A]
        .engine
        .snapshot(wire.id(A))
        .unwrap()
        .identity
        .iss;
    let last = wire.ends[B].sent.last().unwrap();
    let block = last.options.sack.as_slice()[0];
    assert_eq!((block.left, block.right), (iss.at(1), iss.at(6)));
    assert_eq!(last.header.ack, iss.at(6));
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
fn marked_octets_are_acknowledged_once_they_are_safe() {
    let mut wire = Wire::established(Config::default(), marked());
    wire.ends[B].answers_safe_due = false;
    wire.send(A, &pattern(3 * 1_448));
    wire.run_for(ms(10));
    let due = |wire: &Wire| {
        wire.ends[B]
            .events
            .iter()
            .rev()
            .find_map(|event| match event {
                Event::SafeDue { upto, .. } => Some(*upto),
                _ => None,
            })
    };
    assert_eq!(due(&wire), Some(3 * 1_448));
    let iss = wire.ends[A]
        .engine
        .snapshot(wire.id(A))
        .unwrap()
        .identity
        .iss;
    let moved = |s: &Sent| s.header.ack != iss.at(1);
    assert!(
        !wire.ends[B].sent.iter().any(moved),
        "no ACK before SAFE moves"
    );
    wire.send(B, b"other");
    let header = wire.ends[B].sent.last().unwrap().header;
    assert_eq!(header.ack, iss.at(1), "a segment in between carries SAFE");
    let (now, id) = (wire.now, wire.id(B));
    wire.act(B, |engine, fx| engine.make_safe(now, id, 2_000, fx))
        .unwrap();
    assert_eq!(wire.ends[B].sent.last().unwrap().header.ack, iss.at(2_001));
    wire.ends[B].answers_safe_due = true;
    wire.run_until(|wire| wire.info(A).snd_una == 3 * 1_448);
}

#[test]
fn marked_octets_behind_a_gap_draw_no_sack_before_they_are_safe() {
    let mut wire = Wire::established(Config::default(), marked());
    wire.ends[B].answers_safe_due = false;
    wire.send(A, &pattern(4 * 1_448));
    let second = *wire.flying.keys().nth(1).unwrap();
    wire.flying.remove(&second);
    wire.run_for(ms(10));
    wire.send(B, b"x");
    assert!(wire.ends[B].sent.iter().all(|s| s.options.sack.is_empty()));
    let (now, id) = (wire.now, wire.id(B));
    wire.act(B, |engine, fx| engine.make_safe(now, id, 1_448, fx))
        .unwrap();
    let last = wire.ends[B].sent.last().unwrap();
    assert_eq!(last.options.sack.as_slice().len(), 1);
}

#[test]
fn marked_octets_may_not_be_consumed_before_they_are_safe() {
    let mut wire = Wire::established(Config::default(), marked());
    wire.ends[B].answers_safe_due = false;
    wire.ends[B].reads = false;
    wire.send(A, b"hello");
    wire.run_for(ms(10));
    let (now, id) = (wire.now, wire.id(B));
    let consume =
        |wire: &mut Wire, upto| wire.act(B, |engine, fx| engine.consume(now, id, upto, fx));
    assert_eq!(consume(&mut wire, 5), Err(Error::NotSafe));
    wire.act(B, |engine, fx| engine.make_safe(now, id, 5, fx))
        .unwrap();
    assert_eq!(consume(&mut wire, 5), Ok(()));
    assert_eq!(consume(&mut wire, 6), Err(Error::OutOfRange));
    assert_eq!(consume(&mut wire, u64::MAX), Err(Error::OutOfRange));
}

#[test]
fn a_fin_is_safe_with_the_last_octet_before_it() {
    let mut wire = Wire::established(Config::default(), marked());
    wire.send(A, b"bye");
    wire.close(A);
    wire.run_until(|wire| wire.state(A) == Some(State::FinWait2));
    let state = wire.ends[B].engine.snapshot(wire.id(B)).unwrap();
    assert_eq!((state.recv.safe, state.recv.nxt), (5, 5));
}

#[test]
fn no_ack_tells_of_a_gap_behind_octets_that_are_not_safe() {
    let mut wire = Wire::established(Config::default(), marked());
    wire.ends[B].answers_safe_due = false;
    wire.send(A, &pattern(4 * 1_448));
    let second = *wire.flying.keys().nth(1).unwrap();
    wire.flying.remove(&second);
    wire.run_for(ms(10));
    let sent = wire.ends[B].sent.len();
    // A challenge ACK does not wait for SAFE.
    let syn = Header {
        flags: Flags::SYN,
        ..wire.expected_header(A)
    };
    wire.forge(A, syn, wire.fresh_options(A), &[]);
    assert_eq!(wire.ends[B].sent.len(), sent + 1);
    assert!(wire.ends[B].sent[sent].options.sack.is_empty());
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
