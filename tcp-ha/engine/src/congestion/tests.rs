use super::*;

#[test]
fn the_initial_window_is_that_of_rfc_6928() {
    assert_eq!(initial_window(1_448), 10);
    assert_eq!(initial_window(1_460), 10);
    assert_eq!(initial_window(8_948), 2);
    assert_eq!(initial_window(4_000), 3);
    assert_eq!(initial_window(536), 10);
}

#[test]
fn slow_start_grows_by_all_that_is_acknowledged_up_to_the_threshold() {
    let mut state = CongestionState::new(1_000);
    assert_eq!(reno::slow_start(&mut state, 4), 0);
    assert_eq!(state.cwnd, 14);
    state.ssthresh = 16;
    assert_eq!(reno::slow_start(&mut state, 5), 3);
    assert_eq!(state.cwnd, 16);
}

#[test]
fn avoidance_grows_by_one_segment_per_window() {
    let mut growth = Growth::default();
    let mut cwnd = 10;
    for _ in 0..10 {
        cwnd = growth.count(cwnd, 10, 1);
    }
    assert_eq!(cwnd, 11);
    assert_eq!(growth.count(11, 11, 35), 14);
    assert_eq!(growth.count, 2);
}

#[test]
fn reno_halves_and_keeps_two_segments() {
    assert_eq!(reno::threshold_after_loss(21), 10);
    assert_eq!(reno::threshold_after_loss(3), 2);
}
