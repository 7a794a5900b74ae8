//! What two nodes that back each other up need.

use super::Engine;
use crate::checkpoint::{ConnectionState, LifecycleState, Touched};
use crate::connection::Connection;
use crate::effects::Effects;
use crate::error::{Error, RestoreError};
use crate::ids::ConnectionId;
use crate::time::Instant;

impl Engine {
    /// Appends the ids of connections whose checkpoint may have changed since the last
    /// call, each once; those that `snapshot` does not know any more were deleted.
    pub fn take_dirty(&mut self, into: &mut Vec<ConnectionId>) {
        for id in self.dirty.drain(..) {
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.dirty = false;
            }
            into.push(id);
        }
    }

    /// The checkpoint of a connection.
    pub fn snapshot(&self, id: ConnectionId) -> Option<ConnectionState> {
        self.connections
            .get(&id)
            .map(|connection| connection.snapshot())
    }

    /// The checkpoint of a connection, and which of its rarely changing parts may have changed
    /// since the last call: all, at the first.
    pub fn take_checkpoint(&mut self, id: ConnectionId) -> Option<(ConnectionState, Touched)> {
        let connection = self.connections.get_mut(&id)?;
        let touched = Touched {
            identity: connection.identity.take_touched(),
            rtt: connection.rtt.take_touched(),
        };
        Some((connection.snapshot(), touched))
    }

    /// Takes a connection up from its checkpoint, told in this engine's time domain (see
    /// `ConnectionState::rebased`). Nothing is sent before `resume`, except by timers.
    ///
    /// `received` are the octets READ..RCV.NXT, or READ..SAFE: then RCV.NXT falls back to
    /// SAFE. `unsent` are the octets SND.UNA..end of the send buffer; `None` where they come
    /// by `supply`.
    ///
    /// Errors: a checkpoint that contradicts itself or the octets, or whose id or tuple is
    /// in use; nothing has changed then.
    pub fn restore(
        &mut self,
        _now: Instant,
        id: ConnectionId,
        state: &ConnectionState,
        received: &[u8],
        unsent: Option<&[u8]>,
    ) -> Result<(), RestoreError> {
        let tuple = &state.identity.tuple;
        if self.connections.contains_key(&id) || self.demux.connection(tuple).is_some() {
            return Err(RestoreError::InUse);
        }
        if self.connections.len() >= self.config.max_connections {
            return Err(RestoreError::TooManyConnections);
        }
        let mut connection = Connection::restore(id, state, received, unsent, &self.config)?;
        connection.rekey(&self.security);
        if connection.signer.is_missing() {
            return Err(RestoreError::MissingKey);
        }
        connection.dirty = true;
        connection.armed = self.timers.arm(id, None, connection.deadline());
        self.dirty.push(id);
        self.counters.restored += 1;
        self.adopt(connection);
        Ok(())
    }

    /// Fills the hollow part of a send buffer from stream offset `offset` on, in order;
    /// repeated or acknowledged octets are ignored. What may be sent, is.
    ///
    /// Errors: `UnknownConnection`, `OutOfRange` where `offset` leaves a gap.
    pub fn supply(
        &mut self,
        now: Instant,
        id: ConnectionId,
        offset: u64,
        data: &[u8],
        fx: &mut Effects,
    ) -> Result<(), Error> {
        let position = offset.checked_add(1).ok_or(Error::OutOfRange)?;
        self.with(now, id, fx, |connection, ctx| {
            if !connection.send_buffer.supply(position, data) {
                return Err(Error::OutOfRange);
            }
            connection.transmit(ctx);
            Ok(())
        })?
    }

    /// Goes on after a takeover: an ACK in the window, then the first unacknowledged segment
    /// or a probe. TSvals go on `timestamp_jump_ms` (at least 1,000) beyond the newest one
    /// sent.
    ///
    /// Errors: `UnknownConnection`.
    pub fn resume(
        &mut self,
        now: Instant,
        id: ConnectionId,
        timestamp_jump_ms: u32,
        fx: &mut Effects,
    ) -> Result<(), Error> {
        self.with(now, id, fx, |connection, ctx| {
            connection.greet(ctx, timestamp_jump_ms.max(1_000));
            connection.go_on(ctx);
        })
    }

    /// The first half of [`resume`](Engine::resume): the ACK in the window. Where many connections
    /// are to go on, every peer hears of the survivor before any hears more; [`go_on`](Engine::go_on)
    /// is the other half, and comes before any segment of that peer is handled.
    ///
    /// Errors: `UnknownConnection`.
    pub fn greet(
        &mut self,
        now: Instant,
        id: ConnectionId,
        timestamp_jump_ms: u32,
        fx: &mut Effects,
    ) -> Result<(), Error> {
        self.with(now, id, fx, |connection, ctx| {
            connection.greet(ctx, timestamp_jump_ms.max(1_000));
        })
    }

    /// The second half of [`resume`](Engine::resume).
    ///
    /// Errors: `UnknownConnection`.
    pub fn go_on(&mut self, now: Instant, id: ConnectionId, fx: &mut Effects) -> Result<(), Error> {
        self.with(now, id, fx, Connection::go_on)
    }

    /// Where a connection is in its life.
    pub fn lifecycle(&self, id: ConnectionId) -> Option<LifecycleState> {
        Some(self.connections.get(&id)?.lifecycle)
    }

    /// Makes room in the tables for so many connections more of IPv4, and of IPv6.
    pub fn reserve(&mut self, v4: usize, v6: usize) {
        self.demux.reserve(v4, v6);
    }

    /// Sets the field that only the trial version 2 of the records carries.
    ///
    /// Errors: `UnknownConnection`.
    #[cfg(feature = "schema-v2")]
    pub fn set_trial(
        &mut self,
        now: Instant,
        id: ConnectionId,
        trial: u32,
        fx: &mut Effects,
    ) -> Result<(), Error> {
        self.with(now, id, fx, |connection, _| {
            connection.lifecycle.trial = trial
        })
    }

    /// All segments that were built until `built` have left the node, at `left` at the latest. A node that holds segments back until
    /// they are backed says so after each time that it lets some go: no probe and no timeout is due to what the peer cannot have. A node
    /// that never says so holds nothing back.
    pub fn note_departure(&mut self, built: Instant, left: Instant) {
        self.departures.note(built, left);
    }

    /// The id of the next connection.
    pub fn next_id(&self) -> ConnectionId {
        ConnectionId(self.next_id)
    }

    /// The TSvals of connections that are opened from now on are so much further, in milliseconds:
    /// further than those of any connection that had the same sockets before (RFC 6191), whose
    /// TSvals have jumped with each takeover.
    pub fn set_timestamp_base(&mut self, base_ms: u32) {
        self.timestamp_base_ms = base_ms;
    }

    /// Ids from `next` on are free; an older value changes nothing.
    pub fn set_next_id(&mut self, next: ConnectionId) {
        self.next_id = self.next_id.max(next.0);
    }
}
