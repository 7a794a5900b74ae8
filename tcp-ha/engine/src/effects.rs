//! What the engine wants done: segments to transmit, events for the user.

use crate::ids::{ConnectionId, ListenerId};
use core::ops::Range;
use std::net::IpAddr;

/// Outputs of a batch of calls, in the order in which they came about. Reusable.
///
/// All segments lie in one buffer, so that a segment costs no allocation.
#[derive(Debug, Default)]
pub struct Effects {
    arena: Vec<u8>,
    segments: Vec<Built>,
    /// Events for the user, oldest first.
    pub events: Vec<Event>,
}

#[derive(Clone, Debug)]
struct Built {
    id: Option<ConnectionId>,
    envelope: Envelope,
    range: Range<usize>,
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
    /// TCP header, options and payload, checksum filled in.
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
        self.segments.iter().map(|built| SegmentOut {
            id: built.id,
            src: built.envelope.src,
            dst: built.envelope.dst,
            dscp: built.envelope.dscp,
            hop_limit: built.envelope.hop_limit,
            bytes: &self.arena[built.range.clone()],
        })
    }

    /// True where there is neither a segment nor an event.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.events.is_empty()
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.segments.clear();
        self.events.clear();
    }

    /// Appends a segment that `build` writes to the end of the buffer.
    pub(crate) fn push_segment(
        &mut self,
        id: Option<ConnectionId>,
        envelope: Envelope,
        build: impl FnOnce(&mut Vec<u8>),
    ) {
        let start = self.arena.len();
        build(&mut self.arena);
        self.segments.push(Built {
            id,
            envelope,
            range: start..self.arena.len(),
        });
    }
}
