//! User calls (RFC 9293 3.9.1).

use super::Engine;
use crate::config::{ConnectionOptions, ReceiveMode};
use crate::effects::{CloseCause, Effects};
use crate::error::Error;
use crate::four_tuple::{FourTuple, is_group};
use crate::ids::{ConnectionId, ListenerId};
use crate::info::ConnectionInfo;
use crate::keyed_hash;
use crate::seq::SeqNum;
use crate::state::{Opener, State};
use crate::time::Instant;
use bytes::Bytes;
use core::time::Duration;
use std::net::{IpAddr, SocketAddr};

/// A connection in TIME-WAIT that has been silent for so long may be opened anew where
/// timestamps tell the incarnations apart (RFC 6191).
const REUSE_AFTER: Duration = Duration::from_secs(1);

impl Engine {
    /// Passive OPEN: takes SYNs to `local`; an unspecified address stands for every address
    /// of its family. At most `backlog` of its connections are half open at a time; see also
    /// [`queue_accepted`](Engine::queue_accepted).
    ///
    /// Errors: `InvalidAddress` (port 0, multicast), `AddressInUse`.
    pub fn listen(
        &mut self,
        local: SocketAddr,
        options: ConnectionOptions,
        backlog: usize,
    ) -> Result<ListenerId, Error> {
        if local.port() == 0 || is_group(local.ip()) {
            return Err(Error::InvalidAddress);
        }
        self.demux.listen(local, options, backlog)
    }

    /// The user of this listener takes its connections later than they are established: until
    /// [`accept`](Engine::accept) each counts against the backlog. Where the whole backlog waits
    /// for him, SYNs are dropped and the ACK that would establish one more is not taken: that
    /// stays half open, and the peer, asked again by SYN-ACKs, tries again.
    pub fn queue_accepted(&mut self, id: ListenerId) {
        if let Some(listener) = self.demux.listener_mut(id) {
            listener.waiting.get_or_insert(0);
        }
    }

    /// The user has taken one of the connections that waited for him; it may have ended since.
    pub fn accept(&mut self, id: ListenerId) {
        if let Some(waiting) = self.demux.listener_mut(id).and_then(|l| l.waiting.as_mut()) {
            *waiting = waiting.saturating_sub(1);
        }
    }

    /// Ends a listener; its connections live on.
    pub fn unlisten(&mut self, id: ListenerId) {
        self.demux.unlisten(id);
    }

    /// Active OPEN. Port 0 in `local` stands for an ephemeral port.
    ///
    /// Errors: `InvalidAddress`, `AddressInUse`, `NoFreePort`, `TooManyConnections`.
    pub fn connect(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        options: ConnectionOptions,
        fx: &mut Effects,
    ) -> Result<ConnectionId, Error> {
        if !self.may_have_room() {
            return Err(Error::TooManyConnections);
        }
        let port = if local.port() == 0 { 1 } else { local.port() };
        let mut tuple = FourTuple {
            local: SocketAddr::new(local.ip(), port),
            remote,
        };
        if !tuple.is_valid() {
            return Err(Error::InvalidAddress);
        }
        if local.port() == 0 {
            let port = self
                .ephemeral_port(local.ip(), remote)
                .ok_or(Error::NoFreePort)?;
            tuple.local.set_port(port);
        }
        let iss_floor = self.make_way(now, &tuple, fx)?;
        if !self.make_room(now, fx) {
            return Err(Error::TooManyConnections);
        }
        self.counters.active_opens += 1;
        let id = self.open(now, tuple, Opener::Active, options, iss_floor, fx);
        self.with(now, id, fx, |connection, ctx| {
            connection.timers.linger = options.connect_timeout.map(|limit| now + limit);
            connection.emit_syn(ctx);
            connection.transmit(ctx);
        })?;
        Ok(id)
    }

    /// RFC 6056 algorithm 3: the search begins where a keyed hash says.
    fn ephemeral_port(&mut self, local: IpAddr, remote: SocketAddr) -> Option<u16> {
        let (first, last) = (self.config.ephemeral_first, self.config.ephemeral_last);
        let ports = u64::from(last - first) + 1;
        let offset = keyed_hash::port_offset(&self.secrets.demux, local, remote) % ports;
        for step in 0..ports {
            let index = (offset + self.ports_taken + step) % ports;
            // Below `ports`, which is at most 2^16.
            let local = SocketAddr::new(local, first + index as u16);
            let taken = self
                .demux
                .connection(&FourTuple { local, remote })
                .is_some()
                || self.demux.listener_for(local).is_some();
            if !taken {
                self.ports_taken += step + 1;
                return Some(local.port());
            }
        }
        None
    }

