//! One connection between two nodes: octets in, events out, and the other way round.
//!
//! Pure: the caller moves octets between [`Session`] and a transport. For every turn: read, give
//! what came to [`Session::feed`], take events from [`Session::poll`] until there is none, send,
//! write [`Session::outgoing`] and [`Session::advance`] by what the transport took.
//!
//! The standby initiates, the active responds. Batches go one way and acknowledgements the other,
//! but either side may send either: which it is allowed to is the register's matter.

use core::fmt;
use core::time::Duration;
use std::collections::VecDeque;

use crate::batch::{self, BATCH_OCTETS_MAX, BatchBuilder, BatchError, OwnedBatch};
use crate::codec::{self, CodecError};
use crate::frame::{
    self, BODY_OCTETS_MAX, FLAG_MORE, Frame, FrameDecoder, FrameError, FrameHeader, FrameKind,
};
use crate::ids::{Epoch, Incarnation, Lsn};
use crate::lending::Lender;
use crate::schema::{Ack, Control, Heartbeat, Hello, RefuseReason, Version, Versions, v1};

mod receive;

/// What this side tells of itself.
#[derive(Clone, Debug)]
pub struct LocalIdentity {
    /// Its name.
    pub incarnation: Incarnation,
    /// Digest of the configuration that both sides must share.
    pub config_digest: [u8; 32],
    /// Interval of its heartbeats.
    pub heartbeat: Duration,
    /// Name and version of its software, for people; cut to 255 octets.
    pub software: String,
    /// The versions that it speaks.
    pub versions: Versions,
}

/// What a session tells its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// Both have accepted each other.
    Established {
        /// The other side's Hello.
        remote: Hello,
    },
    /// One side did not accept the other; nothing follows. What is outgoing tells the other side.
    Refused(RefuseReason),
    /// A whole batch; LSNs follow each other without a gap.
    Batch(OwnedBatch),
    /// The other side holds everything up to `lsn`, it says in our epoch.
    Acknowledged {
        /// The epoch, which is ours.
        epoch: Epoch,
        /// Who says so.
        from: Incarnation,
        /// The last batch it holds.
        lsn: Lsn,
    },
    /// The other side runs.
    Heartbeat {
        /// Its last LSN.
        lsn: Lsn,
        /// Its engine time, in microseconds.
        time_us: u64,
        /// The last of our times that it had heard; 0 when none.
        answer_us: u64,
    },
    /// A move of the other side.
    Control(Control),
    /// The other side acts in a newer epoch than ours: read the register before anything else.
    /// Told once for each newer epoch, before the frame that tells it.
    NewerEpoch(Epoch),
}

/// The session is of no use any more: close the transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionError {
    /// The stream is not frames.
    Frame(FrameError),
    /// A message is malformed.
    Message(FrameKind, CodecError),
    /// A batch is malformed.
    Batch(BatchError),
    /// A frame that has no place here.
    Unexpected(FrameKind),
    /// A batch that does not follow the one before.
    Gap {
        /// What had to come.
        expected: Lsn,
        /// What came.
        came: Lsn,
    },
    /// An acknowledgement of a batch that was not sent.
    NeverSent {
        /// What was acknowledged.
        lsn: Lsn,
        /// The last batch sent.
        last: Lsn,
    },
    /// It has ended, by an earlier error or a refusal.
    Ended,
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(error) => error.fmt(f),
            Self::Message(kind, error) => write!(f, "{kind:?}: {error}"),
            Self::Batch(error) => error.fmt(f),
            Self::Unexpected(kind) => write!(f, "{kind:?} out of place"),
            Self::Gap { expected, came } => write!(f, "batch {came} came, {expected} was due"),
            Self::NeverSent { lsn, last } => {
                write!(f, "batch {lsn} acknowledged, the last sent is {last}")
            }
            Self::Ended => f.write_str("session has ended"),
        }
    }
}

impl core::error::Error for SessionError {}

/// What went through a session, and what it refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionCounters {
    /// Frames received that were whole and in order.
    pub frames_in: u64,
    /// Octets received.
    pub octets_in: u64,
    /// Frames queued for sending.
    pub frames_out: u64,
    /// Octets taken by the transport.
    pub octets_out: u64,
    /// Frames from, or to, an incarnation that is not of this session.
    pub refused_incarnation: u64,
    /// Frames of an epoch that is over.
    pub refused_old_epoch: u64,
    /// Acknowledgements of a newer epoch than ours.
    pub refused_new_epoch: u64,
    /// Hellos whose sender had heard other versions than this side said.
    pub refused_downgraded: u64,
    /// Messages not sent because the session was not established.
    pub unsent: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Hello sent, the other's is due.
    Initiated,
    /// The other's Hello is due.
    Responding,
    Established {
        version: Version,
    },
    Ended,
}

