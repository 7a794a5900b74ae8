//! What a checker is told beforehand.

use std::net::IpAddr;
use std::time::Duration;

use crate::time::Timestamp;

/// What a checker judges, and how much it remembers. All bounds are per checker or per direction of a flow, as said.
#[derive(Clone, Debug)]
pub struct CheckConfig {
    /// Addresses of the side under test. Its TSval, right window edge and ISNs are judged, the peers' are not.
    /// Empty: both sides are judged alike.
    pub us: Vec<IpAddr>,
    /// TCP ports that are looked at, at either end; empty: all.
    pub ports: Vec<u16>,
    /// Ports on which the stream is BGP, so that NOTIFICATIONs are found.
    pub bgp_ports: Vec<u16>,
    /// Interfaces that are looked at (see [`crate::packet::Packet::interface`]); empty: all. A frame captured at two
    /// places of its way is two segments to a checker, so a capture of several places needs a choice.
    pub interfaces: Vec<u32>,
    /// Exchanges of SYN, RST, FIN and NOTIFICATION before this moment are reported, not judged.
    pub judge_from: Option<Timestamp>,
    /// Exchanges of SYN, RST, FIN and NOTIFICATION after this moment are reported, not judged.
    pub judge_until: Option<Timestamp>,
    /// Octets of each direction's stream that are kept for comparison with retransmitted ones.
    pub history_octets: usize,
    /// Octets of history of all directions together; with many flows each keeps less than `history_octets`.
    pub history_total_octets: usize,
    /// Octets of each direction that wait for earlier ones.
    pub reassembly_octets: usize,
    /// Flows that are followed at a time; segments of further ones are counted only, and the verdict is then at best inconclusive.
    pub flows_max: usize,
    /// Violations told in full; further ones are counted.
    pub violations_max: usize,
    /// A direction without a segment for this long is a silence.
    pub silence_min: Duration,
    /// Silences kept for each direction: the longest ones.
    pub silences_max: usize,
}

impl Default for CheckConfig {
    fn default() -> Self {
        CheckConfig {
            us: Vec::new(),
            ports: Vec::new(),
            bgp_ports: vec![179],
            interfaces: Vec::new(),
            judge_from: None,
            judge_until: None,
            history_octets: 8 << 20,
            history_total_octets: 512 << 20,
            reassembly_octets: 4 << 20,
            flows_max: 65_536,
            violations_max: 1000,
            silence_min: Duration::from_millis(100),
            silences_max: 16,
        }
    }
}
