//! Writes pcapng files.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read, Write};

use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::{DataLink, PcapError};

use crate::link_type::LinkType;
use crate::reader::{CaptureReader, ReadError, Record};

/// Timestamps are written in units of 10^-9 seconds.
const NANOSECONDS: u8 = 9;

/// Writes packets to a pcapng file, each interface described before its first packet.
pub struct CaptureWriter<W: Write> {
    writer: PcapNgWriter<W>,
    /// Interfaces described so far: number in the source and link type, in the order of the file.
    interfaces: Vec<(u32, LinkType)>,
}

impl<W: Write> CaptureWriter<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn new(output: W) -> io::Result<Self> {
        Ok(CaptureWriter {
            writer: PcapNgWriter::new(output).map_err(io_error)?,
            interfaces: Vec::new(),
        })
    }

    /// Writes a packet.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&mut self, record: &Record<'_>) -> io::Result<()> {
        let interface_id = self.interface(record.interface, record.link_type)?;
        let packet = EnhancedPacketBlock {
            interface_id,
            timestamp: std::time::Duration::from_nanos(record.time.as_nanos()),
            original_len: u32::try_from(record.wire_len).unwrap_or(u32::MAX),
            data: Cow::Borrowed(record.captured),
            options: Vec::new(),
        };
        self.writer.write_pcapng_block(packet).map_err(io_error)?;
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(self) -> io::Result<W> {
        let mut output = self.writer.into_inner();
        output.flush()?;
        Ok(output)
    }

    /// The number that an interface has in the file.
    fn interface(&mut self, number: u32, link_type: LinkType) -> io::Result<u32> {
        let known = self
            .interfaces
            .iter()
            .position(|&one| one == (number, link_type));
        let index = match known {
            Some(index) => index,
            None => {
                let description = InterfaceDescriptionBlock {
                    linktype: DataLink::from(link_type.0),
                    snaplen: 0,
                    options: vec![InterfaceDescriptionOption::IfTsResol(NANOSECONDS)],
                };
                self.writer
                    .write_pcapng_block(description)
                    .map_err(io_error)?;
                self.interfaces.push((number, link_type));
                self.interfaces.len() - 1
            }
        };
        u32::try_from(index).map_err(io::Error::other)
    }
}

fn io_error(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        error => io::Error::other(error),
    }
}

/// Why a capture was not converted.
#[derive(Debug)]
pub enum ConvertError {
    /// The source cannot be read.
    Read(ReadError),
    /// The target cannot be written.
    Write(io::Error),
}

impl fmt::Display for ConvertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConvertError::Read(error) => error.fmt(f),
            ConvertError::Write(error) => write!(f, "writing the capture: {error}"),
        }
    }
}

impl std::error::Error for ConvertError {}

/// What was converted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Converted {
    /// Packets written.
    pub packets: u64,
    /// The source ends within a packet.
    pub truncated: bool,
    /// Packets that the source says were lost when it was captured.
    pub dropped_by_capture: u64,
}

/// Writes every packet of a capture to a pcapng file.
///
/// # Errors
/// Either side fails.
pub fn convert<R: Read, W: Write>(
    mut reader: CaptureReader<R>,
    output: W,
) -> Result<Converted, ConvertError> {
    let mut writer = CaptureWriter::new(output).map_err(ConvertError::Write)?;
    while let Some(record) = reader.next_record().map_err(ConvertError::Read)? {
        writer.write(&record).map_err(ConvertError::Write)?;
    }
    writer.finish().map_err(ConvertError::Write)?;
    Ok(Converted {
        packets: reader.packets(),
        truncated: reader.is_truncated(),
        dropped_by_capture: reader.dropped_by_capture(),
    })
}

#[cfg(test)]
mod tests;
