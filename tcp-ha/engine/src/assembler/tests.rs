use super::Assembler;
use proptest::prelude::*;

fn ranges(assembler: &Assembler) -> Vec<(u64, u64)> {
    assembler.recent(usize::MAX).collect()
}

#[test]
fn the_island_that_grew_last_is_told_first() {
    let mut assembler = Assembler::default();
    assembler.insert(10, b"aa", 8);
    assembler.insert(20, b"bb", 8);
    assembler.insert(12, b"a", 8);
    assert_eq!(ranges(&assembler), [(10, 13), (20, 22)]);
}

#[test]
fn a_new_island_beyond_the_limit_is_refused_and_a_touching_range_is_not() {
    let mut assembler = Assembler::default();
    assert!(assembler.insert(10, b"a", 1));
    assert!(!assembler.insert(20, b"b", 1));
    assert!(assembler.insert(11, b"b", 1));
    assert_eq!(assembler.take(10).map(Vec::from), Some(b"ab".to_vec()));
    assert!(assembler.is_empty());
}

#[test]
fn nothing_is_taken_over_a_gap() {
    let mut assembler = Assembler::default();
    assembler.insert(10, b"abc", 8);
    assert_eq!(assembler.take(9), None);
    assert_eq!(assembler.take(11).map(Vec::from), Some(b"bc".to_vec()));
}

proptest! {
    #[test]
    fn whatever_the_order_and_overlap_the_octets_come_out_right(
        cuts in proptest::collection::vec((0u64..200, 1u64..40), 1..60),
    ) {
        let stream: Vec<u8> = (0..240u64).map(|at| (at * 7 % 251) as u8).collect();
        let mut assembler = Assembler::default();
        let mut held = vec![false; 240];
        for &(start, len) in &cuts {
            let (low, high) = (start as usize, (start + len) as usize);
            prop_assert!(assembler.insert(start, &stream[low..high], 64));
            held[low..high].fill(true);
            prop_assert_eq!(assembler.len(), held.iter().filter(|h| **h).count() as u64);
            let mut sorted = ranges(&assembler);
            sorted.sort_unstable();
            prop_assert!(sorted.windows(2).all(|pair| pair[0].1 < pair[1].0));
        }
        let mut nxt = 0;
        while nxt < 240 {
            match assembler.take(nxt).map(Vec::from) {
                Some(octets) => {
                    let end = nxt as usize + octets.len();
                    prop_assert_eq!(&octets[..], &stream[nxt as usize..end]);
                    prop_assert!(held[nxt as usize..end].iter().all(|h| *h));
                    nxt = end as u64;
                }
                None => {
                    prop_assert!(!held[nxt as usize]);
                    nxt += 1;
                }
            }
        }
    }
}
