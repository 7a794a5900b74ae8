//! The octets of streams: what clients say, and a digest of it; both over many octets at a time.

/// The stream repeats itself after so many octets: a prime, so that nothing that is a power of two hides a shift.
const PERIOD: usize = 251;

/// Octets that are made or compared at a time.
const RUN: usize = 4_096;

/// `offset % PERIOD` of the offsets from 0 on.
const ROUND: [u8; PERIOD + RUN] = {
    let mut octets = [0; PERIOD + RUN];
    let mut at = 0;
    while at < octets.len() {
        octets[at] = (at % PERIOD) as u8;
        at += 1;
    }
    octets
};

/// The octet at `offset` of the stream of `salt`.
pub(crate) fn octet(salt: u8, offset: u64) -> u8 {
    salt.wrapping_add((offset % PERIOD as u64) as u8)
}

/// At most [`RUN`] octets from `offset` on, before the salt.
fn run(offset: u64, len: usize) -> &'static [u8] {
    let start = (offset % PERIOD as u64) as usize;
    &ROUND[start..start + len.min(RUN)]
}

/// The stream of `salt` from `offset` on.
pub(crate) fn text(salt: u8, offset: u64, len: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(len);
    while text.len() < len {
        let run = run(offset + text.len() as u64, len - text.len());
        text.extend(run.iter().map(|octet| octet.wrapping_add(salt)));
    }
    text
}

/// The first offset at which `octets`, from `offset` on, are not the stream of `salt` under `twist`.
pub(crate) fn differs(salt: u8, twist: u8, offset: u64, octets: &[u8]) -> Option<u64> {
    let mut at = offset;
    for piece in octets.chunks(RUN) {
        let round = run(at, piece.len());
        let pairs = || piece.iter().zip(round);
        let wrong = |(octet, round): (&u8, &u8)| octet ^ twist ^ round.wrapping_add(salt);
        // Without a branch an octet, since nearly all are right.
        if pairs().map(wrong).fold(0, |any, wrong| any | wrong) != 0 {
            let first = pairs().map(wrong).position(|wrong| wrong != 0);
            return first.map(|first| at + first as u64);
        }
        at += piece.len() as u64;
    }
    None
}

/// Digest of nothing.
pub(crate) const NOTHING: u64 = 0xcbf2_9ce4_8422_2325;

const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// Powers of [`FACTOR`], the highest first.
const POWERS: [u64; 8] = {
    let mut powers = [1u64; 8];
    let mut at = 7;
    while at > 0 {
        powers[at - 1] = powers[at].wrapping_mul(FACTOR);
        at -= 1;
    }
    powers
};

/// The digest of what `before` is the digest of, and then `octets`: a polynomial, so that it does not matter in which pieces they came.
pub(crate) fn digest(before: u64, octets: &[u8]) -> u64 {
    let mut digest = before;
    let (pieces, rest) = octets.as_chunks::<8>();
    for piece in pieces {
        let terms = piece.iter().zip(POWERS);
        let sum = terms.fold(0u64, |sum, (octet, power)| {
            sum.wrapping_add((u64::from(*octet) + 1).wrapping_mul(power))
        });
        digest = digest
            .wrapping_mul(POWERS[0].wrapping_mul(FACTOR))
            .wrapping_add(sum);
    }
    rest.iter().fold(digest, |digest, octet| {
        digest
            .wrapping_mul(FACTOR)
            .wrapping_add(u64::from(*octet) + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::{NOTHING, differs, digest, octet, text};

    #[test]
    fn a_run_of_octets_is_what_single_octets_say() {
        for (offset, len) in [(0, 0), (5, 1), (250, 3), (4_000, 9_000)] {
            let single = (offset..offset + len as u64).map(|at| octet(7, at));
            assert_eq!(text(7, offset, len), single.collect::<Vec<_>>());
        }
    }

    #[test]
    fn one_wrong_octet_is_found_where_it_is() {
        let mut octets = text(9, 1_000, 6_000);
        octets.iter_mut().for_each(|octet| *octet ^= 0xa5);
        assert_eq!(differs(9, 0xa5, 1_000, &octets), None);
        octets[5_000] ^= 1;
        assert_eq!(differs(9, 0xa5, 1_000, &octets), Some(6_000));
        assert_eq!(differs(9, 0xa5, 1_001, &octets), Some(1_001));
    }

    #[test]
    fn a_digest_does_not_depend_on_pieces_but_on_every_octet() {
        let octets = text(3, 0, 1_000);
        let whole = digest(NOTHING, &octets);
        for at in [1, 7, 8, 500] {
            let (head, tail) = octets.split_at(at);
            assert_eq!(digest(digest(NOTHING, head), tail), whole);
        }
        let mut other = octets.clone();
        other.swap(10, 11);
        assert_ne!(digest(NOTHING, &other), whole);
        assert_ne!(digest(NOTHING, &octets[1..]), whole);
    }
}
