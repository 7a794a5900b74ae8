//! I10: released octets never change. What version 1 puts on the channel, one file each kind in `tests/golden/v1`, made by code once and compared
//! octet for octet since. A file is written anew only where it was deleted on purpose, and `GOLDEN=write` is set.

mod sample;

use ipc::frame::{FrameDecoder, FrameKind};
use ipc::schema::Version;
use ipc::{BatchBuilder, Lsn, OwnedBatch};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use tcp_ha::core::record::{self, Record};
use tcp_ha_tests::world::written;

/// Octets in a line of a file.
const LINE: usize = 32;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/v1")
}

/// Everything, with the name of its file.
fn all() -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let mut batch = BatchBuilder::new();
    for (name, record) in sample::records() {
        let (kind, body) = written(Version::V1, &record);
        record.write_as(Version::V1, &mut batch);
        all.push((
            name.to_owned(),
            [&kind.to_le_bytes(), body.as_slice()].concat(),
        ));
    }
    for (name, kind, body) in sample::messages() {
        all.push((format!("frame-{name}"), sample::framed(kind, &body)));
    }
    let batch = batch.to_bytes(Lsn(0x0807_0605_0403_0201), 1_234_567);
    let frame = sample::framed(FrameKind::Batch, &batch);
    all.push(("frame-batch".to_owned(), frame));
    all
}

fn to_text(octets: &[u8]) -> String {
    let line = |octets: &[u8]| {
        let digits: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        digits + "\n"
    };
    octets.chunks(LINE).map(line).collect()
}

fn from_text(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|octet| *octet != b'\n').collect();
    let octet = |pair: &[u8]| {
        let pair = core::str::from_utf8(pair).expect("digits");
        u8::from_str_radix(pair, 16).expect("hexadecimal digits")
    };
    digits.chunks(2).map(octet).collect()
}

fn frozen(name: &str) -> Vec<u8> {
    let path = folder().join(format!("{name}.hex"));
    let text = fs::read_to_string(&path);
    from_text(&text.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

#[test]
fn released_octets_never_change() {
    let writes = std::env::var_os("GOLDEN").is_some_and(|word| word == "write");
    for (name, octets) in all() {
        let path = folder().join(format!("{name}.hex"));
        if writes && !path.exists() {
            fs::write(&path, to_text(&octets)).expect("a folder that can be written");
        }
        let frozen = frozen(&name);
        assert_eq!(
            to_text(&octets),
            to_text(&frozen),
            "{name} is not what was released: another layout is another version"
        );
    }
}

#[test]
fn no_file_is_forgotten() {
    let made: BTreeSet<String> = all().into_iter().map(|(name, _)| name + ".hex").collect();
    let there: BTreeSet<String> = fs::read_dir(folder())
        .expect("the folder of version 1")
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.into_string().expect("a plain name"))
        .collect();
    assert_eq!(there, made);
}

#[test]
fn every_kind_of_record_is_there() {
    // Kinds have numbers from 1 on; the next one is unknown.
    let kinds: BTreeSet<u16> = sample::records()
        .iter()
        .map(|(_, record)| written(Version::V1, record).0)
        .collect();
    assert_eq!(kinds, (1..=kinds.len() as u16).collect());
    let next = kinds.len() as u16 + 1;
    let refused = record::parse(next, &[0; 64]).expect_err("nobody knows it");
    assert!(refused.to_string().contains("unknown kind"), "{refused}");
}

#[test]
fn released_records_are_still_read() {
    for (name, record) in sample::records() {
        let octets = frozen(name);
        let (kind, body) = octets.split_first_chunk().expect("a kind");
        let read = record::parse(u16::from_le_bytes(*kind), body);
        assert_eq!(read.as_ref(), Ok(&record), "{name}");
    }
}

#[test]
fn released_frames_are_still_read() {
    for (name, kind, body) in sample::messages() {
        let mut decoder = FrameDecoder::new();
        decoder.feed(&frozen(&format!("frame-{name}")));
        let frame = decoder.next_frame().expect("a frame").expect("a whole one");
        assert_eq!((frame.header.kind, frame.body), (kind, body.as_slice()));
    }
    let mut decoder = FrameDecoder::new();
    decoder.feed(&frozen("frame-batch"));
    let frame = decoder.next_frame().expect("a frame").expect("a whole one");
    let batch = OwnedBatch::parse(frame.body.to_vec()).expect("a batch");
    let read: Vec<Record<'_>> = batch
        .records()
        .map(|record| record::parse(record.kind, record.body).expect("a record"))
        .collect();
    let made: Vec<Record<'_>> = sample::records()
        .into_iter()
        .map(|(_, record)| record)
        .collect();
    assert_eq!(read, made);
}
