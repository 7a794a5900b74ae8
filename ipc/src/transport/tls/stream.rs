//! A stream under TLS.

use core::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, Connection, Error, ServerConnection};

use super::super::{Transport, tcp, uninterrupted};
use super::credentials::{Credentials, PROTOCOL};

/// Octets taken from the socket at once.
const INBOUND_OCTETS: usize = 64 << 10;
/// Octets of records that may wait for room in the socket; a turn's batch should leave in one call.
const OUTBOUND_OCTETS: usize = 256 << 10;
/// A handshake takes no more octets from either side.
const HANDSHAKE_OCTETS_MAX: usize = 64 << 10;
/// Octets of records that may come without one octet of content: they would only keep this side busy.
const BARREN_OCTETS_MAX: usize = 128 << 10;

/// A connected stream under TLS 1.3, whose other end is of the pair once `TlsTransport::shake` has said so.
pub struct TlsTransport {
    stream: TcpStream,
    remote: SocketAddr,
    connection: Connection,
    inbound: Box<[u8]>,
    /// What of `inbound` has not been looked at.
    start: usize,
    end: usize,
    /// Octets of records since the last octet of content.
    barren: usize,
    ended: bool,
    broken: Option<Error>,
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsTransport({})", self.remote)
    }
}

impl TlsTransport {
    /// The side that was connected to.
    pub(super) fn serve(
        stream: TcpStream,
        remote: SocketAddr,
        credentials: &Credentials,
    ) -> io::Result<Self> {
        let connection = ServerConnection::new(Arc::clone(&credentials.server));
        Self::new(stream, remote, connection.map_err(broken)?.into())
    }

    /// The side that connected.
    pub(super) fn call(
        stream: TcpStream,
        remote: SocketAddr,
        credentials: &Credentials,
    ) -> io::Result<Self> {
        let name = ServerName::IpAddress(remote.ip().into());
        let connection = ClientConnection::new(Arc::clone(&credentials.client), name);
        Self::new(stream, remote, connection.map_err(broken)?.into())
    }

    fn new(stream: TcpStream, remote: SocketAddr, mut connection: Connection) -> io::Result<Self> {
        tcp::prepare(&stream)?;
        connection.set_buffer_limit(Some(OUTBOUND_OCTETS));
        Ok(Self {
            stream,
            remote,
            connection,
            inbound: vec![0; INBOUND_OCTETS].into(),
            start: 0,
            end: 0,
            barren: 0,
            ended: false,
            broken: None,
        })
    }

    /// The other end.
    #[must_use]
    pub fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// Version and cipher suite, as `TLSv1_3 TLS13_AES_256_GCM_SHA384`, once they are agreed on.
    #[must_use]
    pub fn protection(&self) -> Option<String> {
        let version = self.connection.protocol_version()?;
        let suite = self.connection.negotiated_cipher_suite()?.suite();
        Some(format!("{version:?} {suite:?}"))
    }

    /// Goes on with the handshake; whether it is done. A client's is done before the server has judged its certificate.
    ///
    /// # Errors
    /// Any ends the stream; those of TLS carry a [`rustls::Error`].
    pub(super) fn shake(&mut self) -> io::Result<bool> {
        loop {
            match self.push() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                other => other?,
            }
            if !self.connection.is_handshaking() {
                self.barren = 0;
                return match self.connection.alpn_protocol() {
                    Some(PROTOCOL) => Ok(true),
                    _ => Err(broken(Error::NoApplicationProtocol)),
                };
            }
            if self.start == self.end && !self.fill()? {
                return Ok(false);
            }
            if self.ended {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.decrypt()?;
            if self.barren > HANDSHAKE_OCTETS_MAX {
                return Err(broken(Error::General("a handshake without end".to_owned())));
            }
        }
    }

    /// Whether it waits for room in the socket, rather than for octets.
    pub(super) fn waits_for_room(&self) -> bool {
        self.connection.wants_write()
    }

    /// Takes octets from the socket; false when there are none.
    fn fill(&mut self) -> io::Result<bool> {
        match uninterrupted(|| self.stream.read(&mut self.inbound)) {
            Ok(octets) => {
                self.ended |= octets == 0;
                (self.start, self.end) = (0, octets);
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deals with some of what was taken from the socket.
    fn decrypt(&mut self) -> io::Result<()> {
        let mut octets = &self.inbound[self.start..self.end];
        let taken = self.connection.read_tls(&mut octets)?;
        if taken == 0 {
            // After the other side's goodbye nothing counts.
            (self.start, self.ended) = (self.end, true);
            return Ok(());
        }
        self.start += taken;
        self.barren += taken;
        let done = self.connection.process_new_packets();
        // An alert, an answer to an update of keys: what finds no room goes with the next write.
        match self.push() {
            Err(error) if error.kind() != ErrorKind::WouldBlock && done.is_ok() => Err(error),
            _ => done.map(drop).map_err(broken),
        }
    }

    /// The same for a reader, who is told of a break when everything before it was read.
    fn open_records(&mut self) -> io::Result<()> {
        if let Err(error) = self.decrypt() {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
            self.broken = Some(inner.cloned().ok_or(error)?);
        } else if self.barren > BARREN_OCTETS_MAX {
            let flood = "a flood of records without content";
            self.broken = Some(Error::General(flood.to_owned()));
        }
        Ok(())
    }

    /// Writes records that wait.
    fn push(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            let stream = &mut self.stream;
            if uninterrupted(|| self.connection.write_tls(stream))? == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }
}

fn broken(error: Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

impl Transport for TlsTransport {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        let (mut filled, mut asked) = (0, false);
        let nothing = loop {
            if filled == octets.len() {
                return Ok(filled);
            }
            match self.connection.reader().read(&mut octets[filled..]) {
                Ok(0) => return Ok(filled),
                Ok(more) => {
                    (filled, self.barren) = (filled + more, 0);
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => break error,
            }
            // What came before the break is read first.
            if let Some(error) = &self.broken {
                break broken(error.clone());
            }
            if self.ended {
                return Ok(filled);
            }
            if self.start < self.end {
                self.open_records()?;
                continue;
            }
            // One look at the socket brings enough for one call.
            if asked && filled > 0 {
                return Ok(filled);
            }
            asked = true;
            match self.fill() {
                Ok(true) => {}
                Ok(false) => break ErrorKind::WouldBlock.into(),
                Err(error) => break error,
            }
        };
        if filled > 0 { Ok(filled) } else { Err(nothing) }
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.push()?;
        if self.connection.is_handshaking() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let taken = self.connection.writer().write(octets)?;
        match self.push() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.push()
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.stream.as_fd())
    }
}

impl Drop for TlsTransport {
    fn drop(&mut self) {
        self.connection.send_close_notify();
        let _ = self.push();
    }
}
