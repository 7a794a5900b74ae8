//! A segment arrives at a flow: opening, place, octets, acknowledgement, end - in this order.

use std::net::IpAddr;
use std::time::Duration;

use crate::bgp::{HEADER_LEN, MessageType};
use crate::check::announced;
use crate::check::config::CheckConfig;
use crate::check::judge::{Judge, Place};
use crate::check::observer::{Observer, SegmentSeen};
use crate::check::report::Opening;
use crate::check::session::{Pair, Sessions};
use crate::check::side::{AckBeyond, Newest, Side};
use crate::check::track::Tracked;
use crate::check::violation::Rule;
use crate::flow::Direction;
use crate::packet::{IpHeader, LinkAddress};
use crate::seq::{Position, SeqNum};
use crate::stream::{Arrival, Bounds};
use crate::tcp::{Checksum, Flags, TcpSegment};
use crate::time::Timestamp;

/// NOTIFICATIONs listed for each direction.
const NOTIFICATIONS_MAX: usize = 16;
/// The longest time by which a segment that was overtaken comes behind.
const OVERTAKEN_MAX: Duration = Duration::from_millis(1);
/// The most that the TSval of such a segment lies behind; a takeover adds at least a second to the clock, so that two
/// senders at once are not taken for one whose segments were reordered.
const OVERTAKEN_TICKS_MAX: i32 = 10;

/// A segment, as it was captured.
pub(super) struct Seen<'a> {
    pub(super) time: Timestamp,
    pub(super) packet: u64,
    pub(super) interface: u32,
    pub(super) link_source: Option<LinkAddress>,
    pub(super) ip: &'a IpHeader,
    pub(super) tcp: &'a TcpSegment<'a>,
}

/// What a flow shares with the others.
pub(super) struct Court<'c, O> {
    pub(super) config: &'c CheckConfig,
    pub(super) bounds: Bounds,
    pub(super) judge: &'c mut Judge,
    pub(super) sessions: &'c mut Sessions,
    pub(super) observer: &'c mut O,
}

/// What a segment brought.
#[derive(Default)]
struct Gain {
    arrival: Arrival,
    acknowledged: u64,
    /// The acknowledgement, in the other side's space.
    ack: Option<Position>,
}

impl Gain {
    /// Whether the segment was sent before the newest one and overtaken by it on the way to the capture: it came right
    /// behind, its clock is hardly older, and it carries what only an earlier segment can: octets never seen that lie
    /// before others, or an acknowledgement that was already surpassed.
    fn is_overtaken(
        &self,
        tcp: &TcpSegment<'_>,
        at: Position,
        before: &Newest,
        place: Place,
    ) -> bool {
        let prompt = place.time.saturating_since(before.time) <= OVERTAKEN_MAX;
        let clock_back = match (tcp.options.timestamps, before.tsval) {
            (Some(now), Some(newest)) => SeqNum(newest).distance_from(SeqNum(now.tsval)),
            _ => 0,
        };
        let len = u64::from(tcp.payload_len);
        let fills = len > 0 && self.arrival.new == len && at.plus(len) <= before.snd_max;
        let surpassed = len == 0
            && self
                .ack
                .zip(before.ack)
                .is_some_and(|(ack, newest)| ack < newest);
        prompt && (0..=OVERTAKEN_TICKS_MAX).contains(&clock_back) && (fills || surpassed)
    }
}

impl<O: Observer> Court<'_, O> {
    pub(super) fn rule_broken(
        &mut self,
        tracked: &mut Tracked,
        rule: Rule,
        place: Place,
        detail: String,
    ) {
        let broken = &mut tracked.broken;
        let violation = self
            .judge
            .broken(self.config, &tracked.flow, broken, rule, place, detail);
        if let Some(violation) = violation {
            self.observer.on_violation(&violation);
        }
    }

    fn judges(&self, address: IpAddr) -> bool {
        self.config.us.is_empty() || self.config.us.contains(&address)
    }
}

