//! Messages to a peer, pulled one by one.

use bytes::Bytes;

use super::{ConnId, Speaker};
use crate::message::{self, MESSAGE_OCTETS_MAX};
use crate::prefix::Prefix;
use crate::rib::PeerIndex;
use crate::time::Instant;

/// Prefixes that can go into one message: the smallest takes one octet.
const MESSAGE_PREFIXES_MAX: usize = 1024;

impl Speaker {
    /// The next whole message for the connection, of at most `octets_max` octets; none when there is nothing to send or no room for it.
    ///
    /// Control messages come first. From here on the message counts as told: write it, or give it back with [`Speaker::unsend`].
    pub fn poll_send(&mut self, now: Instant, conn: ConnId, octets_max: usize) -> Option<Bytes> {
        if !self.live {
            return None;
        }
        let octets_max = octets_max.min(MESSAGE_OCTETS_MAX);
        let session = self.sessions.get_mut(&conn)?;
        let message = match session.control.front() {
            Some(message) if message.len() > octets_max => return None,
            Some(_) => session.control.pop_front(),
            None if session.is_established() => {
                let index = session.peer;
                self.next_update(index, octets_max)
            }
            None => None,
        };
        let session = self.sessions.get_mut(&conn)?;
        let Some(message) = message else {
            session.send_announced = false;
            return None;
        };
        session.outbound_total += message.len() as u64;
        session.restart_keepalive(now);
        let index = session.peer;
        if let Some(counter) = self.counter_out(index, &message) {
            *counter += 1;
        }
        Some(message)
    }

    /// Takes back a message from [`Speaker::poll_send`] that could not be written; it comes first again. Of several, the last one pulled first.
    pub fn unsend(&mut self, conn: ConnId, message: Bytes) {
        let Some(session) = self.sessions.get_mut(&conn) else {
            return;
        };
        let index = session.peer;
        session.outbound_total = session.outbound_total.saturating_sub(message.len() as u64);
        session.control.push_front(message.clone());
        if let Some(counter) = self.counter_out(index, &message) {
            *counter = counter.saturating_sub(1);
        }
    }

    /// The next UPDATE for an established session.
    fn next_update(&mut self, index: PeerIndex, octets_max: usize) -> Option<Bytes> {
        let peer = &mut self.peers[usize::from(index.0)];
        let groups = peer.groups;
        let four_octet_as = peer
            .established
            .and_then(|conn| self.sessions.get(&conn))
            .and_then(|session| session.negotiated)?;
        let four_octet_as = four_octet_as.four_octet_as;
        let adj_rib_out = peer.adj_rib_out.as_mut()?;
        let exporter = &mut self.exporter;
        let mut desired =
            |prefix: &Prefix, path: Option<&_>| exporter.desired(index, &groups, prefix, path);
        while let Some(group) = adj_rib_out.next_group(&self.loc_rib, &mut desired) {
            let attributes = group.attributes.clone();
            let mut waiting = std::mem::take(&mut group.prefixes);
            let mut batch = Vec::new();
            while batch.len() < MESSAGE_PREFIXES_MAX
                && let Some(prefix) = waiting.pop_front()
            {
                // What has changed since the plan was made gets its turn in a later one.
                if adj_rib_out.differs(&prefix)
                    && desired(&prefix, self.loc_rib.best(&prefix)) == attributes
                {
                    batch.push(prefix);
                }
            }
            if batch.is_empty() {
                continue;
            }
            let (message, taken) = match &attributes {
                Some(attributes) => {
                    let octets = message::encode_attributes(attributes, four_octet_as);
                    message::encode_announce(&octets, attributes, &batch, octets_max)
                }
                None => message::encode_withdraw(&batch, octets_max),
            };
            for prefix in batch.drain(taken..).rev() {
                waiting.push_front(prefix);
            }
            for prefix in &batch {
                adj_rib_out.settle(prefix, attributes.is_none());
            }
            adj_rib_out.resume(waiting);
            let counters = &mut peer.counters;
            match attributes {
                Some(_) => counters.announced_out += taken as u64,
                None => counters.withdrawn_out += taken as u64,
            }
            return (taken > 0).then_some(message);
        }
        let family = adj_rib_out.end_of_rib_due()?;
        let message = message::encode_end_of_rib(family);
        if message.len() > octets_max {
            return None;
        }
        adj_rib_out.end_of_rib_owed.remove(family);
        Some(message)
    }

    /// The counter of messages sent of this type, if there is one.
    pub(crate) fn counter_out(&mut self, index: PeerIndex, message: &[u8]) -> Option<&mut u64> {
        let counters = &mut self.peer_mut(index).counters;
        match message.get(18)? {
            1 => Some(&mut counters.opens_out),
            2 => Some(&mut counters.updates_out),
            3 => Some(&mut counters.notifications_out),
            _ => None,
        }
    }
}
