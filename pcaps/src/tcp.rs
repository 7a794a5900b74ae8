//! A view of a TCP header and its options (RFC 9293 3.1), for judging, not for speaking.

use std::net::IpAddr;

use smoltcp::wire::{IpProtocol, checksum};

use crate::packet::Skip;
use crate::seq::SeqNum;

/// Octets of a TCP header without options.
const HEADER_LEN: usize = 20;

/// The control bits of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flags(pub u8);

impl Flags {
    /// No more data from the sender.
    pub const FIN: Flags = Flags(0x01);
    /// Synchronise sequence numbers.
    pub const SYN: Flags = Flags(0x02);
    /// Reset the connection.
    pub const RST: Flags = Flags(0x04);
    /// Push function.
    pub const PSH: Flags = Flags(0x08);
    /// The acknowledgement field is significant.
    pub const ACK: Flags = Flags(0x10);
    /// The urgent pointer is significant.
    pub const URG: Flags = Flags(0x20);

    /// Whether every bit of `other` is set.
    pub const fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits of both.
    pub const fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

/// The timestamps option (RFC 7323 3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimestampsOption {
    /// The sender's clock.
    pub tsval: u32,
    /// The echo of the other side's clock.
    pub tsecr: u32,
}

/// The options of a segment, as far as they are judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TcpOptions {
    /// Maximum segment size, octets.
    pub mss: Option<u16>,
    /// Window scale shift, as sent (RFC 7323 2.3 limits its use to 14).
    pub window_scale: Option<u8>,
    /// SACK permitted (RFC 2018).
    pub sack_permitted: bool,
    /// Timestamps.
    pub timestamps: Option<TimestampsOption>,
    /// Blocks of a SACK option: left and right edge.
    pub sack_blocks: [Option<(SeqNum, SeqNum)>; 4],
    /// An MD5 signature was there (RFC 2385).
    pub md5: bool,
    /// An authentication option was there (RFC 5925).
    pub ao: bool,
    /// The option list could not be walked to its end; what stands before the fault is reported.
    pub malformed: bool,
}

/// What the TCP checksum says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Checksum {
    /// It is right.
    Good,
    /// It is wrong: a damaged segment, or one captured before the device filled the checksum in.
    Bad,
    /// The capture does not hold the whole segment.
    Unknown,
}

/// A TCP segment: header fields by their RFC 9293 names, and the captured octets.
#[derive(Clone, Copy, Debug)]
pub struct TcpSegment<'a> {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// SEG.SEQ.
    pub seg_seq: SeqNum,
    /// SEG.ACK; only meaningful with [`Flags::ACK`].
    pub seg_ack: SeqNum,
    /// Control bits.
    pub flags: Flags,
    /// SEG.WND as it stands in the header, not scaled.
    pub seg_wnd: u16,
    /// Options.
    pub options: TcpOptions,
    /// The header as it was captured, options included.
    pub header: &'a [u8],
    /// Octets of the stream that the capture holds.
    pub payload: &'a [u8],
    /// Octets of the stream that the segment had on the wire; more than `payload` when the capture cut it.
    pub payload_len: u32,
    /// Verdict on the checksum.
    pub checksum: Checksum,
}

