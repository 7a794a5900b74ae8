//! When octets are acknowledged, and what an ACK tells.

mod wire;

use tcp_ha_engine::segment::{Flags, Header};
use tcp_ha_engine::*;
use wire::*;

fn marked() -> ConnectionOptions {
    ConnectionOptions {
        receive_mode: ReceiveMode::Marked,
        ..nodelay()
    }
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
fn a_fin_is_safe_with_the_last_octet_before_it() {
    let mut wire = Wire::established(Config::default(), marked());
    wire.send(A, b"bye");
    wire.close(A);
    wire.run_until(|wire| wire.state(A) == Some(State::FinWait2));
    let state = wire.ends[B].engine.snapshot(wire.id(B)).unwrap();
    assert_eq!((state.recv.safe, state.recv.nxt), (5, 5));
}

/// Both ends past their first segments, and a B that waits so long for marks; A has just sent four segments, which have arrived.
fn patient(patience: std::time::Duration) -> Wire {
    let config = Config {
        mark_patience: patience,
        ..Config::default()
    };
    let mut wire = Wire::established(config, marked());
    past_quick_acks(&mut wire, A);
    wire.ends[B].events.clear();
    wire.ends[B].answers_safe_due = false;
    wire.send(A, &pattern(4 * 1_448));
    wire.run_for(ms(2));
    wire
}

fn is_asked(wire: &Wire) -> bool {
    let mut events = wire.ends[B].events.iter();
    events.any(|event| matches!(event, Event::SafeDue { .. }))
}

#[test]
fn an_acknowledgement_that_is_due_waits_for_a_mark_that_comes_soon() {
    let mut wire = patient(ms(20));
    assert!(!is_asked(&wire));
    let sent = wire.ends[B].sent.len();
    let (now, id, upto) = (wire.now, wire.id(B), wire.info(B).rcv_nxt);
    wire.act(B, |engine, fx| engine.make_safe(now, id, upto, fx))
        .expect("a mark within what was received");
    assert_eq!(wire.ends[B].sent.len(), sent + 1);
    wire.run_for(ms(2));
    assert_eq!(wire.info(A).snd_una, wire.info(A).snd_end);
}

#[test]
fn who_marks_late_is_asked_after_a_while() {
    let mut wire = patient(ms(20));
    assert!(!is_asked(&wire));
    wire.run_for(ms(20));
    assert!(is_asked(&wire));
    assert!(is_asked(&patient(ms(0))), "at once without patience");
}

/// Both ends past their first segments, and a B whose ACKs wait for the end of the turn.
fn gathering(options: ConnectionOptions) -> Wire {
    let gathers = Config {
        mark_patience: ms(20),
        gather_acks: true,
        ..Config::default()
    };
    let mut wire = Wire::with_configs(Config::default(), gathers, false);
    wire.open(options);
    past_quick_acks(&mut wire, A);
    wire
}

fn end_turn(wire: &mut Wire) {
    let now = wire.now;
    wire.act(B, |engine, fx| engine.acknowledge_gathered(now, fx));
}

#[test]
fn a_turn_has_one_acknowledgement_where_they_are_gathered() {
    let mut wire = gathering(nodelay());
    let sent = wire.ends[B].sent.len();
    wire.send(A, &pattern(6 * MSS));
    wire.run_for(ms(2));
    assert_eq!(wire.ends[B].sent.len(), sent, "the turn is not over");
    end_turn(&mut wire);
    assert_eq!(wire.ends[B].sent.len(), sent + 1);
    end_turn(&mut wire);
    assert_eq!(wire.ends[B].sent.len(), sent + 1, "nothing more to say");
    wire.run_for(ms(2));
    assert_eq!(wire.info(A).snd_una, wire.info(A).snd_end);
}

#[test]
fn a_gap_is_told_before_the_turn_ends() {
    let mut wire = gathering(nodelay());
    wire.send(A, &pattern(4 * MSS));
    wire.flying.pop_first();
    let sent = wire.ends[B].sent.len();
    wire.run_for(ms(2));
    assert!(wire.ends[B].sent.len() > sent);
}

#[test]
fn marks_of_one_turn_have_one_acknowledgement() {
    let mut wire = gathering(marked());
    wire.ends[B].reads = false;
    wire.send(A, &pattern(6 * MSS));
    wire.run_for(ms(2));
    let (sent, id) = (wire.ends[B].sent.len(), wire.id(B));
    let first = wire.info(B).rcv_nxt - 6 * MSS as u64;
    for part in 1..=6 {
        let (now, upto) = (wire.now, first + part * MSS as u64);
        wire.act(B, |engine, fx| engine.make_safe(now, id, upto, fx))
            .expect("a mark within what was received");
    }
    assert_eq!(wire.ends[B].sent.len(), sent);
    end_turn(&mut wire);
    assert_eq!(wire.ends[B].sent.len(), sent + 1);
    wire.run_for(ms(2));
    assert_eq!(wire.info(A).snd_una, wire.info(A).snd_end);
}
