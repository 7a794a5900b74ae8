//! A cut while the path loses segments: how soon the survivor has repaired what was on the way.

mod wire;

use std::time::Duration;
use tcp_ha_engine::*;
use wire::*;

const SEEDS: u64 = 60;

/// Cuts the sender at some step of a bulk transfer through `loss_percent`; returns how long it
/// took until everything that was on the way had arrived.
fn repair_time(seed: u64, loss_percent: u64, frames_lost: bool, regenerated: bool) -> Duration {
    let mut wire = Wire::new(Config::default());
    wire.dice = Dice(seed);
    wire.weather.delay = ms(10);
    wire.open(nodelay());
    wire.weather.loss_percent = loss_percent;
    let data = pattern(1_500 * MSS);
    let mut queued = 0;
    let (mut steps, cut_after) = (0, 100 + Dice(seed ^ 0x55).below(300));
    while steps < cut_after {
        if wire.ends[A].engine.send_room(wire.id(A)) > 0 {
            queued += wire.send(A, &data[queued..]);
        }
        assert!(wire.step());
        steps += 1;
    }
    let before = wire.info(A);
    let at = wire.now;
    wire.take_over(
        A,
        Cut {
            frames_lost,
            regenerated,
            only_safe: false,
        },
    );
    let info = wire.info(A);
    assert_eq!(info.srtt, before.srtt);
    assert_eq!(info.ssthresh, before.ssthresh);
    assert!(info.cwnd <= 10, "as after an idle time");
    wire.run_until(|wire| wire.ends[B].inbox.len() as u64 >= before.snd_max);
    let took = wire.now.saturating_since(at);
    let arrived = wire.ends[B].inbox.len();
    assert!(wire.ends[B].inbox == data[..arrived], "octets differ");
    took
}

/// The times of many seeds, ascending.
fn repair_times(loss_percent: u64, frames_lost: bool, regenerated: bool) -> Vec<Duration> {
    let mut times: Vec<_> = (0..SEEDS)
        .map(|seed| repair_time(seed, loss_percent, frames_lost, regenerated))
        .collect();
    times.sort();
    times
}

#[test]
fn without_loss_a_cut_costs_a_few_round_trips() {
    for regenerated in [false, true] {
        let times = repair_times(0, false, regenerated);
        assert!(*times.last().unwrap() <= ms(120), "{:?}", times.last());
    }
}

#[test]
fn a_cut_under_five_percent_loss_is_repaired_as_soon_as_the_path_deserves() {
    for frames_lost in [false, true] {
        for regenerated in [false, true] {
            let times = repair_times(5, frames_lost, regenerated);
            // Half need no timeout at all, the worst two that are not backed off.
            assert!(
                times[times.len() / 2] <= ms(200),
                "median {:?}",
                times[times.len() / 2]
            );
            let worst = times.last().unwrap();
            assert!(*worst <= ms(600), "worst {worst:?}");
        }
    }
}

#[test]
fn the_backoff_of_the_dead_is_not_inherited() {
    let mut wire = Wire::new(Config::default());
    wire.weather.delay = ms(10);
    wire.open(ConnectionOptions::default());
    wire.send(A, &pattern(5 * MSS));
    wire.flying.clear();
    wire.weather.loss_percent = 100;
    wire.run_for(Duration::from_secs(20));
    assert!(wire.info(A).backoff >= 5);
    wire.weather.loss_percent = 0;
    let at = wire.now;
    let cut = Cut {
        frames_lost: true,
        regenerated: false,
        only_safe: false,
    };
    wire.take_over(A, cut);
    // The survivor's first words are lost as well.
    wire.flying.clear();
    wire.run_until(|wire| wire.ends[B].inbox.len() == 5 * MSS);
    assert!(wire.now.saturating_since(at) < ms(400));
}

#[test]
fn a_survivor_in_recovery_repairs_only_what_is_missing() {
    let mut wire = Wire::new(Config::default());
    wire.weather.delay = ms(10);
    wire.open(ConnectionOptions::default());
    for _ in 0..3 {
        wire.send(A, &pattern(MSS));
        wire.run_until(|wire| wire.info(A).unacknowledged == 0);
    }
    let before = wire.ends[B].inbox.len();
    wire.send(A, &pattern(10 * MSS));
    let third = *wire.flying.keys().nth(2).unwrap();
    wire.flying.remove(&third);
    wire.run_until(|wire| wire.info(A).sacked >= 3);
    // The repair dies with the node that sent it.
    let cut = Cut {
        frames_lost: true,
        regenerated: false,
        only_safe: false,
    };
    wire.take_over(A, cut);
    wire.run_until(|wire| wire.ends[B].inbox.len() == before + 10 * MSS);
    wire.run_until(|wire| wire.info(A).unacknowledged == 0);
    let retransmits = wire.ends[A].engine.counters().retransmits;
    assert!(retransmits <= 2, "{retransmits} sent again");
    assert_eq!(wire.ends[A].engine.counters().timeouts, 0);
}
