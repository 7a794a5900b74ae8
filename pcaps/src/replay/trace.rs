//! The segments of one flow as the capture holds them, each in its place.

use std::net::SocketAddr;

use tcp_ha_engine::SeqNum;

use super::text::Text;
use crate::flow::{Direction, Ends, FlowId};
use crate::tcp::{Checksum, Flags, TcpOptions};
use crate::time::Timestamp;

/// A segment farther from its stream than this does not belong to it.
const STRAY_MIN: u64 = 1 << 24;
/// Where more than one checksum in so many is wrong, the capture was made before a device filled them in.
const DAMAGE_SHARE: usize = 4;
/// The largest shift (RFC 7323 2.3).
const SHIFT_MAX: u8 = 14;
/// What a window of unknown scale may stand for.
const UNKNOWN_CAPACITY: u64 = 1 << 26;

/// A captured segment.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) time: Timestamp,
    /// Its number in the capture, counted from 1.
    pub(super) packet: u64,
    pub(super) direction: Direction,
    pub(super) seq: SeqNum,
    pub(super) ack: SeqNum,
    pub(super) flags: Flags,
    pub(super) wnd: u16,
    pub(super) options: TcpOptions,
    /// Header with its options, as captured.
    pub(super) header: Vec<u8>,
    /// Octets that the capture holds.
    pub(super) payload: Vec<u8>,
    /// Octets that it had on the wire.
    pub(super) payload_len: u32,
    pub(super) checksum: Checksum,
    /// Its signature is wrong or missing, so that the other end does not take it.
    pub(super) refused: bool,
    /// Position of SEG.SEQ; `None` for what does not belong to the stream.
    pub(super) at: Option<u64>,
    /// Position of SEG.ACK in the other direction.
    pub(super) ack_at: Option<u64>,
}

impl Heard {
    pub(super) fn is_syn(&self) -> bool {
        self.flags.has(Flags::SYN)
    }

    /// Where its text begins and ends.
    pub(super) fn text(&self) -> Option<(u64, u64)> {
        let start = self.at? + u64::from(self.is_syn());
        Some((start, start + u64::from(self.payload_len)))
    }

    /// The position behind all of it, FIN included.
    pub(super) fn end(&self) -> Option<u64> {
        let (_, end) = self.text()?;
        Some(end + u64::from(self.flags.has(Flags::FIN)))
    }
}

/// What the capture tells of one end beforehand.
#[derive(Debug)]
pub(super) struct End {
    pub(super) socket: SocketAddr,
    /// Initial send sequence number, inferred where no SYN was captured.
    pub(super) iss: SeqNum,
    /// Its SYN (or SYN-ACK) was captured.
    pub(super) syn: bool,
    /// It sent a SYN without ACK.
    pub(super) opens: bool,
    pub(super) mss: u16,
    /// The window scale that it offered; `None` where it offered none.
    pub(super) window_scale: Option<u8>,
    pub(super) sack_permitted: bool,
    pub(super) timestamps: bool,
    /// Its first TSval, and when.
    pub(super) clock: Option<(Timestamp, u32)>,
    /// Segments that it sent.
    pub(super) segments: u64,
    /// Most of its checksums are right, so that a wrong one means damage, and not that a device was to fill it in.
    pub(super) fills_checksums: bool,
    /// The octets that it sent.
    pub(super) text: Text,
    /// Position of its FIN.
    pub(super) fin: Option<u64>,
}

/// A flow, from its first captured segment to its last.
#[derive(Debug)]
pub(super) struct Trace {
    pub(super) id: FlowId,
    pub(super) ends: Ends,
    pub(super) heard: Vec<Heard>,
    client: End,
    server: End,
}

impl Trace {
    /// Puts the segments of a flow in their places.
    pub(super) fn new(id: FlowId, ends: Ends, mut heard: Vec<Heard>) -> Trace {
        let client = End::new(ends.client, Direction::FromClient, &heard);
        let server = End::new(ends.server, Direction::FromServer, &heard);
        let mut trace = Trace {
            id,
            ends,
            heard: Vec::new(),
            client,
            server,
        };
        let mut near = [0, 0];
        for segment in &mut heard {
            trace.place(segment, &mut near);
        }
        trace.heard = heard;
        trace
    }

    /// The end that sends in `direction`.
    pub(super) fn end(&self, direction: Direction) -> &End {
        match direction {
            Direction::FromClient => &self.client,
            Direction::FromServer => &self.server,
        }
    }

    /// How far the windows that the end announces are shifted; `None` where the capture does not tell.
    pub(super) fn shift(&self, direction: Direction) -> Option<u8> {
        if !self.client.syn || !self.server.syn {
            return None;
        }
        let agreed = self.client.window_scale.is_some() && self.server.window_scale.is_some();
        let own = self.end(direction).window_scale.unwrap_or(0).min(SHIFT_MAX);
        Some(if agreed { own } else { 0 })
    }

