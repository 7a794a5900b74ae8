//! What the end in the capture has shown, the engine shows as well, by its time.

use tcp_ha_engine::State;

use super::{Claim, Course, DELAYED_ACK_MAX, DISORDER_MAX};
use crate::replay::record::Record;
use crate::replay::report::Proof;
use crate::tcp::Flags;
use crate::time::Timestamp;

impl Course<'_> {
    /// The engine must show this, now or after the disorder of a capture.
    pub(super) fn claim(&mut self, claim: Claim, record: &mut Record) {
        if self.is_shown(claim) {
            self.compare(record, proof_of(claim), true, String::new);
            return;
        }
        let patience = match claim {
            Claim::Acknowledged(_) | Claim::Edge(_) => DELAYED_ACK_MAX,
            _ => DISORDER_MAX,
        };
        self.model.claim(self.time + patience, claim);
    }

    /// Looks at the claims that are due before `time`.
    pub(super) fn settle_claims(&mut self, time: Timestamp, record: &mut Record) {
        while let Some((due, claim)) = self.model.claim_due(time) {
            self.subject.advance(due);
            self.time = self.time.max(due);
            self.listen_to_engine(record);
            if self.over || self.subject.closed.is_some() {
                return;
            }
            if !self.is_shown(claim) {
                self.make_up_for_capture(claim, record);
            }
            let shown = self.is_shown(claim);
            self.compare(record, proof_of(claim), shown, || self.tell(claim));
        }
    }

    fn is_shown(&self, claim: Claim) -> bool {
        let Some(state) = self.subject.state() else {
            return true;
        };
        match claim {
            Claim::Synchronized => state.lifecycle.state.is_synchronized(),
            Claim::Received(position) => state.recv.nxt >= position,
            Claim::Acknowledged(position) => state.recv.last_ack_sent >= position,
            Claim::Held(from, to) => {
                let rcv_nxt = state.recv.nxt;
                // A block may tell of the FIN as well.
                let to = to - u64::from(self.model.fin == Some(to - 1));
                self.model.possible.covers(from.max(rcv_nxt), to)
            }
            Claim::Edge(position) => {
                // A window opens by worthwhile steps (RFC 9293 3.8.6.2.2).
                let step = (self.capacity / 2).max(u64::from(state.identity.our_mss));
                let granule = 1 << state.identity.rcv_wscale;
                state.recv.right_edge + step + granule >= position || state.lifecycle.fin_received
            }
        }
    }

    /// Where the end has shown more than the capture can have given to the engine, the capture lacks something.
    fn make_up_for_capture(&mut self, claim: Claim, record: &mut Record) {
        let Some(state) = self.subject.state() else {
            return;
        };
        let (from, to) = match claim {
            Claim::Received(to) => (state.recv.nxt, to),
            Claim::Held(from, to) => (from.max(state.recv.nxt), to),
            Claim::Synchronized if state.lifecycle.state == State::SynReceived => {
                if self.model.una_possible == 0 {
                    record.lacks("the acknowledgement of a SYN", 1);
                    self.hear_draft(1, Flags::ACK, &[]);
                }
                return;
            }
            _ => return,
        };
        let missing = self.model.possible.missing(from, to);
        for (from, to) in missing {
            if self.model.fin == Some(from) && to == from + 1 {
                continue;
            }
            record.lacks("octets that were acknowledged", to - from);
            self.model.hear_filler(from, to);
            self.fill(from, to);
        }
        self.listen_to_engine(record);
    }

    fn tell(&self, claim: Claim) -> String {
        let Some(state) = self.subject.state() else {
            return format!("{claim:?}: the connection is gone");
        };
        let recv = state.recv;
        match claim {
            Claim::Synchronized => format!("the engine is in {}", state.lifecycle.state),
            Claim::Received(position) => {
                format!(
                    "{position} was acknowledged, the engine's RCV.NXT is {}",
                    recv.nxt
                )
            }
            Claim::Acknowledged(position) => format!(
                "{position} was acknowledged, the engine acknowledged {}",
                recv.last_ack_sent
            ),
            Claim::Held(from, to) => {
                format!(
                    "{from}..{to} was SACKed, the engine's RCV.NXT is {}",
                    recv.nxt
                )
            }
            Claim::Edge(position) => {
                format!(
                    "the edge stood at {position}, the engine's at {}",
                    recv.right_edge
                )
            }
        }
    }
}

fn proof_of(claim: Claim) -> Proof {
    match claim {
        Claim::Synchronized => Proof::State,
        Claim::Received(_) => Proof::RcvNxt,
        Claim::Acknowledged(_) => Proof::Acknowledged,
        Claim::Held(..) => Proof::Sack,
        Claim::Edge(_) => Proof::RightEdge,
    }
}
