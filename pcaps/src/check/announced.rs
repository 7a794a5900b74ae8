//! What a side announces and must not take back: TSval, the right window edge, the order of its ISNs.

use std::time::Duration;

use crate::check::arrival::Court;
use crate::check::judge::Place;
use crate::check::observer::Observer;
use crate::check::track::Tracked;
use crate::check::violation::Rule;
use crate::seq::{Position, SeqNum};
use crate::tcp::{Flags, TcpSegment};

/// The largest shift that is used, whatever the option says (RFC 7323 2.3).
const SHIFT_MAX: u8 = 14;
/// The longest time over which two ISNs of a 4 microsecond clock can be put in order: half its turn.
const ISN_ORDER_MAX: Duration = Duration::from_secs(8589);

/// Judges TSval and the right window edge of a segment whose acknowledgement stands at `ack`.
pub(super) fn judge<O: Observer>(
    tracked: &mut Tracked,
    tcp: &TcpSegment<'_>,
    ack: Option<Position>,
    place: Place,
    court: &mut Court<'_, O>,
) {
    judge_tsval(tracked, tcp, place, court);
    if let Some(ack) = ack {
        judge_edge(tracked, tcp, ack, place, court);
    }
}

/// Judges the ISN of a SYN against the one that the same pair of sockets used before.
pub(super) fn judge_isn<O: Observer>(
    tracked: &mut Tracked,
    iss: SeqNum,
    place: Place,
    court: &mut Court<'_, O>,
) {
    let Some((last, before)) = tracked.previous_iss(place.direction) else {
        return;
    };
    let comparable = place.time.saturating_since(last) < ISN_ORDER_MAX;
    if comparable && iss.distance_from(before) <= 0 {
        let detail = format!("ISN {iss} after {before}");
        court.rule_broken(tracked, Rule::IsnForward, place, detail);
    }
}

fn judge_tsval<O: Observer>(
    tracked: &mut Tracked,
    tcp: &TcpSegment<'_>,
    place: Place,
    court: &mut Court<'_, O>,
) {
    let Some(timestamps) = tcp.options.timestamps else {
        return;
    };
    let (sender, _) = tracked.sides(place.direction);
    let before = sender.tsval.replace(timestamps.tsval);
    if let Some(before) = before
        && SeqNum(timestamps.tsval).distance_from(SeqNum(before)) < 0
    {
        let detail = format!("TSval {} after {before}", timestamps.tsval);
        court.rule_broken(tracked, Rule::TimestampForward, place, detail);
    }
}

fn judge_edge<O: Observer>(
    tracked: &mut Tracked,
    tcp: &TcpSegment<'_>,
    ack: Position,
    place: Place,
    court: &mut Court<'_, O>,
) {
    let (sender, receiver) = tracked.sides(place.direction);
    let shift = if tcp.flags.has(Flags::SYN) {
        0
    } else {
        match (sender.offered_scale, receiver.offered_scale) {
            (Some(Some(ours)), Some(Some(_))) => ours.min(SHIFT_MAX),
            (Some(_), Some(_)) => 0,
            _ => {
                sender.edge_unjudged = true;
                return;
            }
        }
    };
    let edge = ack.plus(u64::from(tcp.seg_wnd) << shift);
    let before = sender.edge.replace(edge);
    if let Some(before) = before
        && edge < before
    {
        let octets = before.octets_since(edge);
        let detail = format!(
            "moved left by {octets} octet(s): ACK {} and window {} << {shift}",
            tcp.seg_ack, tcp.seg_wnd
        );
        court.rule_broken(tracked, Rule::EdgeForward, place, detail);
    }
}
