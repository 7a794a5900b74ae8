//! What the capture proves at a moment, worked out without the engine.

use std::collections::BTreeMap;

use tcp_ha_engine::SeqNum;

use super::ranges::Ranges;
use super::trace::{Heard, Trace};
use crate::tcp::Flags;
use crate::time::Timestamp;

/// Something that the end in the capture has shown, and the engine must show by a certain time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Claim {
    /// Both SYNs are acknowledged.
    Synchronized,
    /// Everything before the position has been received.
    Received(u64),
    /// Everything before the position has been acknowledged.
    Acknowledged(u64),
    /// The range has been received.
    Held(u64, u64),
    /// The right edge stands here.
    Edge(u64),
}

/// What an end holds and knows, as the capture proves it. Positions count from the SYN.
///
/// Segments that a receiver may or may not take (old timestamps, octets beyond the window) make a lower and an upper bound.
#[derive(Clone, Debug)]
pub(super) struct Model {
    /// Octets of the other end that certainly arrived.
    pub(super) sure: Ranges,
    /// Octets of the other end that may have arrived.
    pub(super) possible: Ranges,
    /// Where the other end's FIN stands, once it arrived.
    pub(super) fin: Option<u64>,
    pub(super) una_sure: u64,
    pub(super) una_possible: u64,
    /// SND.WND, where the newest segment certainly counts.
    pub(super) wnd: Option<u64>,
    wl1: u64,
    wl2: u64,
    newest_tsval: Option<u32>,
    /// SEG.ACK and window field of the other end's newest segment.
    pub(super) newest: Option<(SeqNum, u16)>,
    /// End of what the end has sent in the capture.
    pub(super) max: u64,
    /// The largest acknowledgement that the end has sent.
    pub(super) acked: u64,
    /// The right edge that the end has announced.
    pub(super) edge: Option<u64>,
    /// End of what the end's user has written.
    pub(super) written: u64,
    pub(super) user_closed: bool,
    /// Octets of the end that the other one says it holds.
    pub(super) sacked: Ranges,
    /// What the engine has sent again.
    pub(super) resent: Ranges,
    /// Ranges proved lost, which the end has sent again, and the packet that did.
    pub(super) owed: Vec<(u64, u64, u64)>,
    /// SND.MAX of the engine.
    pub(super) engine_max: u64,
    /// Timeouts of the engine that are taken note of.
    pub(super) timeouts: u64,
    claims: BTreeMap<(Timestamp, u64), Claim>,
    claims_made: u64,
}

impl Default for Model {
    fn default() -> Model {
        Model {
            sure: Ranges::default(),
            possible: Ranges::default(),
            fin: None,
            una_sure: 0,
            una_possible: 0,
            wnd: None,
            wl1: 0,
            wl2: 0,
            newest_tsval: None,
            newest: None,
            max: 1,
            acked: 0,
            edge: None,
            written: 1,
            user_closed: false,
            sacked: Ranges::default(),
            resent: Ranges::default(),
            owed: Vec::new(),
            engine_max: 1,
            timeouts: 0,
            claims: BTreeMap::new(),
            claims_made: 0,
        }
    }
}

/// How sure it is that a segment counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    Sure,
    Possible,
    Foreign,
}

impl Model {
    /// RCV.NXT is not less than this: the octets in order, and the FIN behind them.
    pub(super) fn rcv_nxt_sure(&self) -> u64 {
        self.behind_fin(self.sure.end_of_run(1))
    }

    /// RCV.NXT is not more than this.
    pub(super) fn rcv_nxt_possible(&self) -> u64 {
        self.behind_fin(self.possible.end_of_run(1))
    }

    fn behind_fin(&self, end: u64) -> u64 {
        end + u64::from(self.fin == Some(end))
    }

    pub(super) fn claim(&mut self, due: Timestamp, claim: Claim) {
        self.claims_made += 1;
        self.claims.insert((due, self.claims_made), claim);
    }

    /// The next claim that is due at `time`.
    pub(super) fn claim_due(&mut self, time: Timestamp) -> Option<(Timestamp, Claim)> {
        let entry = self.claims.first_entry()?;
        if entry.key().0 > time {
            return None;
        }
        let due = entry.key().0;
        Some((due, entry.remove()))
    }

