//! Segments for the engine: those of the capture made whole again, and those that the capture lacks.

use tcp_ha_engine::SeqNum;

use super::trace::Heard;
use crate::tcp::{Flags, TimestampsOption};

const HEADER_LEN: usize = 20;
const KIND_NOP: u8 = 1;
const KIND_MD5: u8 = 19;
const KIND_AO: u8 = 29;

/// The octets of a captured segment: signatures taken out, since the engine has no key, and zeros for what the capture
/// cut off. Its checksum is not brought up to that.
pub(super) fn whole(heard: &Heard) -> Vec<u8> {
    let mut octets = heard.header.clone();
    if heard.options.md5 || heard.options.ao {
        blank_signatures(&mut octets[HEADER_LEN..]);
    }
    octets.extend(&heard.payload);
    octets.resize(heard.header.len() + heard.payload_len as usize, 0);
    octets
}

fn blank_signatures(options: &mut [u8]) {
    let mut at = 0;
    while let Some(&kind) = options.get(at) {
        let len = match kind {
            0 => return,
            KIND_NOP => 1,
            _ => match options.get(at + 1) {
                Some(&len) if len >= 2 => usize::from(len),
                _ => return,
            },
        };
        if matches!(kind, KIND_MD5 | KIND_AO)
            && let Some(option) = options.get_mut(at..at + len)
        {
            option.fill(KIND_NOP);
        }
        at += len;
    }
}

/// A segment that the capture lacks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draft<'a> {
    pub(super) ports: (u16, u16),
    pub(super) seq: SeqNum,
    pub(super) ack: SeqNum,
    pub(super) flags: Flags,
    pub(super) wnd: u16,
    pub(super) timestamps: Option<TimestampsOption>,
    /// Of a SYN: MSS, window scale, SACK permitted.
    pub(super) opening: Option<(u16, Option<u8>, bool)>,
    pub(super) text: &'a [u8],
}

impl Draft<'_> {
    /// Its octets, the checksum left at zero.
    pub(super) fn octets(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(HEADER_LEN + 40 + self.text.len());
        octets.extend(self.ports.0.to_be_bytes());
        octets.extend(self.ports.1.to_be_bytes());
        octets.extend(self.seq.0.to_be_bytes());
        octets.extend(self.ack.0.to_be_bytes());
        octets.extend([0, self.flags.0]);
        octets.extend(self.wnd.to_be_bytes());
        octets.extend([0; 4]);
        if let Some((mss, scale, sack_permitted)) = self.opening {
            octets.extend([2, 4]);
            octets.extend(mss.to_be_bytes());
            if let Some(shift) = scale {
                octets.extend([KIND_NOP, 3, 3, shift]);
            }
            if sack_permitted {
                octets.extend([KIND_NOP, KIND_NOP, 4, 2]);
            }
        }
        if let Some(TimestampsOption { tsval, tsecr }) = self.timestamps {
            octets.extend([KIND_NOP, KIND_NOP, 8, 10]);
            octets.extend(tsval.to_be_bytes());
            octets.extend(tsecr.to_be_bytes());
        }
        // At most 20 + 24 octets, each option padded to four.
        octets[12] = ((octets.len() / 4) as u8) << 4;
        octets.extend(self.text);
        octets
    }
}
