//! What a capture shows around a cut: for each session and direction how far it was sent and acknowledged, and what was sent again.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;

use pcaps::packet::{Body, IpHeader, Packet};
use pcaps::reader::{CaptureReader, ReadError};
use pcaps::seq::{Position, SeqNum};
use pcaps::tcp::{Flags, TcpSegment};

use super::Failover;
use crate::lab::is_ours;

/// The BGP port.
const BGP_PORT: u16 = 179;

/// What is shown, around the cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Nanoseconds before it.
    pub(super) before_ns: u64,
    /// Nanoseconds after it.
    pub(super) after_ns: u64,
}

/// A time in milliseconds since the cut, and octets since what had been sent at the cut.
pub(super) type Point = (f64, f64);

/// One direction of a session.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Way {
    /// How far it had been sent.
    pub(super) sent: Vec<Point>,
    /// How far it had been acknowledged.
    pub(super) acknowledged: Vec<Point>,
    /// Ends of segments that held nothing new.
    pub(super) again: Vec<Point>,
}

/// Both directions of a session.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Session {
    /// From the peer to the pair.
    pub(super) inbound: Way,
    /// From the pair to the peer.
    pub(super) outbound: Way,
    /// The survivor's first segment, as a place of its own direction.
    pub(super) first: Option<Point>,
}

/// What the window shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Trace {
    /// Sessions, in the order of their peers' addresses.
    pub(super) sessions: Vec<Session>,
}

/// Reads a capture.
///
/// # Errors
/// It cannot be read.
pub(super) fn read(file: &Path, failover: &Failover, window: Window) -> Result<Trace, ReadError> {
    let mut reader: CaptureReader<File> = CaptureReader::open(file)?;
    let mut flows: BTreeMap<(SocketAddr, u16), Flow> = BTreeMap::new();
    let from_ns = failover.cut_ns.saturating_sub(window.before_ns);
    let to_ns = failover.cut_ns.saturating_add(window.after_ns);
    while let Some(record) = reader.next_record()? {
        let time_ns = record.time.as_nanos();
        if !(from_ns..=to_ns).contains(&time_ns) {
            continue;
        }
        let (link, octets) = (record.link_type, record.captured);
        let packet = Packet::parse(link, record.interface, octets, record.wire_len);
        let Ok(Body::Tcp(ip, tcp)) = packet.map(|packet| packet.body) else {
            continue;
        };
        if tcp.source_port != BGP_PORT && tcp.destination_port != BGP_PORT {
            continue;
        }
        let time_ms = (time_ns as f64 - failover.cut_ns as f64) / 1e6;
        see(&mut flows, time_ms, ip, &tcp, failover.first_ms);
    }
    Ok(Trace {
        sessions: flows.into_values().map(Flow::finish).collect(),
    })
}

fn see(
    flows: &mut BTreeMap<(SocketAddr, u16), Flow>,
    time_ms: f64,
    ip: IpHeader,
    tcp: &TcpSegment<'_>,
    first_ms: f64,
) {
    let ours = is_ours(ip.source);
    let (peer, our_port) = if ours {
        (
            SocketAddr::new(ip.destination, tcp.destination_port),
            tcp.source_port,
        )
    } else {
        (
            SocketAddr::new(ip.source, tcp.source_port),
            tcp.destination_port,
        )
    };
    let flow = flows.entry((peer, our_port)).or_default();
    let (own, other) = if ours {
        (&mut flow.outbound, &mut flow.inbound)
    } else {
        (&mut flow.inbound, &mut flow.outbound)
    };
    own.send(time_ms, tcp.seg_seq, tcp.seg_len());
    if tcp.flags.has(Flags::ACK) {
        other.acknowledge(time_ms, tcp.seg_ack);
    }
    // The report says when the survivor began: what came earlier, the dead still had on its way.
    if ours && flow.first.is_none() && time_ms >= first_ms - EARLY_MS {
        let end = own.place(tcp.seg_seq.plus(tcp.seg_len()));
        flow.first = end.map(|end| (time_ms, end));
    }
}

