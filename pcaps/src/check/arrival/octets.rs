//! The octets of a stream, and its end.

use super::Court;
use crate::bgp::{HEADER_LEN, MessageType};
use crate::check::judge::Place;
use crate::check::observer::Observer;
use crate::check::side::Side;
use crate::check::track::Tracked;
use crate::check::violation::Rule;
use crate::seq::Position;
use crate::stream::Arrival;
use crate::tcp::{Flags, TcpSegment};

/// NOTIFICATIONs listed for each direction.
const NOTIFICATIONS_MAX: usize = 16;

impl Tracked {
    pub(super) fn take_octets<O: Observer>(
        &mut self,
        tcp: &TcpSegment<'_>,
        at: Position,
        place: Place,
        court: &mut Court<'_, O>,
    ) -> Arrival {
        let bounds = court.bounds;
        let (sender, _) = self.sides(place.direction);
        let end = at.plus(u64::from(tcp.seg_len()));
        if is_probe(sender, tcp, at) {
            sender.report.keepalive_probes += 1;
            return Arrival::default();
        }
        let first = at.plus(u64::from(tcp.flags.has(Flags::SYN)));
        let arrival = sender.stream.insert(first, tcp.payload, bounds);
        let beyond_fin = sender.fin.filter(|&fin| end > fin.plus(1));
        sender.snd_max = sender.snd_max.max(end);
        let report = &mut sender.report;
        report.octets += arrival.new;
        report.retransmitted_octets += arrival.repeated;
        report.compared_octets += arrival.compared;
        report.uncompared_octets += arrival.uncompared;
        report.retransmitted_segments +=
            u64::from(tcp.payload_len > 0 && arrival.new == 0 && arrival.refused == 0);
        report.out_of_place += u64::from(arrival.refused > 0);
        if let Some(conflict) = arrival.conflict {
            let offset = conflict.at.octets_since(Position::ORIGIN.plus(1));
            let detail = format!(
                "octet {offset} of the stream was sent as {:#04x} first and as {:#04x} now",
                conflict.first, conflict.now
            );
            court.rule_broken(self, Rule::OctetsConsistent, place, detail);
        }
        if let Some(fin) = beyond_fin {
            let octets = end.octets_since(fin.plus(1));
            let detail = format!("{octets} octet(s) behind the FIN");
            court.rule_broken(self, Rule::OctetsConsistent, place, detail);
        }
        arrival
    }

    /// Octets that have become contiguous go to the observer and into BGP messages.
    pub(super) fn hand_over<O: Observer>(&mut self, place: Place, court: &mut Court<'_, O>) {
        let flow = self.flow;
        let (sender, _) = self.sides(place.direction);
        let mut notified = Vec::new();
        let Side {
            stream,
            messages,
            report,
            ..
        } = sender;
        stream.deliver(court.bounds, |octets| {
            court
                .observer
                .on_octets(&flow, place.direction, place.time, octets);
            let Some(messages) = messages else {
                return;
            };
            messages.feed(octets, |message| {
                let Some(kind) = MessageType::of(message) else {
                    return;
                };
                *report.bgp.entry(kind.to_string()).or_default() += 1;
                if kind == MessageType::Notification && notified.len() < NOTIFICATIONS_MAX {
                    let body = &message[HEADER_LEN..];
                    let code = body.first().copied().unwrap_or(0);
                    notified.push((code, body.get(1).copied().unwrap_or(0)));
                }
            });
        });
        for (code, subcode) in notified {
            let (sender, _) = self.sides(place.direction);
            if sender.report.notifications.len() < NOTIFICATIONS_MAX {
                sender.report.notifications.push((code, subcode));
            }
            let detail = format!("code {code}, subcode {subcode}");
            court.rule_broken(self, Rule::NoNotification, place, detail);
        }
    }

    pub(super) fn take_fin<O: Observer>(
        &mut self,
        tcp: &TcpSegment<'_>,
        at: Position,
        place: Place,
        court: &mut Court<'_, O>,
    ) {
        if !tcp.flags.has(Flags::FIN) {
            return;
        }
        let (sender, _) = self.sides(place.direction);
        let fin = at.plus(u64::from(tcp.seg_len()) - 1);
        let before = sender.fin.replace(fin);
        sender.report.fin = true;
        match before {
            None => {
                let detail = "the stream is ended".to_owned();
                court.rule_broken(self, Rule::NoFin, place, detail);
            }
            Some(before) if before != fin => {
                let detail = "the FIN is sent again in another place".to_owned();
                court.rule_broken(self, Rule::OctetsConsistent, place, detail);
            }
            Some(_) => {}
        }
    }
}

/// Whether a segment only wants an answer: it repeats the last place of the sender's space, with no octet or a
/// meaningless one (RFC 9293 3.8.4).
fn is_probe(sender: &Side, tcp: &TcpSegment<'_>, at: Position) -> bool {
    let bare = tcp.payload.is_empty() || tcp.payload == [0];
    let plain = !tcp.flags.has(Flags::SYN) && !tcp.flags.has(Flags::FIN);
    plain && bare && tcp.payload_len <= 1 && sender.snd_max.octets_since(at) == 1
}
