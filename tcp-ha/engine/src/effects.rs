//! What the engine wants done: segments to transmit, events for the user.

use crate::ids::{ConnectionId, ListenerId};
use bytes::Bytes;
use std::net::IpAddr;

/// Outputs of a batch of calls, in the order in which they came about. Reusable.
///
/// Buffers of segments come back by `recycle` or `clear`, so that a segment costs no
/// allocation.
#[derive(Debug, Default)]
pub struct Effects {
    segments: Vec<SegmentBuffer>,
    spare: Vec<Vec<u8>>,
    /// Events for the user, oldest first.
    pub events: Vec<Event>,
}

/// Octets left free before each segment: whoever sends it writes the headers of link and IP
/// there, without a copy. Ethernet and IPv6 fit, with some to spare.
pub const HEADROOM: usize = 64;
/// Octets of the longest super-segment, TCP header included: behind the longer of the IP headers
/// it fills the largest packet.
pub(crate) const SUPER_SEGMENT_OCTETS_MAX: usize = u16::MAX as usize - 40;
/// Room of a new buffer: a segment of the usual MTU behind the headroom.
const BUFFER_CAPACITY: usize = 1600;
/// A buffer that has grown beyond this is let go.
const BUFFER_CAPACITY_KEPT: usize = 16 * 1024;
/// Buffers kept: what a burst of a thousand segments needs, 1.5 MiB.
const SPARE_LIMIT: usize = 1024;

/// One TCP segment to transmit, with its memory.
#[derive(Debug)]
pub struct SegmentBuffer {
    id: Option<ConnectionId>,
    envelope: Envelope,
    leaves_checksum: bool,
    cut: Option<u16>,
    octets: Vec<u8>,
    text: Vec<Bytes>,
}

impl SegmentBuffer {
    /// What is to be sent.
    pub fn segment(&self) -> SegmentOut<'_> {
        SegmentOut {
            id: self.id,
            src: self.envelope.src,
            dst: self.envelope.dst,
            dscp: self.envelope.dscp,
            hop_limit: self.envelope.hop_limit,
            bytes: &self.octets[HEADROOM..],
        }
    }

    /// True where the checksum field holds no more than the sum of the pseudo header, as
    /// `Config::leave_checksum` asks.
    pub fn leaves_checksum(&self) -> bool {
        self.leaves_checksum
    }

    /// Octets of text of each segment that this one stands for, but for the last, which may have
    /// fewer; `None` for an ordinary one. PSH and FIN belong to the last. Its checksum is left.
    pub fn cut(&self) -> Option<u16> {
        self.cut
    }

    /// Text behind `SegmentOut::bytes`, where the user's memory is sent without a copy: of a
    /// super-segment alone, all of its text or none.
    pub fn text(&self) -> &[Bytes] {
        &self.text
    }

    /// The segment behind `HEADROOM` octets; give it back with `Effects::recycle`. Behind that
    /// the text that was not copied.
    pub fn into_octets(self) -> (Vec<u8>, Vec<Bytes>) {
        (self.octets, self.text)
    }
}

/// What the IP header of a segment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) src: IpAddr,
    pub(crate) dst: IpAddr,
    pub(crate) dscp: u8,
    pub(crate) hop_limit: u8,
}

/// One TCP segment to transmit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentOut<'a> {
    /// The connection it belongs to; `None` for what answers a segment without one: a RST, a
    /// SYN cookie.
    pub id: Option<ConnectionId>,
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Differentiated services code point, 6 bits.
    pub dscp: u8,
    /// TTL or hop limit.
    pub hop_limit: u8,
    /// TCP header, options and payload, checksum filled in; see also `SegmentBuffer::text`.
    pub bytes: &'a [u8],
}

