//! The speaker: one pure actor for all peers, live or as the replica of another.
//!
//! Call order: [`Speaker::handle`] with [`Input::Start`]; then for each event `handle`; do the [`Output`]s in their order; for each connection named by
//! [`Output::SendReady`] call [`Speaker::poll_send`] until it returns none or there is no room; call `handle` with
//! [`Input::Timer`] not later than [`Speaker::next_timeout`] says. Nothing is sent but what is pulled: a peer that reads slowly costs the
//! memory of its backlog and no messages.
//!
//! A replica ([`Speaker::new_replica`]) is fed with what the live one received, sent and recorded, and has no outputs, until
//! [`Speaker::promote`] makes it live; see `replica.rs`.

mod actions;
mod inbound;
mod outbound;
mod peer;
mod routes;
mod session;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

use crate::attributes::{Attributes, PathAttributes};
use crate::config::SpeakerConfig;
use crate::fsm::Event;
use crate::prefix::Prefix;
use crate::rib::{Exporter, LocRib, PeerIndex};
use crate::time::Instant;

pub(crate) use actions::own_open;
pub use peer::Counters;
pub(crate) use peer::Peer;
pub(crate) use session::{CLOSE_TIME, Loading, Negotiated, Session};

/// A connection, named by the caller; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// Which end opened a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Opener {
    /// The speaker.
    Active,
    /// The peer.
    Passive,
}

/// A route to originate. Its attributes are those of [`PathAttributes::originated`], with communities and a next hop if these are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginatedRoute {
    /// The prefix.
    pub prefix: Prefix,
    /// Its attributes; an unspecified next hop stands for the speaker's own address.
    pub attributes: PathAttributes,
}

/// What the caller tells the speaker.
#[derive(Debug)]
pub enum Input<'a> {
    /// Begin to connect.
    Start,
    /// End all sessions with NOTIFICATION Cease.
    Stop,
    /// A connection is open, by the answer to [`Output::Connect`] or because the peer has connected.
    Connected {
        /// Its name.
        conn: ConnId,
        /// Own end.
        local: SocketAddr,
        /// The peer's end; its address names the peer.
        remote: SocketAddr,
        /// Who opened it.
        opener: Opener,
    },
    /// An attempt to connect failed.
    ConnectFailed {
        /// The peer.
        peer: IpAddr,
    },
    /// The next octets of a connection.
    Received {
        /// The connection.
        conn: ConnId,
        /// The octets.
        data: &'a [u8],
    },
    /// The connection is gone: closed by the peer, reset, or as asked by [`Output::Close`] or [`Output::Abort`].
    ConnectionClosed {
        /// The connection.
        conn: ConnId,
    },
    /// The time of [`Speaker::next_timeout`] has come.
    Timer,
    /// Routes to originate and no longer to originate. Withdrawals count first.
    Originate {
        /// New or changed routes.
        announce: Vec<OriginatedRoute>,
        /// Prefixes no longer originated.
        withdraw: Vec<Prefix>,
    },
}

/// What the speaker wants done, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Connect to the peer, and answer with `Connected` or `ConnectFailed`.
    Connect {
        /// The peer.
        peer: IpAddr,
        /// Address to connect from.
        local: Option<IpAddr>,
        /// The attempt has failed after so long (RFC 4271 8.2.2, Connect state: the ConnectRetryTimer drops it), or it would
        /// collide with the next.
        within: Duration,
    },
    /// Write what [`Speaker::poll_send`] still has for the connection, then close it.
    Close {
        /// The connection.
        conn: ConnId,
    },
    /// Reset the connection now.
    Abort {
        /// The connection.
        conn: ConnId,
    },
    /// All octets of the connection up to this offset are dealt with: whole messages.
    Processed {
        /// The connection.
        conn: ConnId,
        /// Octets since the connection opened.
        total_octets: u64,
    },
    /// The connection has something to send.
    SendReady {
        /// The connection.
        conn: ConnId,
    },
    /// A record for the replica, to be replicated in the order of the outputs.
    Record {
        /// The connection it belongs to; none when it concerns the node.
        conn: Option<ConnId>,
        /// The record.
        data: Bytes,
    },
    /// A session is up; for the log.
    PeerUp {
        /// The peer.
        peer: IpAddr,
    },
    /// A session or its beginning ended; for the log.
    PeerDown {
        /// The peer.
        peer: IpAddr,
        /// Why, in one line.
        reason: String,
    },
    /// An UPDATE had errors that did not end the session (RFC 7606); for the log: the first, second, fourth and so on of a peer.
    Fault {
        /// The peer.
        peer: IpAddr,
        /// What was wrong and what was done.
        what: String,
    },
}

