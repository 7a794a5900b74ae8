//! The socket calls.

use super::config::{MakesSafe, Semantics};
use super::errno::Errno;
use super::host::Host;
use super::stream::{Opening, RecvFlags, Shutdown, Stream};
use super::table::{Family, Fd, Kind, Listener, Socket};
use std::net::SocketAddr;
use tcp_ha_engine::CloseCause;

/// Most octets that one call receives.
const RECV_LIMIT: usize = 1 << 24;

impl Host {
    /// socket(2), SOCK_STREAM.
    pub fn socket(&mut self, family: Family) -> Result<Fd, Errno> {
        Ok(self.table.insert(Socket {
            family,
            nonblocking: false,
            options: self.config.options,
            local: None,
            kind: Kind::Fresh,
        }))
    }

    /// bind(2).
    ///
    /// Errors: `Invalid` where the socket has an address, `WrongFamily`.
    pub fn bind(&mut self, fd: Fd, local: SocketAddr) -> Result<(), Errno> {
        let socket = self.table.socket_mut(fd)?;
        if !socket.family.holds(local) {
            return Err(Errno::WrongFamily);
        }
        if socket.local.is_some() || !matches!(socket.kind, Kind::Fresh) {
            return Err(Errno::Invalid);
        }
        socket.local = Some(local);
        Ok(())
    }

    /// listen(2). `backlog` bounds the half-open connections.
    ///
    /// Errors: `Invalid` for a connected socket, `AddressInUse`.
    pub fn listen(&mut self, fd: Fd, backlog: usize) -> Result<(), Errno> {
        let socket = self.table.socket_mut(fd)?;
        match &socket.kind {
            Kind::Fresh => {}
            Kind::Listener(_) => return Ok(()),
            Kind::Stream(_) => return Err(Errno::Invalid),
        }
        let local = socket.local.ok_or(Errno::Invalid)?;
        let backlog = backlog.saturating_add(1);
        let options = socket.options;
        let id = self
            .passive_opens
            .listen(&mut self.engine, local, options, backlog)?;
        socket.kind = Kind::Listener(Listener {
            id,
            backlog,
            queue: Default::default(),
        });
        Ok(())
    }

    /// accept(2): the new descriptor and the peer's address.
    ///
    /// Errors: `Again` where no connection waits, `Invalid` where the socket does not listen.
    pub fn accept(&mut self, fd: Fd) -> Result<(Fd, SocketAddr), Errno> {
        let socket = self.table.socket_mut(fd)?;
        let Kind::Listener(listener) = &mut socket.kind else {
            return Err(Errno::Invalid);
        };
        let stream = listener.queue.pop_front().ok_or(Errno::Again)?;
        let (remote, family, options) = (stream.remote, socket.family, socket.options);
        let accepted = self.table.insert(Socket {
            family,
            nonblocking: false,
            options,
            local: Some(stream.local),
            kind: Kind::Stream(Box::new(stream)),
        });
        Ok((accepted, remote))
    }

    /// connect(2): sends the SYN, or tells how it went.
    ///
    /// Errors: `InProgress` when the SYN was sent, `Already` while it is under way,
    /// `IsConnected`, and what ended the attempt.
    pub fn connect(&mut self, fd: Fd, remote: SocketAddr) -> Result<(), Errno> {
        let socket = self.table.socket_mut(fd)?;
        match &mut socket.kind {
            Kind::Listener(_) => return Err(Errno::IsConnected),
            Kind::Stream(stream) => return stream.opening_result(),
            Kind::Fresh => {}
        }
        if !socket.family.holds(remote) {
            return Err(Errno::WrongFamily);
        }
        let (family, options, bound) = (socket.family, socket.options, socket.local);
        let mut local = bound.unwrap_or(SocketAddr::new(family.unspecified(), 0));
        if local.ip().is_unspecified() {
            local.set_ip(self.source_for(remote.ip()));
        }
        let id =
            self.with_engine(|engine, now, fx| engine.connect(now, local, remote, options, fx))?;
        let stream = self
            .stream_of(id, Opening::Connecting)
            .ok_or(Errno::NoBuffers)?;
        let socket = self.table.socket_mut(fd)?;
        socket.local = Some(stream.local);
        socket.kind = Kind::Stream(Box::new(stream));
        Err(Errno::InProgress)
    }

    /// recv(2): up to `limit` octets; none at the end of the stream.
    ///
    /// Errors: `Again`, `NotConnected`, and once what ended the connection.
    pub fn recv(&mut self, fd: Fd, limit: usize, flags: RecvFlags) -> Result<Vec<u8>, Errno> {
        let stream = self.table.stream_mut(fd)?;
        let len = limit.min(stream.unread.len()).min(RECV_LIMIT);
        if len == 0 {
            if limit > 0 || stream.unread.is_empty() {
                stream.end_of_read()?;
            }
            return Ok(Vec::new());
        }
        if flags.peek {
            return Ok(stream.unread.range(..len).copied().collect());
        }
        let octets = stream.unread.drain(..len).collect();
        let (id, read) = (stream.id, stream.read_offset());
        if let Some(id) = id {
            let makes_safe = self.config.makes_safe == MakesSafe::WhenRead;
            self.with_engine(|engine, now, fx| {
                // A connection that ended a moment ago needs no window.
                if makes_safe && engine.connection(id).is_some_and(|info| info.safe < read) {
                    let _ = engine.make_safe(now, id, read, fx);
                }
                let _ = engine.consume(now, id, read, fx);
            });
        }
        Ok(octets)
    }

