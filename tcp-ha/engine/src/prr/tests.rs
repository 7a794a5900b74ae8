use super::*;

#[test]
fn above_the_threshold_the_rate_is_reduced_in_proportion() {
    // Twenty on the way, half of it is the goal: one leaves for two that arrive.
    let mut prr = Prr::new(20);
    let mut sent = Vec::new();
    for flight in (11..=19).rev() {
        let allowed = prr.allowance(10, flight, 1, false);
        prr.out += allowed;
        sent.push(allowed);
    }
    assert_eq!(sent, [1, 0, 1, 0, 1, 0, 1, 0, 1]);
}

#[test]
fn below_the_threshold_what_arrives_may_leave_and_one_more_where_it_made_way() {
    let mut prr = Prr::new(20);
    prr.out = 4;
    assert_eq!(prr.allowance(10, 5, 2, false), 2);
    assert_eq!(prr.allowance(10, 5, 2, true), 3);
    assert_eq!(
        prr.allowance(10, 9, 2, true),
        1,
        "never beyond the threshold"
    );
}

#[test]
fn the_first_retransmission_waits_for_nothing() {
    let mut prr = Prr::new(20);
    assert_eq!(prr.allowance(10, 15, 0, false), 1);
}
