use super::*;

const MSS: u64 = 1_000;

#[test]
fn the_initial_window_is_that_of_rfc_6928() {
    assert_eq!(initial_window(1_448), 14_480);
    assert_eq!(initial_window(1_460), 14_600);
    assert_eq!(initial_window(8_948), 17_896);
    assert_eq!(initial_window(536), 5_360);
}

#[test]
fn slow_start_grows_by_what_is_acknowledged_and_at_most_two_segments() {
    let mut state = CongestionState::new(MSS);
    state.acknowledged(MSS, 10 * MSS, MSS);
    assert_eq!(state.cwnd, 11 * MSS);
    state.acknowledged(9 * MSS, 11 * MSS, MSS);
    assert_eq!(state.cwnd, 13 * MSS);
}

#[test]
fn a_window_that_is_not_used_does_not_grow() {
    let mut state = CongestionState::new(MSS);
    state.acknowledged(MSS, 2 * MSS, MSS);
    assert_eq!(state.cwnd, 10 * MSS);
}

#[test]
fn avoidance_grows_by_about_one_segment_per_window() {
    let mut state = CongestionState::new(MSS);
    state.ssthresh = 5 * MSS;
    for _ in 0..10 {
        state.acknowledged(MSS, state.cwnd, MSS);
    }
    assert!((10_900..=11_000).contains(&state.cwnd), "{}", state.cwnd);
}

#[test]
fn only_the_first_timeout_in_a_row_halves_the_threshold() {
    let mut state = CongestionState::new(MSS);
    state.timed_out(20 * MSS, MSS, 1);
    assert_eq!((state.cwnd, state.ssthresh), (MSS, 10 * MSS));
    state.timed_out(MSS, MSS, 2);
    assert_eq!(state.ssthresh, 10 * MSS);
}

#[test]
fn a_restart_keeps_the_threshold_and_never_raises_the_window() {
    let mut state = CongestionState::new(MSS);
    state.cwnd = 50 * MSS;
    state.ssthresh = 40 * MSS;
    state.restarted(MSS);
    assert_eq!((state.cwnd, state.ssthresh), (10 * MSS, 40 * MSS));
    state.cwnd = 3 * MSS;
    state.restarted(MSS);
    assert_eq!(state.cwnd, 3 * MSS);
}
