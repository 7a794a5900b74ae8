//! A whole file through a checker.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::check::{CheckConfig, Checker, Observer, Report};
use crate::packet::Packet;
use crate::reader::{CaptureReader, ReadError};

/// Checks a file.
///
/// # Errors
/// It cannot be read, or is damaged.
pub fn check_file(path: &Path, config: CheckConfig) -> Result<Report, ReadError> {
    check_file_with(path, config, ()).map(|(report, ())| report)
}

/// Checks a file and tells `observer` what is seen.
///
/// # Errors
/// It cannot be read, or is damaged.
pub fn check_file_with<O: Observer>(
    path: &Path,
    config: CheckConfig,
    observer: O,
) -> Result<(Report, O), ReadError> {
    let reader: CaptureReader<File> = CaptureReader::open(path)?;
    check_capture(reader, config, observer).map_err(|error| error.in_file(path))
}

/// Checks what `reader` reads and tells `observer` what is seen.
///
/// # Errors
/// It cannot be read, or is damaged.
pub fn check_capture<R: Read, O: Observer>(
    mut reader: CaptureReader<R>,
    config: CheckConfig,
    observer: O,
) -> Result<(Report, O), ReadError> {
    let mut checker = Checker::with_observer(config, observer);
    while let Some(record) = reader.next_record()? {
        let packet = Packet::parse(
            record.link_type,
            record.interface,
            record.captured,
            record.wire_len,
        );
        match packet {
            Ok(packet) => checker.packet(record.time, &packet),
            Err(reason) => checker.skipped(record.time, reason),
        }
    }
    checker.capture_lacks(reader.dropped_by_capture(), reader.is_truncated());
    Ok(checker.finish_with_observer())
}
