//! Losses of every pattern: what is repaired, how soon, and that nothing else is sent again.

mod wire;

use std::time::Duration;
use tcp_ha_engine::segment::{Flags, Header};
use tcp_ha_engine::*;
use wire::*;

fn without_sack() -> Config {
    Config {
        sack: false,
        ..Config::default()
    }
}

/// An open connection over a path of 20 ms whose round trip is known.
fn path(config: Config) -> Wire {
    let mut wire = Wire::new(config);
    wire.weather.delay = ms(10);
    wire.open(nodelay());
    for _ in 0..3 {
        wire.send(A, b"x");
        wire.run_until(|wire| wire.info(A).unacknowledged == 0);
    }
    wire
}

/// Sends `segments` full segments, and loses those whose bit is set in `lost`.
fn send_flight(wire: &mut Wire, segments: usize, lost: u32) -> Vec<u8> {
    let data = pattern(segments * MSS);
    assert!(wire.flying.is_empty());
    wire.send(A, &data);
    let keys: Vec<_> = wire.flying.keys().copied().collect();
    assert_eq!(keys.len(), segments);
    for (at, key) in keys.into_iter().enumerate() {
        if lost >> at & 1 == 1 {
            wire.flying.remove(&key);
        }
    }
    data
}

fn counters(wire: &Wire, who: usize) -> Counters {
    wire.ends[who].engine.counters().clone()
}

#[test]
fn every_pattern_of_loss_in_a_short_flight_is_repaired_without_a_timeout() {
    for segments in 1..=8 {
        for lost in 0..1u32 << segments {
            let mut wire = path(Config::default());
            let (before, at) = (wire.ends[B].inbox.len(), wire.now);
            let data = send_flight(&mut wire, segments, lost);
            wire.run_until(|wire| wire.ends[B].inbox.len() == before + data.len());
            assert!(wire.ends[B].inbox[before..] == data);
            let counters = counters(&wire, A);
            assert_eq!(counters.timeouts, 0, "{segments} segments, {lost:b} lost");
            // The first transmissions, a probe at two round trips, what it leads to. Where one
            // segment is left, the probe leaves time for a delayed ACK.
            let alone = lost == 1 << (segments - 1);
            let patience = if alone { 300 } else { 140 };
            let took = wire.now.saturating_since(at);
            assert!(took <= ms(patience), "{segments}, {lost:b}: {took:?}");
            let needed = u64::from(lost.count_ones());
            assert!(
                counters.retransmits <= needed + 1,
                "{segments}, {lost:b}: {} sent again",
                counters.retransmits
            );
        }
    }
}

#[test]
fn every_pattern_of_loss_is_repaired_without_sack_as_well() {
    for segments in 1..=6 {
        for lost in 0..1u32 << segments {
            let mut wire = path(without_sack());
            let (before, at) = (wire.ends[B].inbox.len(), wire.now);
            let data = send_flight(&mut wire, segments, lost);
            wire.run_until(|wire| wire.ends[B].inbox.len() == before + data.len());
            assert!(wire.ends[B].inbox[before..] == data);
            let took = wire.now.saturating_since(at);
            // A timeout and a round trip for each hole that is left then.
            assert!(took <= ms(450), "{segments}, {lost:b}: {took:?}");
        }
    }
}

#[test]
fn a_lost_retransmission_is_seen_by_time() {
    let mut wire = path(Config::default());
    let data = send_flight(&mut wire, 10, 1);
    wire.send(A, &data);
    let before = counters(&wire, A).retransmits;
    wire.run_until(|wire| counters(wire, A).retransmits == before + 1);
    let again = *wire.flying.keys().next_back().unwrap();
    wire.flying.remove(&again);
    let at = wire.now;
    wire.run_until(|wire| wire.info(A).unacknowledged == 0);
    assert_eq!(counters(&wire, A).timeouts, 0);
    assert!(wire.now.saturating_since(at) < ms(100));
}

#[test]
fn without_sack_each_partial_ack_brings_the_next_hole() {
    let mut wire = path(without_sack());
    let at = wire.now;
    send_flight(&mut wire, 10, 0b11_0010);
    wire.run_until(|wire| wire.info(A).unacknowledged == 0);
    let counters = counters(&wire, A);
    assert_eq!((counters.retransmits, counters.timeouts), (3, 0));
    assert_eq!(counters.fast_recoveries, 1);
    assert!(wire.now.saturating_since(at) <= ms(90));
}

