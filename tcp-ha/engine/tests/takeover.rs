//! Checkpoints, and survivors that go on from them.

mod wire;

use std::time::Duration;
use tcp_ha_engine::segment::{Flags, Header};
use tcp_ha_engine::*;
use wire::*;

const PLAIN: Cut = Cut {
    frames_lost: false,
    regenerated: false,
    only_safe: false,
};

fn options(mode: ReceiveMode) -> ConnectionOptions {
    ConnectionOptions {
        nodelay: true,
        receive_mode: mode,
        ..ConnectionOptions::default()
    }
}

/// Both ends stream at each other; every so many steps one is cut and survives.
fn stream_with_cuts(
    seed: u64,
    weather: Weather,
    mode: ReceiveMode,
    cut: impl Fn(&mut Dice) -> Cut,
) -> usize {
    let mut wire = Wire::new(Config {
        receive_capacity: 60_000,
        ..Config::default()
    });
    wire.dice = Dice(seed);
    wire.weather = weather;
    wire.open(options(mode));
    let data = pattern(300_000);
    let mut queued = [0, 0];
    let (mut cuts, mut steps) = (0, 0u64);
    let mut dice = Dice(seed + 1_000);
    let done = |wire: &Wire| wire.ends.iter().all(|end| end.inbox.len() == data.len());
    while !done(&wire) {
        for who in [A, B] {
            if queued[who] < data.len() && wire.ends[who].engine.send_room(wire.id(who)) > 0 {
                let upto = data.len().min(queued[who] + 30_000);
                queued[who] += wire.send(who, &data[queued[who]..upto]);
            }
        }
        if dice.below(40) == 0 {
            let who = dice.below(2) as usize;
            wire.take_over(who, cut(&mut dice));
            cuts += 1;
        }
        steps += 1;
        assert!(
            steps < 1_000_000 && wire.step(),
            "came to a halt at {}",
            wire.now
        );
    }
    for who in [A, B] {
        assert!(wire.ends[who].inbox == data, "octets differ");
        assert_monotonic(&wire, who, 0);
        assert!(
            wire.ends[who]
                .sent
                .iter()
                .all(|s| !s.header.flags.has(Flags::RST))
        );
    }
    cuts
}

#[test]
fn streams_survive_cuts_anywhere() {
    for seed in 0..6 {
        let cuts = stream_with_cuts(seed, Weather::FINE, ReceiveMode::Logged, |_| PLAIN);
        assert!(cuts >= 5, "{cuts} cuts prove little");
    }
}

#[test]
fn streams_survive_cuts_that_lose_frames_in_a_storm() {
    for seed in 0..6 {
        stream_with_cuts(seed, Weather::STORM, ReceiveMode::Logged, |dice| Cut {
            frames_lost: dice.below(2) == 0,
            regenerated: dice.below(2) == 0,
            only_safe: false,
        });
    }
}

#[test]
fn what_was_not_safe_is_sent_again_by_the_peer() {
    for seed in 0..6 {
        stream_with_cuts(seed, Weather::STORM, ReceiveMode::Marked, |dice| Cut {
            frames_lost: dice.below(2) == 0,
            regenerated: dice.below(2) == 0,
            only_safe: true,
        });
    }
}

/// Each end sends the same octets and closes: A once it is open, B after A.
struct Life {
    data: Vec<u8>,
    spoken: [bool; 2],
}

impl Life {
    fn new(len: usize) -> Life {
        Life {
            data: pattern(len),
            spoken: [false; 2],
        }
    }

    fn live(&mut self, wire: &mut Wire) {
        for (who, when) in [(A, State::Established), (B, State::CloseWait)] {
            if wire.state(who) == Some(when) && !self.spoken[who] {
                self.spoken[who] = true;
                wire.send(who, &self.data);
                wire.close(who);
            }
        }
    }

    fn is_complete(&self, wire: &Wire) -> bool {
        wire.ends.iter().all(|end| end.inbox == self.data)
    }
}

#[test]
fn a_twin_is_equal_at_every_step_of_a_life() {
    let mut wire = Wire::new(Config::default());
    wire.weather = Weather::STORM;
    let target = wire.ends[B].socket;
    wire.ends[B]
        .engine
        .listen(target, options(ReceiveMode::Logged), 4)
        .unwrap();
    wire.connect(A, options(ReceiveMode::Logged));
    let mut life = Life::new(60_000);
    let mut seen = std::collections::BTreeSet::new();
    while wire.closed(A).is_none() || wire.closed(B).is_none() {
        for who in [A, B] {
            let Some(state) = wire.state(who) else {
                continue;
            };
            seen.insert(state.to_string());
            assert_twin_is_equal(&wire, who);
        }
        life.live(&mut wire);
        assert!(wire.step());
    }
    for state in [
        "SYN-SENT",
        "SYN-RECEIVED",
        "ESTABLISHED",
        "CLOSE-WAIT",
        "LAST-ACK",
        "FIN-WAIT-2",
        "TIME-WAIT",
    ] {
        assert!(seen.contains(state), "{state} was never seen");
    }
    assert!(life.is_complete(&wire));
}

