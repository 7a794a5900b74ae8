use proptest::prelude::*;

use super::*;

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

proptest! {
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
