//! Segments that a gate holds back: nothing is sent again that has not been sent.

mod wire;

use std::time::Duration;
use tcp_ha_engine::*;
use wire::*;

/// A path of 2 ms whose round trip is known, and A behind a gate that was open so far.
fn gated() -> Wire {
    let mut wire = Wire::new(Config::default());
    wire.open(nodelay());
    for _ in 0..3 {
        wire.send(A, b"x");
        wire.run_until(|wire| wire.info(A).unacknowledged == 0);
    }
    wire.run_for(ms(100));
    departed(&mut wire, wire_now);
    wire
}

fn wire_now(wire: &Wire) -> Instant {
    wire.now
}

/// All that A built until the moment that `built` tells has left now.
fn departed(wire: &mut Wire, built: impl Fn(&Wire) -> Instant) {
    let (built, now) = (built(wire), wire.now);
    wire.ends[A].engine.note_departure(built, now);
}

/// A sends `segments` full segments, which the gate holds for `time`; gives them, to be let go, with the moment at which they were built.
fn held(wire: &mut Wire, segments: usize, time: Duration) -> (Instant, Vec<Flying>) {
    // What was built in the very microsecond of a note counts as gone.
    wire.run_for(ms(1));
    let built = wire.now;
    wire.send(A, &pattern(segments * MSS));
    let frames = std::mem::take(&mut wire.flying).into_values().collect();
    wire.run_for(time);
    (built, frames)
}

fn let_go(wire: &mut Wire, built: Instant, frames: Vec<Flying>) {
    departed(wire, |_| built);
    let at = wire.now + wire.weather.delay;
    for (order, frame) in (1_000_000..).zip(frames) {
        wire.flying.insert((at, order), frame);
    }
}

fn sent_again(wire: &Wire) -> (u64, u64, u64) {
    let counters = wire.ends[A].engine.counters();
    let probes = counters.tail_loss_probes;
    (probes, counters.timeouts, counters.retransmits)
}

#[test]
fn what_waits_in_the_gate_is_neither_probed_for_nor_timed_out() {
    for time in [ms(5), ms(90), ms(1_500)] {
        let mut wire = gated();
        let (built, frames) = held(&mut wire, 4, time);
        assert_eq!(sent_again(&wire), (0, 0, 0), "held for {time:?}");
        let_go(&mut wire, built, frames);
        wire.run_until(|wire| wire.info(A).unacknowledged == 0);
        assert_eq!(sent_again(&wire), (0, 0, 0), "held for {time:?}");
    }
}

#[test]
fn without_a_gate_the_same_silence_is_probed_into() {
    let mut wire = Wire::new(Config::default());
    wire.open(nodelay());
    held(&mut wire, 4, ms(90));
    assert_eq!(sent_again(&wire).0, 1);
}

#[test]
fn a_probe_is_due_two_round_trips_after_the_segment_has_left() {
    let mut wire = gated();
    let (built, frames) = held(&mut wire, 4, ms(50));
    drop(frames);
    // They leave now, and are lost on the way.
    departed(&mut wire, |_| built);
    let left = wire.now;
    wire.run_until(|wire| sent_again(wire).0 == 1);
    let waited = wire.now.saturating_since(left);
    assert!((ms(5)..ms(10)).contains(&waited), "{waited:?}");
}

#[test]
fn a_probe_is_due_though_others_leave_all_the_time() {
    let mut wire = gated();
    let (built, frames) = held(&mut wire, 4, ms(50));
    drop(frames);
    departed(&mut wire, |_| built);
    let left = wire.now;
    for _ in 0..1_000 {
        wire.run_for(Duration::from_micros(10));
        departed(&mut wire, wire_now);
    }
    let waited = wire.now.saturating_since(left);
    assert_eq!(sent_again(&wire).0, 1, "no probe in {waited:?}");
}

#[test]
fn what_is_lost_behind_the_gate_is_repaired() {
    let mut wire = gated();
    let (built, mut frames) = held(&mut wire, 8, ms(300));
    frames.remove(5);
    frames.pop();
    let before = wire.ends[B].inbox.len();
    let_go(&mut wire, built, frames);
    for _ in 0..10_000 {
        wire.run_for(Duration::from_micros(100));
        departed(&mut wire, wire_now);
    }
    assert_eq!(wire.ends[B].inbox.len(), before + 8 * MSS);
    assert_eq!(sent_again(&wire).1, 0, "a timeout");
}
