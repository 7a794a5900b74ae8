//! What one end of a flow has sent so far.

use crate::bgp::MessageReader;
use crate::check::report::DirectionReport;
use crate::check::silence::Silences;
use crate::seq::{Position, SeqNum};
use crate::stream::Stream;
use crate::time::Timestamp;

/// Octets of sequence space that a segment may lie behind the newest and still belong to the flow.
const BEHIND_MAX: u64 = 1 << 30;
/// Octets of sequence space that a segment may lie ahead of the newest and still belong to the flow.
const AHEAD_MAX: u64 = 1 << 24;

/// An acknowledgement of octets that the capture does not hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct AckBeyond {
    pub(super) ack: Position,
    pub(super) place: super::judge::Place,
}

/// How far a side had come with its newest segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Newest {
    pub(super) time: Timestamp,
    pub(super) snd_max: Position,
    pub(super) ack: Option<Position>,
    pub(super) tsval: Option<u32>,
}

/// One end of a flow: its sequence space, and what it announced last.
#[derive(Debug)]
pub(super) struct Side {
    /// A sequence number and where it stands. `None` until a number of this side is known.
    anchor: Option<(SeqNum, Position)>,
    /// ISS, where the SYN was captured.
    pub(super) iss: Option<SeqNum>,
    /// The window scale option of its SYN: `None` until the SYN was captured, then whether it had one.
    pub(super) offered_scale: Option<Option<u8>>,
    /// The place after the last octet, SYN or FIN sent.
    pub(super) snd_max: Position,
    /// The place of its FIN.
    pub(super) fin: Option<Position>,
    /// The other side's acknowledgement covers the FIN.
    pub(super) fin_acked: bool,
    /// An acknowledgement by the other side beyond `snd_max`, not explained yet.
    pub(super) acked_beyond: Option<AckBeyond>,
    /// The furthest acknowledgement that this side sent, in the other side's space.
    pub(super) ack: Option<Position>,
    /// The last right window edge that this side announced, in the other side's space.
    pub(super) edge: Option<Position>,
    /// The edge could not be judged: the scale is not known.
    pub(super) edge_unjudged: bool,
    /// When its newest segment came.
    pub(super) newest_at: Option<Timestamp>,
    /// The last TSval.
    pub(super) tsval: Option<u32>,
    pub(super) stream: Stream,
    pub(super) messages: Option<MessageReader>,
    pub(super) silences: Silences,
    pub(super) report: DirectionReport,
}

impl Side {
    pub(super) fn new(messages: Option<MessageReader>) -> Self {
        Side {
            anchor: None,
            iss: None,
            offered_scale: None,
            snd_max: Position::ORIGIN,
            fin: None,
            fin_acked: false,
            acked_beyond: None,
            ack: None,
            edge: None,
            edge_unjudged: false,
            newest_at: None,
            tsval: None,
            stream: Stream::new(Position::ORIGIN),
            messages,
            silences: Silences::default(),
            report: DirectionReport::default(),
        }
    }

    /// How far this side had come; `None` before its first segment.
    pub(super) fn newest(&self) -> Option<Newest> {
        Some(Newest {
            time: self.newest_at?,
            snd_max: self.snd_max,
            ack: self.ack,
            tsval: self.tsval,
        })
    }

    /// Whether a sequence number of this side is known.
    pub(super) fn is_anchored(&self) -> bool {
        self.anchor.is_some()
    }

    /// The SYN of this side: its stream begins one after it.
    pub(super) fn begin_with_syn(&mut self, iss: SeqNum, window_scale: Option<u8>) {
        self.iss = Some(iss);
        self.offered_scale = Some(window_scale);
        self.anchor = Some((iss, Position::ORIGIN));
        self.snd_max = Position::ORIGIN.plus(1);
        self.stream = Stream::new(Position::ORIGIN.plus(1));
    }

    /// The capture holds no SYN of this side: its stream begins, for us, at `number`.
    pub(super) fn begin_midway(&mut self, number: SeqNum) {
        self.anchor = Some((number, Position::ORIGIN));
        self.snd_max = Position::ORIGIN;
        self.stream = Stream::new(Position::ORIGIN);
        self.messages = self.messages.take().map(|_| MessageReader::midway());
    }

    /// Where a sequence number of this side stands: near the newest octet.
    pub(super) fn place(&self, number: SeqNum) -> Position {
        let (anchor_number, anchor) = self.anchor.unwrap_or((number, Position::ORIGIN));
        let newest = anchor_number.plus(self.snd_max.octets_since(anchor) as u32);
        self.snd_max.nearest(newest, number)
    }

    /// Whether a segment that begins at `at` can belong to this side's stream.
    pub(super) fn is_plausible(&self, at: Position) -> bool {
        at.octets_since(self.snd_max) <= AHEAD_MAX && self.snd_max.octets_since(at) <= BEHIND_MAX
    }

    /// Frees what a closed direction no longer needs.
    pub(super) fn clear(&mut self) {
        self.stream.clear();
        self.messages = None;
    }
}
