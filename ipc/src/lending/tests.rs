use super::*;

fn kept(lender: &Lender) -> usize {
    look(&lender.shelf).buffers.len()
}

#[test]
fn a_buffer_comes_back_with_its_last_piece() {
    let lender = Lender::default();
    let whole = lender.lend(vec![7; GRAIN_OCTETS]);
    let piece = whole.slice(10..20);
    drop(whole);
    assert_eq!(kept(&lender), 0, "somebody has a piece of it");
    assert_eq!(&piece[..], [7; 10]);
    drop(piece);
    assert_eq!(kept(&lender), 1);
}

#[test]
fn a_buffer_that_fits_is_taken_again() {
    let mut lender = Lender::default();
    let large = lender.take(10 * GRAIN_OCTETS);
    let at = large.as_ptr();
    lender.give(large);
    let small = lender.take(2 * GRAIN_OCTETS);
    assert_ne!(small.as_ptr(), at, "far too large");
    let again = lender.take(9 * GRAIN_OCTETS - 100);
    assert_eq!((again.as_ptr(), again.len()), (at, 10 * GRAIN_OCTETS));
}

#[test]
fn what_is_kept_is_bounded() {
    let mut lender = Lender::default();
    lender.give(vec![0; KEPT_OCTETS + 1]);
    lender.give(vec![0; GRAIN_OCTETS - 1]);
    assert_eq!(kept(&lender), 0, "too large, and too small");
    let lent: Vec<_> = (0..2 * KEPT)
        .map(|_| lender.lend(vec![0; GRAIN_OCTETS]))
        .collect();
    drop(lent);
    assert_eq!(kept(&lender), KEPT);
}

#[test]
fn buffers_that_rest_are_given_back() {
    let mut lender = Lender::default();
    for _ in 0..4 {
        lender.give(vec![0; GRAIN_OCTETS]);
    }
    lender.rest();
    assert_eq!(kept(&lender), 4, "they may have been used just now");
    let used = lender.take(GRAIN_OCTETS);
    lender.give(used);
    lender.rest();
    assert_eq!(kept(&lender), 1);
    lender.rest();
    assert_eq!(kept(&lender), 0);
}

#[test]
fn a_piece_outlives_the_lender() {
    let lender = Lender::default();
    let piece = lender.lend(vec![1; GRAIN_OCTETS]);
    drop(lender);
    assert_eq!(&piece[..3], [1; 3]);
}