/// See the module's text.
#[derive(Debug)]
pub struct Session {
    local: LocalIdentity,
    remote: Option<Incarnation>,
    epoch: Epoch,
    state: State,
    decoder: FrameDecoder,
    /// Octets of a batch whose frames have not all come.
    partial: Vec<u8>,
    /// Memory of long batches.
    lender: Lender,
    /// LSN of the last batch received.
    received: Option<Lsn>,
    last_sent: Option<Lsn>,
    acknowledged: Lsn,
    heard_time_us: u64,
    newest_told: Epoch,
    events: VecDeque<SessionEvent>,
    outgoing: Vec<u8>,
    /// Memory for the body of a message.
    body: Vec<u8>,
    written: usize,
    counters: SessionCounters,
}

/// Memory of batches is used again up to this size.
const KEPT_OCTETS: usize = 1 << 20;

impl Session {
    /// The standby's side: looks for the active `remote` in `epoch`; its Hello is outgoing.
    #[must_use]
    pub fn initiate(local: LocalIdentity, remote: Incarnation, epoch: Epoch) -> Self {
        let mut session = Self::new(local, Some(remote), epoch, State::Initiated);
        session.queue_hello(None);
        session
    }

    /// The active's side, in `epoch`: waits for a Hello.
    #[must_use]
    pub fn respond(local: LocalIdentity, epoch: Epoch) -> Self {
        Self::new(local, None, epoch, State::Responding)
    }

    fn new(
        mut local: LocalIdentity,
        remote: Option<Incarnation>,
        epoch: Epoch,
        state: State,
    ) -> Self {
        local.software = v1::cut(local.software);
        Self {
            local,
            remote,
            epoch,
            state,
            decoder: FrameDecoder::new(),
            partial: Vec::new(),
            lender: Lender::default(),
            received: None,
            last_sent: None,
            acknowledged: Lsn::ZERO,
            heard_time_us: 0,
            newest_told: epoch,
            events: VecDeque::new(),
            outgoing: Vec::new(),
            body: Vec::new(),
            written: 0,
            counters: SessionCounters::default(),
        }
    }

