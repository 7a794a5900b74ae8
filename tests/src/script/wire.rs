//! Segments as octets: built and read here, apart from the engine's own code.

use super::ip::{self, TCP};
use super::line::{Opt, Options, Packet};
use super::octet;
use std::net::SocketAddr;

const HEADER_LEN: usize = 20;

/// Where the numbers of a script lie on the wire.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bases {
    /// Wire number of our 0.
    pub(super) ours: u32,
    /// Wire number of the peer's 0.
    pub(super) theirs: u32,
    /// Our TSval that a script calls 0, once known.
    pub(super) clock: Option<u32>,
}

/// The octets of a segment of the peer's.
pub(super) fn build(packet: &Packet, src: SocketAddr, dst: SocketAddr, bases: Bases) -> Vec<u8> {
    let options = match &packet.options {
        Options::Exactly(options) => options_octets(options, bases),
        Options::Any => Vec::new(),
    };
    let seq = bases.theirs.wrapping_add(packet.seq);
    let ack = packet.ack.map_or(0, |ack| bases.ours.wrapping_add(ack));
    let words = (HEADER_LEN + options.len()) / 4;
    let mut out = Vec::new();
    out.extend_from_slice(&src.port().to_be_bytes());
    out.extend_from_slice(&dst.port().to_be_bytes());
    out.extend_from_slice(&seq.to_be_bytes());
    out.extend_from_slice(&ack.to_be_bytes());
    // Options have at most 40 octets.
    out.push(packet.data_offset.unwrap_or(words as u8) << 4);
    out.push(packet.flags);
    out.extend_from_slice(&packet.win.unwrap_or(65_535).to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&packet.urg.unwrap_or(0).to_be_bytes());
    out.extend_from_slice(&options);
    let syn = u32::from(packet.flags & 0x02 != 0);
    let first = i64::from(packet.seq.wrapping_add(syn) as i32) - 1;
    out.extend((0..packet.len).map(|at| octet((first + i64::from(at)).rem_euclid(251) as u64)));
    let mut sum = ip::checksum(src.ip(), dst.ip(), TCP, &out);
    if packet.bad_checksum {
        sum ^= 0x0101;
    }
    out[16..18].copy_from_slice(&sum.to_be_bytes());
    out
}

fn options_octets(options: &[Opt], bases: Bases) -> Vec<u8> {
    let mut out = Vec::new();
    for option in options {
        match option {
            Opt::End => out.push(0),
            Opt::Nop => out.push(1),
            Opt::Mss(mss) => {
                out.extend_from_slice(&[2, 4]);
                out.extend_from_slice(&mss.to_be_bytes());
            }
            Opt::Wscale(shift) => out.extend_from_slice(&[3, 3, *shift]),
            Opt::SackOk => out.extend_from_slice(&[4, 2]),
            Opt::Sack(blocks) => {
                out.extend_from_slice(&[5, 2 + 8 * blocks.len() as u8]);
                for (left, right) in blocks {
                    out.extend_from_slice(&bases.ours.wrapping_add(*left).to_be_bytes());
                    out.extend_from_slice(&bases.ours.wrapping_add(*right).to_be_bytes());
                }
            }
            Opt::Timestamps(value, echo) => {
                let echo = bases.clock.map_or(*echo, |base| base.wrapping_add(*echo));
                out.extend_from_slice(&[8, 10]);
                out.extend_from_slice(&value.to_be_bytes());
                out.extend_from_slice(&echo.to_be_bytes());
            }
            Opt::Other(kind, len, body) => {
                out.extend_from_slice(&[*kind, len.unwrap_or(2 + body.len() as u8)]);
                out.extend_from_slice(body);
            }
        }
    }
    // Unfilled words end the list.
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

/// A segment of ours, as it left.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// When, in microseconds of the script.
    pub(super) at: u64,
    pub(super) src: SocketAddr,
    pub(super) dst: SocketAddr,
    pub(super) flags: u8,
    /// As on the wire.
    pub(super) seq: u32,
    pub(super) ack: u32,
    pub(super) win: u16,
    pub(super) urg: u16,
    pub(super) options: Vec<Opt>,
    pub(super) text: Vec<u8>,
}