#[test]
fn two_duplicates_let_new_segments_out_and_start_no_recovery() {
    for config in [Config::default(), without_sack()] {
        let mut wire = path(config);
        let data = pattern(40 * MSS);
        wire.send(A, &data);
        let flight: Vec<_> = wire.flying.keys().copied().collect();
        // The first three are held back by 5 ms; two that follow come before them.
        for &key in &flight[..3] {
            let segment = wire.flying.remove(&key).unwrap();
            wire.flying.insert((key.0 + ms(5), key.1), segment);
        }
        for &key in &flight[5..] {
            let segment = wire.flying.remove(&key).unwrap();
            wire.flying.insert((key.0 + ms(6), key.1), segment);
        }
        let sent = wire.ends[A].sent.len();
        let duplicates_are_in = flight[0].0 + ms(12);
        wire.run_for(duplicates_are_in.saturating_since(wire.now));
        assert_eq!(wire.ends[A].sent.len(), sent + 2, "one for each duplicate");
        wire.run_until(|wire| wire.info(A).unacknowledged == 0);
        let counters = counters(&wire, A);
        assert_eq!((counters.retransmits, counters.fast_recoveries), (0, 0));
    }
}

#[test]
fn a_probe_that_repairs_the_tail_still_takes_the_window_down() {
    let mut wire = path(Config::default());
    transfer(&mut wire, A, &pattern(60 * MSS));
    wire.run_until(|wire| wire.info(A).unacknowledged == 0);
    let cwnd = wire.info(A).cwnd;
    send_flight(&mut wire, 6, 0b10_0000);
    wire.run_until(|wire| wire.info(A).unacknowledged == 0);
    assert_eq!(counters(&wire, A).tail_loss_probes, 1);
    // What comes after the probe tells that it was needed.
    wire.send(A, &pattern(MSS));
    wire.run_until(|wire| wire.info(A).unacknowledged == 0);
    assert!(wire.info(A).cwnd < cwnd, "{} of {cwnd}", wire.info(A).cwnd);
    assert_eq!(counters(&wire, A).timeouts, 0);
}

#[test]
fn a_peer_that_reneges_gets_everything_again() {
    let mut wire = path(Config::default());
    let data = send_flight(&mut wire, 8, 0b1);
    let before = wire.ends[B].inbox.len();
    wire.run_until(|wire| wire.info(A).sacked == 7);
    // The survivor of B holds nothing out of order, and the repair is lost with the dead.
    let cut = Cut {
        frames_lost: true,
        regenerated: false,
        only_safe: false,
    };
    wire.flying.clear();
    wire.take_over(B, cut);
    wire.run_until(|wire| wire.ends[B].inbox.len() == before + data.len());
    assert!(wire.ends[B].inbox[before..] == data);
}

#[test]
fn a_lost_syn_or_syn_ack_or_fin_costs_one_timeout() {
    for (who, flags) in [
        (A, Flags::SYN),
        (B, Flags::SYN.with(Flags::ACK)),
        (A, Flags::FIN.with(Flags::ACK)),
    ] {
        let mut wire = Wire::new(Config::default());
        wire.weather.delay = ms(10);
        let lose = |wire: &mut Wire| {
            let lost = wire.ends[who]
                .sent
                .last()
                .is_some_and(|sent| sent.header.flags == flags);
            if lost {
                wire.flying.clear();
            }
            lost
        };
        let target = wire.ends[B].socket;
        let listener = wire.ends[B].engine.listen(target, nodelay(), 16);
        listener.unwrap();
        wire.connect(A, nodelay());
        let mut lost = lose(&mut wire);
        let (mut asked, start) = (false, wire.now);
        while wire.state(A) != Some(State::FinWait2) {
            if wire.state(A) == Some(State::Established) && !asked {
                wire.close(A);
                asked = true;
            }
            lost = lost || lose(&mut wire);
            assert!(wire.step());
        }
        assert!(lost, "nothing was lost");
        let took = wire.now.saturating_since(start);
        assert!(took < ms(1_400), "{flags:?}: {took:?}");
        assert_eq!(wire.closed(A), None);
    }
}

/// A bulk transfer in the weather given: seconds, counters, and segments that came twice.
fn bulk(
    config: Config,
    options: ConnectionOptions,
    seed: u64,
    weather: Weather,
) -> (f64, Counters, u64) {
    let mut wire = Wire::new(config);
    wire.dice = Dice(seed);
    wire.weather.delay = weather.delay;
    wire.open(options);
    wire.weather = weather;
    let start = wire.now;
    transfer(&mut wire, A, &pattern(4_000_000));
    let took = wire.now.saturating_since(start).as_secs_f64();
    let needless = counters(&wire, B).dropped(DropReason::Duplicate);
    (took, counters(&wire, A), needless)
}