    /// The next event.
    pub fn poll(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    /// Takes back a batch that was dealt with, for its memory.
    pub fn recycle(&mut self, batch: OwnedBatch) {
        if let Some(mut octets) = batch.into_octets()
            && self.partial.is_empty()
            && octets.capacity() <= KEPT_OCTETS
        {
            octets.clear();
            self.partial = octets;
        }
    }

    /// Gives back memory in which nothing is. Call it about once a second.
    pub fn rest(&mut self) {
        if self.outgoing.is_empty() && self.outgoing.capacity() >= frame::LONG_OCTETS {
            self.outgoing = Vec::new();
        }
        if self.partial.is_empty() {
            self.partial = Vec::new();
        }
        self.decoder.rest();
        self.lender.rest();
    }

    /// Later frames carry this epoch, frames of older ones are refused, and acknowledgements
    /// count in this one only. A standby sets it when it is told [`Control::Paired`], not earlier:
    /// batches of before may be under way.
    pub fn set_epoch(&mut self, epoch: Epoch) {
        if epoch > self.epoch {
            // What is left of a batch begun in an older epoch will be refused.
            self.partial.clear();
        }
        self.epoch = epoch;
        self.newest_told = self.newest_told.max(epoch);
    }

    /// The epoch that frames carry.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Whether both have accepted each other and nothing has ended it.
    #[must_use]
    pub fn is_established(&self) -> bool {
        matches!(self.state, State::Established { .. })
    }

    /// Version of the messages agreed on.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        match self.state {
            State::Established { version } => Some(version),
            _ => None,
        }
    }

    /// The other side, once known.
    #[must_use]
    pub fn remote(&self) -> Option<Incarnation> {
        self.remote
    }

    /// Queues a batch, and leaves its builder empty. LSNs follow each other without a gap within a session.
    ///
    /// # Panics
    /// When `lsn` does not follow the one before, or the batch has more than
    /// [`BATCH_OCTETS_MAX`] octets.
    pub fn send_batch(&mut self, lsn: Lsn, time_us: u64, batch: &mut BatchBuilder) {
        if self.may_send() {
            if let Some(last) = self.last_sent {
                assert_eq!(lsn, last.next(), "batches of a session follow each other");
            }
            assert!(
                batch.octets() <= BATCH_OCTETS_MAX,
                "batch of {} octets",
                batch.octets()
            );
            self.last_sent = Some(lsn);
            self.queue_batch(batch.finish(lsn, time_us));
        }
        batch.clear();
    }

    /// `octets` are a batch behind room for a frame's header. Where nothing else waits they become what is outgoing, as they are.
    fn queue_batch(&mut self, octets: &mut Vec<u8>) {
        let mut rest = &octets[frame::HEADER_OCTETS..];
        if rest.len() <= BODY_OCTETS_MAX && self.outgoing.is_empty() {
            frame::seal(&self.header(FrameKind::Batch, 0), octets);
            std::mem::swap(octets, &mut self.outgoing);
            self.counters.frames_out += 1;
            return;
        }
        loop {
            let (part, later) = rest.split_at(rest.len().min(BODY_OCTETS_MAX));
            rest = later;
            let flags = if rest.is_empty() { 0 } else { FLAG_MORE };
            self.queue(FrameKind::Batch, flags, &[part]);
            if rest.is_empty() {
                return;
            }
        }
    }

    /// Says that everything up to `lsn` is applied.
    pub fn send_ack(&mut self, lsn: Lsn) {
        self.send(FrameKind::Ack, &Ack { lsn });
    }

    /// Says that this side runs.
    pub fn send_heartbeat(&mut self, lsn: Lsn, time_us: u64) {
        let answer_us = self.heard_time_us;
        self.send(
            FrameKind::Heartbeat,
            &Heartbeat {
                lsn,
                time_us,
                answer_us,
            },
        );
    }

    /// Makes a move. Its text is cut to 255 octets.
    pub fn send_control(&mut self, control: Control) {
        let control = match control {
            Control::Resign { cause, reason } => Control::Resign {
                cause,
                reason: v1::cut(reason),
            },
            Control::Goodbye { reason } => Control::Goodbye {
                reason: v1::cut(reason),
            },
            other => other,
        };
        self.send(FrameKind::Control, &control);
    }

    /// Does not accept the other side, for a reason of the caller's, and ends the session. Without
    /// effect on one that is established or has ended.
    pub fn refuse(&mut self, reason: RefuseReason) {
        if matches!(self.state, State::Initiated | State::Responding) {
            // Nobody is known who could be addressed before a Hello; the name is not looked at.
            let to = self.remote.unwrap_or(self.local.incarnation);
            self.remote = Some(to);
            self.queue_message(FrameKind::Refuse, &reason);
            self.events.push_back(SessionEvent::Refused(reason));
            self.state = State::Ended;
        }
    }

    /// Octets for the transport. The log bounds them.
    #[must_use]
    pub fn outgoing(&self) -> &[u8] {
        &self.outgoing[self.written..]
    }

    /// Gives back memory that holds nothing outgoing.
    pub fn give_back(&mut self) {
        self.outgoing.shrink_to_fit();
    }

    /// The transport took `octets` of [`Session::outgoing`].
    ///
    /// # Panics
    /// When there were not as many.
    pub fn advance(&mut self, octets: usize) {
        assert!(
            octets <= self.outgoing().len(),
            "more octets written than were outgoing"
        );
        self.written += octets;
        self.counters.octets_out += octets as u64;
        if self.written == self.outgoing.len() {
            self.outgoing.clear();
            self.written = 0;
        } else if self.written > self.outgoing.len() / 2 {
            self.outgoing.drain(..self.written);
            self.written = 0;
        }
    }

    /// What went through, and what was refused.
    #[must_use]
    pub fn counters(&self) -> SessionCounters {
        self.counters
    }

    fn may_send(&mut self) -> bool {
        let established = self.is_established();
        self.counters.unsent += u64::from(!established);
        established
    }

    fn send<T: serde::Serialize>(&mut self, kind: FrameKind, message: &T) {
        if self.may_send() {
            self.queue_message(kind, message);
        }
    }

    fn queue_hello(&mut self, heard: Option<Versions>) {
        let hello = Hello {
            version_min: self.local.versions.min.0,
            version_max: self.local.versions.max.0,
            incarnation: self.local.incarnation,
            config_digest: self.local.config_digest,
            heartbeat_us: u64::try_from(self.local.heartbeat.as_micros()).unwrap_or(u64::MAX),
            software: self.local.software.clone(),
            heard,
        };
        self.queue_message(FrameKind::Hello, &hello);
    }

    fn queue_message<T: serde::Serialize>(&mut self, kind: FrameKind, message: &T) {
        let mut body = std::mem::take(&mut self.body);
        codec::encode_into(message, &mut body).expect("messages are bounded");
        self.queue(kind, 0, &[&body]);
        body.clear();
        self.body = body;
    }

    fn queue(&mut self, kind: FrameKind, flags: u16, parts: &[&[u8]]) {
        frame::encode_into(&self.header(kind, flags), parts, &mut self.outgoing);
        self.counters.frames_out += 1;
    }

    fn header(&self, kind: FrameKind, flags: u16) -> FrameHeader {
        let to = self
            .remote
            .expect("nothing is sent before the other side is known");
        FrameHeader {
            kind,
            flags,
            epoch: self.epoch,
            from: self.local.incarnation,
            to,
        }
    }
}

#[cfg(test)]
mod tests;
