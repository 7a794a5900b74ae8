use super::*;

fn after(samples_ms: &[u64]) -> RttState {
    let config = Config::default();
    let mut rtt = RttState::new(&config);
    let mut una = 0;
    for &ms in samples_ms {
        una += 1;
        rtt.sample(Duration::from_millis(ms), una, una, &config);
    }
    rtt
}

#[test]
fn the_first_sample_sets_srtt_and_half_of_it_as_variance() {
    let rtt = after(&[400]);
    assert_eq!(rtt.srtt, Some(Duration::from_millis(400)));
    assert_eq!(rtt.rttvar, Duration::from_millis(200));
    assert_eq!(rtt.rto, Duration::from_millis(1_200));
}

#[test]
fn later_samples_are_smoothed_by_an_eighth_and_a_quarter() {
    let rtt = after(&[400, 800]);
    assert_eq!(rtt.srtt, Some(Duration::from_millis(450)));
    assert_eq!(rtt.rttvar, Duration::from_millis(250));
}

#[test]
fn a_steady_path_still_leaves_time_for_a_delayed_ack() {
    let rtt = after(&[1; 50]);
    assert_eq!(rtt.rto, Duration::from_millis(201));
}

#[test]
fn backoff_doubles_up_to_the_bound() {
    let config = Config::default();
    let rtt = after(&[1; 50]);
    assert_eq!(rtt.backed_off(3, &config), Duration::from_millis(1_608));
    assert_eq!(rtt.backed_off(255, &config), config.max_rto);
}

#[test]
fn an_echo_from_long_ago_counts_as_an_hour() {
    let days = after(&[400_000_000, 0, 900_000_000]);
    let hours = after(&[3_600_000, 0, 3_600_000]);
    assert_eq!(days, hours);
    assert!(days.rttvar <= ROUND_TRIP_MAX && days.variance <= ROUND_TRIP_MAX * 4);
}
