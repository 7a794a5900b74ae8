//! SYN and RST: how a flow begins, and how it is cut off.

use super::{Court, Seen};
use crate::check::announced;
use crate::check::judge::Place;
use crate::check::observer::Observer;
use crate::check::report::Opening;
use crate::check::track::Tracked;
use crate::check::violation::Rule;
use crate::tcp::Flags;

impl Tracked {
    pub(super) fn note_attempt<O: Observer>(&mut self, place: Place, court: &mut Court<'_, O>) {
        let before = court.sessions.exchanges(self.pair());
        if before > 0 {
            let detail = format!("a SYN after {before} completed exchange(s) of this pair");
            court.rule_broken(self, Rule::NoNewAttempt, place, detail);
        }
    }

    /// SYNs. Tells whether the segment is one of this flow.
    pub(super) fn open<O: Observer>(
        &mut self,
        seen: &Seen<'_>,
        place: Place,
        court: &mut Court<'_, O>,
    ) -> bool {
        let tcp = seen.tcp;
        if !tcp.flags.has(Flags::SYN) {
            return true;
        }
        let (sender, _) = self.sides(place.direction);
        match sender.iss {
            Some(iss) if iss == tcp.seg_seq => sender.report.retransmitted_segments += 1,
            None if !sender.is_anchored() => {
                sender.begin_with_syn(tcp.seg_seq, tcp.options.window_scale);
                if court.judges(seen.ip.source) {
                    announced::judge_isn(self, tcp.seg_seq, place, court);
                }
            }
            _ => return false,
        }
        let (_, receiver) = self.sides(place.direction);
        let answers =
            tcp.flags.has(Flags::ACK) && receiver.iss.is_some_and(|iss| iss.plus(1) == tcp.seg_ack);
        if answers && self.opening == Opening::Unanswered {
            self.opening = Opening::Exchanged;
            let count = court.sessions.exchanged(self.pair());
            if count > 1 {
                let detail = format!("exchange {count} of this pair");
                court.rule_broken(self, Rule::OneSynExchange, place, detail);
            }
        }
        true
    }

    pub(super) fn take_reset<O: Observer>(&mut self, place: Place, court: &mut Court<'_, O>) {
        let (sender, _) = self.sides(place.direction);
        sender.report.resets += 1;
        self.reset = true;
        if self.opening == Opening::Unanswered {
            self.opening = Opening::Refused;
        } else if self.opening != Opening::Refused {
            let detail = "the connection is reset".to_owned();
            court.rule_broken(self, Rule::NoReset, place, detail);
        }
    }
}
