use super::*;

#[test]
fn a_segment_that_ends_a_send_is_pushed() {
    let mut pushes = Pushes::default();
    pushes.note(11, true);
    pushes.note(21, true);
    assert!(pushes.take(1, 15, 21), "it holds the end of the first");
    assert!(!pushes.take(15, 18, 21));
    assert!(pushes.take(18, 21, 21));
}

#[test]
fn a_send_without_push_pushes_nothing() {
    let mut pushes = Pushes::default();
    pushes.note(11, false);
    assert!(!pushes.take(1, 11, 11));
    pushes.note(12, true);
    assert!(pushes.take(11, 12, 12));
}

#[test]
fn many_small_sends_cost_bounded_memory() {
    let mut pushes = Pushes::default();
    for end in 1..10_000 {
        pushes.note(end, true);
    }
    assert_eq!(pushes.ends.len(), MAX_ENDS);
    assert_eq!(pushes.ends.back(), Some(&9_999));
}
