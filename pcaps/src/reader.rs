//! Reads pcap and pcapng files packet by packet, in memory that does not grow with the file.

mod error;
mod ng;

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::rc::Rc;

use pcap_file::pcap::PcapReader;
use pcap_file::{PcapError, TsResolution};

use crate::link_type::LinkType;
use crate::time::Timestamp;
pub use error::{ReadError, ReadFault};
use ng::NgReader;

/// A packet as it stands in a file.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// When it was captured.
    pub time: Timestamp,
    /// The interface it was captured on; 0 in a plain pcap.
    pub interface: u32,
    /// How to read its first octets.
    pub link_type: LinkType,
    /// Its length on the wire.
    pub wire_len: usize,
    /// The octets that the file holds.
    pub captured: &'a [u8],
}

/// Everything of a [`Record`] but its octets.
#[derive(Clone, Copy, Debug)]
struct RecordHeader {
    time: Timestamp,
    interface: u32,
    link_type: LinkType,
    wire_len: usize,
}

/// What the first four octets are read from, and then the rest.
type Input<R> = io::Chain<Cursor<[u8; 4]>, Watched<R>>;

/// Reads one capture. The format is told by the first octets.
///
/// A file that ends within a packet is read up to there; see [`CaptureReader::is_truncated`].
pub struct CaptureReader<R: Read> {
    source: Source<R>,
    /// Octets of the record handed out last.
    octets: Vec<u8>,
    packets: u64,
    at_end: Rc<Cell<bool>>,
    truncated: bool,
    /// What a source that has ended said about packets lost.
    dropped: u64,
}

enum Source<R: Read> {
    Pcap {
        reader: Box<PcapReader<Input<R>>>,
        link_type: LinkType,
        fraction_nanos: u64,
    },
    Ng(Box<NgReader<Input<R>>>),
    Ended,
}

impl CaptureReader<File> {
    /// Opens a file.
    ///
    /// # Errors
    /// It cannot be opened, or is no capture.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let named = |error: ReadError| error.in_file(path);
        let file = File::open(path).map_err(|error| named(ReadFault::Io(error).at(0)))?;
        CaptureReader::new(file).map_err(named)
    }
}

impl<R: Read> CaptureReader<R> {
    /// Reads a capture from `input`, which need not be buffered.
    ///
    /// # Errors
    /// It cannot be read, or is no capture.
    pub fn new(mut input: R) -> Result<Self, ReadError> {
        let mut magic = [0; 4];
        let mut filled = 0;
        while filled < magic.len() {
            match input.read(&mut magic[filled..]) {
                Ok(0) => return Err(ReadFault::NotACapture.at(0)),
                Ok(octets) => filled += octets,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ReadFault::Io(error).at(0)),
            }
        }
        let at_end = Rc::new(Cell::new(false));
        let rest = Watched {
            input,
            at_end: Rc::clone(&at_end),
        };
        let whole = Cursor::new(magic).chain(rest);
        let fault = |error: PcapError| fault(error, at_end.get()).at(0);
        let source = match magic {
            [0x0a, 0x0d, 0x0d, 0x0a] => Source::Ng(Box::new(NgReader::new(whole).map_err(fault)?)),
            [0xa1, 0xb2, 0xc3 | 0x3c, 0xd4 | 0x4d] | [0xd4 | 0x4d, 0xc3 | 0x3c, 0xb2, 0xa1] => {
                let reader = PcapReader::new(whole).map_err(fault)?;
                let header = reader.header();
                Source::Pcap {
                    // The upper half of the field tells of frame check sequences.
                    link_type: LinkType(u32::from(header.datalink) & 0xffff),
                    fraction_nanos: match header.ts_resolution {
                        TsResolution::MicroSecond => 1000,
                        TsResolution::NanoSecond => 1,
                    },
                    reader: Box::new(reader),
                }
            }
            _ => return Err(ReadFault::NotACapture.at(0)),
        };
        Ok(CaptureReader {
            source,
            octets: Vec::new(),
            packets: 0,
            at_end,
            truncated: false,
            dropped: 0,
        })
    }

    /// The next packet; `None` at the end.
    ///
    /// # Errors
    /// The file cannot be read further. Afterwards the capture counts as ended.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, ReadError> {
        let header = match &mut self.source {
            Source::Pcap {
                reader,
                link_type,
                fraction_nanos,
            } => next_pcap(reader, *link_type, *fraction_nanos, &mut self.octets),
            Source::Ng(reader) => reader.next_packet(&mut self.octets),
            Source::Ended => Ok(None),
        };
        match header {
            Ok(Some(RecordHeader {
                time,
                interface,
                link_type,
                wire_len,
            })) => {
                self.packets += 1;
                let captured = &self.octets[..];
                Ok(Some(Record {
                    time,
                    interface,
                    link_type,
                    wire_len,
                    captured,
                }))
            }
            Ok(None) => Ok(None),
            Err(error) => {
                self.dropped = self.dropped_by_capture();
                self.source = Source::Ended;
                match fault(error, self.at_end.get()) {
                    ReadFault::Truncated => {
                        self.truncated = true;
                        Ok(None)
                    }
                    fault => Err(fault.at(self.packets + 1)),
                }
            }
        }
    }

    /// Packets handed out so far.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Whether the file ended within a packet.
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Packets that the capturing side says it lost; only pcapng files can tell.
    pub fn dropped_by_capture(&self) -> u64 {
        match &self.source {
            Source::Ng(reader) => reader.dropped(),
            Source::Pcap { .. } | Source::Ended => self.dropped,
        }
    }
}

fn next_pcap<R: Read>(
    reader: &mut PcapReader<R>,
    link_type: LinkType,
    fraction_nanos: u64,
    octets: &mut Vec<u8>,
) -> Result<Option<RecordHeader>, PcapError> {
    let Some(packet) = reader.next_raw_packet().transpose()? else {
        return Ok(None);
    };
    octets.clear();
    octets.extend_from_slice(&packet.data);
    let nanos =
        u64::from(packet.ts_sec) * 1_000_000_000 + u64::from(packet.ts_frac) * fraction_nanos;
    Ok(Some(RecordHeader {
        time: Timestamp::from_nanos(nanos),
        interface: 0,
        link_type,
        wire_len: packet.orig_len as usize,
    }))
}

/// Blames the end of the file or its content.
fn fault(error: PcapError, at_end: bool) -> ReadFault {
    match error {
        PcapError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            if at_end {
                ReadFault::Truncated
            } else {
                ReadFault::Damaged("a length is larger than any packet".to_owned())
            }
        }
        PcapError::IoError(error) => ReadFault::Io(error),
        error => ReadFault::Damaged(error.to_string()),
    }
}

/// Notes when the input has ended, and goes on after interrupted reads.
struct Watched<R> {
    input: R,
    at_end: Rc<Cell<bool>>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.input.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) if !buffer.is_empty() => {
                    self.at_end.set(true);
                    return Ok(0);
                }
                other => return other,
            }
        }
    }
}

#[cfg(test)]
mod tests;
