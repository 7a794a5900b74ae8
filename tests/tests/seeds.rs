//! Lives made from seeds: those that once failed, and a few hundred others. `sim` lives as many as there is time for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use tcp_ha_tests::sim::{self, Failure, Figures, STEPS_MIN};

/// Seeds that are lived with every run of the tests.
const SEEDS: u64 = 300;

/// A failure as `sim --seeds 1 --from SEED` shows it, with the end of its trace.
fn told(failure: &Failure) -> String {
    let seed = failure.seed;
    let traced = sim::live(seed, true).expect_err("the same seed gives the same life");
    let skip = traced.trace.len().saturating_sub(40);
    format!(
        "seed {seed}, step {}:\n{}\n[{}] {}",
        traced.step,
        traced.trace[skip..].join("\n"),
        traced.checker,
        traced.what
    )
}

#[test]
fn seeds_that_once_failed_pass() {
    let kept = include_str!("../seeds/failed.txt");
    let lines = kept.lines().filter(|line| !line.starts_with('#'));
    let seeds: Vec<u64> = lines
        .filter_map(|line| line.split_whitespace().next())
        .map(|seed| seed.parse().expect("a seed at the beginning of the line"))
        .collect();
    assert!(!seeds.is_empty());
    for seed in seeds {
        if let Err(failure) = sim::live(seed, false) {
            panic!("{}", told(&failure));
        }
    }
}

#[test]
fn the_first_seeds_pass_and_meet_every_kind_of_fault() {
    let next = AtomicU64::new(0);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let live = || {
        let mut figures = Figures::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= SEEDS {
                return Ok(figures);
            }
            figures.add(&sim::live(seed, false)?);
        }
    };
    let mut total = Figures::default();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(live)).collect();
        for thread in threads {
            let lived: Result<Figures, Box<Failure>> = thread.join().expect("a thread that ends");
            match lived {
                Ok(figures) => total.add(&figures),
                Err(failure) => panic!("{}", told(&failure)),
            }
        }
    });
    assert!(total.steps >= SEEDS * STEPS_MIN);
    assert!(total.takeovers >= SEEDS * 3);
    assert!(total.faults.others() >= SEEDS * 5);
    assert_eq!(
        total.faults.0.len(),
        sim::Fault::ALL.len(),
        "{:?}",
        total.faults
    );
    assert!(total.backed > SEEDS * 50 && total.level > SEEDS * 50);
}

#[test]
fn the_same_seed_gives_the_same_life() {
    for seed in [3, 17] {
        let lives = [sim::live(seed, false), sim::live(seed, true)];
        let [first, second] = lives.map(|lived| lived.expect("a life without violations"));
        assert_eq!(first.steps, second.steps);
        assert_eq!(first.simulated_us, second.simulated_us);
        assert_eq!(first.backed, second.backed);
    }
}