    /// Octets before stream offset `upto` may be acknowledged; there is no such call in BSD.
    ///
    /// Errors: `NotConnected`; `Invalid` where they have not come.
    pub fn make_safe(&mut self, fd: Fd, upto: u64) -> Result<(), Errno> {
        let id = self.table.stream(fd)?.id.ok_or(Errno::NotConnected)?;
        self.with_engine(|engine, now, fx| engine.make_safe(now, id, upto, fx))?;
        Ok(())
    }

    /// Stream offset of the octet that is read next.
    ///
    /// Errors: `NotConnected`.
    pub fn read_offset(&self, fd: Fd) -> Result<u64, Errno> {
        Ok(self.table.stream(fd)?.read_offset())
    }

    /// Stream offset of the octet that is written next.
    ///
    /// Errors: `NotConnected`; `Pipe` where the connection is over.
    pub fn write_offset(&self, fd: Fd) -> Result<u64, Errno> {
        let id = self.table.stream(fd)?.id.ok_or(Errno::Pipe)?;
        self.written(fd, id)
    }

    /// True while a socket listens.
    pub fn is_listening(&self) -> bool {
        self.passive_opens.any()
    }

    /// shutdown(2).
    ///
    /// Errors: `NotConnected`; with [`Semantics::Rfc9293`], `Pipe` where writing is over.
    pub fn shutdown(&mut self, fd: Fd, how: Shutdown) -> Result<(), Errno> {
        let stream = self.table.stream_mut(fd)?;
        let id = stream.id.ok_or(Errno::NotConnected)?;
        let again = stream.write_shut && how != Shutdown::Read;
        if again && self.config.semantics == Semantics::Rfc9293 {
            return Err(Errno::Pipe);
        }
        stream.read_shut |= how != Shutdown::Write;
        let ends_writing = how != Shutdown::Read && !stream.write_shut;
        stream.write_shut |= ends_writing;
        if ends_writing {
            self.flush(fd)?;
            self.with_engine(|engine, now, fx| engine.close(now, id, fx))?;
        }
        Ok(())
    }

    /// close(2). A stream with octets that nobody has read is reset (RFC 1122 4.2.2.13);
    /// any other lives on as an orphan until both ends have closed.
    pub fn close(&mut self, fd: Fd) -> Result<(), Errno> {
        // What is held back goes in front of the FIN.
        let _ = self.flush(fd);
        match self.table.remove(fd)?.kind {
            Kind::Fresh => {}
            Kind::Listener(listener) => {
                self.passive_opens.unlisten(&mut self.engine, listener.id);
                for stream in listener.queue {
                    self.abandon(&stream, true);
                }
            }
            Kind::Stream(stream) => {
                self.abandon(&stream, !stream.unread.is_empty());
            }
        }
        Ok(())
    }

    fn abandon(&mut self, stream: &Stream, reset: bool) {
        let Some(id) = stream.id else {
            return;
        };
        self.with_engine(|engine, now, fx| {
            // Both fail only where the connection has ended.
            let _ = match reset {
                true => engine.abort(now, id, fx),
                false => engine.abandon(now, id, fx),
            };
        });
    }

    /// True where the descriptor is in non-blocking mode.
    pub fn is_nonblocking(&self, fd: Fd) -> Result<bool, Errno> {
        Ok(self.table.socket(fd)?.nonblocking)
    }

    /// Sets or clears O_NONBLOCK.
    pub fn set_nonblocking(&mut self, fd: Fd, on: bool) -> Result<(), Errno> {
        self.table.socket_mut(fd)?.nonblocking = on;
        Ok(())
    }

    /// getsockname(2).
    pub fn local_address(&self, fd: Fd) -> Result<SocketAddr, Errno> {
        let socket = self.table.socket(fd)?;
        let unbound = SocketAddr::new(socket.family.unspecified(), 0);
        Ok(socket.local.unwrap_or(unbound))
    }

    /// getpeername(2).
    ///
    /// Errors: `NotConnected`.
    pub fn remote_address(&self, fd: Fd) -> Result<SocketAddr, Errno> {
        Ok(self.table.stream(fd)?.remote)
    }
}

impl Stream {
    /// What `connect` says of an attempt that was begun before.
    fn opening_result(&mut self) -> Result<(), Errno> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        match self.opening {
            Opening::Connecting => Err(Errno::Already),
            Opening::Connected => {
                self.opening = Opening::Told;
                Ok(())
            }
            Opening::Told => Err(Errno::IsConnected),
        }
    }

    /// The connection is over.
    pub(super) fn end(&mut self, cause: CloseCause, semantics: Semantics) {
        self.id = None;
        self.outgoing.clear();
        self.error = match (Errno::of_cause(cause), semantics) {
            // The peer had said that it would send no more.
            (Some(Errno::Reset), Semantics::Linux) if self.peer_closed => Some(Errno::Pipe),
            (error, _) => error,
        };
        if semantics == Semantics::Rfc9293 && self.error.is_some() {
            // RFC 9293 3.10.7.4, second: all segment queues are flushed.
            self.unread.clear();
        }
    }
}
