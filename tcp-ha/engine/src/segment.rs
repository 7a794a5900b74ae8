//! TCP segments: reading and writing the header (RFC 9293 3.1).

use crate::checksum::{pseudo_header_sum, tcp_checksum};
use crate::options::Options;
use crate::seq::SeqNum;
use core::fmt;
use core::ops::Range;
use std::net::IpAddr;

/// A header without options.
pub const HEADER_LEN: usize = 20;

/// Where the checksum stands.
const CHECKSUM: Range<usize> = 16..18;

/// Control bits of a segment.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// No bit.
    pub const NONE: Flags = Flags(0);
    /// FIN: no more octets from the sender.
    pub const FIN: Flags = Flags(0x01);
    /// SYN: synchronizes sequence numbers.
    pub const SYN: Flags = Flags(0x02);
    /// RST: resets the connection.
    pub const RST: Flags = Flags(0x04);
    /// PSH: the sender has no more to send for now.
    pub const PSH: Flags = Flags(0x08);
    /// ACK: the acknowledgement field means something.
    pub const ACK: Flags = Flags(0x10);
    /// URG: the urgent pointer means something.
    pub const URG: Flags = Flags(0x20);

    /// True where every bit of `other` is set.
    pub const fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits of both.
    pub const fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// The bits of `self` that are not in `other`.
    pub const fn without(self, other: Flags) -> Flags {
        Flags(self.0 & !other.0)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = "FSRP.U";
        for (bit, letter) in letters.chars().enumerate() {
            if self.0 & (1 << bit) != 0 {
                write!(f, "{letter}")?;
            }
        }
        Ok(())
    }
}

/// What the fixed part of a header says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// SEG.SEQ.
    pub seq: SeqNum,
    /// SEG.ACK.
    pub ack: SeqNum,
    /// Control bits.
    pub flags: Flags,
    /// Window field, not scaled.
    pub window: u16,
}

/// A segment as it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Fixed part of the header.
    pub header: Header,
    /// Options.
    pub options: Options,
    /// Text.
    pub payload: &'a [u8],
}

impl<'a> Segment<'a> {
    /// Reads a segment; `None` where it is shorter than it says or than a header can be.
    /// The checksum is not looked at.
    pub fn parse(octets: &'a [u8]) -> Option<Segment<'a>> {
        let fixed: &[u8; HEADER_LEN] = octets.first_chunk()?;
        let word = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
        let long = |at: usize| {
            SeqNum(u32::from_be_bytes([
                fixed[at],
                fixed[at + 1],
                fixed[at + 2],
                fixed[at + 3],
            ]))
        };
        let data_offset = usize::from(fixed[12] >> 4) * 4;
        if data_offset < HEADER_LEN || data_offset > octets.len() {
            return None;
        }
        Some(Segment {
            header: Header {
                src_port: word(0),
                dst_port: word(2),
                seq: long(4),
                ack: long(8),
                flags: Flags(fixed[13] & 0x3f),
                window: word(14),
            },
            options: Options::parse(&octets[HEADER_LEN..data_offset]),
            payload: &octets[data_offset..],
        })
    }

    /// True where the checksum of an arrived segment is right.
    pub fn checksum_is_right(src: IpAddr, dst: IpAddr, octets: &[u8]) -> bool {
        tcp_checksum(src, dst, octets) == 0
    }

    /// SEG.LEN: octets of text, SYN and FIN counted.
    pub fn len(&self) -> u64 {
        let flags = self.header.flags;
        self.payload.len() as u64
            + u64::from(flags.has(Flags::SYN))
            + u64::from(flags.has(Flags::FIN))
    }

    /// True where the segment takes no sequence number.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Appends a segment with its checksum. The payload comes in two parts, either may be empty.
pub fn emit(
    out: &mut Vec<u8>,
    src: IpAddr,
    dst: IpAddr,
    header: &Header,
    options: &Options,
    payload: (&[u8], &[u8]),
) {
    emit_signed(out, src, dst, header, options, payload, |_| {});
}

/// Appends a segment that `sign` signs: it gets the segment with its checksum still 0.
pub(crate) fn emit_signed(
    out: &mut Vec<u8>,
    src: IpAddr,
    dst: IpAddr,
    header: &Header,
    options: &Options,
    payload: (&[u8], &[u8]),
    sign: impl FnOnce(&mut [u8]),
) {
    let start = out.len();
    write_header(out, header, options);
    out.extend_from_slice(payload.0);
    out.extend_from_slice(payload.1);
    sign(&mut out[start..]);
    fill_checksum(&mut out[start..], src, dst);
}

/// Fills the checksum of a whole segment in; the field must be 0.
pub(crate) fn fill_checksum(segment: &mut [u8], src: IpAddr, dst: IpAddr) {
    let checksum = tcp_checksum(src, dst, segment);
    segment[CHECKSUM].copy_from_slice(&checksum.to_be_bytes());
}

/// Leaves the checksum of a whole segment to the device: the field holds the sum of the
/// pseudo header, to which the device adds that of the segment. `behind`: octets of text that
/// follow elsewhere.
pub(crate) fn leave_checksum(segment: &mut [u8], src: IpAddr, dst: IpAddr, behind: usize) {
    let sum = pseudo_header_sum(src, dst, segment.len() + behind);
    segment[CHECKSUM].copy_from_slice(&sum.to_be_bytes());
}

/// Appends a header with its options, whose checksum is 0.
pub(crate) fn write_header(out: &mut Vec<u8>, header: &Header, options: &Options) {
    let header_len = HEADER_LEN + options.wire_len();
    out.extend_from_slice(&header.src_port.to_be_bytes());
    out.extend_from_slice(&header.dst_port.to_be_bytes());
    out.extend_from_slice(&header.seq.0.to_be_bytes());
    out.extend_from_slice(&header.ack.0.to_be_bytes());
    // Options are at most 40 octets, so the data offset fits its four bits.
    out.push(((header_len / 4) as u8) << 4);
    out.push(header.flags.0);
    out.extend_from_slice(&header.window.to_be_bytes());
    out.extend_from_slice(&[0, 0, 0, 0]);
    options.emit(out);
}

#[cfg(test)]
mod tests;
