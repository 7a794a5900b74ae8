//! Octets from a peer: framing, decoding, and what the messages do. The replica runs the same code on the same octets.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{ConnId, Opener, Output, Speaker};
use crate::fsm::{Event, State};
use crate::message::{
    self, Announcement, DecodeContext, Message, MessageError, Notification, Open, Update, code,
    subcode,
};
use crate::policy;
use crate::prefix::Family;
use crate::rib::{PeerIndex, Source};
use crate::speaker::Negotiated;
use crate::speaker::actions::own_open;
use crate::time::Instant;

/// Decodes one message. A panic of the codec is an error of the session that sent it and of no other.
fn decode(octets: &[u8], context: DecodeContext) -> Result<Message, MessageError> {
    catch_unwind(AssertUnwindSafe(|| message::decode(octets, context))).unwrap_or_else(|_| {
        Err(MessageError {
            notification: Notification::new(code::CEASE, subcode::UNSPECIFIC),
            what: "a message could not be decoded by a fault of the decoder".into(),
        })
    })
}

impl Speaker {
    pub(crate) fn received(
        &mut self,
        now: Instant,
        conn: ConnId,
        data: &[u8],
        out: &mut Vec<Output>,
    ) {
        let Some(session) = self.sessions.get_mut(&conn) else {
            return;
        };
        let before = session.inbound_total;
        let joined;
        let mut rest = if session.inbound.is_empty() {
            data
        } else {
            let mut whole = std::mem::take(&mut session.inbound);
            whole.extend_from_slice(data);
            joined = whole;
            &joined[..]
        };
        while let Some(taken) = self.message_from(now, conn, rest, out) {
            rest = &rest[taken..];
        }
        let Some(session) = self.sessions.get_mut(&conn) else {
            return;
        };
        if !session.closing {
            session.inbound = rest.to_vec();
        }
        if self.live && session.inbound_total != before {
            out.push(Output::Processed {
                conn,
                total_octets: session.inbound_total,
            });
        }
    }

    /// Deals with the first message of `data`; its octets, or none when it is not whole or the session is over.
    fn message_from(
        &mut self,
        now: Instant,
        conn: ConnId,
        data: &[u8],
        out: &mut Vec<Output>,
    ) -> Option<usize> {
        let session = self.sessions.get_mut(&conn)?;
        if session.closing || session.state == State::Active {
            return None;
        }
        let context = session.decode_context();
        let message = match message::frame(data) {
            Ok(octets) => {
                let octets = octets?;
                let whole = data.get(..octets)?;
                session.inbound_total += octets as u64;
                decode(whole, context).map(|message| (message, octets))
            }
            Err(error) => {
                // The header is dealt with, so that the replica hears of it and ends the session too.
                session.inbound_total += message::HEADER_OCTETS as u64;
                Err(error)
            }
        };
        match message {
            Ok((message, octets)) => {
                self.message(now, conn, message, out);
                Some(octets)
            }
            Err(error) => {
                let reason = error.to_string();
                self.session_event(now, conn, Event::Invalid(error.notification), &reason, out);
                None
            }
        }
    }

    fn message(&mut self, now: Instant, conn: ConnId, message: Message, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get(&conn) else {
            return;
        };
        let (index, state) = (session.peer, session.state);
        match message {
            Message::Open(open) => self.open(now, conn, index, open, out),
            Message::Update(update) => {
                self.session_event(now, conn, Event::Update, "UPDATE outside of a session", out);
                if state == State::Established {
                    self.update(index, update, out);
                }
            }
            Message::Keepalive => {
                self.session_event(now, conn, Event::Keepalive, "unexpected KEEPALIVE", out)
            }
            // ROUTE-REFRESH is not offered; RFC 2918 4 has it ignored then.
            Message::RouteRefresh(_) => self.session_event(
                now,
                conn,
                Event::Update,
                "ROUTE-REFRESH outside of a session",
                out,
            ),
            Message::Notification(notification) => {
                self.peer_mut(index).counters.notifications_in += 1;
                let reason = format!("the peer sent {notification}");
                self.session_event(now, conn, Event::Notification, &reason, out);
            }
        }
    }

