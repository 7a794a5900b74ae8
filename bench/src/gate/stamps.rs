//! When frames came into the gate, and how long they stayed.

use crate::percentiles::Percentiles;
use std::collections::VecDeque;
use std::time::Instant;

const ETHERNET_OCTETS: usize = 14;
const ETHERTYPE_IPV4: [u8; 2] = [8, 0];
const PROTOCOL_TCP: u8 = 6;
/// SYN, FIN and RST: what is not a pure ACK though it has no payload.
const FLAGS_OF_MOVES: u8 = 0b111;

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// TCP without payload that only acknowledges.
    Acknowledgement,
    /// TCP with payload.
    Transmission,
    /// Anything else.
    Other,
}

/// What this Ethernet frame carries.
pub fn kind_of(frame: &[u8]) -> FrameKind {
    payload_of(frame).unwrap_or(FrameKind::Other)
}

fn payload_of(frame: &[u8]) -> Option<FrameKind> {
    let packet = frame.get(ETHERNET_OCTETS..)?;
    if frame.get(12..14)? != ETHERTYPE_IPV4 || *packet.get(9)? != PROTOCOL_TCP {
        return None;
    }
    let header = usize::from(*packet.first()? & 0xf) * 4;
    let total = usize::from(u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?]));
    let segment = packet.get(header..total)?;
    let offset = usize::from(*segment.get(12)? >> 4) * 4;
    if segment.len() > offset {
        return Some(FrameKind::Transmission);
    }
    let moves = *segment.get(13)? & FLAGS_OF_MOVES != 0;
    (!moves).then_some(FrameKind::Acknowledgement)
}

/// See the module's text. The gate is first in, first out, so the oldest time belongs to the frame that leaves.
#[derive(Debug, Default)]
pub struct Stamps {
    waiting: VecDeque<Instant>,
    counts: bool,
    /// Delays of pure ACKs, in microseconds.
    pub acknowledgements: Percentiles,
    /// Delays of segments with payload, in microseconds. Without loss each is a first transmission.
    pub transmissions: Percentiles,
}

impl Stamps {
    /// From now on what leaves is counted.
    pub fn begin(&mut self) {
        self.counts = true;
    }

    /// The batch was closed at `at` and put so many frames into the gate.
    pub fn closed(&mut self, at: Instant, frames: usize) {
        self.waiting.extend(std::iter::repeat_n(at, frames));
    }

    /// A frame has left.
    pub fn released(&mut self, frame: &[u8]) {
        let Some(since) = self.waiting.pop_front() else {
            return;
        };
        if !self.counts {
            return;
        }
        let delay_us = since.elapsed().as_secs_f64() * 1e6;
        match kind_of(frame) {
            FrameKind::Acknowledgement => self.acknowledgements.push(delay_us),
            FrameKind::Transmission => self.transmissions.push(delay_us),
            FrameKind::Other => {}
        }
    }
}

#[cfg(test)]
mod tests;