/// What happened to a connection. Offsets are stream offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A passive open reached ESTABLISHED.
    Accepted {
        /// The listener that took the SYN.
        listener: ListenerId,
        /// The new connection.
        id: ConnectionId,
    },
    /// An active open reached ESTABLISHED.
    Connected {
        /// The connection.
        id: ConnectionId,
    },
    /// RCV.NXT moved over octets.
    Received {
        /// The connection.
        id: ConnectionId,
        /// Offset of the first new octet.
        from: u64,
        /// Offset behind the last.
        to: u64,
    },
    /// An ACK is due but SAFE is behind RCV.NXT: the caller makes the octets safe and
    /// calls `make_safe` in the same batch. Comes up only with `ReceiveMode::Marked`.
    SafeDue {
        /// The connection.
        id: ConnectionId,
        /// Offset of RCV.NXT.
        upto: u64,
    },
    /// SND.UNA moved; octets before it left the send buffer.
    Acknowledged {
        /// The connection.
        id: ConnectionId,
        /// Offset of SND.UNA.
        upto: u64,
    },
    /// The peer's FIN was received, after all octets before it.
    PeerClosed {
        /// The connection.
        id: ConnectionId,
    },
    /// The connection is deleted; its id means nothing any more. Comes for every
    /// connection, also for one that was never `Accepted`.
    Closed {
        /// The former connection.
        id: ConnectionId,
        /// Why.
        cause: CloseCause,
    },
}

/// Why a connection was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseCause {
    /// Both ends closed.
    Normal,
    /// The peer reset it.
    ResetByPeer,
    /// The peer refused our SYN.
    Refused,
    /// The peer did not answer for too long.
    TimedOut,
    /// Data stayed unacknowledged for longer than `ConnectionOptions::user_timeout`.
    UserTimeout,
    /// The user aborted it, or closed it before it was open; or a bound on connections whose
    /// user is gone was reached.
    Aborted,
    /// The peer did not answer for too long, and the network said that the host cannot be
    /// reached.
    Unreachable,
    /// The peer did not answer for too long, and the network said that there is no route.
    NetworkUnreachable,
}

impl Effects {
    /// Nothing yet.
    pub fn new() -> Effects {
        Effects::default()
    }

    /// Segments to transmit, oldest first.
    pub fn segments(&self) -> impl ExactSizeIterator<Item = SegmentOut<'_>> + '_ {
        self.segments.iter().map(SegmentBuffer::segment)
    }

    /// Takes the segments out, oldest first.
    pub fn take_segments(&mut self) -> impl ExactSizeIterator<Item = SegmentBuffer> + '_ {
        self.segments.drain(..)
    }

    /// Takes back the memory of a segment.
    pub fn recycle(&mut self, mut octets: Vec<u8>) {
        if self.spare.len() < SPARE_LIMIT && octets.capacity() <= BUFFER_CAPACITY_KEPT {
            octets.clear();
            self.spare.push(octets);
        }
    }

    /// Gives back memory for more than `kept` segments and events, where none waits, and that of
    /// long segments.
    pub fn give_back(&mut self, kept: usize) {
        self.spare.retain(|it| it.capacity() <= BUFFER_CAPACITY);
        self.spare.truncate(kept);
        self.spare.shrink_to(kept);
        self.segments.shrink_to(kept);
        self.events.shrink_to(kept);
    }

    /// True where there is neither a segment nor an event.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.events.is_empty()
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        while let Some(segment) = self.segments.pop() {
            self.recycle(segment.octets);
        }
        self.events.clear();
    }

    /// Appends a segment that `build` writes to the end of its buffer.
    pub(crate) fn push_segment(
        &mut self,
        id: Option<ConnectionId>,
        envelope: Envelope,
        leaves_checksum: bool,
        build: impl FnOnce(&mut Vec<u8>),
    ) {
        let spare = self.spare.pop();
        let mut octets = spare.unwrap_or_else(|| Vec::with_capacity(BUFFER_CAPACITY));
        octets.resize(HEADROOM, 0);
        build(&mut octets);
        self.segments.push(SegmentBuffer {
            id,
            envelope,
            leaves_checksum,
            cut: None,
            octets,
            text: Vec::new(),
        });
    }

    /// The segment pushed last is cut into pieces with `cut` octets of text; `text` stands behind
    /// what was built.
    pub(crate) fn make_super(&mut self, cut: u16, text: Vec<Bytes>) {
        if let Some(segment) = self.segments.last_mut() {
            segment.cut = Some(cut);
            segment.text = text;
        }
    }
}