    /// Removes a connection in TIME-WAIT that may be opened anew; the least ISS for that.
    fn make_way(
        &mut self,
        now: Instant,
        tuple: &FourTuple,
        fx: &mut Effects,
    ) -> Result<Option<SeqNum>, Error> {
        let Some(id) = self.demux.connection(tuple) else {
            return Ok(None);
        };
        let old = self.connection_ref(id)?;
        let silent = now.saturating_since(old.recv.ts_recent_at);
        let over = old.state() == State::TimeWait;
        if !over || !old.identity.timestamps || silent < REUSE_AFTER {
            return Err(Error::AddressInUse);
        }
        let iss_floor = old.successor_iss();
        self.with(now, id, fx, |connection, _| {
            connection.delete(CloseCause::Normal)
        })?;
        Ok(Some(iss_floor))
    }

    /// SEND: queues as much of `data` as the send buffer takes; returns how many octets.
    ///
    /// Errors: `UnknownConnection`, `Closing` after `close`.
    pub fn send(
        &mut self,
        now: Instant,
        id: ConnectionId,
        data: &[u8],
        fx: &mut Effects,
    ) -> Result<usize, Error> {
        self.with(now, id, fx, |connection, ctx| {
            connection.queue(ctx, data, true)
        })?
    }

    /// SEND of octets that are kept where they are until they are acknowledged, if they are
    /// many: whole, or not at all.
    ///
    /// Errors: as `send`; `OutOfRange` where there is no room for all of them.
    pub fn send_shared(
        &mut self,
        now: Instant,
        id: ConnectionId,
        data: Bytes,
        fx: &mut Effects,
    ) -> Result<(), Error> {
        self.with(now, id, fx, |connection, ctx| {
            connection.queue_shared(ctx, data)
        })?
    }

    /// SEND without PUSH: like `send`, but more follows soon, so no segment says that the peer
    /// should hand these octets on at once.
    ///
    /// Errors: as `send`.
    pub fn send_part(
        &mut self,
        now: Instant,
        id: ConnectionId,
        data: &[u8],
        fx: &mut Effects,
    ) -> Result<usize, Error> {
        self.with(now, id, fx, |connection, ctx| {
            connection.queue(ctx, data, false)
        })?
    }

    /// Octets that `send` would take now; 0 for a connection that is closed or unknown.
    pub fn send_room(&self, id: ConnectionId) -> usize {
        self.connections.get(&id).map_or(0, |connection| {
            connection.send_room(self.config.send_capacity)
        })
    }

    /// RECEIVE without taking: the octets in order from stream offset `from` to RCV.NXT, in
    /// the pieces in which they lie.
    ///
    /// Errors: `UnknownConnection`, `OutOfRange` where `from` lies before READ or behind
    /// RCV.NXT.
    pub fn received(
        &self,
        id: ConnectionId,
        from: u64,
    ) -> Result<impl Iterator<Item = &[u8]> + Clone, Error> {
        let position = from.checked_add(1).ok_or(Error::OutOfRange)?;
        self.connection_ref(id)?
            .recv_buffer
            .octets(position)
            .ok_or(Error::OutOfRange)
    }

    /// RECEIVE without taking, for who keeps the octets: those from stream offset `from` to `to` as far as they are held. What
    /// came by [`handle_shared_arrival`](Engine::handle_shared_arrival) and is long is shared, the rest copied.
    pub fn share_received(&self, id: ConnectionId, from: u64, to: u64, give: impl FnMut(Bytes)) {
        if let Some(connection) = self.connections.get(&id) {
            let (from, to) = (from.saturating_add(1), to.saturating_add(1));
            connection.recv_buffer.share(from, to, give);
        }
    }

    /// The end of a turn: sends the ACKs that waited for it (`Config::gather_acks`), one a connection.
    pub fn acknowledge_gathered(&mut self, now: Instant, fx: &mut Effects) {
        let mut gathered = std::mem::take(&mut self.gathered);
        for id in gathered.drain(..) {
            // One that is gone has nothing to say.
            let _ = self.with(now, id, fx, |connection, ctx| {
                if connection.passing.ack_gathered {
                    connection.emit_ack(ctx);
                }
            });
        }
        self.gathered = gathered;
    }

    /// READ := `upto`, a stream offset: octets before it are freed, and the right edge may
    /// move to READ + capacity.
    ///
    /// Errors: `UnknownConnection`, `OutOfRange`, `NotSafe` where `upto` lies behind SAFE.
    pub fn consume(
        &mut self,
        now: Instant,
        id: ConnectionId,
        upto: u64,
        fx: &mut Effects,
    ) -> Result<(), Error> {
        let position = upto.checked_add(1).ok_or(Error::OutOfRange)?;
        self.with(now, id, fx, |connection, ctx| {
            connection.consume(ctx, position)
        })?
    }