fn assert_twin_is_equal(wire: &Wire, who: usize) {
    let engine = &wire.ends[who].engine;
    let id = wire.id(who);
    let (state, info) = (engine.snapshot(id).unwrap(), engine.connection(id).unwrap());
    let received = engine.received(id, info.read).unwrap();
    let received = received.collect::<Vec<_>>().concat();
    let (_, pieces) = engine.unacknowledged(id).unwrap();
    let unsent = pieces.collect::<Vec<_>>().concat();
    let mut twin = Engine::new(engine.config().clone(), secrets(1));
    twin.restore(wire.now, id, &state, &received, Some(&unsent))
        .unwrap();
    assert_eq!(twin.snapshot(id), Some(state));
    assert_eq!(twin.next_id(), ConnectionId(id.0 + 1));
}

#[test]
fn every_state_survives_a_cut() {
    // The life of a connection, cut at step n, for every n and either end.
    for who in [A, B] {
        for at in 0..60 {
            let mut wire = Wire::new(Config::default());
            let target = wire.ends[B].socket;
            wire.ends[B]
                .engine
                .listen(target, options(ReceiveMode::Logged), 4)
                .unwrap();
            wire.connect(A, options(ReceiveMode::Logged));
            let mut life = Life::new(20_000);
            let mut steps = 0;
            while wire.closed(A).is_none() || wire.closed(B).is_none() {
                if steps == at && wire.ends[who].id.is_some() && wire.state(who).is_some() {
                    wire.take_over(
                        who,
                        Cut {
                            frames_lost: at % 2 == 0,
                            ..PLAIN
                        },
                    );
                }
                life.live(&mut wire);
                steps += 1;
                assert!(steps < 3_000, "cut {who} at {at}: no end");
                assert!(wire.step(), "cut {who} at {at}: all quiet");
            }
            assert!(life.is_complete(&wire), "cut {who} at {at}");
            assert_eq!(
                wire.closed(A),
                Some(CloseCause::Normal),
                "cut {who} at {at}"
            );
            assert_eq!(
                wire.closed(B),
                Some(CloseCause::Normal),
                "cut {who} at {at}"
            );
        }
    }
}

#[test]
fn the_survivor_speaks_first_and_draws_an_answer() {
    let mut wire = Wire::established(Config::default(), options(ReceiveMode::Logged));
    wire.run_for(Duration::from_secs(5));
    let (before_a, before_b) = (wire.ends[A].sent.len(), wire.ends[B].sent.len());
    let tsval = wire.ends[A].sent[before_a - 1]
        .options
        .timestamps
        .unwrap()
        .value;
    wire.take_over(A, PLAIN);
    let state = wire.ends[A].engine.snapshot(wire.id(A)).unwrap();
    let spoken = &wire.ends[A].sent[before_a..];
    assert_eq!(spoken.len(), 2);
    assert_eq!(spoken[0].header.seq, state.identity.iss.at(state.send.max));
    assert_eq!(
        spoken[1].header.seq,
        state.identity.iss.at(state.send.una - 1)
    );
    assert!(spoken[0].options.timestamps.unwrap().value >= tsval + 1_000);
    wire.run_for(Duration::from_millis(10));
    assert_eq!(
        wire.ends[B].sent.len(),
        before_b + 1,
        "the probe is answered, the ACK is not"
    );
}

#[test]
fn a_survivor_repeats_the_first_segment_only_until_the_peer_answers() {
    let mut wire = Wire::established(Config::default(), options(ReceiveMode::Logged));
    wire.send(A, &pattern(10_000));
    let before = wire.ends[A].sent.len();
    wire.take_over(A, PLAIN);
    let spoken: Vec<_> = wire.ends[A].sent[before..]
        .iter()
        .map(|s| s.payload.len())
        .collect();
    assert_eq!(spoken, [0, 1_448]);
    wire.run_until(|wire| wire.info(A).snd_una == 10_000);
    assert!(
        wire.ends[A].sent[before..].len() <= 3,
        "nothing the peer holds is sent again"
    );
}

