use proptest::prelude::*;

use super::*;
use crate::writer::CaptureWriter;

/// A pcap file in either byte order.
fn pcap(big: bool, magic: u32, packets: &[(u32, u32, &[u8])]) -> Vec<u8> {
    let word = |value: u32| {
        if big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    };
    let half = |value: u16| {
        if big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    };
    let mut file = word(magic).to_vec();
    file.extend(half(2));
    file.extend(half(4));
    for field in [0, 0, 65_535, 1] {
        file.extend(word(field));
    }
    for (seconds, fraction, octets) in packets {
        let len = octets.len() as u32;
        for field in [*seconds, *fraction, len, len + 10] {
            file.extend(word(field));
        }
        file.extend(*octets);
    }
    file
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
    let len = (12 + body.len() + padding.len()) as u32;
    [
        &kind.to_le_bytes(),
        &len.to_le_bytes(),
        body,
        &padding,
        &len.to_le_bytes(),
    ]
    .concat()
}

fn section() -> Vec<u8> {
    let mut body = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
    body.extend([1, 0, 0, 0]);
    body.extend([0xff; 8]);
    block(0x0a0d_0d0a, &body)
}

/// An interface description; `resolution` as in if_tsresol.
fn interface(link_type: u16, resolution: Option<u8>) -> Vec<u8> {
    let mut body = link_type.to_le_bytes().to_vec();
    body.extend([0, 0, 0, 0, 0, 0]);
    if let Some(resolution) = resolution {
        body.extend([9, 0, 1, 0, resolution, 0, 0, 0, 0, 0, 0, 0]);
    }
    block(1, &body)
}

fn enhanced(interface: u32, ticks: u64, octets: &[u8]) -> Vec<u8> {
    let mut body = interface.to_le_bytes().to_vec();
    body.extend(((ticks >> 32) as u32).to_le_bytes());
    body.extend((ticks as u32).to_le_bytes());
    body.extend((octets.len() as u32).to_le_bytes());
    body.extend(1500_u32.to_le_bytes());
    body.extend(octets);
    block(6, &body)
}

/// Time in nanoseconds, interface, link type, wire length, octets.
type Read = (u64, u32, u32, usize, Vec<u8>);

fn read_all(file: &[u8]) -> Result<(Vec<Read>, CaptureReader<&[u8]>), ReadError> {
    let mut reader = CaptureReader::new(file)?;
    let mut records = Vec::new();
    while let Some(record) = reader.next_record()? {
        records.push((
            record.time.as_nanos(),
            record.interface,
            record.link_type.0,
            record.wire_len,
            record.captured.to_vec(),
        ));
    }
    Ok((records, reader))
}

#[test]
fn pcap_is_read_in_both_orders_and_resolutions() {
    for big in [false, true] {
        for (magic, unit) in [(0xa1b2_c3d4, 1000), (0xa1b2_3c4d, 1)] {
            let file = pcap(big, magic, &[(5, 7, b"one"), (6, 8, b"two")]);
            let (records, reader) = read_all(&file).expect("a capture");
            let expected = [
                (5_000_000_000 + 7 * unit, 0, 1, 13, b"one".to_vec()),
                (6_000_000_000 + 8 * unit, 0, 1, 13, b"two".to_vec()),
            ];
            assert_eq!(records, expected);
            assert_eq!((reader.packets(), reader.is_truncated()), (2, false));
        }
    }
}

#[test]
fn pcapng_timestamps_follow_their_interface() {
    let file = [
        section(),
        interface(1, None),
        interface(276, Some(9)),
        interface(101, Some(0x80 | 10)),
        enhanced(0, 5, b"micro"),
        enhanced(1, 5, b"nano"),
        enhanced(2, 512, b"half a second"),
    ]
    .concat();
    let (records, _) = read_all(&file).expect("a capture");
    let expected = [
        (5000, 0, 1, 1500, b"micro".to_vec()),
        (5, 1, 276, 1500, b"nano".to_vec()),
        (500_000_000, 2, 101, 1500, b"half a second".to_vec()),
    ];
    assert_eq!(records, expected);
}

#[test]
fn simple_and_obsolete_packet_blocks_are_read() {
    let mut obsolete = vec![0, 0, 0, 0];
    obsolete.extend([0, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0]);
    obsolete.extend(b"ab");
    let simple = [&3_u32.to_le_bytes()[..], b"abc"].concat();
    let file = [
        section(),
        interface(1, None),
        block(2, &obsolete),
        block(3, &simple),
    ]
    .concat();
    let (records, _) = read_all(&file).expect("a capture");
    let expected = [
        (9000, 0, 1, 2, b"ab".to_vec()),
        (9000, 0, 1, 3, b"abc".to_vec()),
    ];
    assert_eq!(records, expected);
}