/// Times of the report are rounded to the microsecond.
const EARLY_MS: f64 = 0.001;

#[derive(Debug, Default)]
struct Flow {
    inbound: Course,
    outbound: Course,
    first: Option<(f64, Position)>,
}

impl Flow {
    fn finish(self) -> Session {
        let origin = self.outbound.at_cut();
        Session {
            first: self.first.map(|(time, at)| (time, octets(origin, at))),
            inbound: self.inbound.finish(),
            outbound: self.outbound.finish(),
        }
    }
}

/// One direction, in places of its sequence space.
#[derive(Debug, Default)]
struct Course {
    /// A number, and the place where it stands.
    known: Option<(SeqNum, Position)>,
    sent: Vec<(f64, Position)>,
    acknowledged: Vec<(f64, Position)>,
    again: Vec<(f64, Position)>,
}

impl Course {
    /// The place of a number; the first one that is ever seen defines it.
    fn place(&mut self, number: SeqNum) -> Option<Position> {
        let (known, place) = *self.known.get_or_insert((number, Position::ORIGIN));
        let found = place.nearest(known, number);
        self.known = Some((number, found));
        Some(found)
    }

    fn send(&mut self, time_ms: f64, seq: SeqNum, len: u32) {
        let Some(end) = self.place(seq.plus(len)) else {
            return;
        };
        let furthest = self.sent.last().map(|(_, place)| *place);
        match furthest {
            Some(furthest) if end <= furthest => {
                if len > 0 {
                    self.again.push((time_ms, end));
                }
            }
            _ => self.sent.push((time_ms, end)),
        }
    }

    fn acknowledge(&mut self, time_ms: f64, number: SeqNum) {
        let Some(place) = self.place(number) else {
            return;
        };
        let furthest = self.acknowledged.last().map(|(_, place)| *place);
        if furthest.is_none_or(|furthest| place > furthest) {
            self.acknowledged.push((time_ms, place));
        }
    }

    /// How far it had been sent at the cut.
    fn at_cut(&self) -> Position {
        let before = self.sent.iter().take_while(|(time, _)| *time <= 0.0).last();
        let first = before.or(self.sent.first()).or(self.acknowledged.first());
        first.map_or(Position::ORIGIN, |(_, place)| *place)
    }

    fn finish(self) -> Way {
        let origin = self.at_cut();
        let points = |places: Vec<(f64, Position)>| -> Vec<Point> {
            let places = places.into_iter();
            places
                .map(|(time, at)| (time, octets(origin, at)))
                .collect()
        };
        Way {
            sent: points(self.sent),
            acknowledged: points(self.acknowledged),
            again: points(self.again),
        }
    }
}

/// Octets from `origin` to `at`; negative where it is before.
fn octets(origin: Position, at: Position) -> f64 {
    at.octets_since(origin) as f64 - origin.octets_since(at) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_from_what_had_been_sent_at_the_cut() {
        let mut course = Course::default();
        course.send(-5.0, SeqNum(u32::MAX - 9), 10);
        course.acknowledge(-4.0, SeqNum(0));
        course.send(2.0, SeqNum(0), 100);
        course.send(3.0, SeqNum(0), 100);
        course.acknowledge(4.0, SeqNum(100));
        course.acknowledge(5.0, SeqNum(100));
        let way = course.finish();
        assert_eq!(way.sent, [(-5.0, 0.0), (2.0, 100.0)]);
        assert_eq!(way.again, [(3.0, 100.0)]);
        assert_eq!(way.acknowledged, [(-4.0, 0.0), (4.0, 100.0)]);
    }

    #[test]
    fn a_direction_that_only_speaks_later_begins_at_nothing() {
        let mut course = Course::default();
        course.send(7.0, SeqNum(50), 0);
        course.send(8.0, SeqNum(50), 5);
        assert_eq!(course.finish().sent, [(7.0, 0.0), (8.0, 5.0)]);
    }
}
