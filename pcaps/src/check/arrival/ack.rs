//! Acknowledgements, and what they tell of octets that the capture lacks.

use std::time::Duration;

use super::{Court, Gain};
use crate::check::judge::Place;
use crate::check::observer::Observer;
use crate::check::side::AckBeyond;
use crate::check::track::Tracked;
use crate::check::violation::Rule;
use crate::seq::Position;
use crate::tcp::{Flags, TcpSegment};

/// How long a frame may be captured behind one that answers it: a bridge hands frames on before it hands them to a capture on
/// itself, and another processor may be faster with the answer.
const DISORDER: Duration = Duration::from_micros(500);

impl Tracked {
    /// The other side acknowledged octets that the capture lacks: what the sender does now tells whether it had sent them.
    pub(super) fn explain_ack_beyond<O: Observer>(
        &mut self,
        tcp: &TcpSegment<'_>,
        at: Position,
        place: Place,
        court: &mut Court<'_, O>,
    ) {
        let (sender, _) = self.sides(place.direction);
        let Some(beyond) = sender.acked_beyond else {
            return;
        };
        let end = at.plus(u64::from(tcp.seg_len()));
        let late = place.time.saturating_since(beyond.place.time) <= DISORDER;
        if late && at <= sender.snd_max && end > sender.snd_max {
            // Captured a moment behind the acknowledgement that it drew.
            sender.report.captured_late += 1;
            if end >= beyond.ack {
                sender.acked_beyond = None;
            }
        } else if at > sender.snd_max {
            // It goes on behind octets that were never captured: it had sent them.
            sender.acked_beyond = None;
            sender.snd_max = beyond.ack.max(sender.snd_max);
        } else if end > sender.snd_max || (at == sender.snd_max && tcp.seg_len() == 0) {
            let octets = beyond.ack.octets_since(sender.snd_max);
            sender.acked_beyond = None;
            let detail = format!(
                "{octets} octet(s) acknowledged before they were sent (the sender stood still at {})",
                tcp.seg_seq
            );
            court.rule_broken(self, Rule::AckOfSent, beyond.place, detail);
        }
    }

    pub(super) fn take_ack(&mut self, tcp: &TcpSegment<'_>, place: Place) -> Gain {
        let (sender, receiver) = self.sides(place.direction);
        if !tcp.flags.has(Flags::ACK) {
            return Gain::default();
        }
        let ack = receiver.place(tcp.seg_ack);
        if !receiver.is_plausible(ack) {
            sender.report.out_of_place += 1;
            return Gain::default();
        }
        let acknowledged = sender.ack.map_or(0, |before| ack.octets_since(before));
        sender.ack = Some(sender.ack.map_or(ack, |before| before.max(ack)));
        let known = receiver
            .acked_beyond
            .map_or(receiver.snd_max, |beyond| beyond.ack);
        if ack > known {
            receiver.acked_beyond = Some(AckBeyond { ack, place });
        }
        receiver.fin_acked |= receiver.fin.is_some_and(|fin| ack > fin);
        Gain {
            acknowledged,
            ack: Some(ack),
            ..Gain::default()
        }
    }

    /// The other side has octets that the capture lacks: its stream goes on behind them.
    pub(super) fn give_up_lost<O: Observer>(
        &mut self,
        ack: Option<Position>,
        place: Place,
        court: &mut Court<'_, O>,
    ) {
        let Some(ack) = ack else {
            return;
        };
        let flow = self.flow;
        let reverse = Place {
            direction: place.direction.reverse(),
            ..place
        };
        loop {
            let (_, receiver) = self.sides(place.direction);
            let end = receiver
                .fin
                .map_or(receiver.snd_max, |fin| fin.min(receiver.snd_max));
            let Some(lost) = receiver.stream.skip_to(ack.min(end)) else {
                return;
            };
            receiver.report.lost_by_capture += lost;
            if let Some(messages) = &mut receiver.messages {
                messages.gap();
            }
            court
                .observer
                .on_gap(&flow, reverse.direction, place.time, lost);
            self.hand_over(reverse, court);
        }
    }
}
