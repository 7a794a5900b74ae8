//! Why a capture cannot be read.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A capture cannot be read: the file, the packet, and why.
#[derive(Debug)]
pub struct ReadError {
    /// The file, where there is one.
    pub path: Option<PathBuf>,
    /// The number of the packet that could not be read, counted from 1; 0: the beginning of the file.
    pub packet: u64,
    /// Why.
    pub fault: ReadFault,
}

/// What is wrong with a capture.
#[derive(Debug)]
pub enum ReadFault {
    /// The operating system says no.
    Io(io::Error),
    /// The first octets are those of neither format.
    NotACapture,
    /// It ends within its beginning or within a packet.
    Truncated,
    /// Its content contradicts itself.
    Damaged(String),
}

impl ReadFault {
    /// The fault as an error at a packet.
    pub(super) fn at(self, packet: u64) -> ReadError {
        ReadError {
            path: None,
            packet,
            fault: self,
        }
    }
}

impl ReadError {
    /// Names the file.
    pub(crate) fn in_file(self, path: &Path) -> ReadError {
        ReadError {
            path: Some(path.to_owned()),
            ..self
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{}: ", path.display())?,
            None => f.write_str("capture: ")?,
        }
        if self.packet > 0 {
            write!(f, "packet {}: ", self.packet)?;
        }
        match &self.fault {
            ReadFault::Io(error) => write!(f, "{error}"),
            ReadFault::NotACapture => {
                f.write_str("neither pcap nor pcapng (a compressed file has to be unpacked first)")
            }
            ReadFault::Truncated => f.write_str("the file ends within its header"),
            ReadFault::Damaged(what) => write!(f, "damaged: {what}"),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            ReadFault::Io(error) => Some(error),
            _ => None,
        }
    }
}