/// The speaker. See the module's documentation for the order of calls.
#[derive(Debug)]
pub struct Speaker {
    pub(crate) config: SpeakerConfig,
    /// Drives connections; a replica only follows.
    pub(crate) live: bool,
    pub(crate) peers: Vec<Peer>,
    pub(crate) sessions: BTreeMap<ConnId, Session>,
    pub(crate) loc_rib: LocRib,
    pub(crate) originated: BTreeMap<Prefix, Attributes>,
    pub(crate) exporter: Exporter,
    /// Routes that peers give stay in Adj-RIB-In: nothing is chosen among them and nothing passed on.
    pub(crate) leaf: bool,
    /// State of a dump of originated routes being received.
    pub(crate) originated_dump: Option<BTreeMap<Prefix, Attributes>>,
}

impl Speaker {
    /// A live speaker; it does nothing before [`Input::Start`].
    #[must_use]
    pub fn new(config: SpeakerConfig) -> Self {
        let peers = config
            .peers
            .iter()
            .map(|peer| Peer::new(peer.clone()))
            .collect();
        let exporter = Exporter::new(
            config
                .peers
                .iter()
                .map(|peer| peer.asn != config.asn)
                .collect(),
        );
        Self {
            config,
            live: true,
            peers,
            sessions: BTreeMap::new(),
            loc_rib: LocRib::default(),
            originated: BTreeMap::new(),
            exporter,
            leaf: false,
            originated_dump: None,
        }
    }

    /// A live speaker that passes nothing on: what peers give stays in Adj-RIB-In.
    #[must_use]
    pub fn new_leaf(config: SpeakerConfig) -> Self {
        Self {
            leaf: true,
            ..Self::new(config)
        }
    }

    /// The replica of a live speaker of the same configuration.
    #[must_use]
    pub fn new_replica(config: SpeakerConfig) -> Self {
        Self {
            live: false,
            ..Self::new(config)
        }
    }

    /// Whether the speaker drives connections.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.live
    }

    /// Takes an event. A replica takes nothing but [`Input::Originate`], for the routes of its configuration.
    pub fn handle(&mut self, now: Instant, input: Input<'_>, out: &mut Vec<Output>) {
        match input {
            Input::Originate { announce, withdraw } => self.originate(announce, withdraw, out),
            _ if !self.live => return,
            Input::Start => self.start(now, out),
            Input::Stop => self.stop(now, out),
            Input::Connected {
                conn,
                local,
                remote,
                opener,
            } => self.connected(now, conn, local, remote, opener, out),
            Input::ConnectFailed { peer } => {
                if let Some(peer) = self.peer_at(peer) {
                    self.connector_event(now, peer, Event::TcpFails, out);
                }
            }
            Input::Received { conn, data } => self.received(now, conn, data, out),
            Input::ConnectionClosed { conn } => self.connection_closed(now, conn, out),
            Input::Timer => self.timers(now, out),
        }
        self.announce_send_ready(out);
    }

    /// The earliest time at which [`Input::Timer`] has something to do; none for a replica.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        if !self.live {
            return None;
        }
        let connectors = self.peers.iter().filter_map(|peer| peer.connect_retry_at);
        let sessions = self.sessions.values().filter_map(Session::next_timeout);
        connectors.chain(sessions).min()
    }

    pub(crate) fn peer_at(&self, address: IpAddr) -> Option<PeerIndex> {
        let at = self
            .peers
            .binary_search_by_key(&address, |peer| peer.config.address)
            .ok()?;
        u16::try_from(at).ok().map(PeerIndex)
    }

    pub(crate) fn peer(&self, index: PeerIndex) -> &Peer {
        &self.peers[usize::from(index.0)]
    }

    pub(crate) fn peer_mut(&mut self, index: PeerIndex) -> &mut Peer {
        &mut self.peers[usize::from(index.0)]
    }

    /// Tells the caller of each connection that has got something to send since it last ran dry.
    pub(crate) fn announce_send_ready(&mut self, out: &mut Vec<Output>) {
        if !self.live {
            return;
        }
        for (conn, session) in &mut self.sessions {
            if session.send_announced {
                continue;
            }
            let routes = session.is_established() && {
                let adj_out = &self.peers[usize::from(session.peer.0)].adj_rib_out;
                adj_out
                    .as_ref()
                    .is_some_and(crate::rib::AdjRibOut::has_work)
            };
            if routes || !session.control.is_empty() {
                session.send_announced = true;
                out.push(Output::SendReady { conn: *conn });
            }
        }
    }
}