    /// The largest window that the end announced, octets.
    pub(super) fn capacity(&self, direction: Direction) -> u64 {
        let Some(shift) = self.shift(direction) else {
            return UNKNOWN_CAPACITY;
        };
        self.heard
            .iter()
            .filter(|heard| heard.direction == direction && !heard.flags.has(Flags::RST))
            .map(|heard| u64::from(heard.wnd) << if heard.is_syn() { 0 } else { shift })
            .max()
            .unwrap_or(0)
    }

    fn place(&mut self, heard: &mut Heard, near: &mut [u64; 2]) {
        let (own, other) = match heard.direction {
            Direction::FromClient => (0, 1),
            Direction::FromServer => (1, 0),
        };
        let locate = |end: &End, number: SeqNum, near: u64| {
            let position = end.iss.position(number, near);
            position.filter(|&at| at.abs_diff(near) <= STRAY_MIN)
        };
        let other_iss = self.end(heard.direction.reverse());
        if heard.flags.has(Flags::ACK) {
            heard.ack_at = locate(other_iss, heard.ack, near[other]);
        }
        let sender = match heard.direction {
            Direction::FromClient => &mut self.client,
            Direction::FromServer => &mut self.server,
        };
        let foreign_syn = heard.is_syn() && heard.seq != sender.iss;
        if foreign_syn || heard.flags.has(Flags::RST) {
            heard.at = locate(sender, heard.seq, near[own]).filter(|_| !foreign_syn);
            return;
        }
        heard.at = locate(sender, heard.seq, near[own]);
        if let (Some((start, end)), Some(at)) = (heard.text(), heard.at) {
            // A keepalive probe may carry an octet that means nothing.
            let garbage = heard.payload_len == 1 && at < near[own] && at > 0;
            let damaged = heard.checksum == Checksum::Bad && sender.fills_checksums;
            if start >= 1 && !garbage && !damaged {
                sender.text.insert(start, &heard.payload);
            }
            if heard.flags.has(Flags::FIN) {
                sender.fin.get_or_insert(end);
            }
            near[own] = near[own].max(heard.end().unwrap_or(end));
        }
    }
}

impl End {
    fn new(socket: SocketAddr, direction: Direction, heard: &[Heard]) -> End {
        let own = || heard.iter().filter(|heard| heard.direction == direction);
        let others = || heard.iter().filter(|heard| heard.direction != direction);
        let syn = own().find(|heard| heard.is_syn());
        let iss = match syn {
            Some(syn) => syn.seq,
            None => infer_iss(own(), others()),
        };
        let seen_timestamps = || own().any(|heard| heard.options.timestamps.is_some());
        let largest = || own().map(|heard| heard.payload_len).max().unwrap_or(0);
        let assumed_mss = || u16::try_from(largest()).unwrap_or(1460).max(536);
        End {
            socket,
            iss,
            syn: syn.is_some(),
            opens: own().any(|heard| heard.is_syn() && !heard.flags.has(Flags::ACK)),
            mss: syn
                .and_then(|syn| syn.options.mss)
                .unwrap_or_else(|| if syn.is_some() { 536 } else { assumed_mss() }),
            window_scale: syn.map_or(Some(SHIFT_MAX), |syn| syn.options.window_scale),
            sack_permitted: syn.is_none_or(|syn| syn.options.sack_permitted),
            timestamps: match syn {
                Some(syn) => syn.options.timestamps.is_some(),
                None => seen_timestamps(),
            },
            clock: own().find_map(|heard| {
                heard
                    .options
                    .timestamps
                    .map(|timestamps| (heard.time, timestamps.tsval))
            }),
            segments: own().count() as u64,
            fills_checksums: {
                let count = |verdict| own().filter(|heard| heard.checksum == verdict).count();
                count(Checksum::Bad) * DAMAGE_SHARE <= count(Checksum::Good)
            },
            text: Text::default(),
            fin: None,
        }
    }
}

/// The number just before the first that the capture knows of.
fn infer_iss<'a>(
    own: impl Iterator<Item = &'a Heard>,
    others: impl Iterator<Item = &'a Heard>,
) -> SeqNum {
    let said = own
        .filter(|heard| !heard.flags.has(Flags::RST))
        .map(|heard| heard.seq)
        .next();
    let acknowledged = others
        .filter(|heard| heard.flags.has(Flags::ACK) && !heard.flags.has(Flags::RST))
        .map(|heard| heard.ack)
        .next();
    let first = match (said, acknowledged) {
        (Some(said), Some(acknowledged)) if acknowledged.before(said) => acknowledged,
        (Some(said), _) => said,
        (None, acknowledged) => acknowledged.unwrap_or_default(),
    };
    SeqNum(first.0.wrapping_sub(1))
}
