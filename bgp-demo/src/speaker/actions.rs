//! Events into the machines, and what their actions do.

use std::net::{IpAddr, SocketAddr};

use super::session::CLOSE_TIME;
use super::{ConnId, Opener, Output, Session, Speaker};
use crate::config::SpeakerConfig;
use crate::dump;
use crate::fsm::{self, Action, Event, State};
use crate::message::{self, Notification, Open, code, subcode};
use crate::prefix::{Families, Family};
use crate::rib::PeerIndex;
use crate::time::Instant;

/// Connections to one peer at a time: one opened by each end, and one more that is closing or about to be found dead.
const CONNECTIONS_PER_PEER: usize = 4;

/// The OPEN that a peer gets on a connection with this local address.
pub(crate) fn own_open(config: &SpeakerConfig, families: Families, local: IpAddr) -> Open {
    let carried = families
        .iter()
        .filter(|family| next_hop_self(config, *family, local).is_some())
        .collect();
    Open {
        asn: config.asn,
        hold_time: u16::try_from(config.hold_time.as_secs()).unwrap_or(u16::MAX),
        identifier: config.router_id,
        families: carried,
        four_octet_as: true,
    }
}

/// The speaker's own address in `family`, as next hop over a connection from `local`.
pub(crate) fn next_hop_self(
    config: &SpeakerConfig,
    family: Family,
    local: IpAddr,
) -> Option<IpAddr> {
    match (family, local) {
        (Family::Ipv4, IpAddr::V4(_)) | (Family::Ipv6, IpAddr::V6(_)) => Some(local),
        (Family::Ipv4, IpAddr::V6(_)) => config.next_hop_ipv4.map(IpAddr::V4),
        (Family::Ipv6, IpAddr::V4(_)) => config.next_hop_ipv6.map(IpAddr::V6),
    }
}

impl Speaker {
    pub(super) fn start(&mut self, now: Instant, out: &mut Vec<Output>) {
        for index in self.peer_indexes() {
            let passive = self.peer(index).config.passive;
            if !self.has_connection(index) {
                self.connector_event(now, index, Event::Start { passive }, out);
            }
        }
    }

    pub(super) fn stop(&mut self, now: Instant, out: &mut Vec<Output>) {
        for index in self.peer_indexes() {
            self.connector_event(now, index, Event::Stop, out);
        }
        for conn in self.connections() {
            self.local_event(now, conn, Event::Stop, "stopped", out);
        }
    }

    pub(crate) fn peer_indexes(&self) -> impl Iterator<Item = PeerIndex> + use<> {
        (0..self.peers.len())
            .filter_map(|at| u16::try_from(at).ok())
            .map(PeerIndex)
    }

    fn connections(&self) -> Vec<ConnId> {
        self.sessions.keys().copied().collect()
    }

    pub(crate) fn has_connection(&self, peer: PeerIndex) -> bool {
        self.sessions
            .values()
            .any(|session| session.peer == peer && !session.closing)
    }

