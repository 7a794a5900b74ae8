//! The daemon's calls (RFC 9293 3.9.1), and those that replication adds.

use super::Active;
use super::protect::Protection;
use crate::record::Record;
use bytes::Bytes;
use std::net::SocketAddr;
use tcp_ha_engine::{ConnectionId, ConnectionOptions, Error, Event, ListenerId};

/// A single record of the daemon's has at most so many octets.
pub const RECORD_OCTETS_MAX: usize = 16 << 20;

/// Octets to be sent: copied, or, where they are many and their memory is shared, kept as they are until they are acknowledged.
#[derive(Debug)]
pub enum Octets<'o> {
    /// Copied.
    Lent(&'o [u8]),
    /// Kept.
    Given(Bytes),
}

impl Octets<'_> {
    fn len(&self) -> usize {
        match self {
            Octets::Lent(octets) => octets.len(),
            Octets::Given(octets) => octets.len(),
        }
    }

    /// A planted fault takes half.
    fn truncate(&mut self, len: usize) {
        match self {
            Octets::Lent(octets) => *octets = &octets[..len],
            Octets::Given(octets) => octets.truncate(len),
        }
    }
}

impl<'o> From<&'o [u8]> for Octets<'o> {
    fn from(octets: &'o [u8]) -> Octets<'o> {
        Octets::Lent(octets)
    }
}

impl<'o> From<&'o Vec<u8>> for Octets<'o> {
    fn from(octets: &'o Vec<u8>) -> Octets<'o> {
        Octets::Lent(octets)
    }
}

impl<'o, const LEN: usize> From<&'o [u8; LEN]> for Octets<'o> {
    fn from(octets: &'o [u8; LEN]) -> Octets<'o> {
        Octets::Lent(octets)
    }
}

impl<'o> From<&'o Bytes> for Octets<'o> {
    fn from(octets: &'o Bytes) -> Octets<'o> {
        Octets::Given(octets.clone())
    }
}

impl From<Bytes> for Octets<'_> {
    fn from(octets: Bytes) -> Self {
        Octets::Given(octets)
    }
}

/// A passive open: what its connections get.
#[derive(Clone, Debug)]
pub struct Listening {
    /// Where to listen; an unspecified address means any of ours.
    pub local: SocketAddr,
    /// Options of the connections.
    pub options: ConnectionOptions,
    /// How many connections may be half open or not yet accepted.
    pub backlog: usize,
    /// How they are protected, from their first octet on.
    pub protection: Option<Protection>,
}

impl Active {
    /// Passive OPEN.
    ///
    /// # Errors
    /// The address is taken, or the bound on listeners is reached.
    pub fn listen(&mut self, listening: &Listening) -> Result<ListenerId, Error> {
        let id = self
            .engine
            .listen(listening.local, listening.options, listening.backlog)?;
        self.listening.insert(id, listening.protection);
        Ok(id)
    }

    /// The daemon takes connections of this listener later than they are established: each counts against the backlog until
    /// [`accept`](Active::accept).
    pub fn queue_accepted(&mut self, id: ListenerId) {
        self.engine.queue_accepted(id);
    }

    /// The daemon has taken one of the connections that waited for it.
    pub fn accept(&mut self, id: ListenerId) {
        self.engine.accept(id);
    }

    /// Ends a passive open; its connections go on.
    pub fn unlisten(&mut self, id: ListenerId) {
        self.engine.unlisten(id);
        self.listening.remove(&id);
    }

    /// Active OPEN; [`NodeEvent::Connected`](crate::NodeEvent::Connected) or [`NodeEvent::Closed`](crate::NodeEvent::Closed) follows.
    ///
    /// # Errors
    /// The four-tuple is taken, no port is free, or the bound on connections is reached.
    pub fn connect(
        &mut self,
        mono_us: u64,
        local: SocketAddr,
        remote: SocketAddr,
        options: ConnectionOptions,
        protection: Option<Protection>,
    ) -> Result<ConnectionId, Error> {
        let now = self.clock.now(mono_us);
        let id = self
            .engine
            .connect(now, local, remote, options, &mut self.fx)?;
        self.connecting.insert(id, protection);
        Ok(id)
    }