#[test]
fn nothing_hollow_is_sent_before_it_is_supplied() {
    let mut wire = Wire::established(Config::default(), options(ReceiveMode::Logged));
    let data = pattern(5_000);
    wire.send(A, &data);
    wire.flying.clear();
    let (id, now) = (wire.id(A), wire.now);
    let state = wire.ends[A].engine.snapshot(id).unwrap();
    wire.ends[A].engine = Engine::new(Config::default(), secrets(0));
    wire.ends[A]
        .engine
        .restore(now, id, &state, &[], None)
        .unwrap();
    let before = wire.ends[A].sent.len();
    wire.act(A, |engine, fx| engine.resume(now, id, 1_000, fx))
        .unwrap();
    wire.send(A, b"more");
    wire.run_for(Duration::from_secs(3));
    assert!(
        wire.ends[A].sent[before..]
            .iter()
            .all(|s| s.payload.is_empty())
    );
    let now = wire.now;
    wire.act(A, |engine, fx| {
        engine.supply(now, id, 0, &data[..2_000], fx)
    })
    .unwrap();
    wire.run_for(Duration::from_secs(60));
    assert_eq!(wire.ends[B].inbox, &data[..2_000]);
    let now = wire.now;
    wire.act(A, |engine, fx| {
        engine.supply(now, id, 2_000, &data[2_000..], fx)
    })
    .unwrap();
    wire.run_until(|wire| wire.ends[B].inbox.len() == 5_004);
    assert_eq!(&wire.ends[B].inbox[5_000..], b"more");
}

#[test]
fn no_round_trip_is_measured_across_a_takeover() {
    let mut wire = Wire::established(Config::default(), options(ReceiveMode::Logged));
    let srtt = wire.info(A).srtt;
    wire.send(A, &pattern(100));
    wire.flying.clear();
    wire.run_for(Duration::from_millis(150));
    wire.take_over(A, PLAIN);
    // The answer to the first segment echoes a TSval from after the jump.
    wire.run_until(|wire| wire.info(A).snd_una == 100);
    assert!(wire.info(A).srtt.unwrap() <= srtt.unwrap() + Duration::from_millis(1));
}

#[test]
fn a_bad_checkpoint_is_refused() {
    let mut wire = Wire::established(Config::default(), options(ReceiveMode::Logged));
    wire.send(A, &pattern(3_000));
    let id = wire.id(A);
    let good = wire.ends[A].engine.snapshot(id).unwrap();
    type Spoil = fn(&mut ConnectionState);
    let spoils: [(&str, Spoil); 11] = [
        ("send.una", |s| s.send.una = s.send.max + 1),
        ("send.max", |s| s.send.max = u64::MAX),
        ("send.end", |s| s.send.end = u64::MAX),
        ("send.wnd", |s| s.send.wnd = u64::MAX),
        ("recv.nxt", |s| s.recv.nxt = 0),
        ("recv.read", |s| s.recv.read = 0),
        ("recv.right_edge", |s| s.recv.right_edge = 0),
        ("identity.snd_wscale", |s| s.identity.snd_wscale = 15),
        ("identity.tuple", |s| s.identity.tuple.remote.set_port(0)),
        ("lifecycle.state", |s| s.lifecycle.state = State::Listen),
        ("lifecycle.fin_received", |s| {
            s.lifecycle.fin_received = true
        }),
    ];
    for (name, spoil) in spoils {
        let mut bad = good;
        spoil(&mut bad);
        let mut engine = Engine::new(Config::default(), secrets(0));
        assert!(
            engine.restore(wire.now, id, &bad, &[], None).is_err(),
            "{name} was taken"
        );
        assert_eq!(engine.connections().count(), 0);
    }
    let mut engine = Engine::new(Config::default(), secrets(0));
    assert!(matches!(
        engine.restore(wire.now, id, &good, &[1], None),
        Err(RestoreError::WrongLength {
            which: "received",
            expected: 0,
            given: 1
        })
    ));
    engine.restore(wire.now, id, &good, &[], None).unwrap();
    assert_eq!(
        engine.restore(wire.now, id, &good, &[], None),
        Err(RestoreError::InUse)
    );
}

#[test]
fn a_connection_is_dirty_once_and_after_its_end_too() {
    let mut wire = Wire::established(Config::default(), options(ReceiveMode::Logged));
    let id = wire.id(A);
    let mut dirty = Vec::new();
    wire.ends[A].engine.take_dirty(&mut dirty);
    assert_eq!(dirty, [id]);
    dirty.clear();
    wire.ends[A].engine.take_dirty(&mut dirty);
    assert_eq!(dirty, []);
    wire.send(A, b"x");
    let now = wire.now;
    wire.act(A, |engine, fx| engine.abort(now, id, fx)).unwrap();
    wire.ends[A].engine.take_dirty(&mut dirty);
    assert_eq!(
        (&dirty[..], wire.ends[A].engine.snapshot(id)),
        (&[id][..], None)
    );
}

