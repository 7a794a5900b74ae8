//! Rules, and what breaks them.

use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;

use crate::flow::FlowId;
use crate::time::Timestamp;

/// A rule that a capture can break.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// A pair of addresses exchanges SYNs once.
    OneSynExchange,
    /// After the exchange nobody tries to open again.
    NoNewAttempt,
    /// No RST on a connection that was open.
    NoReset,
    /// No FIN.
    NoFin,
    /// No BGP NOTIFICATION (RFC 4271 4.5).
    NoNotification,
    /// TSval never goes back (RFC 7323 5.2).
    TimestampForward,
    /// The right window edge, SEG.ACK + (SEG.WND << shift), never moves left (RFC 9293 3.8.6).
    EdgeForward,
    /// The ISN of a reused pair of sockets advances (RFC 9293 3.4.1).
    IsnForward,
    /// An octet that was sent again is the octet that was sent first.
    OctetsConsistent,
    /// Only octets that were sent are acknowledged.
    AckOfSent,
}

impl Rule {
    /// Whether the rule speaks of the beginning and end of sessions, and so only within
    /// [`super::CheckConfig::judge_from`] .. [`super::CheckConfig::judge_until`].
    pub const fn is_of_lifecycle(self) -> bool {
        matches!(
            self,
            Rule::OneSynExchange
                | Rule::NoNewAttempt
                | Rule::NoReset
                | Rule::NoFin
                | Rule::NoNotification
        )
    }

    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Rule::OneSynExchange => "one SYN exchange",
            Rule::NoNewAttempt => "no new attempt",
            Rule::NoReset => "no RST",
            Rule::NoFin => "no FIN",
            Rule::NoNotification => "no NOTIFICATION",
            Rule::TimestampForward => "TSval never back",
            Rule::EdgeForward => "right window edge never back",
            Rule::IsnForward => "ISN advances",
            Rule::OctetsConsistent => "octets consistent",
            Rule::AckOfSent => "only sent octets acknowledged",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A broken rule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Violation {
    /// Which rule.
    pub rule: Rule,
    /// When the segment that broke it was captured.
    pub time: Timestamp,
    /// The number of the packet in the capture, counted from 1, as other programs show it.
    pub packet: u64,
    /// In which flow.
    pub flow: FlowId,
    /// Who sent the segment.
    pub source: SocketAddr,
    /// To whom.
    pub destination: SocketAddr,
    /// What exactly, with the numbers.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "packet {} at {}: {} > {}: {}: {}",
            self.packet, self.time, self.source, self.destination, self.rule, self.detail
        )
    }
}