impl Tracked {
    /// Takes a segment that the sender in `direction` sent; `attempt` marks a SYN that is not of this flow so far.
    pub(super) fn arrive<O: Observer>(
        &mut self,
        seen: &Seen<'_>,
        direction: Direction,
        attempt: bool,
        court: &mut Court<'_, O>,
    ) {
        let place = Place {
            time: seen.time,
            packet: seen.packet,
            direction,
        };
        self.last = self.last.max(seen.time);
        self.count(seen, direction, court.config);
        if attempt {
            self.note_attempt(place, court);
        }
        if seen.tcp.flags.has(Flags::RST) {
            self.show(seen, direction, &Gain::default(), court);
            self.take_reset(place, court);
            return;
        }
        let in_place = self.open(seen, place, court);
        let at = in_place.then(|| self.locate(seen.tcp, direction)).flatten();
        let Some(at) = at else {
            self.sides(direction).0.report.out_of_place += u64::from(!attempt);
            self.show(seen, direction, &Gain::default(), court);
            return;
        };
        self.explain_ack_beyond(seen.tcp, at, place, court);
        let before = self.sides(direction).0.newest();
        let gain = Gain {
            arrival: self.take_octets(seen.tcp, at, place, court),
            ..self.take_ack(seen.tcp, place)
        };
        self.show(seen, direction, &gain, court);
        self.hand_over(place, court);
        self.give_up_lost(gain.ack, place, court);
        let overtaken =
            before.is_some_and(|before| gain.is_overtaken(seen.tcp, at, &before, place));
        let (sender, _) = self.sides(direction);
        if overtaken {
            sender.report.overtaken_segments += 1;
        } else {
            sender.newest_at = Some(seen.time);
            if court.judges(seen.ip.source) {
                announced::judge(self, seen.tcp, gain.ack, place, court);
            }
        }
        self.take_fin(seen.tcp, at, place, court);
    }

    fn count(&mut self, seen: &Seen<'_>, direction: Direction, config: &CheckConfig) {
        let (sender, _) = self.sides(direction);
        sender.report.segments += 1;
        sender.report.bad_checksums += u64::from(seen.tcp.checksum == Checksum::Bad);
        sender.report.malformed_options += u64::from(seen.tcp.options.malformed);
        sender
            .silences
            .segment(seen.time, config.silence_min, config.silences_max);
    }

    fn pair(&self) -> Pair {
        Pair::of(self.flow.ends.client.ip(), self.flow.ends.server.ip())
    }

    fn note_attempt<O: Observer>(&mut self, place: Place, court: &mut Court<'_, O>) {
        let before = court.sessions.exchanges(self.pair());
        if before > 0 {
            let detail = format!("a SYN after {before} completed exchange(s) of this pair");
            court.rule_broken(self, Rule::NoNewAttempt, place, detail);
        }
    }

    /// SYNs. Tells whether the segment is one of this flow.
    fn open<O: Observer>(
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

    /// Where the segment stands in its sender's space; `None` when it cannot belong to the flow.
    fn locate(&mut self, tcp: &TcpSegment<'_>, direction: Direction) -> Option<Position> {
        let (sender, receiver) = self.sides(direction);
        if !sender.is_anchored() {
            sender.begin_midway(tcp.seg_seq);
        }
        let at = sender.place(tcp.seg_seq);
        if !sender.is_plausible(at) {
            return None;
        }
        if tcp.flags.has(Flags::ACK) && !receiver.is_anchored() {
            receiver.begin_midway(tcp.seg_ack);
        }
        if self.opening == Opening::Unanswered
            && self.client.is_anchored()
            && self.server.is_anchored()
            && (self.client.iss.is_none() || self.server.iss.is_none())
        {
            self.opening = Opening::NotCaptured;
        }
        Some(at)
    }

    /// The other side acknowledged octets that the capture lacks: what the sender does now tells whether it had sent them.
    fn explain_ack_beyond<O: Observer>(
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
        if at > sender.snd_max {
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

    fn take_octets<O: Observer>(
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

    fn take_ack(&mut self, tcp: &TcpSegment<'_>, place: Place) -> Gain {
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

    /// Shows a segment to the observer.
    fn show<O: Observer>(
        &self,
        seen: &Seen<'_>,
        direction: Direction,
        gain: &Gain,
        court: &mut Court<'_, O>,
    ) {
        court.observer.on_segment(&SegmentSeen {
            flow: &self.flow,
            direction,
            time: seen.time,
            interface: seen.interface,
            link_source: seen.link_source,
            ip: seen.ip,
            tcp: seen.tcp,
            new_octets: gain.arrival.new,
            retransmitted_octets: gain.arrival.repeated,
            acknowledged_octets: gain.acknowledged,
        });
    }

    /// Octets that have become contiguous go to the observer and into BGP messages.
    fn hand_over<O: Observer>(&mut self, place: Place, court: &mut Court<'_, O>) {
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

    /// The other side has octets that the capture lacks: its stream goes on behind them.
    fn give_up_lost<O: Observer>(
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

    fn take_fin<O: Observer>(
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

    fn take_reset<O: Observer>(&mut self, place: Place, court: &mut Court<'_, O>) {
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

/// Whether a segment only wants an answer: it repeats the last place of the sender's space, with no octet or a
/// meaningless one (RFC 9293 3.8.4).
fn is_probe(sender: &Side, tcp: &TcpSegment<'_>, at: Position) -> bool {
    let bare = tcp.payload.is_empty() || tcp.payload == [0];
    let plain = !tcp.flags.has(Flags::SYN) && !tcp.flags.has(Flags::FIN);
    plain && bare && tcp.payload_len <= 1 && sender.snd_max.octets_since(at) == 1
}