#[test]
fn a_rebased_checkpoint_keeps_time_remaining_and_tsval() {
    let mut wire = Wire::established(Config::default(), options(ReceiveMode::Logged));
    wire.send(A, b"x");
    let state = wire.ends[A].engine.snapshot(wire.id(A)).unwrap();
    let there = Instant::from_millis(5_000);
    let moved = state.rebased(wire.now, there);
    let remaining = state.timers.retransmit.unwrap().saturating_since(wire.now);
    assert_eq!(
        moved.timers.retransmit.unwrap().saturating_since(there),
        remaining
    );
    let tsval = |state: &ConnectionState, now: Instant| {
        (now.as_millis() as u32).wrapping_add(state.identity.timestamp_offset)
    };
    assert_eq!(tsval(&moved, there), tsval(&state, wire.now));
    assert_eq!(moved.rebased(there, wire.now), state);
}

#[test]
fn a_checkpoint_holds_no_octets_of_the_stream() {
    // `Copy` rules out everything on the heap, so the size is all there is.
    fn size_of_copy<T: Copy>(_: &T) -> usize {
        size_of::<T>()
    }
    let mut wire = Wire::established(Config::default(), options(ReceiveMode::Logged));
    let before = wire.ends[A].engine.snapshot(wire.id(A)).unwrap();
    wire.send(A, &pattern(500_000));
    let after = wire.ends[A].engine.snapshot(wire.id(A)).unwrap();
    assert_eq!(size_of_copy(&before), size_of_copy(&after));
    assert!(size_of_copy(&after) < 700, "{}", size_of_copy(&after));
}

#[test]
fn a_fin_that_was_not_safe_is_taken_again() {
    let mut wire = Wire::established(Config::default(), options(ReceiveMode::Marked));
    wire.ends[B].answers_safe_due = false;
    wire.ends[B].reads = false;
    wire.send(A, b"last words");
    wire.close(A);
    wire.run_until(|wire| wire.state(B) == Some(State::CloseWait));
    wire.take_over(
        B,
        Cut {
            only_safe: true,
            ..PLAIN
        },
    );
    assert_eq!(wire.state(B), Some(State::Established));
    wire.ends[B].answers_safe_due = true;
    wire.run_until(|wire| wire.state(B) == Some(State::CloseWait));
    wire.close(B);
    wire.run_until(|wire| wire.closed(B).is_some() && wire.closed(A).is_some());
    assert_eq!(wire.closed(B), Some(CloseCause::Normal));
}

#[test]
fn tsval_goes_on_from_the_newest_even_where_the_survivors_clock_is_behind() {
    let mut wire = Wire::established(Config::default(), options(ReceiveMode::Logged));
    let id = wire.id(A);
    let state = wire.ends[A].engine.snapshot(id).unwrap();
    wire.ends[A].engine = Engine::new(Config::default(), secrets(0));
    wire.now = Instant::from_millis(10);
    let now = wire.now;
    wire.ends[A]
        .engine
        .restore(now, id, &state, &[], None)
        .unwrap();
    // Speaks before it is resumed: a timer, or a stray segment that wants an answer.
    let syn = Header {
        flags: Flags::SYN,
        ..wire.expected_header(B)
    };
    wire.forge(B, syn, wire.fresh_options(B), &[]);
    let tsval = |wire: &Wire| {
        wire.ends[A]
            .sent
            .last()
            .unwrap()
            .options
            .timestamps
            .unwrap()
            .value
    };
    assert_eq!(tsval(&wire), state.rtt.tsval_sent);
    wire.act(A, |engine, fx| engine.resume(now, id, 1_000, fx))
        .unwrap();
    assert_eq!(tsval(&wire), state.rtt.tsval_sent.wrapping_add(1_000));
    assert_monotonic(&wire, A, 5);
}

#[test]
fn an_echo_from_before_the_takeover_makes_no_sample() {
    let mut wire = Wire::established(Config::default(), options(ReceiveMode::Logged));
    wire.send(A, &pattern(3_000));
    let sent = wire.ends[B].sent.len();
    wire.run_until(|wire| wire.ends[B].sent.len() > sent);
    wire.take_over(A, PLAIN);
    wire.run_until(|wire| wire.info(A).snd_una == 3_000);
    assert!(wire.info(A).srtt.unwrap() < Duration::from_millis(5));
}
