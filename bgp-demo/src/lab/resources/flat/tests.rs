use super::*;

fn sample(after: Round, pid: u32, resident_kib: u64, descriptors: u64) -> Sample {
    let usage = Usage {
        pid,
        resident_kib,
        peak_kib: resident_kib,
        threads: 6,
        descriptors,
    };
    Sample {
        after,
        active: usage,
        standby: usage,
    }
}

/// What grows, in a run of `rounds` whose memory and descriptors are given by the round's number.
fn growing(rounds: u64, after: Round, usage: impl Fn(u64) -> (u32, u64, u64)) -> Vec<String> {
    let samples: Vec<Sample> = (0..rounds)
        .map(|round| {
            let (pid, resident_kib, descriptors) = usage(round);
            sample(after, pid, resident_kib, descriptors)
        })
        .collect();
    let judged = judge(&samples);
    judged.iter().filter_map(Series::complaint).collect()
}

#[test]
fn what_goes_up_and_down_is_flat() {
    let usage = |round| (round as u32, 15_000 + 700 * (round % 3), 20 + round % 2);
    assert_eq!(growing(100, Round::Failover, usage), Vec::<String>::new());
}

#[test]
fn warming_up_is_not_growth() {
    let usage = |round: u64| (1, 10_000 + 500 * round.min(10), 20);
    assert_eq!(
        growing(100, Round::StandbyDeath, usage),
        Vec::<String>::new()
    );
}

#[test]
fn memory_that_goes_on_growing_from_survivor_to_survivor_is_seen() {
    let complaints = growing(100, Round::Failover, |round| {
        (round as u32, 10_000 + 20 * round, 20)
    });
    assert!(
        complaints[0].contains(
            "survivors: resident memory, KiB grows: 10300 in the second tenth of 100 rounds, 11900"
        ),
        "{complaints:?}"
    );
}

#[test]
fn one_descriptor_lost_every_other_round_is_seen() {
    let complaints = growing(40, Round::StandbyDeath, |round| (1, 10_000, 20 + round / 2));
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    assert!(
        complaints[0].starts_with("one active over deaths of its standby: descriptors grows"),
        "{complaints:?}"
    );
}

#[test]
fn each_life_is_judged_by_itself_and_too_short_ones_are_not() {
    // Two processes, the second larger than the first from its beginning.
    let usage = |round| {
        if round < 45 {
            (1, 10_000, 20)
        } else {
            (2, 20_000, 20)
        }
    };
    assert_eq!(
        growing(90, Round::StandbyDeath, usage),
        Vec::<String>::new()
    );
    assert_eq!(
        growing(39, Round::StandbyDeath, |round| (1, 1000 * round, 20)),
        Vec::<String>::new()
    );
}