    fn open(
        &mut self,
        now: Instant,
        conn: ConnId,
        index: PeerIndex,
        open: Open,
        out: &mut Vec<Output>,
    ) {
        let own_as = self.config.asn;
        let router_id = self.config.router_id;
        let peer = self.peer_mut(index);
        peer.counters.opens_in += 1;
        let (expected, families) = (peer.config.asn, peer.config.families);
        let Some(session) = self.sessions.get_mut(&conn) else {
            return;
        };
        if session.state == State::OpenSent {
            let own = own_open(&self.config, families, session.local.ip());
            let invalid = if open.asn != expected {
                Some((
                    subcode::BAD_PEER_AS,
                    format!("OPEN has AS {}, configured is {expected}", open.asn),
                ))
            } else if open.asn == own_as && open.identifier == router_id {
                // RFC 6286 2.1: unique within an AS.
                Some((
                    subcode::BAD_IDENTIFIER,
                    format!("OPEN has our own BGP identifier {router_id}"),
                ))
            } else if own.families.intersection(open.families).is_empty() {
                Some((
                    subcode::CAPABILITY,
                    "no address family in common".to_owned(),
                ))
            } else {
                None
            };
            if let Some((subcode, reason)) = invalid {
                let notification = Notification::new(code::OPEN, subcode);
                self.session_event(now, conn, Event::Invalid(notification), &reason, out);
                return;
            }
            session.negotiated = Some(Negotiated::new(&own, &open));
            session.peer_open = Some(open.clone());
            if !self.survives_collision(now, conn, index, &open, out) {
                return;
            }
        }
        self.session_event(now, conn, Event::Open, "unexpected OPEN", out);
    }

    /// RFC 4271 6.8: of two connections to one peer, the one opened by the end with the higher identifier stays; of two opened by the same
    /// end, the one on which an OPEN came last. True when `conn` goes on.
    ///
    /// Connections in OpenSent are included, as the RFC allows: so both ends decide before either can be Established.
    fn survives_collision(
        &mut self,
        now: Instant,
        conn: ConnId,
        index: PeerIndex,
        open: &Open,
        out: &mut Vec<Output>,
    ) -> bool {
        const REASON: &str = "another connection to the peer was kept";
        let ours = (self.config.router_id, self.config.asn);
        let keep = if ours > (open.identifier, open.asn) {
            Opener::Active
        } else {
            Opener::Passive
        };
        let Some(opener) = self.sessions.get(&conn).map(|session| session.opener) else {
            return false;
        };
        let others: Vec<_> = self
            .sessions
            .iter()
            .filter(|(other, session)| **other != conn && session.peer == index && !session.closing)
            .map(|(other, session)| (*other, session.opener, session.state))
            .collect();
        for (other, other_opener, state) in others {
            let dumped = match state {
                State::Active => continue,
                State::Established => conn,
                _ if other_opener == opener || opener == keep => other,
                _ => conn,
            };
            self.session_event(now, dumped, Event::CollisionDump, REASON, out);
            if dumped == conn {
                return false;
            }
        }
        true
    }

    fn update(&mut self, index: PeerIndex, update: Update, out: &mut Vec<Output>) {
        let peer = self.peer_mut(index);
        peer.counters.updates_in += 1;
        peer.counters.end_of_ribs_in += u64::from(update.end_of_rib.is_some());
        if !update.faults.is_empty() {
            peer.counters.faults_in += 1;
            // A peer that errs all the time must not fill the log.
            if peer.counters.faults_in.is_power_of_two() {
                let what: Vec<String> = update.faults.iter().map(ToString::to_string).collect();
                out.push(Output::Fault {
                    peer: peer.config.address,
                    what: what.join("; "),
                });
            }
        }
        for prefix in update.withdrawn {
            self.peer_mut(index).counters.withdrawn_in += 1;
            if self.peer_mut(index).adj_rib_in.remove(&prefix).is_some() {
                self.set_route(prefix, Source::Peer(index), None);
            }
        }
        if let Some(conn) = self.peer(index).established {
            for announcement in update.announced {
                self.announced(index, conn, announcement);
            }
        }
    }

    /// The peer announces routes.
    pub(crate) fn announced(&mut self, index: PeerIndex, conn: ConnId, announcement: Announcement) {
        let Some(session) = self.sessions.get(&conn) else {
            return;
        };
        let Some(negotiated) = session.negotiated else {
            return;
        };
        let own = session.local.ip();
        let attributes = self.exporter.intern(announcement.attributes);
        let eligible = policy::is_eligible(&attributes, self.config.asn, &[own]);
        for prefix in announcement.prefixes {
            if !negotiated.families.contains(Family::of(&prefix)) {
                continue;
            }
            let peer = self.peer_mut(index);
            peer.counters.announced_in += 1;
            if peer
                .adj_rib_in
                .insert(prefix, Arc::clone(&attributes))
                .as_ref()
                == Some(&attributes)
            {
                peer.counters.duplicates_in += 1;
                continue;
            }
            self.set_route(
                prefix,
                Source::Peer(index),
                eligible.then(|| Arc::clone(&attributes)),
            );
        }
    }
}
