//! A segment arrives at a flow: opening, place, octets, acknowledgement, end - in this order.

mod ack;
mod octets;
mod opening;

use std::net::IpAddr;
use std::time::Duration;

use crate::check::announced;
use crate::check::config::CheckConfig;
use crate::check::judge::{Judge, Place};
use crate::check::observer::{Observer, SegmentSeen};
use crate::check::report::Opening;
use crate::check::session::{Pair, Sessions};
use crate::check::side::Newest;
use crate::check::track::Tracked;
use crate::check::violation::Rule;
use crate::flow::Direction;
use crate::packet::{IpHeader, LinkAddress};
use crate::seq::{Position, SeqNum};
use crate::stream::{Arrival, Bounds};
use crate::tcp::{Checksum, Flags, TcpSegment};
use crate::time::Timestamp;

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
            packet: seen.packet,
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
}