const LOSSY: Weather = Weather {
    delay: Duration::from_millis(10),
    jitter: Duration::ZERO,
    loss_percent: 1,
    duplicate_percent: 0,
};

#[test]
fn goodput_through_random_loss_is_what_the_algorithm_allows() {
    for congestion in [CongestionAlgorithm::Cubic, CongestionAlgorithm::Reno] {
        for seed in 0..3 {
            let options = ConnectionOptions {
                congestion,
                ..nodelay()
            };
            let (took, counters, needless) = bulk(Config::default(), options, seed, LOSSY);
            // Mathis: sqrt(3/2) segments per round trip and sqrt(loss).
            let window = (1.5f64 / 0.01).sqrt();
            let ideal = 4_000_000.0 / MSS as f64 / window * 0.02;
            assert!(
                took < 1.6 * ideal,
                "{congestion:?}, {seed}: {took} s, ideal {ideal} s, {counters:?}"
            );
            assert!(counters.timeouts <= 3, "{counters:?}");
            assert!(needless <= 3, "{needless} sent again for nothing");
        }
    }
}

#[test]
fn whatever_is_lost_the_stream_arrives_in_bounded_time() {
    for seed in 0..120u64 {
        let mut dice = Dice(seed * 7 + 1);
        let config = Config {
            sack: dice.below(4) > 0,
            timestamps: dice.below(4) > 0,
            ..Config::default()
        };
        let mut wire = Wire::new(config.clone());
        wire.dice = Dice(seed);
        wire.weather = Weather {
            delay: ms(1 + dice.below(60)),
            jitter: ms(dice.below(40)),
            loss_percent: dice.below(25),
            duplicate_percent: dice.below(10),
        };
        let congestion = [CongestionAlgorithm::Cubic, CongestionAlgorithm::Reno];
        wire.open(ConnectionOptions {
            congestion: congestion[dice.below(2) as usize],
            nodelay: dice.below(2) == 0,
            ..ConnectionOptions::default()
        });
        let start = wire.now;
        transfer(&mut wire, A, &pattern(1 + dice.below(150_000) as usize));
        wire.close(A);
        wire.close(B);
        wire.run_until(|wire| wire.closed(A).is_some() && wire.closed(B).is_some());
        let took = wire.now.saturating_since(start);
        assert!(took < Duration::from_secs(240), "{seed}: {took:?}");
    }
}

#[test]
fn ecn_is_never_offered_nor_agreed_to() {
    let ece_cwr = Flags(0xc0);
    let mut wire = Wire::new(Config::default());
    let target = wire.ends[B].socket;
    let listener = wire.ends[B].engine.listen(target, nodelay(), 16);
    listener.unwrap();
    let header = Header {
        flags: Flags(Flags::SYN.0 | ece_cwr.0),
        ..Header::default()
    };
    wire.forge(A, header, Default::default(), &[]);
    let answer = wire.ends[B].sent.last().unwrap().header.flags;
    assert_eq!(answer, Flags::SYN.with(Flags::ACK));
    let mut wire = path(Config::default());
    send_flight(&mut wire, 10, 0b100_0010);
    wire.run_until(|wire| wire.info(A).unacknowledged == 0);
    let all = wire.ends.iter().flat_map(|end| &end.sent);
    for sent in all {
        assert_eq!(sent.header.flags.0 & ece_cwr.0, 0);
        assert!(sent.dscp < 64, "the ECN bits are not part of it");
    }
}

#[test]
fn a_probe_brings_new_octets_but_on_a_short_path_the_last_ones_again() {
    for (delay, probed) in [(ms(1), 9), (ms(10), 10)] {
        let mut wire = Wire::new(Config::default());
        wire.weather.delay = delay;
        wire.open(nodelay());
        let start = wire.info(A).snd_max;
        wire.send(A, &pattern(20 * MSS));
        assert_eq!(wire.info(A).unacked, 10);
        wire.flying.clear();
        wire.run_until(|wire| wire.ends[A].engine.counters().tail_loss_probes == 1);
        let iss = wire.ends[A]
            .engine
            .snapshot(wire.id(A))
            .unwrap()
            .identity
            .iss;
        let probe = wire.ends[A].sent.last().unwrap();
        // Offset 0 is position 1.
        assert_eq!(probe.header.seq, iss.at(start + 1 + probed * MSS as u64));
        wire.run_until(|wire| wire.ends[B].inbox.len() == 20 * MSS);
    }
}
