use super::*;

fn board(ranges: &[(u64, u64)]) -> Scoreboard {
    let mut board = Scoreboard::default();
    for &(left, right) in ranges {
        board.insert(left, right);
    }
    board
}

#[test]
fn ranges_that_touch_become_one() {
    let mut board = board(&[(10, 20), (30, 40)]);
    assert_eq!(board.insert(20, 30), Some((10, 40)));
    assert_eq!(board.ranges, [(10, 40)]);
}

#[test]
fn what_is_known_is_no_news() {
    let mut board = board(&[(10, 40)]);
    assert_eq!(board.insert(10, 40), None);
    assert_eq!(board.insert(15, 20), None);
    assert_eq!(board.insert(20, 20), None);
    assert_eq!(board.insert(35, 45), Some((10, 45)));
}

#[test]
fn the_number_of_ranges_is_bounded() {
    let mut board = Scoreboard::default();
    for at in 0..1_000 {
        board.insert(at * 10 + 1, at * 10 + 5);
    }
    assert_eq!(board.ranges.len(), MAX_RANGES);
    assert_eq!(
        board.insert(5, 6),
        Some((1, 6)),
        "a known range still grows"
    );
}

#[test]
fn gaps_are_found_in_order() {
    let board = board(&[(10, 20), (30, 40)]);
    assert_eq!(board.gap(5, 50), Some((5, 10)));
    assert_eq!(board.gap(10, 50), Some((20, 30)));
    assert_eq!(board.gap(30, 50), Some((40, 50)));
    assert_eq!(board.gap(12, 18), None);
    assert_eq!(board.gap(25, 28), Some((25, 28)));
}

#[test]
fn trimming_cuts_a_range_in_two() {
    let mut board = board(&[(10, 20), (30, 40)]);
    board.trim(35);
    assert_eq!(board.ranges, [(35, 40)]);
}
