//! The replica: a speaker that follows another by what that one received, sent and recorded, and can go on in its place.
//!
//! From the octets received it derives the machines, each Adj-RIB-In and the decision by the very code of the live speaker; from the octets sent,
//! what each peer has been told. So at every point of the feed it holds the difference between that and what each peer should be
//! told, and [`Speaker::promote`] has only to send it.

#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use crate::fsm::State;
use crate::message::{self, Message, Update};
use crate::prefix::Prefix;
use crate::rib::{PeerIndex, Swept};
use crate::speaker::{ConnId, Input, Opener, Output, Speaker};
use crate::time::Instant;

/// A connection that goes on with this speaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandedOver {
    /// The connection.
    pub conn: ConnId,
    /// Own end.
    pub local: SocketAddr,
    /// The peer's end.
    pub remote: SocketAddr,
    /// Who opened it.
    pub opener: Opener,
}

impl Speaker {
    /// Octets that the live speaker has received and dealt with, beginning at `offset` of the connection.
    ///
    /// Octets that a dump covers are passed over. After a gap the connection cannot be taken over.
    pub fn replica_received(&mut self, now: Instant, conn: ConnId, offset: u64, data: &[u8]) {
        let Some(session) = self.sessions.get_mut(&conn) else {
            return;
        };
        let expected = session.inbound_total + session.inbound.len() as u64;
        let Some(data) = beyond(expected, offset, data) else {
            session.broken = true;
            return;
        };
        if !data.is_empty() && !session.broken {
            let peer = session.peer;
            self.received(now, conn, data, &mut Vec::new());
            let waiting = self
                .sessions
                .iter()
                .filter(|(_, it)| it.peer == peer && !it.outbound.is_empty());
            for conn in waiting.map(|(conn, _)| *conn).collect::<Vec<_>>() {
                self.take_sent(now, conn);
            }
        }
    }

    /// Octets that the live speaker has sent, beginning at `offset` of the connection.
    ///
    /// Octets that a dump covers are passed over. After a gap the connection cannot be taken over.
    pub fn replica_sent(&mut self, now: Instant, conn: ConnId, offset: u64, data: &[u8]) {
        let Some(session) = self.sessions.get_mut(&conn) else {
            return;
        };
        let expected = session.outbound_total + session.outbound.len() as u64;
        let Some(data) = beyond(expected, offset, data) else {
            session.broken = true;
            return;
        };
        session.outbound.extend_from_slice(data);
        self.take_sent(now, conn);
    }

    /// Deals with the whole messages among the octets sent.
    ///
    /// What was received and sent in one transaction of the stack may come in either order. So an UPDATE waits until the session is up, and a
    /// NOTIFICATION until its cause is known; whose routes came first makes no difference to what the peer has been told in the end.
    fn take_sent(&mut self, now: Instant, conn: ConnId) {
        let Some(session) = self.sessions.get_mut(&conn) else {
            return;
        };
        let octets = std::mem::take(&mut session.outbound);
        let mut rest = &octets[..];
        while let Some(session) = self.sessions.get_mut(&conn) {
            let early = match rest.get(18) {
                Some(&message::kind::UPDATE) => {
                    matches!(session.state, State::OpenSent | State::OpenConfirm)
                }
                Some(&message::kind::NOTIFICATION) => !session.closing,
                _ => false,
            };
            match message::frame(rest) {
                Ok(Some(length)) if length <= rest.len() && !early => {
                    let (whole, after) = rest.split_at(length);
                    self.sent(now, conn, whole);
                    rest = after;
                }
                Ok(_) => {
                    session.outbound = rest.to_vec();
                    return;
                }
                Err(_) => {
                    session.broken = true;
                    return;
                }
            }
        }
    }

    /// Octets of the connection that the replica has received; none for one that it does not know.
    #[must_use]
    pub fn inbound_offset(&self, conn: ConnId) -> Option<u64> {
        self.sessions
            .get(&conn)
            .map(|session| session.inbound_total + session.inbound.len() as u64)
    }

    /// The connection is gone.
    pub fn replica_closed(&mut self, now: Instant, conn: ConnId) {
        self.connection_closed(now, conn, &mut Vec::new());
    }

