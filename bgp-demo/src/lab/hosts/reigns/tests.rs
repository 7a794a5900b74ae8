//! Captures that were made up: right ones, and ones with a single frame too much.

use super::*;

const LATE_MAX: Duration = Duration::from_micros(150);

fn at(micros: u64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// Reigns of hosts by turns, host 0 first, each with the span in which it began.
fn reigns(spans: &[(u64, u64)]) -> Vec<Reign> {
    let reign = |(number, &(after, by)): (usize, &(u64, u64))| Reign {
        host: number % 2,
        epoch: 10 * (number as u64 + 1),
        began: Span {
            after: at(after),
            by: at(by),
        },
    };
    spans.iter().enumerate().map(reign).collect()
}

fn judged(frames: &[(u64, usize)], reigns: &[Reign]) -> Order {
    let frames: Vec<(Timestamp, usize)> = frames
        .iter()
        .map(|(micros, host)| (at(*micros), *host))
        .collect();
    judge(&frames, reigns, LATE_MAX)
}

#[test]
fn hosts_that_speak_by_turns_as_the_register_says_are_right() {
    let reigns = reigns(&[(0, 5), (100, 110), (900, 910), (2_000, 2_010)]);
    let frames = [(20, 0), (99, 0), (111, 1), (899, 1), (915, 0), (2_011, 1)];
    let order = judged(&frames, &reigns);
    assert_eq!(
        (order.right, order.wrong, order.late, order.mute),
        (6, 0, 0, 0)
    );
    assert_eq!((order.span_median_ms, order.span_max_ms), (0.01, 0.01));
}

#[test]
fn a_single_frame_of_the_old_active_behind_the_first_of_the_new_one_is_found() {
    let reigns = reigns(&[(0, 5), (100, 110), (900, 910)]);
    let clean = [(20, 0), (112, 1), (114, 1), (915, 0)];
    assert_eq!(judged(&clean, &reigns).wrong, 0);
    let late = [(20, 0), (112, 1), (113, 0), (114, 1), (915, 0)];
    let order = judged(&late, &reigns);
    assert_eq!((order.right, order.wrong), (4, 1));
    assert!(
        order.told[0]
            .contains("host 0 spoke at 0.000113000, when the other had spoken in epoch 20"),
        "{:?}",
        order.told
    );
}

#[test]
fn a_later_epoch_of_the_same_host_excuses_no_frame_from_before_it() {
    // Counts alone would not see it: there are as many changes of the speaker as of the active.
    let reigns = reigns(&[(0, 5), (100, 110), (900, 910), (950, 960)]);
    let order = judged(&[(20, 0), (112, 1), (500, 0), (600, 1)], &reigns);
    assert_eq!((order.right, order.wrong), (3, 1));
}

#[test]
fn a_word_before_the_register_names_its_host_is_found() {
    let reigns = reigns(&[(0, 5), (100, 110)]);
    assert_eq!(judged(&[(20, 0), (101, 1)], &reigns).wrong, 0);
    let order = judged(&[(20, 0), (99, 1)], &reigns);
    assert_eq!(order.wrong, 1);
    assert!(order.told[0].contains("before the register named it"));
}

#[test]
fn what_was_backed_may_leave_a_little_late_before_the_next_one_speaks() {
    let reigns = reigns(&[(0, 5), (100, 110)]);
    let order = judged(&[(20, 0), (105, 0), (130, 0), (300, 1)], &reigns);
    assert_eq!((order.wrong, order.late), (0, 1));
    assert!((order.latest_ms - 0.02).abs() < 1e-9);
    let order = judged(&[(20, 0), (261, 0), (300, 1)], &reigns);
    assert_eq!(order.wrong, 1);
    assert!(order.told[0].contains("0.2 ms after the register had named the other"));
}

#[test]
fn an_active_that_never_spoke_is_passed_over() {
    let reigns = reigns(&[(0, 5), (100, 110), (200, 210)]);
    let order = judged(&[(20, 0), (220, 0), (5_000, 0)], &reigns);
    assert_eq!(
        (order.right, order.wrong, order.late, order.mute),
        (3, 0, 0, 1)
    );
}

#[test]
fn a_host_that_the_register_never_named_has_no_right_to_speak() {
    let reigns = reigns(&[(0, 5)]);
    assert_eq!(judged(&[(20, 0), (30, 1)], &reigns).wrong, 1);
    assert_eq!(judged(&[(20, 0)], &[]).wrong, 1);
}
