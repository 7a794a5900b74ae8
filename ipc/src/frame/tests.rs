use proptest::prelude::*;

use super::*;
use crate::lending::Lender;

fn header(kind: FrameKind) -> FrameHeader {
    FrameHeader {
        kind,
        flags: 0,
        epoch: Epoch(0x0102),
        from: Incarnation::from_bytes([0xaa; 16]),
        to: Incarnation::from_bytes([0xbb; 16]),
    }
}

fn encoded(kind: FrameKind, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_into(&header(kind), &[body], &mut out);
    out
}

fn first_error(octets: &[u8]) -> Option<FrameError> {
    let mut decoder = FrameDecoder::new();
    decoder.feed(octets);
    decoder.next_frame().err()
}

#[test]
fn the_octets_of_a_frame_are_these() {
    let mut expected = Vec::from(*b"tHAf\x01\x04\x00\x00\x03\x00\x00\x00\x02\x01\0\0\0\0\0\0");
    expected.extend([0xaa; 16]);
    expected.extend([0xbb; 16]);
    expected.extend(0x9041_7ae2_u32.to_le_bytes());
    expected.extend(b"xyz");
    assert_eq!(encoded(FrameKind::Ack, b"xyz"), expected);
}

#[test]
fn a_body_in_parts_is_the_same_frame() {
    let mut parts = Vec::new();
    encode_into(&header(FrameKind::Batch), &[b"ab", b"", b"cde"], &mut parts);
    assert_eq!(parts, encoded(FrameKind::Batch, b"abcde"));
}

#[test]
fn frames_come_out_of_single_octets() {
    let stream = [
        encoded(FrameKind::Hello, b"one"),
        encoded(FrameKind::Control, b""),
    ]
    .concat();
    let mut decoder = FrameDecoder::new();
    let mut came = Vec::new();
    for octet in stream {
        decoder.feed(&[octet]);
        while let Some(frame) = decoder.next_frame().unwrap() {
            came.push((frame.header, frame.body.to_vec()));
        }
    }
    let expected = [
        (header(FrameKind::Hello), b"one".to_vec()),
        (header(FrameKind::Control), vec![]),
    ];
    assert_eq!(came, expected);
    assert_eq!(decoder.pending(), 0);
}

#[test]
fn what_is_wrong_is_told_by_name() {
    let good = encoded(FrameKind::Batch, b"body");
    let with = |at: usize, octets: &[u8]| {
        let mut bad = good.clone();
        bad[at..at + octets.len()].copy_from_slice(octets);
        first_error(&bad)
    };
    assert_eq!(with(0, b"T"), Some(FrameError::BadMagic));
    assert_eq!(with(4, &[2]), Some(FrameError::UnknownFormat(2)));
    assert_eq!(with(5, &[99]), Some(FrameError::UnknownKind(99)));
    assert_eq!(with(6, &[2]), Some(FrameError::UnknownFlags(2)));
    let long = BODY_OCTETS_MAX as u32 + 1;
    assert_eq!(
        with(8, &long.to_le_bytes()),
        Some(FrameError::TooLong(long))
    );
    assert_eq!(with(52, &[!good[52]]), Some(FrameError::BadChecksum));
    assert_eq!(first_error(&good), None);
}

#[test]
fn every_flipped_bit_is_noticed() {
    let good = encoded(FrameKind::Batch, b"body");
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let mut decoder = FrameDecoder::new();
        decoder.feed(&bad);
        // A longer length waits for octets, which the checksum then does not fit.
        decoder.feed(&vec![0; BODY_OCTETS_MAX]);
        assert!(decoder.next_frame().is_err(), "bit {bit}");
    }
}

#[test]
fn the_more_flag_belongs_to_batches() {
    let flagged = |kind| {
        let mut out = Vec::new();
        encode_into(
            &FrameHeader {
                flags: FLAG_MORE,
                ..header(kind)
            },
            &[],
            &mut out,
        );
        first_error(&out)
    };
    assert_eq!(flagged(FrameKind::Batch), None);
    assert_eq!(
        flagged(FrameKind::Ack),
        Some(FrameError::UnknownFlags(FLAG_MORE))
    );
}

#[test]
fn an_error_stays() {
    let mut decoder = FrameDecoder::new();
    decoder.feed(b"GET / HTTP/1.1\r\n");
    assert_eq!(decoder.next_frame(), Err(FrameError::BadMagic));
    decoder.feed(&encoded(FrameKind::Ack, b""));
    assert_eq!(decoder.next_frame(), Err(FrameError::BadMagic));
}

/// Writes as much of `stream` as there is room for, but no more than `most`.
fn write_into(
    decoder: &mut FrameDecoder,
    lender: &mut Lender,
    stream: &mut &[u8],
    most: usize,
) -> usize {
    let room = decoder.room(lender);
    let octets = room.len().min(stream.len()).min(most);
    room[..octets].copy_from_slice(&stream[..octets]);
    *stream = &stream[octets..];
    decoder.filled(octets);
    octets
}

