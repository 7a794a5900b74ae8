//! What the speaker says about itself.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::attributes::Attributes;
use crate::fsm::State;
use crate::prefix::{Family, Prefix};
use crate::rib::{AdjRibOut, PeerIndex, Source};
use crate::speaker::{Counters, Speaker};
use crate::time::Instant;

/// The speaker's state, for operators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpeakerStatus {
    /// Own AS number.
    pub asn: u32,
    /// Own BGP Identifier.
    pub router_id: Ipv4Addr,
    /// Drives connections; a replica does not.
    pub live: bool,
    /// Prefixes in Loc-RIB.
    pub prefixes: usize,
    /// Routes originated.
    pub originated: usize,
    /// The peers, by address.
    pub peers: Vec<PeerStatus>,
}

/// A peer's state, for operators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// The peer.
    pub address: IpAddr,
    /// Its AS number.
    #[serde(rename = "as")]
    pub asn: u32,
    /// The furthest state of its machines.
    pub state: State,
    /// The connection of that machine.
    pub connection: Option<u64>,
    /// How long the session has been up, in microseconds.
    pub uptime_us: Option<u64>,
    /// Negotiated hold time in seconds.
    pub hold_time_s: Option<u64>,
    /// Negotiated families.
    pub families: Vec<Family>,
    /// Prefixes in Adj-RIB-In.
    pub prefixes_in: usize,
    /// Prefixes in Adj-RIB-Out: those that the peer has been told.
    pub prefixes_out: usize,
    /// Prefixes whose telling is outstanding, as far as the first walk has come.
    pub backlog: usize,
    /// Everything that is to be told has been told, End-of-RIB included.
    pub settled: bool,
    /// Counters.
    pub counters: Counters,
    /// Why the last session or its beginning ended.
    pub last_error: Option<String>,
}

/// A chosen route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteView {
    /// The prefix.
    pub prefix: Prefix,
    /// The peer that gave it; none when originated.
    pub from: Option<IpAddr>,
    /// Its attributes as given.
    pub attributes: Attributes,
}

impl Speaker {
    /// The state of all.
    #[must_use]
    pub fn status(&self, now: Instant) -> SpeakerStatus {
        SpeakerStatus {
            asn: self.config.asn,
            router_id: self.config.router_id,
            live: self.live,
            prefixes: self.loc_rib.len(),
            originated: self.originated.len(),
            peers: self
                .peer_indexes()
                .map(|index| self.peer_status(now, index))
                .collect(),
        }
    }

    fn peer_status(&self, now: Instant, index: PeerIndex) -> PeerStatus {
        let peer = self.peer(index);
        let furthest = self
            .sessions
            .iter()
            .filter(|(_, session)| session.peer == index && session.state != State::Idle)
            .max_by_key(|(_, session)| session.state);
        let negotiated = furthest.and_then(|(_, session)| session.negotiated);
        PeerStatus {
            address: peer.config.address,
            asn: peer.config.asn,
            state: furthest.map_or(peer.connector, |(_, session)| session.state),
            connection: furthest.map(|(conn, _)| conn.0),
            uptime_us: peer
                .established
                .map(|_| micros(now.since(peer.established_at))),
            hold_time_s: negotiated.map(|it| it.hold_time.as_secs()),
            families: negotiated
                .map(|it| it.families.iter().collect())
                .unwrap_or_default(),
            prefixes_in: peer.adj_rib_in.len(),
            prefixes_out: peer.adj_rib_out.as_ref().map_or(0, AdjRibOut::len),
            backlog: peer.adj_rib_out.as_ref().map_or(0, AdjRibOut::differences),
            settled: peer.adj_rib_out.as_ref().is_some_and(|it| !it.has_work()),
            counters: peer.counters,
            last_error: peer.last_error.clone(),
        }
    }

    /// The chosen routes, IPv4 first, by prefix.
    pub fn routes(&self) -> impl Iterator<Item = RouteView> {
        self.loc_rib.iter().map(|(prefix, path)| RouteView {
            prefix,
            from: match path.source {
                Source::Local => None,
                Source::Peer(index) => Some(self.peer(index).config.address),
            },
            attributes: path.attributes.clone(),
        })
    }

    /// Adj-RIB-In of a peer; empty for an unknown one.
    #[must_use]
    pub fn routes_in(&self, peer: IpAddr) -> BTreeMap<Prefix, Attributes> {
        let peer = self.peer_at(peer).map(|index| self.peer(index));
        peer.map(|peer| {
            peer.adj_rib_in
                .iter()
                .map(|(prefix, it)| (prefix, it.clone()))
                .collect()
        })
        .unwrap_or_default()
    }

    /// Adj-RIB-Out of a peer: what it has been told; empty for an unknown one.
    #[must_use]
    pub fn routes_out(&self, peer: IpAddr) -> BTreeMap<Prefix, Attributes> {
        let Some(index) = self.peer_at(peer) else {
            return BTreeMap::new();
        };
        let peer = self.peer(index);
        let Some(adj_rib_out) = &peer.adj_rib_out else {
            return BTreeMap::new();
        };
        let desired = |prefix: &Prefix, path: Option<&_>| {
            self.exporter
                .desired_uncached(index, &peer.groups, prefix, path)
        };
        adj_rib_out
            .routes(&self.loc_rib, desired)
            .into_iter()
            .collect()
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
