//! What looks like a loss and is none: late segments, late ACKs; and what is done about it.

mod wire;

use std::time::Duration;
use tcp_ha_engine::*;
use wire::*;

/// An open connection over a path of 20 ms that has carried some segments.
fn path(config: Config) -> Wire {
    let mut wire = Wire::new(config);
    wire.weather.delay = ms(10);
    wire.open(nodelay());
    transfer(&mut wire, A, &pattern(60 * MSS));
    wire.run_until(|wire| wire.info(A).unacknowledged == 0);
    wire
}

/// SACK, timestamps: by what an ACK may tell that nothing was lost.
const WAYS_TO_KNOW: [(bool, bool); 4] =
    [(true, true), (true, false), (false, true), (false, false)];

fn path_with(sack: bool, timestamps: bool) -> Wire {
    path(Config {
        sack,
        timestamps,
        ..Config::default()
    })
}

fn counters(wire: &Wire) -> Counters {
    wire.ends[A].engine.counters().clone()
}

/// Holds back by `late` what flies to `to` and comes `nth`.
fn hold(wire: &mut Wire, nth: usize, late: Duration) {
    let key = *wire.flying.keys().nth(nth).unwrap();
    let flying = wire.flying.remove(&key).unwrap();
    wire.flying.insert((key.0 + late, key.1), flying);
}

fn hold_all(wire: &mut Wire, late: Duration) {
    let flying = std::mem::take(&mut wire.flying);
    wire.flying = flying
        .into_iter()
        .map(|(key, flying)| ((key.0 + late, key.1), flying))
        .collect();
}

fn settle(wire: &mut Wire) {
    wire.run_until(|wire| wire.info(A).unacknowledged == 0);
}

#[test]
fn two_segments_out_of_order_send_nothing_again() {
    for sack in [true, false] {
        let mut wire = path(Config {
            sack,
            ..Config::default()
        });
        wire.send(A, &pattern(3 * MSS));
        hold(&mut wire, 0, ms(4));
        settle(&mut wire);
        assert_eq!(counters(&wire).retransmits, 0);
        assert_eq!(counters(&wire).fast_recoveries, 0);
    }
}

#[test]
fn once_reordering_is_seen_a_quarter_of_a_round_trip_is_waited() {
    let mut wire = path(Config::default());
    wire.send(A, &pattern(3 * MSS));
    hold(&mut wire, 0, ms(4));
    settle(&mut wire);
    assert_eq!(wire.info(A).reordering_seen, 1);
    // Far more than three segments overtake it, and 4 ms are less than a quarter of 20 ms.
    for _ in 0..5 {
        wire.send(A, &pattern(20 * MSS));
        hold(&mut wire, 0, ms(4));
        hold(&mut wire, 7, ms(4));
        settle(&mut wire);
    }
    assert_eq!(counters(&wire).retransmits, 0);
    assert_eq!(counters(&wire).fast_recoveries, 0);
}

#[test]
fn a_path_that_reorders_all_the_time_costs_next_to_nothing() {
    let (mut sent, mut repeated, mut took) = (0, 0, Duration::ZERO);
    for seed in 0..4 {
        let mut wire = path(Config::default());
        wire.dice = Dice(seed);
        wire.weather.jitter = ms(4);
        let start = wire.now;
        transfer(&mut wire, A, &pattern(2_000_000));
        took += wire.now.saturating_since(start);
        sent += counters(&wire).segments_out;
        repeated += counters(&wire).retransmits;
        assert_eq!(counters(&wire).timeouts, 0);
    }
    assert!(repeated * 50 < sent, "{repeated} of {sent} sent again");
    assert!(took < ms(4 * 900), "{took:?}");
}

#[test]
fn a_needless_fast_retransmit_is_taken_back() {
    for (timestamps, by) in [(true, "timestamps"), (false, "D-SACK")] {
        let mut wire = path_with(true, timestamps);
        let before = wire.info(A);
        wire.send(A, &pattern(20 * MSS));
        // Later than the reordering window, and longer than the retransmission lasts.
        hold(&mut wire, 0, ms(15));
        settle(&mut wire);
        wire.run_for(ms(60));
        assert_eq!(counters(&wire).fast_recoveries, 1);
        assert_eq!(counters(&wire).spurious_recoveries, 1, "shown by {by}");
        let after = wire.info(A);
        assert!(
            after.cwnd >= before.cwnd,
            "{} of {}",
            after.cwnd,
            before.cwnd
        );
        assert!(after.ssthresh >= before.ssthresh.min(before.cwnd * 3 / 4));
    }
}

