use super::*;

fn state(cwnd: u32, w_max: u32) -> CongestionState {
    CongestionState {
        cwnd,
        ssthresh: 2,
        w_max,
    }
}

#[test]
fn cube_roots_are_rounded_down() {
    for (value, root) in [
        (0, 0),
        (1, 1),
        (7, 1),
        (8, 2),
        (26, 2),
        (27, 3),
        (u64::MAX, 2_642_245),
    ] {
        assert_eq!(cube_root(value), root);
    }
}

#[test]
fn a_loss_takes_three_tenths_and_a_second_one_converges_faster() {
    let mut cubic = Cubic::default();
    let mut state = state(100, 0);
    assert_eq!(cubic.threshold_after_loss(&mut state), 70);
    assert_eq!(state.w_max, 100);
    state.cwnd = 80;
    assert_eq!(cubic.threshold_after_loss(&mut state), 56);
    assert_eq!(state.w_max, 68, "0.85 of the window");
    state.cwnd = 2;
    assert_eq!(cubic.threshold_after_loss(&mut state), 2);
}

#[test]
fn the_window_is_back_at_the_plateau_after_k() {
    // K = cbrt((100 - 70) / 0.4) = 4.217 s (RFC 9438 figure 2).
    let epoch = Epoch::new(&state(70, 100), Instant::ZERO);
    assert_eq!(epoch.k, 4_217);
    assert_eq!(epoch.window_at(0), 71);
    assert_eq!(epoch.window_at(4_217), 100);
    assert_eq!(epoch.window_at(4_217 + 5_000), 150);
    assert!(epoch.window_at(u64::MAX) > 1_000);
}

#[test]
fn on_short_paths_the_window_follows_reno() {
    // 20 ms round trips: the cubic function hardly moves, so W_est leads.
    let (rtt, mut now) = (Duration::from_millis(20), Instant::ZERO);
    let mut cubic = Cubic::default();
    let mut state = state(20, 28);
    let mut acked = 0;
    for _ in 0..50 {
        now += rtt;
        for _ in 0..state.cwnd {
            acked += 1;
            if acked >= cubic.pace(&state, 1, now, rtt) {
                acked = 0;
                state.cwnd += 1;
            }
        }
    }
    // About half a segment per round trip.
    assert!((38..=50).contains(&state.cwnd), "{}", state.cwnd);
}

#[test]
fn growth_is_at_most_one_segment_for_two() {
    let mut cubic = Cubic::default();
    let state = state(10, 10);
    cubic.pace(&state, 1, Instant::ZERO, Duration::ZERO);
    let late = Instant::from_millis(60_000);
    assert_eq!(cubic.pace(&state, 1, late, Duration::ZERO), FASTEST_PACE);
}
