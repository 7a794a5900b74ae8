//! One course of the engine in the place of one end: from a moment of the capture to its end.

mod claims;
mod listen;
mod speak;

use std::time::Duration;

use tcp_ha_engine::{CloseCause, State};

use super::compose::Draft;
use super::model::{Claim, Model};
use super::record::Record;
use super::report::Proof;
use super::subject::Subject;
use super::trace::{Heard, Trace};
use crate::flow::Direction;
use crate::tcp::Flags;
use crate::time::Timestamp;

/// A capture may show an answer this much before what it answers.
const DISORDER_MAX: Duration = Duration::from_millis(1);
/// An acknowledgement is not delayed longer (RFC 9293 MUST-40).
const DELAYED_ACK_MAX: Duration = Duration::from_millis(500);
/// Octets that the capture lacks are given to the engine in segments of this size.
const FILLER: u64 = 32 << 10;
/// Octets that the engine is given in place of what the capture lacks, and no more.
const FILLER_MAX: u64 = 1 << 26;
/// Parts in which an acknowledgement beyond the engine's SND.MAX is told.
const PARTS_MAX: usize = 4_096;
/// An end that still speaks so long after the engine has closed has not closed itself: what closed it was lost, or ignored.
const DEAF_MAX: Duration = Duration::from_millis(500);
/// How far a twin's clock is ahead.
const TWIN_AHEAD: Duration = Duration::from_secs(86_400);
/// After the last packet, time for what is due.
const AFTERMATH: Duration = Duration::from_secs(1);

/// The engine on its way through the capture, and what it must show.
pub(super) struct Course<'t> {
    trace: &'t Trace,
    /// The direction in which the replaced end sends.
    own: Direction,
    subject: Subject,
    model: Model,
    capacity: u64,
    /// The packet at which this twin was made.
    twin_of: Option<u64>,
    /// The packet that is being looked at, and when it was captured.
    packet: u64,
    time: Timestamp,
    filler_left: u64,
    /// The end has reset the connection; nothing more can be compared.
    over: bool,
}

impl<'t> Course<'t> {
    /// The engine opens, or takes the SYN; the course goes on at the segment whose number is returned.
    pub(super) fn open(trace: &'t Trace, own: Direction) -> Result<(Course<'t>, usize), String> {
        let (end, peer) = (trace.end(own), trace.end(own.reverse()));
        let begin = trace.heard[0].time;
        let first_syn = |direction: Direction| {
            trace
                .heard
                .iter()
                .position(|heard| heard.direction == direction && heard.is_syn())
        };
        let (subject, next) = if end.opens {
            let at = first_syn(own).unwrap_or(0);
            let time = trace.heard[at].time;
            (Subject::connect(trace, own, begin, time)?, at + 1)
        } else if let Some(at) = first_syn(own.reverse()).filter(|_| peer.opens) {
            let syn = super::compose::whole(&trace.heard[at]);
            let time = trace.heard[at].time;
            (Subject::accept(trace, own, begin, time, &syn)?, at + 1)
        } else if end.syn {
            let syn = opening(trace, own, Flags::SYN).octets();
            (Subject::accept(trace, own, begin, begin, &syn)?, 0)
        } else {
            (Subject::connect(trace, own, begin, begin)?, 0)
        };
        let time = trace.heard[next.saturating_sub(1)].time;
        let packet = trace.heard[next.saturating_sub(1)].packet;
        let mut course = Course {
            trace,
            own,
            subject,
            model: Model::default(),
            capacity: trace.capacity(own),
            twin_of: None,
            packet,
            time,
            filler_left: FILLER_MAX,
            over: false,
        };
        if peer.opens && next > 0 && !end.opens {
            course.model.hear(trace, &trace.heard[next - 1], u64::MAX);
        }
        Ok((course, next))
    }

