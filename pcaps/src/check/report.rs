//! What a checker found.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;

use crate::check::violation::{Rule, Violation};
use crate::flow::{Direction, Ends, FlowId};
use crate::time::Timestamp;

/// The verdict on a flow, a session, or a capture.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything was judged, and no rule was broken.
    Pass,
    /// No rule was seen broken, but something could not be judged; the report says what.
    Inconclusive,
    /// A rule was broken.
    Fail,
}

/// Everything that a checker found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Verdict on the whole.
    pub verdict: Verdict,
    /// What could not be judged, one line each.
    pub unjudged: Vec<String>,
    /// How often each rule was broken.
    pub broken: BTreeMap<Rule, u64>,
    /// Broken rules in the order of the capture, at most [`super::CheckConfig::violations_max`].
    pub violations: Vec<Violation>,
    /// What was read.
    pub capture: CaptureCounts,
    /// Pairs of addresses, sorted.
    pub sessions: Vec<SessionReport>,
    /// Flows in the order of their first segments.
    pub flows: Vec<FlowReport>,
}

/// What was read.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CaptureCounts {
    /// Packets in the capture.
    pub packets: u64,
    /// TCP segments that were looked at.
    pub segments: u64,
    /// TCP segments that the configuration leaves out (ports, interfaces).
    pub left_out: u64,
    /// ARP messages, neighbour solicitations and advertisements.
    pub neighbours: u64,
    /// Packets of other protocols.
    pub other: u64,
    /// Packets that could not be read, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Segments of flows beyond [`super::CheckConfig::flows_max`].
    pub untracked: u64,
    /// Packets that the capturing side says it lost, where the file says so.
    pub dropped_by_capture: u64,
    /// The file ends within a packet.
    pub truncated: bool,
    /// First packet.
    pub first: Option<Timestamp>,
    /// Last packet.
    pub last: Option<Timestamp>,
}

/// A pair of addresses: a BGP session.
#[derive(Clone, Debug, Serialize)]
pub struct SessionReport {
    /// Verdict on its flows together.
    pub verdict: Verdict,
    /// The two addresses: ours first where [`super::CheckConfig::us`] tells, else sorted.
    pub addresses: [IpAddr; 2],
    /// Completed exchanges of SYN.
    pub syn_exchanges: u32,
    /// Attempts to open that were answered by RST.
    pub refused: u32,
    /// Attempts to open that were not answered.
    pub unanswered: u32,
    /// RSTs on open connections.
    pub resets: u64,
    /// Directions that sent a FIN.
    pub fins: u32,
    /// BGP NOTIFICATIONs.
    pub notifications: u32,
    /// Its flows.
    pub flows: Vec<FlowId>,
}

/// One TCP connection.
#[derive(Clone, Debug, Serialize)]
pub struct FlowReport {
    /// Verdict.
    pub verdict: Verdict,
    /// Its name in this report.
    pub id: FlowId,
    /// Its ends.
    #[serde(flatten)]
    pub ends: Ends,
    /// The direction that "our" side sends.
    pub ours: Option<Direction>,
    /// How it began.
    pub opening: Opening,
    /// First segment.
    pub first: Timestamp,
    /// Last segment.
    pub last: Timestamp,
    /// Rules broken in it.
    pub broken: u64,
    /// What the client sent.
    pub from_client: DirectionReport,
    /// What the server sent.
    pub from_server: DirectionReport,
}

/// How a flow began.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Opening {
    /// SYN and SYN-ACK were captured.
    Exchanged,
    /// A SYN was answered by RST.
    Refused,
    /// A SYN was not answered.
    Unanswered,
    /// The capture began later than the flow.
    NotCaptured,
}

/// One direction of a flow.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DirectionReport {
    /// Segments.
    pub segments: u64,
    /// Octets of the stream, each counted once.
    pub octets: u64,
    /// Segments that carried only octets sent before.
    pub retransmitted_segments: u64,
    /// Octets sent again.
    pub retransmitted_octets: u64,
    /// Octets sent again that were compared with what was sent first, and were the same.
    pub compared_octets: u64,
    /// Octets sent again that could not be compared: sent first too long ago, or never captured.
    pub uncompared_octets: u64,
    /// Segments that came right behind a newer one, since it overtook them on the way to the capture. What they announce
    /// is older, and is not judged.
    pub overtaken_segments: u64,
    /// Segments captured a moment behind the acknowledgement that they drew: the capture's disorder, not the wire's.
    pub captured_late: u64,
    /// Keepalive probes: segments that repeat the last octet's sequence number only to be answered.
    pub keepalive_probes: u64,
    /// Octets that the other side acknowledged and the capture lacks.
    pub lost_by_capture: u64,
    /// Octets that lie beyond a gap which nobody acknowledged: lost before the capture, or not sent yet.
    pub beyond_gap: u64,
    /// Segments too far from the stream to belong to it, or beyond a bound; not looked at further.
    pub out_of_place: u64,
    /// RSTs.
    pub resets: u64,
    /// A FIN was sent.
    pub fin: bool,
    /// Segments whose checksum is wrong (or was not yet filled in when captured).
    pub bad_checksums: u64,
    /// Segments whose TCP options could not be walked.
    pub malformed_options: u64,
    /// BGP messages, by name.
    pub bgp: BTreeMap<String, u64>,
    /// BGP NOTIFICATIONs: code and subcode.
    pub notifications: Vec<(u8, u8)>,
    /// Longest times without a segment, in the order of the capture.
    pub silences: Vec<Silence>,
}

/// A time without a segment of one direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Silence {
    /// The last segment before.
    pub from: Timestamp,
    /// The first segment after.
    pub until: Timestamp,
    /// Its length in microseconds.
    pub length_us: u64,
}
