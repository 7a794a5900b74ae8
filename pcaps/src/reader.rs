//! Reads pcap and pcapng files packet by packet.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::link_type::LinkType;
use crate::time::Timestamp;

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
