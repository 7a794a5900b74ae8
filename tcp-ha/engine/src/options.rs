//! TCP options (RFC 9293 3.1, RFC 2018, RFC 7323, RFC 2385, RFC 5925).

mod signature;

pub use signature::{AoSignature, Signature};
pub(crate) use signature::{KIND_AO, find as find_option};

use crate::seq::SeqNum;

const KIND_END: u8 = 0;
const KIND_NOP: u8 = 1;
const KIND_MSS: u8 = 2;
const KIND_WINDOW_SCALE: u8 = 3;
const KIND_SACK_PERMITTED: u8 = 4;
const KIND_SACK: u8 = 5;
const KIND_TIMESTAMPS: u8 = 8;

/// A header has room for 40 octets of options.
pub const MAX_OPTIONS_LEN: usize = 40;
/// RFC 7323 2.3: a larger shift counts as this one.
pub const MAX_WINDOW_SCALE: u8 = 14;
/// Without other options four blocks fit.
const MAX_SACK_BLOCKS: usize = 4;

/// One range of octets that arrived out of order: first sequence number, and the one behind
/// the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SackBlock {
    /// First sequence number of the range.
    pub left: SeqNum,
    /// The sequence number behind the range.
    pub right: SeqNum,
}

/// Up to four SACK blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SackBlocks {
    blocks: [SackBlock; MAX_SACK_BLOCKS],
    len: u8,
}

impl SackBlocks {
    /// Adds a block; the fifth is left out.
    pub fn push(&mut self, block: SackBlock) {
        if let Some(slot) = self.blocks.get_mut(usize::from(self.len)) {
            *slot = block;
            self.len += 1;
        }
    }

    /// The blocks, in the order of the option.
    pub fn as_slice(&self) -> &[SackBlock] {
        &self.blocks[..usize::from(self.len)]
    }

    /// Keeps the first `len`.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(u8::try_from(len).unwrap_or(u8::MAX));
    }

    /// True where there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// RFC 7323 timestamps option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamps {
    /// TSval: the sender's clock.
    pub value: u32,
    /// TSecr: the clock value that is echoed.
    pub echo: u32,
}

/// The options of one segment that mean something here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Maximum segment size.
    pub mss: Option<u16>,
    /// SACK permitted.
    pub sack_permitted: bool,
    /// Timestamps.
    pub timestamps: Option<Timestamps>,
    /// Window scale, at most 14.
    pub window_scale: Option<u8>,
    /// Selective acknowledgements.
    pub sack: SackBlocks,
    /// Who proves to have sent the segment.
    pub signature: Signature,
}

impl Options {
    /// Reads the option octets of a header.
    ///
    /// Unknown options are skipped; an option whose length is impossible ends the walk and
    /// keeps what was read before it, as other stacks do (RFC 9293 MUST-6, MUST-7).
    pub fn parse(mut octets: &[u8]) -> Options {
        let mut options = Options::default();
        while let Some((&kind, rest)) = octets.split_first() {
            match kind {
                KIND_END => break,
                KIND_NOP => octets = rest,
                _ => {
                    let Some(&len) = rest.first() else { break };
                    let len = usize::from(len);
                    if len < 2 || len > octets.len() {
                        break;
                    }
                    options.take(kind, &octets[2..len]);
                    octets = &octets[len..];
                }
            }
        }
        options
    }

    fn take(&mut self, kind: u8, body: &[u8]) {
        match (kind, body) {
            (KIND_MSS, &[a, b]) => self.mss = Some(u16::from_be_bytes([a, b])),
            (KIND_WINDOW_SCALE, &[shift]) => {
                self.window_scale = Some(shift.min(MAX_WINDOW_SCALE));
            }
            (KIND_SACK_PERMITTED, &[]) => self.sack_permitted = true,
            (KIND_TIMESTAMPS, &[a, b, c, d, e, f, g, h]) => {
                self.timestamps = Some(Timestamps {
                    value: u32::from_be_bytes([a, b, c, d]),
                    echo: u32::from_be_bytes([e, f, g, h]),
                });
            }
            (signature::KIND_MD5 | signature::KIND_AO, body) => {
                self.signature = self.signature.and(kind, body);
            }
            (KIND_SACK, body) if body.len().is_multiple_of(8) => {
                self.sack = SackBlocks::default();
                for block in body.chunks_exact(8) {
                    self.sack.push(SackBlock {
                        left: SeqNum(u32::from_be_bytes([block[0], block[1], block[2], block[3]])),
                        right: SeqNum(u32::from_be_bytes([block[4], block[5], block[6], block[7]])),
                    });
                }
            }
            _ => {}
        }
    }

    /// Octets that [`Options::emit`] writes; a multiple of 4, at most 40 for options that
    /// this engine puts together.
    pub fn wire_len(&self) -> usize {
        let mut len = self.signature.wire_len();
        if self.mss.is_some() {
            len += 4;
        }
        // SACK-permitted takes the place of the padding before timestamps.
        if self.timestamps.is_some() {
            len += 12;
        } else if self.sack_permitted {
            len += 4;
        }
        if self.window_scale.is_some() {
            len += 4;
        }
        if !self.sack.is_empty() {
            len += 4 + 8 * usize::from(self.sack.len);
        }
        len
    }

    /// Appends the options, in the order and with the padding that Linux uses.
    pub fn emit(&self, out: &mut Vec<u8>) {
        self.signature.emit(out);
        if let Some(mss) = self.mss {
            out.extend_from_slice(&[KIND_MSS, 4]);
            out.extend_from_slice(&mss.to_be_bytes());
        }
        match (self.sack_permitted, self.timestamps) {
            (true, Some(_)) => out.extend_from_slice(&[KIND_SACK_PERMITTED, 2]),
            (true, None) => out.extend_from_slice(&[KIND_NOP, KIND_NOP, KIND_SACK_PERMITTED, 2]),
            (false, Some(_)) => out.extend_from_slice(&[KIND_NOP, KIND_NOP]),
            (false, None) => {}
        }
        if let Some(timestamps) = self.timestamps {
            out.extend_from_slice(&[KIND_TIMESTAMPS, 10]);
            out.extend_from_slice(&timestamps.value.to_be_bytes());
            out.extend_from_slice(&timestamps.echo.to_be_bytes());
        }
        if let Some(shift) = self.window_scale {
            out.extend_from_slice(&[KIND_NOP, KIND_WINDOW_SCALE, 3, shift]);
        }
        if !self.sack.is_empty() {
            let len = 2 + 8 * self.sack.len;
            out.extend_from_slice(&[KIND_NOP, KIND_NOP, KIND_SACK, len]);
            for block in self.sack.as_slice() {
                out.extend_from_slice(&block.left.0.to_be_bytes());
                out.extend_from_slice(&block.right.0.to_be_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests;
