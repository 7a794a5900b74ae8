use super::*;

fn digest(round: u64, start: u64, pieces: &[&[u8]]) -> (Digest, u64) {
    let len = pieces.iter().map(|piece| piece.len() as u64).sum();
    let mut digester = Digester {
        hasher: SipHasher13::new(),
        round,
        octets: 0,
    };
    digester.stretch(start, len, pieces.iter().copied());
    digester.end()
}

#[test]
fn how_octets_lie_in_memory_makes_no_difference() {
    let whole = digest(3, 7, &[b"abcdefghijklmnopqrs"]);
    assert_eq!(whole.1, 19);
    for cut in 0..19 {
        let (head, tail) = b"abcdefghijklmnopqrs".split_at(cut);
        assert_eq!(digest(3, 7, &[head, tail]), whole);
        assert_eq!(digest(3, 7, &[b"", head, b"", tail]), whole);
    }
}

#[test]
fn any_octet_place_and_length_make_a_difference() {
    let whole = digest(0, 7, &[b"abcdef"]).0;
    for other in [&b"abcdeg"[..], b"bbcdef", b"abcde", b"abcdef\0"] {
        assert_ne!(digest(0, 7, &[other]).0, whole);
    }
    assert_ne!(digest(0, 8, &[b"abcdef"]).0, whole);
}

#[test]
fn every_octet_of_a_long_range_is_covered_within_a_few_rounds() {
    let len = 2 * PIECE_OCTETS + 10;
    let plain = vec![1; len as usize];
    for spoiled in [0, PIECE_OCTETS, 2 * PIECE_OCTETS, len - 1] {
        let mut other = plain.clone();
        other[spoiled as usize] = 2;
        let finds = |round| digest(round, 0, &[&plain]).0 != digest(round, 0, &[&other]).0;
        assert_eq!((0..3).filter(|&round| finds(round)).count(), 1);
    }
    let covered: u64 = (5..8).map(|round| digest(round, 0, &[&plain]).1).sum();
    assert_eq!(covered, len);
    assert!((0..9).all(|round| digest(round, 0, &[&plain]).1 <= PIECE_OCTETS));
}
