//! A peer: its configuration, the machine without a connection, and the routes of its session.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::ConnId;
use crate::config::PeerConfig;
use crate::fsm::State;
use crate::rib::{AdjRibIn, AdjRibOut, Groups};
use crate::time::Instant;

/// Counters of a peer since the speaker began; messages and prefixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// OPENs received.
    pub opens_in: u64,
    /// OPENs sent.
    pub opens_out: u64,
    /// UPDATEs received, End-of-RIB included.
    pub updates_in: u64,
    /// UPDATEs sent, End-of-RIB included.
    pub updates_out: u64,
    /// Prefixes announced by the peer.
    pub announced_in: u64,
    /// Prefixes announced to the peer.
    pub announced_out: u64,
    /// Prefixes withdrawn by the peer.
    pub withdrawn_in: u64,
    /// Prefixes withdrawn from the peer.
    pub withdrawn_out: u64,
    /// Prefixes that the peer announced again with the same attributes.
    pub duplicates_in: u64,
    /// UPDATEs with errors that did not end the session (RFC 7606).
    pub faults_in: u64,
    /// End-of-RIB markers received.
    pub end_of_ribs_in: u64,
    /// NOTIFICATIONs received.
    pub notifications_in: u64,
    /// NOTIFICATIONs sent.
    pub notifications_out: u64,
    /// Times the session came up.
    pub established: u64,
    /// Times the session went down.
    pub dropped: u64,
}

/// One configured peer.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) config: PeerConfig,
    /// Idle, Connect or Active: the machine that has no connection.
    pub(crate) connector: State,
    pub(crate) connect_retry_at: Option<Instant>,
    /// The connection of the session that is up.
    pub(crate) established: Option<ConnId>,
    pub(crate) established_at: Instant,
    /// The peer's BGP Identifier in that session.
    pub(crate) identifier: Ipv4Addr,
    pub(crate) adj_rib_in: AdjRibIn,
    /// There while a session is up.
    pub(crate) adj_rib_out: Option<AdjRibOut>,
    /// Export groups of the session; none without one.
    pub(crate) groups: Groups,
    pub(crate) counters: Counters,
    /// Why the last session ended.
    pub(crate) last_error: Option<String>,
}

impl Peer {
    pub(crate) fn new(config: PeerConfig) -> Self {
        Self {
            config,
            connector: State::Idle,
            connect_retry_at: None,
            established: None,
            established_at: Instant::ZERO,
            identifier: Ipv4Addr::UNSPECIFIED,
            adj_rib_in: AdjRibIn::default(),
            adj_rib_out: None,
            groups: [None; 2],
            counters: Counters::default(),
            last_error: None,
        }
    }
}