    /// One message that the live speaker has sent.
    fn sent(&mut self, now: Instant, conn: ConnId, octets: &[u8]) {
        let Some(session) = self.sessions.get_mut(&conn) else {
            return;
        };
        session.outbound_total += octets.len() as u64;
        session.restart_keepalive(now);
        // What was waiting before it has been overtaken by what the live speaker did.
        if let Some(at) = session.control.iter().position(|waiting| waiting == octets) {
            session.control.drain(..=at);
        }
        let (index, context) = (session.peer, session.decode_context());
        let established = session.is_established();
        if let Some(counter) = self.counter_out(index, octets) {
            *counter += 1;
        }
        if let Ok(Message::Update(update)) = message::decode(octets, context)
            && established
        {
            let end_of_rib = update.end_of_rib;
            let peer = self.peer_mut(index);
            peer.counters.withdrawn_out += update.withdrawn.len() as u64;
            peer.counters.announced_out += update
                .announced
                .iter()
                .map(|it| it.prefixes.len() as u64)
                .sum::<u64>();
            self.told(index, update);
            if let Some(family) = end_of_rib {
                if let Some(adj_rib_out) = &mut self.peer_mut(index).adj_rib_out {
                    adj_rib_out.end_of_rib_owed.remove(family);
                }
                self.advance_told(index, Swept::All);
            }
        }
    }

    /// The peer has been told what `update` says.
    pub(crate) fn told(&mut self, index: PeerIndex, update: Update) {
        let peer = &mut self.peers[usize::from(index.0)];
        let Some(adj_rib_out) = &mut peer.adj_rib_out else {
            return;
        };
        let (groups, exporter, loc_rib) = (peer.groups, &mut self.exporter, &self.loc_rib);
        for prefix in update.withdrawn {
            let desired =
                |prefix: &Prefix, path: Option<&_>| exporter.desired(index, &groups, prefix, path);
            adj_rib_out.set_told(prefix, None, loc_rib, desired);
        }
        for announcement in update.announced {
            let attributes = exporter.intern(announcement.attributes);
            for prefix in announcement.prefixes {
                let desired = |prefix: &Prefix, path: Option<&_>| {
                    exporter.desired(index, &groups, prefix, path)
                };
                adj_rib_out.set_told(prefix, Some(attributes.clone()), loc_rib, desired);
            }
        }
    }

    /// The first walk of the peer's session has come at least so far.
    pub(crate) fn advance_told(&mut self, index: PeerIndex, swept: Swept) {
        let peer = &mut self.peers[usize::from(index.0)];
        let Some(adj_rib_out) = &mut peer.adj_rib_out else {
            return;
        };
        let (groups, exporter) = (peer.groups, &mut self.exporter);
        adj_rib_out.advance(swept, &self.loc_rib, |prefix, path| {
            exporter.desired(index, &groups, prefix, path)
        });
    }

    /// Goes live with the connections that were handed over.
    ///
    /// Sessions of other connections end. A session in OpenConfirm or Established sends a KEEPALIVE first and has its full hold time again; then goes what each
    /// peer has not been told. A connection that the live speaker had not taken yet begins here. Octets not dealt with come by
    /// [`Input::Received`], from the end of those that the feed had.
    pub fn promote(&mut self, now: Instant, handed_over: &[HandedOver], out: &mut Vec<Output>) {
        self.live = true;
        self.originated_dump = None;
        let known: Vec<(ConnId, bool)> = self
            .sessions
            .iter()
            .map(|(conn, session)| (*conn, session.can_go_on()))
            .collect();
        for (conn, can_go_on) in known {
            let handed = handed_over.iter().any(|it| it.conn == conn);
            if handed && can_go_on {
                self.go_on(now, conn, out);
                continue;
            }
            // Its end concerns nobody but this speaker now.
            let mut ended = Vec::new();
            self.connection_closed(now, conn, &mut ended);
            out.extend(
                ended
                    .into_iter()
                    .filter(|output| matches!(output, Output::PeerDown { .. })),
            );
            if handed {
                out.push(Output::Abort { conn });
            }
        }
        for connection in handed_over {
            if !self.sessions.contains_key(&connection.conn)
                && !out.contains(&Output::Abort {
                    conn: connection.conn,
                })
            {
                let HandedOver {
                    conn,
                    local,
                    remote,
                    opener,
                } = *connection;
                self.connected(now, conn, local, remote, opener, out);
            }
        }
        self.handle(now, Input::Start, out);
    }

    fn go_on(&mut self, now: Instant, conn: ConnId, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get_mut(&conn) else {
            return;
        };
        if session.closing {
            session.close_at = Some(now + crate::speaker::CLOSE_TIME);
            out.push(Output::SendReady { conn });
            out.push(Output::Close { conn });
            return;
        }
        session.restart_hold(now);
        session.restart_keepalive(now);
        let keepalive = message::encode_keepalive();
        if session.keepalive_at.is_some() && !session.control.contains(&keepalive) {
            session.control.push_back(keepalive);
        }
    }
}

/// The part of `data` at and after `expected`; none when there is a gap before it.
fn beyond(expected: u64, offset: u64, data: &[u8]) -> Option<&[u8]> {
    let known = expected.checked_sub(offset)?;
    Some(
        usize::try_from(known)
            .ok()
            .and_then(|known| data.get(known..))
            .unwrap_or_default(),
    )
}
