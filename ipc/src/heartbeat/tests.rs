use super::*;

const INTERVAL_US: u64 = 5_000;

fn detector() -> Detector {
    Detector::new(INTERVAL_US, 3, 1_000_000)
}

#[test]
fn silence_of_three_intervals_is_death() {
    let mut detector = detector();
    for step in 1..6 {
        assert_eq!(
            detector.checked(1_000_000 + step * 2_500),
            Verdict::Alive,
            "step {step}"
        );
    }
    assert_eq!(detector.checked(1_015_000), Verdict::Dead);
}

#[test]
fn who_is_heard_lives() {
    let mut detector = detector();
    for now_us in (1_000_000..2_000_000).step_by(4_000) {
        detector.heard(now_us);
        assert_eq!(detector.checked(now_us + 3_999), Verdict::Alive);
    }
}

#[test]
fn an_own_stall_raises_no_alarm() {
    let mut detector = detector();
    assert_eq!(detector.checked(1_002_000), Verdict::Alive);
    assert_eq!(
        detector.checked(61_000_000),
        Verdict::Alive,
        "a minute counts as one interval"
    );
    assert_eq!(detector.silent_us(), 2_000 + INTERVAL_US);
    detector.heard(61_001_000);
    assert_eq!(detector.silent_us(), 0);
}

#[test]
fn after_an_own_stall_real_silence_is_still_found() {
    let mut detector = detector();
    detector.checked(50_000_000);
    let mut now_us = 50_000_000;
    let mut checks = 0;
    while detector.checked(now_us) == Verdict::Alive {
        now_us = detector.next_check_us();
        checks += 1;
        assert!(checks < 10, "never found");
    }
    assert_eq!(now_us, 50_000_000 + 2 * INTERVAL_US);
}

#[test]
fn late_timers_delay_the_verdict_but_do_not_prevent_it() {
    let mut detector = detector();
    let checks = [1_007_000, 1_014_000, 1_021_000];
    let verdicts = checks.map(|now_us| detector.checked(now_us));
    assert_eq!(verdicts, [Verdict::Alive, Verdict::Alive, Verdict::Dead]);
}

#[test]
fn a_clock_that_does_not_move_or_goes_back_counts_nothing() {
    let mut detector = detector();
    detector.checked(1_001_000);
    detector.checked(1_001_000);
    detector.checked(500);
    assert_eq!(detector.silent_us(), 1_000);
}

#[test]
fn the_next_check_is_when_the_verdict_may_change() {
    let mut detector = detector();
    assert_eq!(detector.next_check_us(), 1_005_000);
    detector.checked(1_004_000);
    detector.checked(1_009_000);
    detector.checked(1_013_000);
    assert_eq!(detector.next_check_us(), 1_015_000);
}