#[test]
fn new_section_forgets_interfaces() {
    let file = [
        section(),
        interface(1, None),
        section(),
        enhanced(0, 1, b"x"),
    ]
    .concat();
    let error = read_all(&file).err().expect("an error");
    assert!(error.to_string().contains("not described"), "{error}");
}

#[test]
fn lost_packets_are_told() {
    let mut statistics = vec![0; 12];
    statistics.extend([4, 0, 8, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
    statistics.extend([5, 0, 8, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
    statistics.extend([7, 0, 8, 0, 4, 0, 0, 0, 0, 0, 0, 0]);
    let file = [
        section(),
        interface(1, None),
        block(5, &statistics),
        section(),
        interface(1, None),
        block(5, &statistics),
    ]
    .concat();
    let (_, reader) = read_all(&file).expect("a capture");
    assert_eq!(reader.dropped_by_capture(), 14);
}

#[test]
fn file_cut_anywhere_is_read_up_to_there() {
    let pcap_file = pcap(false, 0xa1b2_c3d4, &[(1, 1, b"first"), (2, 2, b"second")]);
    let ng_file = [
        section(),
        interface(1, None),
        enhanced(0, 1, b"first"),
        enhanced(0, 2, b"second"),
    ];
    let header_len = ng_file[0].len();
    for (file, begin) in [(pcap_file, 24), (ng_file.concat(), header_len)] {
        for len in begin..file.len() {
            let (records, reader) = read_all(&file[..len]).expect("a capture");
            assert!(records.len() < 2, "cut to {len}");
            let whole = reader.is_truncated();
            let at_a_boundary = [begin, begin + 16 + 5, begin + 20, begin + 20 + 40].contains(&len);
            assert!(whole || at_a_boundary, "cut to {len}");
        }
    }
}

#[test]
fn file_cut_in_its_header_is_an_error() {
    let file = pcap(false, 0xa1b2_c3d4, &[]);
    let error = read_all(&file[..20]).err().expect("an error");
    assert_eq!(
        error.to_string(),
        "capture: the file ends within its header"
    );
}

#[test]
fn other_files_are_named_as_such() {
    for file in [
        &b""[..],
        b"abc",
        b"\x1f\x8b\x08\x00 compressed",
        b"#!/bin/sh\n",
    ] {
        let error = read_all(file).err().expect("an error");
        assert!(matches!(error.fault, ReadFault::NotACapture), "{error}");
    }
}

#[test]
fn absurd_length_is_damage_not_truncation() {
    let mut file = pcap(false, 0xa1b2_c3d4, &[(1, 1, b"first"), (2, 2, &[0; 100])]);
    file[24 + 16 + 5 + 8..][..4].copy_from_slice(&u32::MAX.to_le_bytes());
    file.resize(20_000_000, 0);
    let error = read_all(&file).err().expect("an error");
    assert_eq!(error.packet, 2);
    assert!(matches!(error.fault, ReadFault::Damaged(_)), "{error}");
}

#[test]
fn reading_after_an_error_gives_the_end() {
    let file = [section(), enhanced(0, 1, b"x"), enhanced(0, 1, b"x")].concat();
    let mut reader = CaptureReader::new(&file[..]).expect("a capture");
    assert!(reader.next_record().is_err());
    assert!(reader.next_record().expect("the end").is_none());
}

#[test]
fn missing_file_is_named() {
    let error = CaptureReader::open(Path::new("/nowhere/at.pcap"))
        .err()
        .expect("an error");
    assert!(
        error
            .to_string()
            .starts_with("/nowhere/at.pcap: No such file"),
        "{error}"
    );
}

fn written() -> Vec<u8> {
    let mut writer = CaptureWriter::new(Vec::new()).expect("a writer");
    for (interface, link_type) in [(0, LinkType::ETHERNET), (7, LinkType::LINUX_SLL2)] {
        let record = Record {
            time: Timestamp::from_nanos(1_763_693_707_000_000_251),
            interface,
            link_type,
            wire_len: 99,
            captured: b"octets",
        };
        writer.write(&record).expect("written");
    }
    writer.finish().expect("a file")
}

proptest! {
    #[test]
    fn damage_never_makes_the_reader_panic(
        ng in any::<bool>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut file = if ng {
            written()
        } else {
            pcap(false, 0xa1b2_c3d4, &[(1, 1, b"first"), (2, 2, b"second")])
        };
        for (at, value) in damage {
            let at = at.index(file.len());
            file[at] = value;
        }
        if let Ok((records, _)) = read_all(&file) {
            prop_assert!(records.len() <= file.len() / 16);
        }
    }
}