    /// Takes a segment of the other end that is about to be given to the engine, whose right edge stands at `edge`.
    pub(super) fn hear(&mut self, trace: &Trace, heard: &Heard, edge: u64) {
        let standing = self.standing(heard, edge);
        if standing == Standing::Foreign || heard.flags.has(Flags::RST) {
            return;
        }
        let sure = standing == Standing::Sure;
        self.hear_ack(trace, heard, sure);
        if let (Some((start, end)), Some(at)) = (heard.text(), heard.at) {
            self.hear_text(heard, (start.max(1), end), edge, sure && at > 0);
        }
        if let Some(timestamps) = heard.options.timestamps {
            let newest = self.newest_tsval.get_or_insert(timestamps.tsval);
            if SeqNum(*newest).before(SeqNum(timestamps.tsval)) {
                *newest = timestamps.tsval;
            }
        }
    }

    /// Octets that the capture lacks are given to the engine all the same.
    pub(super) fn hear_filler(&mut self, from: u64, to: u64) {
        self.sure.insert(from, to);
        self.possible.insert(from, to);
    }

    fn standing(&self, heard: &Heard, edge: u64) -> Standing {
        let (Some(at), Some(end)) = (heard.at, heard.end()) else {
            return Standing::Foreign;
        };
        let limit = self.edge.map_or(edge, |shown| shown.min(edge));
        let old_clock = match (heard.options.timestamps, self.newest_tsval) {
            (Some(now), Some(newest)) => SeqNum(now.tsval).before(SeqNum(newest)),
            _ => false,
        };
        let opening = heard.is_syn() && self.una_sure > 0;
        let beyond = at > limit || (at == limit && end > limit);
        let old = end < self.rcv_nxt_possible();
        let lost_clock = heard.options.timestamps.is_none() && self.newest_tsval.is_some();
        if old_clock || beyond || old || opening || lost_clock || !heard.flags.has(Flags::ACK) {
            Standing::Possible
        } else {
            Standing::Sure
        }
    }

    fn hear_ack(&mut self, trace: &Trace, heard: &Heard, sure: bool) {
        let (Some(ack), Some(at)) = (heard.ack_at, heard.at) else {
            return;
        };
        if ack > self.written + u64::from(self.user_closed) {
            return;
        }
        self.una_possible = self.una_possible.max(ack);
        if sure {
            self.una_sure = self.una_sure.max(ack);
        }
        let shift = if heard.is_syn() {
            Some(0)
        } else {
            trace.shift(heard.direction)
        };
        let newer = at > self.wl1 || (at == self.wl1 && ack >= self.wl2);
        if newer && ack >= self.una_possible {
            self.wnd = shift
                .filter(|_| sure)
                .map(|shift| u64::from(heard.wnd) << shift);
            (self.wl1, self.wl2) = (at, ack);
        } else if !sure || at >= self.wl1 {
            self.wnd = None;
        }
        self.newest = Some((heard.ack, heard.wnd));
    }

    fn hear_text(&mut self, heard: &Heard, (start, end): (u64, u64), edge: u64, sure: bool) {
        // Octets behind a SYN may be left to be sent again.
        let sure = sure && !heard.is_syn();
        let limit = self.edge.map_or(edge, |shown| shown.min(edge));
        let stop = self.fin.unwrap_or(u64::MAX);
        if sure {
            self.sure.insert(start, end.min(limit).min(stop));
        }
        self.possible.insert(start, end.min(stop));
        if heard.flags.has(Flags::FIN) && end <= limit {
            self.fin.get_or_insert(end);
        }
    }

    /// Notes what the other end says it holds, of what the engine had `sent` by then.
    pub(super) fn hear_sack(&mut self, trace: &Trace, heard: &Heard, una: u64, sent: u64) {
        let iss = trace.end(heard.direction.reverse()).iss;
        for (left, right) in heard.options.sack_blocks.iter().flatten() {
            let place = |number: u32| iss.position(SeqNum(number), una);
            if let (Some(left), Some(right)) = (place(left.0), place(right.0))
                && left > una
                && left < right
                && right <= sent
            {
                self.sacked.insert(left, right);
            }
        }
    }

    /// The right edge of a segment that the end sent.
    pub(super) fn edge_of(trace: &Trace, heard: &Heard) -> Option<u64> {
        let shift = if heard.is_syn() {
            0
        } else {
            trace.shift(heard.direction)?
        };
        Some(heard.ack_at? + (u64::from(heard.wnd) << shift))
    }

    /// Whether the other end's SACK blocks prove `from..to` lost (RFC 6675 IsLost).
    pub(super) fn is_proved_lost(&self, from: u64, to: u64, mss: u64) -> bool {
        let above = self.sacked.len_behind(to);
        !self.sacked.touches(from, to)
            && (above > 2 * mss || self.sacked.behind(to).count() > 2)
            && to <= self.engine_max
    }
}