impl Seen {
    /// The segment in a script's numbers.
    pub(super) fn packet(&self, bases: Bases) -> Packet {
        let options = self.options.iter().map(|option| match option {
            Opt::Sack(blocks) => Opt::Sack(
                blocks
                    .iter()
                    .map(|(left, right)| {
                        (
                            left.wrapping_sub(bases.theirs),
                            right.wrapping_sub(bases.theirs),
                        )
                    })
                    .collect(),
            ),
            Opt::Timestamps(value, echo) => Opt::Timestamps(
                bases.clock.map_or(*value, |base| value.wrapping_sub(base)),
                *echo,
            ),
            other => other.clone(),
        });
        Packet {
            flags: self.flags,
            seq: self.seq.wrapping_sub(bases.ours),
            // A segment has less than 2^16 octets.
            len: self.text.len() as u32,
            ack: (self.flags & 0x10 != 0).then(|| self.ack.wrapping_sub(bases.theirs)),
            win: Some(self.win),
            urg: (self.flags & 0x20 != 0).then_some(self.urg),
            ttl: None,
            options: Options::Exactly(options.collect()),
            bad_checksum: false,
            data_offset: None,
        }
    }
}

/// Reads a packet of ours.
///
/// # Errors
/// What no packet of ours may be, in words.
pub(super) fn read(at: u64, packet: &[u8]) -> Result<Seen, String> {
    let (src, dst, octets) = ip::unwrap(packet)?;
    if octets.len() < HEADER_LEN || ip::checksum(src, dst, TCP, octets) != 0 {
        return Err("a segment without a header or with a wrong checksum left".into());
    }
    let word = |at: usize| u16::from_be_bytes([octets[at], octets[at + 1]]);
    let long = |at: usize| u32::from(word(at)) << 16 | u32::from(word(at + 2));
    let data = usize::from(octets[12] >> 4) * 4;
    let options = octets
        .get(HEADER_LEN..data)
        .ok_or("a segment left whose data offset lies")?;
    Ok(Seen {
        at,
        src: SocketAddr::new(src, word(0)),
        dst: SocketAddr::new(dst, word(2)),
        flags: octets[13],
        seq: long(4),
        ack: long(8),
        win: word(14),
        urg: word(18),
        options: read_options(options)?,
        text: octets[data..].to_vec(),
    })
}

fn read_options(mut octets: &[u8]) -> Result<Vec<Opt>, String> {
    let mut options = Vec::new();
    let long = |at: &[u8]| u32::from_be_bytes([at[0], at[1], at[2], at[3]]);
    while let [kind, rest @ ..] = octets {
        match kind {
            0 => {
                options.push(Opt::End);
                break;
            }
            1 => {
                options.push(Opt::Nop);
                octets = rest;
                continue;
            }
            _ => {}
        }
        let len = usize::from(*rest.first().ok_or("an option without a length left")?);
        let body = octets
            .get(2..len)
            .ok_or("an option left whose length lies")?;
        options.push(match (kind, body) {
            (2, [a, b]) => Opt::Mss(u16::from_be_bytes([*a, *b])),
            (3, [shift]) => Opt::Wscale(*shift),
            (4, []) => Opt::SackOk,
            (5, blocks) if blocks.len() % 8 == 0 => Opt::Sack(
                blocks
                    .chunks_exact(8)
                    .map(|block| (long(block), long(&block[4..])))
                    .collect(),
            ),
            (8, body) if body.len() == 8 => Opt::Timestamps(long(body), long(&body[4..])),
            (kind, body) => Opt::Other(*kind, None, body.to_vec()),
        });
        octets = &octets[len..];
    }
    Ok(options)
}