    /// SEND, whole or not at all; with `dealt_with`, everything received before that offset is dealt with in the same batch.
    ///
    /// # Errors
    /// The connection is unknown or closing, or the send buffer has no room for all of it.
    pub fn write<'o>(
        &mut self,
        mono_us: u64,
        id: ConnectionId,
        octets: impl Into<Octets<'o>>,
        dealt_with: Option<u64>,
    ) -> Result<(), Error> {
        let mut octets = octets.into();
        if planted!(HalfMessage) && octets.len() > 600 {
            octets.truncate(octets.len() / 2);
        }
        if self.engine.send_room(id) < octets.len() {
            return Err(Error::OutOfRange);
        }
        self.check_mark(id, dealt_with)?;
        let now = self.clock.now(mono_us);
        match octets {
            Octets::Lent(octets) => {
                let taken = self.engine.send(now, id, octets, &mut self.fx)?;
                debug_assert_eq!(taken, octets.len(), "the room was asked for");
            }
            Octets::Given(octets) => self.engine.send_shared(now, id, octets, &mut self.fx)?,
        }
        self.mark(mono_us, id, dealt_with)
    }

    /// Whether a mark may be set: what goes with it happens as a whole or not at all. One that was passed already is no error.
    fn check_mark(&self, id: ConnectionId, dealt_with: Option<u64>) -> Result<(), Error> {
        let Some(upto) = dealt_with else {
            return Ok(());
        };
        let info = self.engine.connection(id).ok_or(Error::UnknownConnection)?;
        if upto > info.rcv_nxt {
            return Err(Error::OutOfRange);
        }
        Ok(())
    }

    /// Moves READ to a mark that was checked, unless it is there already.
    fn mark(
        &mut self,
        mono_us: u64,
        id: ConnectionId,
        dealt_with: Option<u64>,
    ) -> Result<(), Error> {
        let read = self.engine.connection(id).map_or(0, |info| info.read);
        match dealt_with.filter(|upto| *upto > read) {
            Some(upto) => self.processed(mono_us, id, upto),
            None => Ok(()),
        }
    }

    /// RECEIVE: the daemon has dealt with everything before `upto`; the window opens, the replica gets those octets.
    ///
    /// # Errors
    /// The connection is unknown, or `upto` lies beyond what was received.
    pub fn processed(&mut self, mono_us: u64, id: ConnectionId, upto: u64) -> Result<(), Error> {
        let now = self.clock.now(mono_us);
        if self
            .engine
            .connection(id)
            .is_some_and(|info| info.safe < upto)
        {
            self.engine.make_safe(now, id, upto, &mut self.fx)?;
        }
        self.engine.consume(now, id, upto, &mut self.fx)
    }

    /// The daemon's own record; with `dealt_with` it also says how far it makes the stream safe (effect and mark are one record).
    ///
    /// # Errors
    /// The connection is unknown, the mark lies beyond what was received, or the record has more than [`RECORD_OCTETS_MAX`] octets;
    /// nothing is recorded then.
    pub fn record(
        &mut self,
        mono_us: u64,
        id: Option<ConnectionId>,
        octets: &[u8],
        dealt_with: Option<u64>,
    ) -> Result<(), Error> {
        if octets.len() > RECORD_OCTETS_MAX {
            return Err(Error::OutOfRange);
        }
        if let Some(id) = id {
            self.check_mark(id, dealt_with)?;
        }
        if self.has_established_standby() {
            if !planted!(RecordBeforeChanges) {
                self.record_what_shows();
            }
            let lost = planted!(MarkWithoutEffect) && dealt_with.is_some();
            let before = self.batch.octets();
            if !lost {
                Record::Application { id, octets }.write(&mut self.batch);
            }
            if let Some(id) = id {
                self.charge(id, self.batch.octets() - before);
            }
            if planted!(MarkApartFromEffect) && dealt_with.is_some() {
                self.append(mono_us);
            }
        }
        match id {
            Some(id) => self.mark(mono_us, id, dealt_with),
            None => Ok(()),
        }
    }

    /// Whether the daemon's own state, of a connection or of the node, is asked for: an answer to a standby that is gone is not
    /// for the next one.
    fn wants_sync(&self, id: Option<ConnectionId>) -> bool {
        match id {
            Some(id) => self.connection_wants_sync(id),
            None => self
                .standby
                .as_ref()
                .is_some_and(|link| link.is_established() && !link.node_synced),
        }
    }

    /// Part of the daemon's own state, asked for by [`NodeEvent::SyncRequested`](crate::NodeEvent::SyncRequested) or
    /// [`NodeEvent::NodeSyncRequested`](crate::NodeEvent::NodeSyncRequested).
    pub fn application_records<'a>(
        &mut self,
        id: Option<ConnectionId>,
        records: impl IntoIterator<Item = &'a [u8]>,
    ) {
        if !self.wants_sync(id) {
            return;
        }
        if !planted!(RecordBeforeChanges) {
            self.record_what_shows();
        }
        for octets in records {
            Record::Application { id, octets }.write(&mut self.batch);
        }
    }

    /// The daemon has handed over all of its state of a connection, or all that belongs to none.
    pub fn application_synced(&mut self, id: Option<ConnectionId>) {
        if !self.wants_sync(id) {
            return;
        }
        match id {
            Some(id) => self.connection_synced(id),
            None => {
                if let Some(link) = &mut self.standby {
                    link.node_synced = true;
                }
            }
        }
    }

    /// Octets of a hollow range after a takeover in `Regenerated` mode; bit-identical to those sent before.
    ///
    /// # Errors
    /// The connection is unknown, or the range is not one that is missing.
    pub fn supply(
        &mut self,
        mono_us: u64,
        id: ConnectionId,
        offset: u64,
        octets: &[u8],
    ) -> Result<(), Error> {
        let now = self.clock.now(mono_us);
        self.engine.supply(now, id, offset, octets, &mut self.fx)
    }

    /// Asks for protection, at any time of the connection's life; a second call replaces the first, `None` withdraws it.
    pub fn protect(&mut self, mono_us: u64, id: ConnectionId, protection: Option<Protection>) {
        self.seen_us = mono_us;
        let now = self.clock.now(mono_us);
        if self.protected.contains_key(&id) {
            self.end_protection(now, id);
        }
        if let Some(protection) = protection
            && self.engine.connection(id).is_some()
        {
            self.begin_protection(now, id, protection, false);
        }
    }

    /// CLOSE: a FIN goes out behind what was written. Everything received counts as safe.
    pub fn close(&mut self, mono_us: u64, id: ConnectionId) {
        let now = self.clock.now(mono_us);
        // A connection that is gone already needs no closing.
        let _ = self.engine.close(now, id, &mut self.fx);
    }

    /// CLOSE by a daemon that will neither read nor write any more: what was written is delivered, what comes in is discarded.
    pub fn abandon(&mut self, mono_us: u64, id: ConnectionId) {
        let now = self.clock.now(mono_us);
        // A connection that is gone already needs no closing.
        let _ = self.engine.abandon(now, id, &mut self.fx);
    }

    /// Changes options of a connection; those of its protection stay.
    ///
    /// # Errors
    /// The connection is unknown.
    pub fn change_options(
        &mut self,
        mono_us: u64,
        id: ConnectionId,
        change: impl FnOnce(&mut ConnectionOptions),
    ) -> Result<(), Error> {
        let mut options = self.engine.options(id).ok_or(Error::UnknownConnection)?;
        let receive_mode = options.receive_mode;
        change(&mut options);
        options.receive_mode = receive_mode;
        let now = self.clock.now(mono_us);
        self.engine.set_options(now, id, options, &mut self.fx)
    }

    /// ABORT: a reset goes out at once.
    pub fn abort(&mut self, mono_us: u64, id: ConnectionId) {
        let now = self.clock.now(mono_us);
        let _ = self.engine.abort(now, id, &mut self.fx);
    }

    /// Takes a handed-over stream up: its ends, and how much may be written. What the dead active's daemon had not dealt with
    /// comes as events, as if it were received now.
    pub fn hand_over(&mut self, id: ConnectionId) -> Option<StreamStart> {
        let info = self.engine.connection(id)?;
        if info.rcv_nxt > info.read {
            self.fx.events.push(Event::Received {
                id,
                from: info.read,
                to: info.rcv_nxt,
            });
        }
        if info.fin_received {
            self.fx.events.push(Event::PeerClosed { id });
        }
        self.stream_start(id)
    }

    /// Where a stream stands, for the daemon's end of it.
    pub fn stream_start(&self, id: ConnectionId) -> Option<StreamStart> {
        let info = self.engine.connection(id)?;
        Some(StreamStart {
            id,
            local: info.tuple.local,
            remote: info.tuple.remote,
            read: info.read,
            snd_una: info.snd_una,
            snd_end: info.snd_end,
            room: self.engine.send_room(id),
        })
    }
}

/// Where a stream stands when the daemon takes it up. Offsets count payload octets from 0.
#[derive(Clone, Copy, Debug)]
pub struct StreamStart {
    /// The connection.
    pub id: ConnectionId,
    /// Our socket.
    pub local: SocketAddr,
    /// The peer's socket.
    pub remote: SocketAddr,
    /// The first inbound octet that was not dealt with.
    pub read: u64,
    /// The first outbound octet that the peer has not acknowledged.
    pub snd_una: u64,
    /// Where writing goes on.
    pub snd_end: u64,
    /// Octets that may be written now.
    pub room: usize,
}