    /// The stream offset of SND.UNA and the octets from there to the end of the send buffer,
    /// piece by piece; hollow octets that were not supplied yet are left out with all behind
    /// them.
    ///
    /// Errors: `UnknownConnection`.
    pub fn unacknowledged(
        &self,
        id: ConnectionId,
    ) -> Result<(u64, impl Iterator<Item = &[u8]>), Error> {
        self.unacknowledged_from(id, 0)
    }

    /// The same from stream offset `from` on, or from SND.UNA where that is later; the offset is
    /// that of the first octet.
    ///
    /// Errors: `UnknownConnection`.
    pub fn unacknowledged_from(
        &self,
        id: ConnectionId,
        from: u64,
    ) -> Result<(u64, impl Iterator<Item = &[u8]>), Error> {
        let connection = self.connection_ref(id)?;
        let buffer = &connection.send_buffer;
        let offset = from.max(connection.send_offset(connection.send.una));
        let pieces = buffer.pieces(offset.saturating_add(1), buffer.readable_end());
        Ok((offset, pieces))
    }

    /// SAFE := `upto`, a stream offset; an older one changes nothing. Sends the ACK that was
    /// due. A FIN becomes safe with the last octet before it.
    ///
    /// Errors: `UnknownConnection`, `OutOfRange` where `upto` lies behind RCV.NXT.
    pub fn make_safe(
        &mut self,
        now: Instant,
        id: ConnectionId,
        upto: u64,
        fx: &mut Effects,
    ) -> Result<(), Error> {
        let position = upto.checked_add(1).ok_or(Error::OutOfRange)?;
        self.with(now, id, fx, |connection, ctx| {
            connection.make_safe(ctx, position)
        })?
    }

    /// What the user chose.
    pub fn options(&self, id: ConnectionId) -> Option<ConnectionOptions> {
        self.connections
            .get(&id)
            .map(|connection| connection.identity.options)
    }

    /// Changes what the user chose, the receive mode included.
    ///
    /// Errors: `UnknownConnection`.
    pub fn set_options(
        &mut self,
        now: Instant,
        id: ConnectionId,
        options: ConnectionOptions,
        fx: &mut Effects,
    ) -> Result<(), Error> {
        self.with(now, id, fx, |connection, ctx| {
            connection.set_options(ctx, options)
        })
    }

    /// Changes when received octets may be acknowledged. Towards `Logged` everything
    /// received counts as recorded from now on.
    ///
    /// Errors: `UnknownConnection`.
    pub fn set_receive_mode(
        &mut self,
        now: Instant,
        id: ConnectionId,
        mode: ReceiveMode,
        fx: &mut Effects,
    ) -> Result<(), Error> {
        self.with(now, id, fx, |connection, ctx| {
            connection.set_receive_mode(ctx, mode)
        })
    }

    /// CLOSE: a FIN follows what is queued; receiving goes on.
    ///
    /// Errors: `UnknownConnection`, `Closing` where it was closed before.
    pub fn close(&mut self, now: Instant, id: ConnectionId, fx: &mut Effects) -> Result<(), Error> {
        self.with(now, id, fx, |connection, ctx| connection.close(ctx))?
    }

    /// CLOSE by a user who is gone: like `close`, and nothing that comes in is kept. What was
    /// written is still delivered; beyond `Config::max_orphans` the connection is reset.
    ///
    /// Errors: `UnknownConnection`.
    pub fn abandon(
        &mut self,
        now: Instant,
        id: ConnectionId,
        fx: &mut Effects,
    ) -> Result<(), Error> {
        let full = self.orphans >= self.config.max_orphans;
        if full && self.connection_ref(id)?.lifecycle.orphaned.is_none() {
            self.counters.orphans_dropped += 1;
            return self.abort(now, id, fx);
        }
        self.with(now, id, fx, |connection, ctx| {
            connection.abandon(ctx);
            connection.transmit(ctx);
        })
    }

    /// ABORT: deletes the connection, with a RST to the peer where it could still wait.
    ///
    /// Errors: `UnknownConnection`.
    pub fn abort(&mut self, now: Instant, id: ConnectionId, fx: &mut Effects) -> Result<(), Error> {
        self.with(now, id, fx, |connection, ctx| connection.abort(ctx))
    }

    /// STATUS of one connection.
    pub fn connection(&self, id: ConnectionId) -> Option<ConnectionInfo> {
        self.connections
            .get(&id)
            .map(|connection| connection.info())
    }
}
