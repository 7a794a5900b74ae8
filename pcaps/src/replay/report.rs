//! What a replay found.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;

use crate::check::Verdict;
use crate::flow::{Ends, FlowId};
use crate::time::Timestamp;

/// What the capture proves of an end, and the engine in its place must show as well.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// The state of RFC 9293 3.3.2, as far as SYNs, FINs and RSTs tell it.
    State,
    /// RCV.NXT: what the end acknowledged has been received, and nothing that was never sent.
    RcvNxt,
    /// SND.UNA follows the other end's acknowledgements.
    SndUna,
    /// SND.WND is the window that the other end announced last.
    SndWnd,
    /// The right edge of the window follows that of the end.
    RightEdge,
    /// SACK blocks tell of octets that arrived out of order, and of all of them.
    Sack,
    /// What was received is acknowledged within half a second (RFC 9293 MUST-40).
    Acknowledged,
    /// Octets reach the user, and the wire, as they stand in the capture.
    Octets,
    /// What the other end holds is not sent again before a timeout.
    NotSentAgain,
    /// What the capture proves lost is sent again.
    SentAgain,
    /// An MD5 signature is the one that the key gives.
    Signature,
    /// A checkpoint taken here makes an equal twin.
    Twin,
}

impl Proof {
    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Proof::State => "state",
            Proof::RcvNxt => "RCV.NXT",
            Proof::SndUna => "SND.UNA",
            Proof::SndWnd => "SND.WND",
            Proof::RightEdge => "right window edge",
            Proof::Sack => "SACK",
            Proof::Acknowledged => "acknowledged in time",
            Proof::Octets => "octets",
            Proof::NotSentAgain => "nothing sent again that is SACKed",
            Proof::SentAgain => "lost octets sent again",
            Proof::Signature => "MD5 signature",
            Proof::Twin => "equal twin",
        }
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A place where the engine differs from what the capture proves.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Difference {
    /// In what.
    pub proof: Proof,
    /// When the packet that shows it was captured.
    pub time: Timestamp,
    /// The number of that packet, counted from 1.
    pub packet: u64,
    /// The end in whose place the engine was.
    pub end: SocketAddr,
    /// The packet at which the twin that differs was made; `None` for the first engine.
    pub twin_of: Option<u64>,
    /// What exactly, with the numbers.
    pub detail: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "packet {} at {}: ", self.packet, self.time)?;
        write!(f, "in the place of {}", self.end)?;
        if let Some(packet) = self.twin_of {
            write!(f, ", twin made at packet {packet}")?;
        }
        write!(f, ": {}: {}", self.proof, self.detail)
    }
}

/// Everything that a replay found.
#[derive(Clone, Debug, Serialize)]
pub struct ReplayReport {
    /// Verdict on the whole.
    pub verdict: Verdict,
    /// What could not be judged, one line each.
    pub unjudged: Vec<String>,
    /// How often the engine differed.
    pub different: BTreeMap<Proof, u64>,
    /// Differences in the order in which they were found, at most [`super::ReplayConfig::differences_max`].
    pub differences: Vec<Difference>,
    /// Packets in the capture.
    pub packets: u64,
    /// MD5 signatures, where a key was given.
    pub signatures: Option<Signatures>,
    /// Flows in the order of their first segments.
    pub flows: Vec<FlowReplay>,
}

/// MD5 signatures of a capture (RFC 2385).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Signatures {
    /// Right ones.
    pub right: u64,
    /// Wrong ones, or made with another key.
    pub wrong: u64,
    /// Segments of flows with signatures that have none.
    pub missing: u64,
    /// Segments that the capture cut, so that nothing can be said.
    pub cut: u64,
}

/// One flow, replayed from both ends.
#[derive(Clone, Debug, Serialize)]
pub struct FlowReplay {
    /// Its name in this report.
    pub id: FlowId,
    /// Its ends.
    #[serde(flatten)]
    pub ends: Ends,
    /// The engine in the place of the client.
    pub client: EndReplay,
    /// The engine in the place of the server.
    pub server: EndReplay,
}

/// The engine in the place of one end.
#[derive(Clone, Debug, Default, Serialize)]
pub struct EndReplay {
    /// Verdict; `None` where there was nothing to put the engine in the place of.
    pub verdict: Option<Verdict>,
    /// How often each thing was compared, twins included.
    pub compared: BTreeMap<Proof, u64>,
    /// Differences, twins included.
    pub differences: u64,
    /// What could not be judged, one line each.
    pub unjudged: Vec<String>,
    /// The engine's state after the last packet.
    pub last_state: String,
    /// Octets that the engine received in order.
    pub received: u64,
    /// Segments that the end sent again in the capture.
    pub captured_again: u64,
    /// Segments that the engine would have sent again.
    pub engine_again: u64,
    /// Retransmission timeouts of the engine.
    pub timeouts: u64,
    /// Acknowledgements of octets that the engine's own congestion window still held back; they were told to it in parts.
    pub ahead_of_window: u64,
    /// Packets at which a checkpoint made an equal twin.
    pub twins: u64,
    /// Twins that went on alone to the end of the capture.
    pub twins_alone: u64,
    /// Every how many packets one did.
    pub alone_every: u64,
}