    /// A twin of the engine, as a checkpoint here makes it.
    pub(super) fn twin(&self) -> Result<Course<'t>, String> {
        Ok(Course {
            trace: self.trace,
            own: self.own,
            subject: self.subject.twin(TWIN_AHEAD)?,
            model: self.model.clone(),
            capacity: self.capacity,
            twin_of: Some(self.packet),
            packet: self.packet,
            time: self.time,
            filler_left: self.filler_left,
            over: self.over,
        })
    }

    /// Notes whether the twin is equal.
    pub(super) fn compare_twin(&self, twin: &Result<Course<'t>, String>, record: &mut Record) {
        self.compare(record, Proof::Twin, twin.is_ok(), || {
            twin.as_ref().err().cloned().unwrap_or_default()
        });
    }

    /// Whether there is a connection of which a checkpoint can be taken.
    pub(super) fn is_live(&self) -> bool {
        !self.over && self.subject.closed.is_none()
    }

    /// The first words after a takeover; then the other end sends again what a checkpoint does not carry.
    pub(super) fn take_over(&mut self, record: &mut Record) {
        self.model.sacked.clear();
        self.model.resent.clear();
        self.model.owed.clear();
        self.model.timeouts = 0;
        self.subject.resume();
        self.listen_to_engine(record);
        let from = self.model.rcv_nxt_possible();
        let islands: Vec<_> = self.model.possible.behind(from).collect();
        for (from, to) in islands {
            self.fill(from, to);
        }
        if let Some(fin) = self.model.fin.filter(|&fin| fin >= from) {
            self.hear_draft(fin, Flags::ACK.with(Flags::FIN), &[]);
        }
        self.listen_to_engine(record);
    }

    /// Looks at one segment.
    pub(super) fn step(&mut self, heard: &Heard, record: &mut Record) {
        self.settle_claims(heard.time, record);
        (self.time, self.packet) = (heard.time.max(self.time), heard.packet);
        self.subject.advance(self.time);
        self.listen_to_engine(record);
        self.synthesize_opening(heard);
        if heard.direction == self.own {
            self.speak(heard, record);
        } else {
            self.listen(heard, record);
        }
        self.listen_to_engine(record);
        if self.subject.closed.is_some() {
            self.check_closed(heard, record);
        }
    }

    /// Whether nothing more can be compared.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// After the last segment.
    pub(super) fn finish(&mut self, record: &mut Record) {
        if !self.over {
            self.settle_claims(self.time + AFTERMATH, record);
            self.read_to(u64::MAX, record);
        }
        if self.twin_of.is_none() {
            let report = &mut record.report;
            report.last_state = match (&self.subject.closed, self.subject.info()) {
                (Some(cause), _) => format!("CLOSED ({cause:?})"),
                (None, Some(info)) => info.state.to_string(),
                (None, None) => State::Closed.to_string(),
            };
            report.timeouts = self.subject.timeouts();
        }
    }

    fn compare(
        &self,
        record: &mut Record,
        proof: Proof,
        holds: bool,
        detail: impl FnOnce() -> String,
    ) {
        record.compare(proof, holds, (self.time, self.packet, self.twin_of), detail);
    }

    /// Where no SYN of the other end was captured, one is made up.
    fn synthesize_opening(&mut self, heard: &Heard) {
        let lacks_syn = !self.trace.end(self.own.reverse()).syn;
        let speaks = !heard.is_syn() && !heard.flags.has(Flags::RST);
        let waits = || self.subject.info().map(|info| info.state) == Some(State::SynSent);
        if lacks_syn && speaks && waits() {
            let answer = Flags::SYN.with(Flags::ACK);
            let octets = opening(self.trace, self.own, answer).octets();
            self.subject.hear(self.time, &octets);
        }
    }

    /// A segment that the capture lacks: octets of the other end from `seq` on.
    fn hear_draft(&mut self, seq: u64, flags: Flags, text: &[u8]) {
        let Some(state) = self.subject.state() else {
            return;
        };
        let una = state.identity.iss.at(state.send.una);
        let (ack, wnd) = self.model.newest.unwrap_or((una, u16::MAX));
        // Nothing older or newer than what the engine knows.
        let max = state.identity.iss.at(state.send.max);
        let known = !ack.before(una) && !max.before(ack);
        let ack = if known { ack } else { una };
        let octets = self.draft(seq, ack, wnd, flags, text).octets();
        self.subject.hear(self.time, &octets);
    }

    fn draft<'a>(
        &self,
        seq: u64,
        ack: tcp_ha_engine::SeqNum,
        wnd: u16,
        flags: Flags,
        text: &'a [u8],
    ) -> Draft<'a> {
        let (end, peer) = (self.trace.end(self.own), self.trace.end(self.own.reverse()));
        Draft {
            ports: (peer.socket.port(), end.socket.port()),
            seq: peer.iss.at(seq),
            ack,
            flags,
            wnd,
            timestamps: self.subject.state().and_then(|state| {
                let (tsval, tsecr) = (state.recv.ts_recent, state.rtt.tsval_sent);
                let timestamps = crate::tcp::TimestampsOption { tsval, tsecr };
                state.identity.timestamps.then_some(timestamps)
            }),
            opening: None,
            text,
        }
    }

    /// Gives the engine octets of the other end that it lacks; zeros where the capture lacks them too.
    fn fill(&mut self, from: u64, to: u64) {
        let mut at = from;
        while at < to {
            let end = (at + FILLER).min(to).min(at + self.filler_left);
            if end == at {
                self.over = true;
                return;
            }
            self.filler_left -= end - at;
            let text = self.trace.end(self.own.reverse()).text.read(at, end);
            self.hear_draft(at, Flags::ACK, &text);
            at = end;
        }
    }

    fn check_closed(&mut self, heard: &Heard, record: &mut Record) {
        if self.subject.closed == Some(CloseCause::TimedOut) {
            // RFC 9293 3.8.3 (R2): any time from 100 seconds on will do.
            record.lacks("answer(s) for so long that the engine gave up", 1);
            self.over = true;
            return;
        }
        let of_other = heard.flags.has(Flags::RST) && heard.direction != self.own;
        let nxt = self.model.rcv_nxt_sure()..=self.model.rcv_nxt_possible();
        let expected = match self.subject.closed {
            // RFC 5961 3.2: only a RST at RCV.NXT.
            Some(CloseCause::ResetByPeer) => {
                of_other && heard.at.is_some_and(|at| nxt.contains(&at))
            }
            Some(CloseCause::Refused) => of_other && heard.ack_at == Some(1),
            Some(CloseCause::Normal) => self.model.user_closed,
            _ => false,
        };
        let cause = self.subject.closed;
        self.compare(record, Proof::State, expected, || {
            format!("the engine has closed the connection: {cause:?}")
        });
        self.over = true;
        let later = self.time + DEAF_MAX;
        let goes_on = self.trace.heard.iter().any(|next| {
            next.direction == self.own && next.time > later && !next.flags.has(Flags::RST)
        });
        if goes_on {
            record.lacks("connection(s) that go on after their end", 1);
        }
    }
}

/// A SYN or SYN-ACK of the other end that the capture lacks.
fn opening(trace: &Trace, own: Direction, flags: Flags) -> Draft<'static> {
    let (end, peer) = (trace.end(own), trace.end(own.reverse()));
    Draft {
        ports: (peer.socket.port(), end.socket.port()),
        seq: peer.iss,
        ack: end.iss.at(1),
        flags,
        wnd: u16::MAX,
        timestamps: peer.timestamps.then_some(crate::tcp::TimestampsOption {
            tsval: peer.clock.map_or(0, |(_, tsval)| tsval),
            tsecr: 0,
        }),
        opening: Some((peer.mss, peer.window_scale, peer.sack_permitted)),
        text: &[],
    }
}
