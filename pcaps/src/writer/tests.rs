use super::*;
use crate::time::Timestamp;

fn record(nanos: u64, interface: u32, link_type: LinkType, captured: &[u8]) -> Record<'_> {
    Record {
        time: Timestamp::from_nanos(nanos),
        interface,
        link_type,
        wire_len: captured.len() + 5,
        captured,
    }
}

fn read(file: &[u8]) -> Vec<(u64, u32, LinkType, usize, Vec<u8>)> {
    let mut reader = CaptureReader::new(file).expect("a capture");
    let mut records = Vec::new();
    while let Some(record) = reader.next_record().expect("a record") {
        records.push((
            record.time.as_nanos(),
            record.interface,
            record.link_type,
            record.wire_len,
            record.captured.to_vec(),
        ));
    }
    records
}

#[test]
fn what_is_written_is_read() {
    let nanos = 1_763_693_707_123_456_789;
    let mut writer = CaptureWriter::new(Vec::new()).expect("a writer");
    for record in [
        record(nanos, 4, LinkType::ETHERNET, b"one"),
        record(nanos + 1, 9, LinkType::LINUX_SLL2, b"three"),
        record(nanos + 2, 4, LinkType::ETHERNET, b""),
    ] {
        writer.write(&record).expect("written");
    }
    let file = writer.finish().expect("a file");
    let expected = [
        (nanos, 0, LinkType::ETHERNET, 8, b"one".to_vec()),
        (nanos + 1, 1, LinkType::LINUX_SLL2, 10, b"three".to_vec()),
        (nanos + 2, 0, LinkType::ETHERNET, 5, Vec::new()),
    ];
    assert_eq!(read(&file), expected);
}

#[test]
fn converted_capture_is_the_same_capture() {
    let mut writer = CaptureWriter::new(Vec::new()).expect("a writer");
    writer
        .write(&record(5_000_000_250, 0, LinkType::RAW, b"octets"))
        .expect("written");
    let file = writer.finish().expect("a file");
    let mut converted = Vec::new();
    let reader = CaptureReader::new(&file[..]).expect("a capture");
    let outcome = convert(reader, &mut converted).expect("converted");
    assert_eq!((outcome.packets, outcome.truncated), (1, false));
    assert_eq!(read(&converted), read(&file));
}

/// Refuses to take more than some octets.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if octets.len() > self.0 {
            return Err(io::Error::other("no space left"));
        }
        self.0 -= octets.len();
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn full_disk_is_an_error() {
    let mut writer = CaptureWriter::new(Full(60)).expect("a writer");
    let error = writer
        .write(&record(1, 0, LinkType::RAW, &[0; 100]))
        .expect_err("an error");
    assert_eq!(error.to_string(), "no space left");
}