    pub(super) fn timers(&mut self, now: Instant, out: &mut Vec<Output>) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        for index in self.peer_indexes() {
            if due(self.peer(index).connect_retry_at) {
                self.peer_mut(index).connect_retry_at = None;
                self.connector_event(now, index, Event::ConnectRetryExpires, out);
            }
        }
        for conn in self.connections() {
            let Some(session) = self.sessions.get_mut(&conn) else {
                continue;
            };
            if due(session.close_at) {
                session.close_at = None;
                out.push(Output::Abort { conn });
            } else if due(session.hold_at) {
                session.hold_at = None;
                self.local_event(now, conn, Event::HoldExpires, "hold time expired", out);
            } else if due(session.keepalive_at) {
                session.restart_keepalive(now);
                self.session_event(now, conn, Event::KeepaliveExpires, "", out);
            }
        }
    }

    /// A connection is open: checks who it is, then the machine begins.
    pub(crate) fn connected(
        &mut self,
        now: Instant,
        conn: ConnId,
        local: SocketAddr,
        remote: SocketAddr,
        opener: Opener,
        out: &mut Vec<Output>,
    ) {
        let Some(index) = self.peer_at(remote.ip().to_canonical()) else {
            out.push(Output::Abort { conn });
            return;
        };
        let others = self
            .sessions
            .values()
            .filter(|session| session.peer == index)
            .count();
        if opener == Opener::Active {
            let peer = self.peer_mut(index);
            peer.connector = State::Active;
            peer.connect_retry_at = None;
        }
        let established = self.peer(index).established.is_some();
        if opener == Opener::Active && established {
            out.push(Output::Close { conn });
            return;
        }
        if others >= CONNECTIONS_PER_PEER {
            out.push(Output::Abort { conn });
            return;
        }
        if self.live {
            out.push(Output::Record {
                conn: Some(conn),
                data: dump::encode_begin(local, remote, opener),
            });
        }
        let opening = self.is_opening(index);
        let external = self.is_external(index);
        self.sessions
            .insert(conn, Session::new(index, external, opener, local, remote));
        let Some(session) = self.sessions.get_mut(&conn) else {
            return;
        };
        if established {
            // RFC 4271 6.8: a connection beside an established one is closed.
            let rejected = Notification::new(code::CEASE, subcode::CONNECTION_REJECTED);
            session.state = State::OpenSent;
            self.session_event(
                now,
                conn,
                Event::Invalid(rejected),
                "a session is up already",
                out,
            );
        } else if opener == Opener::Active && opening {
            // An OPEN here could make the peer give up the other one, which it may just as well be establishing.
            session.state = State::Active;
        } else {
            self.session_event(now, conn, Event::TcpConnected, "", out);
        }
    }

    /// The connections to the peer that wait for what becomes of another one.
    fn parked(&self, peer: PeerIndex) -> Vec<ConnId> {
        let parked = |session: &Session| {
            session.peer == peer && session.state == State::Active && !session.closing
        };
        self.sessions
            .iter()
            .filter(|(_, session)| parked(session))
            .map(|(conn, _)| *conn)
            .collect()
    }

    /// An event for the machine without a connection.
    pub(crate) fn connector_event(
        &mut self,
        now: Instant,
        index: PeerIndex,
        event: Event,
        out: &mut Vec<Output>,
    ) {
        let busy = self.has_connection(index);
        let peer = self.peer_mut(index);
        let step = fsm::step(peer.connector, event);
        peer.connector = step.next;
        for action in step.actions {
            match action {
                // While a connection is there none is opened; its end starts the timer again.
                Action::Connect if busy => {
                    peer.connector = State::Active;
                    peer.connect_retry_at = None;
                }
                Action::Connect => {
                    out.push(Output::Connect {
                        peer: peer.config.address,
                        local: peer.config.local,
                        within: peer.config.connect_retry,
                    });
                }
                Action::StartConnectRetry if !peer.config.passive => {
                    peer.connect_retry_at = Some(now + peer.config.connect_retry);
                }
                Action::StopConnectRetry => peer.connect_retry_at = None,
                _ => {}
            }
        }
    }

    /// An event that only this speaker sees: the replica is told by a record.
    pub(super) fn local_event(
        &mut self,
        now: Instant,
        conn: ConnId,
        event: Event,
        reason: &str,
        out: &mut Vec<Output>,
    ) {
        if self.live
            && let Some(data) = dump::encode_event(&event)
            && self
                .sessions
                .get(&conn)
                .is_some_and(|session| session.state != State::Idle)
        {
            out.push(Output::Record {
                conn: Some(conn),
                data,
            });
        }
        self.session_event(now, conn, event, reason, out);
    }

    /// An event for the machine of a connection.
    pub(crate) fn session_event(
        &mut self,
        now: Instant,
        conn: ConnId,
        event: Event,
        reason: &str,
        out: &mut Vec<Output>,
    ) {
        let Some(session) = self.sessions.get_mut(&conn) else {
            return;
        };
        let index = session.peer;
        let step = fsm::step(session.state, event);
        session.state = step.next;
        for action in step.actions {
            self.session_action(now, conn, index, action, reason, out);
        }
    }

    fn session_action(
        &mut self,
        now: Instant,
        conn: ConnId,
        index: PeerIndex,
        action: Action,
        reason: &str,
        out: &mut Vec<Output>,
    ) {
        let peer = &mut self.peers[usize::from(index.0)];
        let Some(session) = self.sessions.get_mut(&conn) else {
            return;
        };
        match action {
            Action::SendOpen => {
                let open = own_open(&self.config, peer.config.families, session.local.ip());
                session.control.push_back(message::encode_open(&open));
                session.restart_hold(now);
            }
            Action::SendKeepalive => {
                let keepalive = message::encode_keepalive();
                if session.control.back() != Some(&keepalive) {
                    session.control.push_back(keepalive);
                }
            }
            Action::SendNotification(notification) => {
                session
                    .control
                    .push_back(message::encode_notification(&notification));
            }
            Action::StartSession => {
                session.restart_hold(now);
                session.restart_keepalive(now);
            }
            Action::RestartHold => session.restart_hold(now),
            Action::Up => {
                self.session_up(now, conn, index, out);
                for parked in self.parked(index) {
                    self.session_close(
                        now,
                        parked,
                        index,
                        "another connection to the peer was kept",
                        out,
                    );
                }
            }
            Action::Down => self.session_down(index),
            Action::Close => {
                self.session_close(now, conn, index, reason, out);
                let parked = self.parked(index);
                for parked in &parked {
                    self.session_event(now, *parked, Event::TcpConnected, "", out);
                }
                // Only then what waits there: a replica is told of it when all of them have begun.
                for parked in parked {
                    self.received(now, parked, &[], out);
                }
            }
            Action::Connect | Action::StartConnectRetry | Action::StopConnectRetry => {}
        }
    }

    fn session_close(
        &mut self,
        now: Instant,
        conn: ConnId,
        index: PeerIndex,
        reason: &str,
        out: &mut Vec<Output>,
    ) {
        let live = self.live;
        let busy = self.has_other_connection(index, conn);
        let peer = &mut self.peers[usize::from(index.0)];
        let Some(session) = self.sessions.get_mut(&conn) else {
            return;
        };
        session.closing = true;
        session.hold_at = None;
        session.keepalive_at = None;
        session.close_at = Some(now + CLOSE_TIME);
        if !reason.is_empty() {
            peer.last_error = Some(reason.to_owned());
        }
        if !live {
            return;
        }
        out.push(Output::PeerDown {
            peer: peer.config.address,
            reason: reason.to_owned(),
        });
        if !session.gone {
            out.push(Output::Close { conn });
        }
        if !busy && !peer.config.passive && peer.connector == State::Active {
            peer.connect_retry_at = Some(now + peer.config.connect_retry);
        }
    }

    /// Whether a connection to the peer has got beyond OpenSent.
    fn is_opening(&self, peer: PeerIndex) -> bool {
        self.sessions
            .values()
            .any(|session| session.peer == peer && session.state > State::OpenSent)
    }

    fn has_other_connection(&self, peer: PeerIndex, conn: ConnId) -> bool {
        self.sessions
            .iter()
            .any(|(other, session)| *other != conn && session.peer == peer && !session.closing)
    }

    /// The connection is gone: whatever its machine was doing ends.
    pub(crate) fn connection_closed(&mut self, now: Instant, conn: ConnId, out: &mut Vec<Output>) {
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.gone = true;
        }
        self.local_event(now, conn, Event::TcpFails, "the connection was closed", out);
        self.sessions.remove(&conn);
    }
}