impl<'a> TcpSegment<'a> {
    /// Reads a segment from the captured octets of an IP payload that had `wire_len` octets on the wire.
    ///
    /// # Errors
    /// [`Skip::Malformed`] or [`Skip::Truncated`] when the header itself is not there.
    pub fn parse(
        source: IpAddr,
        destination: IpAddr,
        captured: &'a [u8],
        wire_len: usize,
    ) -> Result<Self, Skip> {
        let octets = &captured[..captured.len().min(wire_len)];
        if octets.len() < HEADER_LEN {
            return Err(if wire_len < HEADER_LEN {
                Skip::Malformed
            } else {
                Skip::Truncated
            });
        }
        let header_len = usize::from(octets[12] >> 4) * 4;
        if header_len < HEADER_LEN || header_len > wire_len {
            return Err(Skip::Malformed);
        }
        if header_len > octets.len() {
            return Err(Skip::Truncated);
        }
        let payload_len = u32::try_from(wire_len - header_len).map_err(|_| Skip::Malformed)?;
        Ok(TcpSegment {
            source_port: u16::from_be_bytes([octets[0], octets[1]]),
            destination_port: u16::from_be_bytes([octets[2], octets[3]]),
            seg_seq: SeqNum(be32(&octets[4..])),
            seg_ack: SeqNum(be32(&octets[8..])),
            flags: Flags(octets[13] & 0x3f),
            seg_wnd: u16::from_be_bytes([octets[14], octets[15]]),
            options: TcpOptions::parse(&octets[HEADER_LEN..header_len]),
            header: &octets[..header_len],
            payload: &octets[header_len..],
            payload_len,
            checksum: verify(source, destination, octets, wire_len),
        })
    }

    /// SEG.LEN: octets of sequence space that the segment takes, SYN and FIN included.
    pub fn seg_len(&self) -> u32 {
        self.payload_len
            + u32::from(self.flags.has(Flags::SYN))
            + u32::from(self.flags.has(Flags::FIN))
    }

    /// Whether the capture lacks some of the segment's octets.
    pub fn is_cut(&self) -> bool {
        self.payload.len() < self.payload_len as usize
    }
}

impl TcpOptions {
    /// Walks an option list. Never fails: a fault is told by `malformed`.
    pub fn parse(mut list: &[u8]) -> TcpOptions {
        let mut options = TcpOptions::default();
        while let [kind, rest @ ..] = list {
            match (*kind, rest) {
                (0, _) => break,
                (1, _) => list = rest,
                (kind, [len, ..]) if *len >= 2 && usize::from(*len) <= list.len() => {
                    let (option, after) = list.split_at(usize::from(*len));
                    options.note(kind, &option[2..]);
                    list = after;
                }
                _ => {
                    options.malformed = true;
                    break;
                }
            }
        }
        options
    }

    fn note(&mut self, kind: u8, body: &[u8]) {
        match (kind, body) {
            (2, [high, low]) => self.mss = Some(u16::from_be_bytes([*high, *low])),
            (3, [shift]) => self.window_scale = Some(*shift),
            (4, []) => self.sack_permitted = true,
            (5, blocks) if blocks.len() % 8 == 0 && blocks.len() <= 32 => {
                for (slot, block) in self.sack_blocks.iter_mut().zip(blocks.chunks_exact(8)) {
                    *slot = Some((SeqNum(be32(block)), SeqNum(be32(&block[4..]))));
                }
            }
            (8, body) if body.len() == 8 => {
                self.timestamps = Some(TimestampsOption {
                    tsval: be32(body),
                    tsecr: be32(&body[4..]),
                });
            }
            (19, body) if body.len() == 16 => self.md5 = true,
            (29, body) if body.len() >= 2 => self.ao = true,
            (2..=5 | 8 | 19 | 29, _) => self.malformed = true,
            _ => {}
        }
    }
}

fn be32(octets: &[u8]) -> u32 {
    u32::from_be_bytes([octets[0], octets[1], octets[2], octets[3]])
}

fn verify(source: IpAddr, destination: IpAddr, octets: &[u8], wire_len: usize) -> Checksum {
    let Ok(len) = u32::try_from(wire_len) else {
        return Checksum::Unknown;
    };
    // The sum is kept in 32 bits, and the pseudo-header's length of a super-frame is not settled.
    if octets.len() < wire_len || octets.len() > usize::from(u16::MAX) {
        return Checksum::Unknown;
    }
    let pseudo = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            checksum::pseudo_header_v4(&source, &destination, IpProtocol::Tcp, len)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            checksum::pseudo_header_v6(&source, &destination, IpProtocol::Tcp, len)
        }
        _ => return Checksum::Unknown,
    };
    if checksum::combine(&[pseudo, checksum::data(octets)]) == !0 {
        Checksum::Good
    } else {
        Checksum::Bad
    }
}

#[cfg(test)]
mod tests;
