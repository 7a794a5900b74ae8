use super::Scoreboard;
use proptest::prelude::*;

fn board(ranges: &[(u64, u64)]) -> Scoreboard {
    let mut board = Scoreboard::default();
    for &(left, right) in ranges {
        board.insert(left, right);
    }
    board
}

#[test]
fn three_ranges_behind_a_hole_make_it_lost() {
    let mut scoreboard = board(&[(20, 21), (30, 31)]);
    assert!(!scoreboard.is_lost(10, 1000));
    scoreboard.insert(40, 41);
    assert!(scoreboard.is_lost(10, 1000));
    assert!(!scoreboard.is_lost(25, 1000));
}

#[test]
fn more_than_two_segments_behind_a_hole_make_it_lost() {
    assert!(!board(&[(20, 40)]).is_lost(10, 10));
    assert!(board(&[(20, 41)]).is_lost(10, 10));
}

#[test]
fn what_is_lost_counts_in_the_pipe_only_once_retransmitted() {
    let scoreboard = board(&[(20, 60)]);
    assert_eq!(scoreboard.pipe(10, 70, 10, 10), 10);
    assert_eq!(scoreboard.pipe(10, 70, 15, 10), 15);
}

#[test]
fn a_known_range_is_no_news() {
    let mut scoreboard = board(&[(20, 40)]);
    assert!(!scoreboard.insert(25, 30));
    assert!(scoreboard.insert(35, 50));
    assert_eq!((scoreboard.skip(20), scoreboard.skip(50)), (50, 50));
}

proptest! {
    #[test]
    fn ranges_stay_apart_and_in_order(
        blocks in proptest::collection::vec((0u64..500, 0u64..60), 0..80), una in 0u64..500,
    ) {
        let mut scoreboard = Scoreboard::default();
        let mut model = vec![false; 600];
        for (left, len) in blocks {
            let news = model[left as usize..(left + len) as usize].iter().any(|held| !held);
            prop_assert_eq!(scoreboard.insert(left, left + len), news);
            model[left as usize..(left + len) as usize].fill(true);
        }
        scoreboard.trim(una);
        prop_assert!(scoreboard.ranges.windows(2).all(|pair| pair[0].1 < pair[1].0));
        let expected = model[una as usize..].iter().filter(|held| **held).count() as u64;
        prop_assert_eq!(scoreboard.sacked(una, 600), expected);
    }
}