#[test]
fn a_timeout_by_a_delay_is_taken_back() {
    for (sack, timestamps) in WAYS_TO_KNOW {
        let mut wire = path_with(sack, timestamps);
        let before = wire.info(A);
        wire.send(A, &pattern(200 * MSS));
        let flight = u64::from(wire.info(A).unacked);
        hold_all(&mut wire, ms(240));
        wire.weather.delay = ms(250);
        settle(&mut wire);
        let counters = counters(&wire);
        assert!(counters.timeouts >= 1);
        assert!(counters.spurious_recoveries >= 1, "{sack} {timestamps}");
        assert!(
            counters.retransmits * 3 < flight,
            "{} of {flight} sent again, {sack} {timestamps}",
            counters.retransmits
        );
        assert!(wire.info(A).cwnd >= before.cwnd, "{sack} {timestamps}");
    }
}

#[test]
fn after_a_spurious_timeout_the_timer_starts_from_the_first_new_sample() {
    for (sack, timestamps) in WAYS_TO_KNOW {
        let mut wire = path_with(sack, timestamps);
        // So few that smoothing alone would still be far off.
        wire.send(A, &pattern(4 * MSS));
        hold_all(&mut wire, ms(240));
        wire.weather.delay = ms(250);
        wire.run_until(|wire| counters(wire).timeouts == 1);
        let sent = wire.info(A).snd_max;
        wire.send(A, &pattern(4 * MSS));
        wire.run_until(|wire| counters(wire).spurious_recoveries == 1);
        // RFC 4015 (9), with the first round trip of what was not sent before the timeout.
        wire.run_until(|wire| wire.info(A).snd_una > sent);
        let after = wire.info(A);
        let srtt = after.srtt.unwrap();
        assert!(srtt >= ms(499), "{srtt:?}, {sack} {timestamps}");
        assert!(after.rto >= srtt * 3, "{:?} of {srtt:?}", after.rto);
        settle(&mut wire);
        assert_eq!(counters(&wire).timeouts, 1, "{sack} {timestamps}");
    }
}

#[test]
fn a_timeout_by_a_loss_is_not_taken_back() {
    for (sack, timestamps) in WAYS_TO_KNOW {
        let mut wire = path_with(sack, timestamps);
        let before = wire.info(A);
        wire.send(A, &pattern(40 * MSS));
        wire.flying.clear();
        wire.weather.loss_percent = 100;
        wire.run_until(|wire| counters(wire).timeouts == 1);
        wire.flying.clear();
        wire.weather.loss_percent = 0;
        settle(&mut wire);
        assert_eq!(counters(&wire).spurious_recoveries, 0);
        assert!(wire.info(A).ssthresh < before.cwnd);
        assert!(wire.info(A).srtt.unwrap() < ms(100), "nothing to learn");
    }
}

#[test]
fn a_window_that_was_idle_shrinks_and_remembers() {
    let mut wire = path(Config::default());
    let before = wire.info(A);
    assert!(before.cwnd >= 40, "{}", before.cwnd);
    wire.run_for(Duration::from_secs(10));
    wire.send(A, &pattern(50 * MSS));
    let after = wire.info(A);
    assert_eq!((after.cwnd, after.unacked), (10, 10));
    assert!(after.ssthresh >= before.cwnd * 3 / 4);
    let mut wire = path(Config {
        restart_after_idle: false,
        ..Config::default()
    });
    wire.run_for(Duration::from_secs(10));
    wire.send(A, &pattern(50 * MSS));
    assert_eq!(wire.info(A).cwnd, before.cwnd);
}

#[test]
fn a_window_that_is_not_used_does_not_grow() {
    let mut wire = path(Config::default());
    let before = wire.info(A).cwnd;
    for _ in 0..50 {
        wire.send(A, &pattern(4 * MSS));
        settle(&mut wire);
    }
    assert_eq!(wire.info(A).cwnd, before);
}