#[test]
fn a_long_frame_is_read_to_its_end_and_the_next_header() {
    let long = encoded(FrameKind::Batch, &[7; 2 * LONG_OCTETS]);
    let stream = [&long[..], &long, &long].concat();
    let (mut rest, mut decoder) = (&stream[..], FrameDecoder::new());
    let mut lender = Lender::default();
    write_into(&mut decoder, &mut lender, &mut rest, HEADER_OCTETS);
    for _ in 0..2 {
        assert_eq!(
            write_into(&mut decoder, &mut lender, &mut rest, usize::MAX),
            long.len()
        );
        assert!(decoder.next_frame().unwrap().is_some());
        assert_eq!(decoder.pending(), HEADER_OCTETS);
    }
    write_into(&mut decoder, &mut lender, &mut rest, usize::MAX);
    assert!(decoder.next_frame().unwrap().is_some());
    assert_eq!((decoder.pending(), rest.len()), (0, 0));
}

#[test]
fn room_is_no_more_than_a_frame_may_take() {
    let longest = encoded(FrameKind::Batch, &vec![0; BODY_OCTETS_MAX]);
    let (mut decoder, mut lender) = (FrameDecoder::new(), Lender::default());
    for octet in &longest {
        let room = decoder.room(&mut lender);
        assert!((1..=longest.len() + HEADER_OCTETS).contains(&room.len()));
        room[0] = *octet;
        decoder.filled(1);
    }
    assert!(decoder.next_frame().unwrap().is_some());
}

#[test]
fn a_body_that_is_taken_leaves_the_rest_of_the_stream() {
    let (first, second) = (
        encoded(FrameKind::Batch, b"first"),
        encoded(FrameKind::Ack, b"2"),
    );
    let (mut decoder, mut lender) = (FrameDecoder::new(), Lender::default());
    decoder.feed(&[&first[..], &second[..20]].concat());
    assert!(decoder.next_frame().unwrap().is_some());
    let (body, memory) = decoder.take_body(&mut lender);
    decoder.feed(&second[20..]);
    assert_eq!(decoder.next_frame().unwrap().unwrap().body, b"2");
    assert!(&body[..] == b"first" && memory >= first.len() + 20);
}

#[test]
fn memory_is_given_back_when_no_frame_is_under_way() {
    let long = encoded(FrameKind::Batch, &[7; LONG_OCTETS]);
    let mut decoder = FrameDecoder::new();
    decoder.feed(&[&long[..], b"t"].concat());
    assert!(decoder.next_frame().unwrap().is_some());
    decoder.rest();
    assert!(decoder.memory() > LONG_OCTETS, "something is under way");
    decoder.feed(&encoded(FrameKind::Ack, b"1")[1..]);
    assert!(decoder.next_frame().unwrap().is_some());
    decoder.rest();
    assert_eq!(decoder.memory(), 0);
}

proptest! {
    #[test]
    fn octets_that_are_read_into_the_room_give_the_same_frames(
        lengths in proptest::collection::vec(
            prop_oneof![0..60_usize, LONG_OCTETS - 200..LONG_OCTETS + 200], 1..6),
        most in prop_oneof![1_000..5_000_usize, Just(usize::MAX)],
        takes in any::<bool>(),
    ) {
        let bodies: Vec<Vec<u8>> =
            lengths.iter().map(|octets| (0..*octets).map(|at| (at % 251) as u8).collect()).collect();
        let stream: Vec<u8> =
            bodies.iter().flat_map(|body| encoded(FrameKind::Batch, body)).collect();
        let (mut rest, mut decoder, mut lender) =
            (&stream[..], FrameDecoder::new(), Lender::default());
        let mut came = Vec::new();
        while !rest.is_empty() {
            write_into(&mut decoder, &mut lender, &mut rest, most);
            while let Some(frame) = decoder.next_frame().unwrap() {
                let body = frame.body.to_vec();
                if takes {
                    let (taken, _) = decoder.take_body(&mut lender);
                    prop_assert_eq!(&taken[..], &body[..]);
                }
                came.push(body);
            }
        }
        prop_assert_eq!(came, bodies);
        prop_assert_eq!(decoder.pending(), 0);
    }

    #[test]
    fn garbage_never_panics(pieces in proptest::collection::vec(
        proptest::collection::vec(any::<u8>(), 0..100), 0..5)) {
        let mut decoder = FrameDecoder::new();
        for piece in pieces {
            decoder.feed(&piece);
            while let Ok(Some(_)) = decoder.next_frame() {}
        }
    }

    #[test]
    fn a_stream_cut_anywhere_gives_the_same_frames(
        bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 1..6),
        size in 1usize..40,
    ) {
        let stream: Vec<u8> =
            bodies.iter().flat_map(|body| encoded(FrameKind::Batch, body)).collect();
        let mut decoder = FrameDecoder::new();
        let mut came = Vec::new();
        for piece in stream.chunks(size) {
            decoder.feed(piece);
            while let Some(frame) = decoder.next_frame().unwrap() {
                came.push(frame.body.to_vec());
            }
        }
        prop_assert_eq!(came, bodies);
    }
}
