//! Frames: how messages lie on a stream of octets.
//!
//! ```text
//! magic 4 | format 1 | kind 1 | flags 2 | length 4 | epoch 8 | from 16 | to 16 | crc32 4 | body
//! ```
//! All numbers are little endian; the checksum covers the header before it and the body.

use core::fmt;

use crate::ids::{Epoch, Incarnation};

mod decoder;

pub use decoder::FrameDecoder;
pub(crate) use decoder::LONG_OCTETS;

/// First octets of every frame.
pub const MAGIC: [u8; 4] = *b"tHAf";
/// Version of the header described here.
pub const FORMAT: u8 = 1;
/// Octets of a header.
pub const HEADER_OCTETS: usize = 56;
/// No body takes more octets than this.
pub const BODY_OCTETS_MAX: usize = (1 << 20) + 1024;
/// Flag: the batch goes on in the next batch frame.
pub const FLAG_MORE: u16 = 1;

const CHECKSUM_AT: usize = HEADER_OCTETS - 4;

/// What a frame's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FrameKind {
    /// First frame of either side.
    Hello = 1,
    /// The answer to a Hello that is not accepted; the last frame.
    Refuse = 2,
    /// A batch, or a part of one.
    Batch = 3,
    /// Everything up to an LSN is held.
    Ack = 4,
    /// The sender runs, and what its clock says.
    Heartbeat = 5,
    /// Moves of pairing and handing over.
    Control = 6,
}

impl FrameKind {
    fn from_octet(octet: u8) -> Option<Self> {
        let kinds = [
            Self::Hello,
            Self::Refuse,
            Self::Batch,
            Self::Ack,
            Self::Heartbeat,
            Self::Control,
        ];
        kinds.into_iter().find(|kind| *kind as u8 == octet)
    }
}

/// What stands before a body, length and checksum apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// What the body is.
    pub kind: FrameKind,
    /// [`FLAG_MORE`], or 0.
    pub flags: u16,
    /// The epoch in which the sender acts.
    pub epoch: Epoch,
    /// The sender.
    pub from: Incarnation,
    /// Whom the sender takes the receiver for.
    pub to: Incarnation,
}

/// A frame of the decoder's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What stands before the body.
    pub header: FrameHeader,
    /// The body.
    pub body: &'a [u8],
}

/// Octets that are not a frame. The stream is of no use afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// Does not begin with [`MAGIC`].
    BadMagic,
    /// A header of another version than [`FORMAT`].
    UnknownFormat(u8),
    /// No [`FrameKind`].
    UnknownKind(u8),
    /// Flags that this version does not know, or not with this kind.
    UnknownFlags(u16),
    /// A body of more than [`BODY_OCTETS_MAX`] octets.
    TooLong(u32),
    /// The checksum does not fit.
    BadChecksum,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadMagic => f.write_str("not a frame: the first octets are wrong"),
            Self::UnknownFormat(format) => {
                write!(f, "frame of format {format}, this side knows {FORMAT}")
            }
            Self::UnknownKind(kind) => write!(f, "frame of unknown kind {kind}"),
            Self::UnknownFlags(flags) => write!(f, "frame with unknown flags {flags:#06x}"),
            Self::TooLong(octets) => {
                write!(
                    f,
                    "frame of {octets} octets, at most {BODY_OCTETS_MAX} are taken"
                )
            }
            Self::BadChecksum => f.write_str("frame with a wrong checksum"),
        }
    }
}

impl core::error::Error for FrameError {}

/// Appends a frame whose body is `parts`, one after another.
///
/// # Panics
/// When the body is longer than [`BODY_OCTETS_MAX`].
pub fn encode_into(header: &FrameHeader, parts: &[&[u8]], out: &mut Vec<u8>) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let head = head(header, length);
    out.reserve(HEADER_OCTETS + length);
    out.extend_from_slice(&head);
    out.extend_from_slice(&checksum(&head, parts));
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

/// Makes a frame of `octets`: its body stands behind room for the header, which is filled.
///
/// # Panics
/// When the body is longer than [`BODY_OCTETS_MAX`], or there is no room.
pub(crate) fn seal(header: &FrameHeader, octets: &mut [u8]) {
    let (room, body) = octets.split_at_mut(HEADER_OCTETS);
    let head = head(header, body.len());
    room[..CHECKSUM_AT].copy_from_slice(&head);
    room[CHECKSUM_AT..].copy_from_slice(&checksum(&head, &[body]));
}

/// What stands before the checksum.
fn head(header: &FrameHeader, length: usize) -> [u8; CHECKSUM_AT] {
    assert!(
        length <= BODY_OCTETS_MAX,
        "a frame's body of {length} octets"
    );
    let FrameHeader {
        kind,
        flags,
        epoch,
        from,
        to,
    } = header;
    let mut head = [0; CHECKSUM_AT];
    head[..4].copy_from_slice(&MAGIC);
    head[4..6].copy_from_slice(&[FORMAT, *kind as u8]);
    head[6..8].copy_from_slice(&flags.to_le_bytes());
    head[8..12].copy_from_slice(&(length as u32).to_le_bytes());
    head[12..20].copy_from_slice(&epoch.0.to_le_bytes());
    head[20..36].copy_from_slice(&from.to_bytes());
    head[36..].copy_from_slice(&to.to_bytes());
    head
}

fn checksum(head: &[u8], parts: &[&[u8]]) -> [u8; 4] {
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(head);
    parts.iter().for_each(|part| checksum.update(part));
    checksum.finalize().to_le_bytes()
}

/// The header and the body's length; `None` while the header is not whole. What can be told wrong
/// from the first octets is told at once, so that garbage is not waited for.
fn parse_header(octets: &[u8]) -> Result<Option<(FrameHeader, usize)>, FrameError> {
    let known = octets.len().min(MAGIC.len());
    if octets[..known] != MAGIC[..known] {
        return Err(FrameError::BadMagic);
    }
    if let Some(format) = octets.get(4).filter(|format| **format != FORMAT) {
        return Err(FrameError::UnknownFormat(*format));
    }
    let Some(head) = octets.first_chunk::<HEADER_OCTETS>() else {
        return Ok(None);
    };
    let kind = FrameKind::from_octet(head[5]).ok_or(FrameError::UnknownKind(head[5]))?;
    let flags = u16::from_le_bytes(field(head, 6));
    if flags != 0 && (flags != FLAG_MORE || kind != FrameKind::Batch) {
        return Err(FrameError::UnknownFlags(flags));
    }
    let length = u32::from_le_bytes(field(head, 8));
    let octets = length as usize;
    if octets > BODY_OCTETS_MAX {
        return Err(FrameError::TooLong(length));
    }
    let header = FrameHeader {
        kind,
        flags,
        epoch: Epoch(u64::from_le_bytes(field(head, 12))),
        from: Incarnation::from_bytes(field(head, 20)),
        to: Incarnation::from_bytes(field(head, 36)),
    };
    Ok(Some((header, octets)))
}

fn field<const N: usize>(head: &[u8; HEADER_OCTETS], at: usize) -> [u8; N] {
    core::array::from_fn(|i| head[at + i])
}

#[cfg(test)]
mod tests;
