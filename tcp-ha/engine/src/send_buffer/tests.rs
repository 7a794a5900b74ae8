use super::{SHARED_OCTETS_MIN, SendBuffer};
use crate::spare::Spare;
use bytes::Bytes;
use proptest::prelude::*;

fn octets(buffer: &SendBuffer, from: u64, to: u64) -> Vec<u8> {
    let pieces: Vec<_> = buffer.pieces(from, to).collect();
    assert!(pieces.iter().all(|piece| !piece.is_empty()));
    pieces.concat()
}

/// Octets at their positions.
fn stream(from: u64, len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| ((from + at as u64) % 251) as u8)
        .collect()
}

#[test]
fn what_comes_in_one_large_piece_is_not_copied() {
    let mut buffer = SendBuffer::new();
    let large = Bytes::from(stream(1, 10_000));
    buffer.append_shared(large.clone());
    let held = buffer.shared(101, 5_001).expect("the user's memory");
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].as_ptr(), large[100..].as_ptr());
    assert_eq!(held[0], large[100..5_000]);
}

#[test]
fn small_pieces_are_gathered_in_memory_that_is_kept() {
    let mut buffer = SendBuffer::new();
    for _ in 0..100 {
        buffer.append_shared(Bytes::from_static(b"nineteen octets...."));
    }
    assert_eq!(buffer.pieces.len(), 1);
    assert_eq!(buffer.shared(1, 1_901), None);
    buffer.trim(buffer.end());
    assert_eq!(buffer.pieces.len(), 1);
    assert!(buffer.spare_octets() >= 1_900);
    buffer.give_back();
    assert_eq!((buffer.pieces.len(), buffer.spare_octets()), (0, 0));
}

proptest! {
    #[test]
    fn whatever_is_appended_and_trimmed_the_octets_are_those_of_the_stream(
        steps in proptest::collection::vec((0_usize..3 * SHARED_OCTETS_MIN, any::<bool>(), 0_u64..40_000), 1..40),
    ) {
        let mut buffer = SendBuffer::new();
        for (len, is_shared, trimmed) in steps {
            let data = stream(buffer.end(), len);
            match is_shared {
                true => buffer.append_shared(Bytes::from(data)),
                false => buffer.append(&data),
            }
            let to = (buffer.start() + trimmed % 20_000).min(buffer.end());
            if trimmed % 2 == 0 {
                buffer.trim(to);
            }
            let (start, end) = (buffer.start(), buffer.end());
            prop_assert_eq!(buffer.len() as u64, end - start);
            let middle = start + (end - start) / 3;
            for (from, to) in [(start, end), (middle, end), (start, middle), (middle, middle)] {
                let expected = stream(from, (to - from) as usize);
                if let Some(shared) = buffer.shared(from, to) {
                    prop_assert_eq!(shared.concat(), &expected[..]);
                }
                let mut copied = Vec::new();
                buffer.copy(from, to, &mut copied);
                prop_assert_eq!(&copied, &expected);
                prop_assert_eq!(octets(&buffer, from, to), expected);
            }
        }
    }
}

#[test]
fn trimming_keeps_positions() {
    let mut buffer = SendBuffer::new();
    buffer.append(b"abcdef");
    buffer.trim(4);
    assert_eq!((buffer.start(), buffer.end()), (4, 7));
    buffer.append(b"gh");
    assert_eq!(octets(&buffer, 5, 9), b"efgh");
}

#[test]
fn trimming_over_the_fin_leaves_an_empty_buffer_behind_it() {
    let mut buffer = SendBuffer::new();
    buffer.append(b"a");
    buffer.trim(3);
    assert_eq!((buffer.start(), buffer.end(), buffer.len()), (3, 3, 0));
}

#[test]
fn nothing_of_a_hollow_range_is_readable_before_it_is_supplied() {
    let mut buffer = SendBuffer::hollow(10, 14);
    buffer.append(b"xy");
    assert_eq!((buffer.readable_end(), buffer.end()), (10, 16));
    assert!(!buffer.supply(11, b"b"));
    assert!(buffer.supply(10, b"ab"));
    assert_eq!(buffer.readable_end(), 12);
    assert!(buffer.supply(11, b"bcd-beyond"));
    assert_eq!(buffer.readable_end(), 16);
    assert_eq!(octets(&buffer, 10, 16), b"abcdxy");
}

#[test]
fn an_acknowledgement_may_pass_what_was_supplied() {
    let mut buffer = SendBuffer::hollow(10, 14);
    buffer.trim(12);
    assert!(buffer.supply(10, b"abcd"));
    assert_eq!(octets(&buffer, 12, 14), b"cd");
}
