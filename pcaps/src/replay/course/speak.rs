//! The end in the capture has said something: its user did so a moment before, and the engine must have come as far.

use super::{Claim, Course};
use crate::replay::model::Model;
use crate::replay::record::Record;
use crate::replay::report::Proof;
use crate::replay::trace::Heard;
use crate::tcp::Flags;

/// Octets that are read for one comparison.
const READ_MAX: u64 = 1 << 20;

impl Course<'_> {
    pub(super) fn speak(&mut self, heard: &Heard, record: &mut Record) {
        if heard.at.is_none() {
            record.lacks("segments far from their stream", 1);
            return;
        }
        if heard.flags.has(Flags::RST) {
            self.over = true;
            return;
        }
        self.write(heard, record);
        if let Some(acked) = heard.ack_at {
            self.claim_all(heard, acked, record);
        }
        if let Some(end) = heard.end() {
            self.model.max = self.model.max.max(end);
        }
        self.read(record);
    }

    /// What the segment carries was written by the user.
    fn write(&mut self, heard: &Heard, record: &mut Record) {
        let Some((start, end)) = heard.text() else {
            return;
        };
        if end > start && end <= self.model.max && !heard.is_syn() {
            self.note_sent_again(heard, start, end, record);
        }
        self.write_to(end, record);
        if heard.flags.has(Flags::FIN) {
            self.close();
        }
    }

    /// The user has closed, if not before.
    pub(super) fn close(&mut self) {
        if !self.model.user_closed {
            self.model.user_closed = true;
            self.subject.close();
        }
    }

    /// The user has written up to here.
    pub(super) fn write_to(&mut self, end: u64, record: &mut Record) {
        if end <= self.model.written || self.model.user_closed {
            return;
        }
        let text = &self.trace.end(self.own).text;
        if !text.knows(self.model.written, end) {
            record.lacks("octets that were sent and never captured", 1);
        }
        let octets = text.read(self.model.written, end);
        let taken = self.subject.write(&octets) as u64;
        if taken < octets.len() as u64 {
            record.lacks("octets that the engine's send buffer did not take", 1);
        }
        self.model.written += taken;
    }

    /// A retransmission that the acknowledgements so far call for is one that the engine must make as well.
    fn note_sent_again(&mut self, heard: &Heard, start: u64, end: u64, record: &mut Record) {
        // A keepalive or window probe repeats an octet only to be answered.
        if end - start <= 1 {
            return;
        }
        let first = self.twin_of.is_none();
        record.report.captured_again += u64::from(first);
        let mss = u64::from(self.trace.end(self.own.reverse()).mss);
        if first && self.model.is_proved_lost(start, end, mss) {
            self.model.owed.push((start, end, heard.packet));
        }
    }

    fn claim_all(&mut self, heard: &Heard, acked: u64, record: &mut Record) {
        if !heard.is_syn() {
            self.claim(Claim::Synchronized, record);
        }
        if acked > self.model.acked {
            self.model.acked = acked;
            self.claim(Claim::Received(acked), record);
            self.claim(Claim::Acknowledged(acked), record);
        }
        let peer = self.trace.end(self.own.reverse());
        for (left, right) in heard.options.sack_blocks.iter().flatten() {
            let place = |number: u32| peer.iss.position(tcp_ha_engine::SeqNum(number), acked);
            if let (Some(left), Some(right)) = (place(left.0), place(right.0))
                && left >= acked
                && left < right
            {
                self.claim(Claim::Held(left, right), record);
            }
        }
        if let Some(edge) = Model::edge_of(self.trace, heard)
            && self.model.edge.is_none_or(|known| edge > known)
        {
            self.model.edge = Some(edge);
        }
    }

    /// The user has read so far as the window lets infer.
    fn read(&mut self, record: &mut Record) {
        match self
            .model
            .edge
            .filter(|_| self.trace.shift(self.own).is_some())
        {
            Some(edge) => {
                self.read_to(edge.saturating_sub(self.capacity), record);
                self.claim(Claim::Edge(edge), record);
            }
            None => self.read_to(u64::MAX, record),
        }
    }

    /// The user reads up to the position, as far as there is something, and finds what the capture holds.
    pub(super) fn read_to(&mut self, position: u64, record: &mut Record) {
        let Some(info) = self.subject.info() else {
            return;
        };
        let peer = self.trace.end(self.own.reverse());
        let end = (position.max(1) - 1).min(info.rcv_nxt);
        if end <= info.read {
            return;
        }
        let received = self.subject.received();
        let len = (end - info.read) as usize;
        let agrees = received.len() >= len
            && received[..len]
                .chunks(READ_MAX as usize)
                .zip((info.read + 1..).step_by(READ_MAX as usize))
                .all(|(octets, at)| peer.text.agrees(at, octets));
        self.compare(record, Proof::Octets, agrees, || {
            format!("the user reads something else at {}..{end}", info.read)
        });
        if self.twin_of.is_none() {
            record.report.received = end;
        }
        self.subject.consume(end);
    }
}
