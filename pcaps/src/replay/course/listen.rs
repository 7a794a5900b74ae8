//! The other end has said something, or the engine has: what follows from it.

use tcp_ha_engine::{ConnectionState, State};

use super::{Course, PARTS_MAX};
use crate::replay::compose;
use crate::replay::record::Record;
use crate::replay::report::Proof;
use crate::replay::subject::Said;
use crate::replay::trace::Heard;
use crate::tcp::{Checksum, Flags};

impl Course<'_> {
    pub(super) fn listen(&mut self, heard: &Heard, record: &mut Record) {
        let peer = self.trace.end(self.own.reverse());
        if heard.refused {
            return;
        }
        if heard.checksum == Checksum::Bad && peer.fills_checksums {
            record.lacks("segments with a wrong checksum, kept from the engine", 1);
            return;
        }
        if (heard.payload.len() as u64) < u64::from(heard.payload_len) {
            record.lacks("segments whose octets were cut by the capture", 1);
        }
        self.tell_in_parts(heard, record);
        let Some(before) = self.subject.state() else {
            return;
        };
        self.model.hear(self.trace, heard, before.recv.right_edge);
        // Blocks of what the engine has not sent yet mean nothing to it.
        let sent = self.model.engine_max;
        self.subject.hear(self.time, &compose::whole(heard));
        self.listen_to_engine(record);
        if let Some(state) = self.subject.state() {
            self.model
                .hear_sack(self.trace, heard, state.send.una, sent);
            self.compare_state(&state, record);
            self.settle_owed(&state, record);
        }
    }

    /// The end's congestion window may have been larger than the engine's, and its segments may be missing in the
    /// capture. Then the acknowledgement is told in parts that the engine can follow.
    fn tell_in_parts(&mut self, heard: &Heard, record: &mut Record) {
        let Some(ack) = heard.ack_at else {
            return;
        };
        let end = self.trace.end(self.own);
        if ack > self.model.written && !self.model.user_closed && !heard.flags.has(Flags::RST) {
            // The capture lacks what the end sent, or shows the answer before what it answers.
            self.write_to(end.fin.map_or(ack, |fin| fin.min(ack)), record);
            if end.fin.is_some_and(|fin| ack > fin) {
                self.close();
            }
        }
        if heard.flags.has(Flags::RST) || heard.is_syn() {
            return;
        }
        for _ in 0..PARTS_MAX {
            let Some(state) = self.subject.state() else {
                return;
            };
            let written = self.model.written + u64::from(self.model.user_closed);
            let ahead = ack > state.send.max && ack <= written;
            let outstanding = state.send.una < state.send.max;
            if !ahead || !outstanding || !state.lifecycle.state.is_synchronized() {
                return;
            }
            record.report.ahead_of_window += u64::from(self.twin_of.is_none());
            let part = end.iss.at(state.send.max);
            // The right edge is that of the whole.
            let more = (ack - state.send.max).div_ceil(1 << state.identity.snd_wscale);
            let wnd = u64::from(heard.wnd).saturating_add(more);
            let wnd = u16::try_from(wnd).unwrap_or(u16::MAX);
            let octets = self
                .draft(state.recv.nxt, part, wnd, Flags::ACK, &[])
                .octets();
            self.subject.hear(self.time, &octets);
            self.listen_to_engine(record);
        }
    }

    fn compare_state(&mut self, state: &ConnectionState, record: &mut Record) {
        let model = &self.model;
        if !state.lifecycle.state.is_synchronized() {
            return;
        }
        let (nxt, una, wnd) = (state.recv.nxt, state.send.una, state.send.wnd);
        let (low, high) = (model.rcv_nxt_sure(), model.rcv_nxt_possible());
        self.compare(record, Proof::RcvNxt, (low..=high).contains(&nxt), || {
            format!("RCV.NXT is {nxt}, what arrived makes it {low} to {high}")
        });
        let (low, high) = (model.una_sure, model.una_possible.max(1));
        self.compare(record, Proof::SndUna, (low..=high).contains(&una), || {
            format!("SND.UNA is {una}, the acknowledgements make it {low} to {high}")
        });
        if let Some(expected) = model.wnd.filter(|_| una == model.una_possible) {
            self.compare(record, Proof::SndWnd, wnd == expected, || {
                format!("SND.WND is {wnd}, announced were {expected}")
            });
        }
        let (low, high) = (model.sure.len_behind(nxt), model.possible.len_behind(nxt));
        let held = self.subject.info().map_or(0, |info| info.reassembly);
        self.compare(record, Proof::Sack, (low..=high).contains(&held), || {
            format!("{held} octets are held out of order, {low} to {high} arrived so")
        });
        let fin_acked = model.user_closed && model.una_sure > model.written;
        let (name, fin) = (
            state.lifecycle.state,
            model.fin == Some(nxt.wrapping_sub(1)),
        );
        let expected = match (model.user_closed, fin_acked, fin) {
            (false, _, false) => name == State::Established,
            (false, _, true) => name == State::CloseWait,
            (true, false, false) => matches!(name, State::FinWait1 | State::FinWait2),
            (true, true, false) => name == State::FinWait2,
            (true, false, true) => {
                matches!(name, State::Closing | State::LastAck | State::TimeWait)
            }
            (true, true, true) => name == State::TimeWait,
        };
        self.compare(record, Proof::State, expected, || {
            format!("the engine is in {name}")
        });
    }

    /// What was proved lost, and is now acknowledged, was sent again by the engine as well.
    fn settle_owed(&mut self, state: &ConnectionState, record: &mut Record) {
        let una = state.send.una;
        let owed = std::mem::take(&mut self.model.owed);
        let (settled, open) = owed.into_iter().partition(|&(_, to, _)| to <= una);
        self.model.owed = open;
        let settled: Vec<(u64, u64, u64)> = settled;
        for (from, to, packet) in settled {
            let holds = self.model.resent.covers(from, to);
            self.compare(record, Proof::SentAgain, holds, || {
                format!("{from}..{to}, which packet {packet} repeats, was not sent again")
            });
        }
        if self.model.owed.is_empty() {
            self.model.resent.trim(una);
        }
        self.model.sacked.trim(una);
    }

    /// What the engine would have sent since this was last called.
    pub(super) fn listen_to_engine(&mut self, record: &mut Record) {
        let timeouts = self.subject.timeouts();
        if timeouts != self.model.timeouts {
            // RFC 2018 section 8: the other end may have reneged.
            self.model.timeouts = timeouts;
            self.model.sacked.clear();
        }
        for said in std::mem::take(&mut self.subject.said) {
            self.judge_said(&said, record);
        }
    }

    fn judge_said(&mut self, said: &Said, record: &mut Record) {
        let end = self.trace.end(self.own);
        if said.flags.has(Flags::RST) {
            if !self.over {
                self.compare(record, Proof::State, false, || {
                    "the engine sends a RST".to_owned()
                });
            }
            return;
        }
        self.judge_sack(said, record);
        let Some(at) = end.iss.position(said.seq, self.model.engine_max) else {
            return;
        };
        let len = said.text.len() as u64;
        let fin = said.flags.has(Flags::FIN);
        if len == 0 && !fin {
            return;
        }
        let (to, behind) = (at + len, at + len + u64::from(fin));
        let agrees = end.text.agrees(at, &said.text);
        self.compare(record, Proof::Octets, agrees, || {
            format!("the engine sends something else at {at}..{to}")
        });
        if at < self.model.engine_max {
            record.report.engine_again += u64::from(self.twin_of.is_none());
            // A tail loss probe is the last segment, whatever is known of it (RFC 8985 7.3).
            let tail = behind == self.model.engine_max;
            let known = len > 0 && !tail && self.model.sacked.covers(at, to);
            self.compare(record, Proof::NotSentAgain, !known, || {
                format!("{at}..{to} is sent again, although SACKed")
            });
            self.model.resent.insert(at, behind);
        }
        self.model.engine_max = self.model.engine_max.max(behind);
    }

    /// Blocks beyond the acknowledgement tell of octets that arrived.
    fn judge_sack(&self, said: &Said, record: &mut Record) {
        let peer = self.trace.end(self.own.reverse());
        let near = self.model.acked;
        let Some(ack) = peer.iss.position(said.ack, near) else {
            return;
        };
        for block in said.sack.as_slice() {
            let ends = (
                peer.iss.position(block.left, ack),
                peer.iss.position(block.right, ack),
            );
            let (Some(left), Some(right)) = ends else {
                continue;
            };
            let holds = left < right && self.model.possible.covers(left.max(1), right);
            self.compare(record, Proof::Sack, holds, || {
                format!("the engine SACKs {left}..{right}, which did not arrive")
            });
        }
    }
}
