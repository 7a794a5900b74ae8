//! Records into the replica.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{RecordError, decode_begin, decode_event, decode_updates, kind, routes};
use crate::prefix::{Families, Prefix};
use crate::rib::PeerIndex;
use crate::speaker::{ConnId, Loading, Speaker};
use crate::time::Instant;

impl Speaker {
    /// Takes a record of the live speaker.
    ///
    /// # Errors
    /// The record is not understood: the replica is no longer the live speaker's equal and must begin again.
    pub fn replica_record(
        &mut self,
        now: Instant,
        conn: Option<ConnId>,
        data: &[u8],
    ) -> Result<(), RecordError> {
        let [kind, body @ ..] = data else {
            return Err(RecordError("it is empty".into()));
        };
        match (*kind, conn) {
            (kind::BEGIN, Some(conn)) => {
                let (local, remote, opener) = decode_begin(body)?;
                self.connected(now, conn, local, remote, opener, &mut Vec::new());
            }
            (kind::EVENT, Some(conn)) => {
                let (event, reason) = decode_event(body)?;
                self.session_event(now, conn, event, reason, &mut Vec::new());
            }
            (kind::ORIGINATE, _) => {
                for (prefix, attributes) in routes(decode_updates(body)?) {
                    let attributes = attributes.map(|attributes| self.exporter.intern(attributes));
                    self.set_originated(prefix, attributes);
                }
            }
            (kind::DUMP_BEGIN, Some(conn)) => self.load_session(now, conn, body)?,
            (kind::DUMP_IN, Some(conn)) => self.load_in(conn, body)?,
            (kind::DUMP_OUT, Some(conn)) => self.load_out(conn, body)?,
            (kind::DUMP_END, Some(conn)) => self.end_load(conn),
            (kind::ORIGINATED_BEGIN, None) => self.originated_dump = Some(BTreeMap::new()),
            (kind::ORIGINATED, None) => self.load_originated(body)?,
            (kind::ORIGINATED_END, None) => self.end_originated(),
            (kind, conn) => {
                let scope = if conn.is_some() {
                    "a connection"
                } else {
                    "the node"
                };
                return Err(RecordError(format!("kind {kind} for {scope}")));
            }
        }
        Ok(())
    }

    fn load_session(&mut self, now: Instant, conn: ConnId, body: &[u8]) -> Result<(), RecordError> {
        let record = self.decode_session(body)?;
        let index = record.session.peer;
        let established = record.session.is_established();
        if self.peer(index).established == Some(conn)
            || (established && self.peer(index).established.is_some())
        {
            self.session_down(index);
        }
        self.sessions.insert(conn, record.session);
        if established {
            self.session_up(now, conn, index, &mut Vec::new());
        }
        let peer = self.peer_mut(index);
        if established {
            peer.established_at = now - Duration::from_micros(record.established_age_micros);
            if let Some(adj_rib_out) = &mut peer.adj_rib_out {
                adj_rib_out.end_of_rib_owed = Families::from_bits(record.end_of_rib_owed);
            }
        }
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.loading = Some(Loading {
                swept: record.swept,
                counters: record.counters,
                told: Vec::new(),
            });
        }
        Ok(())
    }

    /// The peer of a connection that is being loaded.
    fn loading_peer(&self, conn: ConnId) -> Result<PeerIndex, RecordError> {
        self.sessions
            .get(&conn)
            .filter(|session| session.loading.is_some())
            .map(|session| session.peer)
            .ok_or_else(|| RecordError("routes outside of a dump".into()))
    }

    fn load_in(&mut self, conn: ConnId, body: &[u8]) -> Result<(), RecordError> {
        let index = self.loading_peer(conn)?;
        for update in decode_updates(body)? {
            for announcement in update.announced {
                self.announced(index, conn, announcement);
            }
        }
        Ok(())
    }

    fn load_out(&mut self, conn: ConnId, body: &[u8]) -> Result<(), RecordError> {
        self.loading_peer(conn)?;
        let updates = decode_updates(body)?;
        let Some(loading) = self
            .sessions
            .get_mut(&conn)
            .and_then(|session| session.loading.as_mut())
        else {
            return Ok(());
        };
        for announcement in updates.into_iter().flat_map(|update| update.announced) {
            let attributes = self.exporter.intern(announcement.attributes);
            loading.told.extend(
                announcement
                    .prefixes
                    .into_iter()
                    .map(|prefix| (prefix, attributes.clone())),
            );
        }
        Ok(())
    }

    fn end_load(&mut self, conn: ConnId) {
        let Some(session) = self.sessions.get_mut(&conn) else {
            return;
        };
        let index = session.peer;
        let Some(Loading {
            swept,
            counters,
            told,
        }) = session.loading.take()
        else {
            return;
        };
        let peer = &mut self.peers[usize::from(index.0)];
        peer.counters = counters;
        if let Some(adj_rib_out) = peer
            .adj_rib_out
            .as_mut()
            .filter(|_| session.is_established())
        {
            let (groups, exporter) = (peer.groups, &mut self.exporter);
            let desired =
                |prefix: &Prefix, path: Option<&_>| exporter.desired(index, &groups, prefix, path);
            adj_rib_out.load(told, swept, &self.loc_rib, desired);
        }
    }

    fn load_originated(&mut self, body: &[u8]) -> Result<(), RecordError> {
        for (prefix, attributes) in routes(decode_updates(body)?) {
            let Some(attributes) = attributes else {
                continue;
            };
            let attributes = self.exporter.intern(attributes);
            let dump = self
                .originated_dump
                .as_mut()
                .ok_or_else(|| RecordError("routes outside of a dump".into()))?;
            dump.insert(prefix, attributes);
        }
        Ok(())
    }

    fn end_originated(&mut self) {
        let Some(wanted) = self.originated_dump.take() else {
            return;
        };
        let gone: Vec<Prefix> = self
            .originated
            .keys()
            .filter(|prefix| !wanted.contains_key(*prefix))
            .copied()
            .collect();
        for prefix in gone {
            self.set_originated(prefix, None);
        }
        for (prefix, attributes) in wanted {
            if self.originated.get(&prefix) != Some(&attributes) {
                self.set_originated(prefix, Some(attributes));
            }
        }
    }
}
