//! Hooks through which others see what the checker sees.

use crate::check::violation::Violation;
use crate::flow::{Direction, Flow};
use crate::packet::{IpHeader, LinkAddress, Neighbour};
use crate::tcp::TcpSegment;
use crate::time::Timestamp;

/// A TCP segment in its place.
#[derive(Clone, Copy, Debug)]
pub struct SegmentSeen<'a> {
    /// The flow.
    pub flow: &'a Flow,
    /// Who sent it.
    pub direction: Direction,
    /// Number of its packet in the capture, from 1 on.
    pub packet: u64,
    /// When it was captured.
    pub time: Timestamp,
    /// Interface that it was captured on.
    pub interface: u32,
    /// Link-layer source, where the capture has one.
    pub link_source: Option<LinkAddress>,
    /// IP header.
    pub ip: &'a IpHeader,
    /// TCP header and payload.
    pub tcp: &'a TcpSegment<'a>,
    /// Octets of the stream that this direction had not sent before.
    pub new_octets: u64,
    /// Octets of the stream that this direction had sent before.
    pub retransmitted_octets: u64,
    /// How far the acknowledgement went beyond every earlier one of this direction; 0 for the first.
    pub acknowledged_octets: u64,
}

/// Sees what the checker sees, in the order of the capture. Every hook does nothing unless overridden.
pub trait Observer {
    /// Every TCP segment that is looked at, before its octets are handed over.
    fn on_segment(&mut self, segment: &SegmentSeen<'_>) {
        let _ = segment;
    }

    /// Octets of the stream of one direction, in order and each once. `time` is when the last missing one was captured.
    fn on_octets(&mut self, flow: &Flow, direction: Direction, time: Timestamp, octets: &[u8]) {
        let _ = (flow, direction, time, octets);
    }

    /// The capture lacks the next `octets` of the stream of one direction: what follows does not join what came before.
    fn on_gap(&mut self, flow: &Flow, direction: Direction, time: Timestamp, octets: u64) {
        let _ = (flow, direction, time, octets);
    }

    /// An ARP message, a neighbour solicitation or advertisement, with the link-layer source of its frame.
    fn on_neighbour(&mut self, time: Timestamp, from: Option<LinkAddress>, neighbour: &Neighbour) {
        let _ = (time, from, neighbour);
    }

    /// A rule was broken. Called for each, also beyond [`super::CheckConfig::violations_max`].
    fn on_violation(&mut self, violation: &Violation) {
        let _ = violation;
    }
}

/// Observes nothing.
impl Observer for () {}

impl<O: Observer + ?Sized> Observer for &mut O {
    fn on_segment(&mut self, segment: &SegmentSeen<'_>) {
        (**self).on_segment(segment);
    }

    fn on_octets(&mut self, flow: &Flow, direction: Direction, time: Timestamp, octets: &[u8]) {
        (**self).on_octets(flow, direction, time, octets);
    }

    fn on_gap(&mut self, flow: &Flow, direction: Direction, time: Timestamp, octets: u64) {
        (**self).on_gap(flow, direction, time, octets);
    }

    fn on_neighbour(&mut self, time: Timestamp, from: Option<LinkAddress>, neighbour: &Neighbour) {
        (**self).on_neighbour(time, from, neighbour);
    }

    fn on_violation(&mut self, violation: &Violation) {
        (**self).on_violation(violation);
    }
}
