//! TCP sockets of the channel between hosts. What goes over them is protected by [`tls`](super::tls).

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use super::{Transport, uninterrupted};

/// Connections that the kernel keeps for a listener; more are not answered.
const BACKLOG: i32 = 16;
/// Asked of the kernel for each direction; an initial synchronisation should not wait for turns.
const SOCKET_BUFFER_OCTETS: usize = 4 << 20;

/// A connected TCP socket without protection: what [`tls`](super::tls) is measured against. No configuration leads here.
#[derive(Debug)]
pub struct TcpTransport {
    stream: TcpStream,
}

impl TcpTransport {
    /// Makes a connected stream a transport.
    ///
    /// # Errors
    /// The system's.
    pub fn from_stream(stream: TcpStream) -> io::Result<Self> {
        prepare(&stream)?;
        Ok(Self { stream })
    }
}

impl Transport for TcpTransport {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| self.stream.read(octets))
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        uninterrupted(|| self.stream.write(octets))
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.stream.as_fd())
    }
}

/// Non-blocking, without Nagle's delay, with room.
pub(super) fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    enlarge_buffers(stream);
    Ok(())
}

/// As large as the kernel allows; smaller ones only cost turns.
fn enlarge_buffers(socket: impl AsFd) {
    if sockopt::set_socket_send_buffer_size_force(&socket, SOCKET_BUFFER_OCTETS).is_err() {
        let _ = sockopt::set_socket_send_buffer_size(&socket, SOCKET_BUFFER_OCTETS);
    }
    if sockopt::set_socket_recv_buffer_size_force(&socket, SOCKET_BUFFER_OCTETS).is_err() {
        let _ = sockopt::set_socket_recv_buffer_size(&socket, SOCKET_BUFFER_OCTETS);
    }
}

fn socket(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    Ok(rustix::net::socket_with(
        family,
        SocketType::STREAM,
        flags,
        None,
    )?)
}

/// An address that is held, and not listened on: whoever connects is told that nobody is there.
#[derive(Debug)]
pub struct Bound {
    socket: OwnedFd,
    address: SocketAddr,
}

impl Bound {
    /// Takes `address`; port 0 takes any.
    ///
    /// # Errors
    /// The system's, naming the address.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let at = |error: io::Error| named("listen on", address, &error);
        let socket = socket(address).map_err(at)?;
        let set = || -> io::Result<SocketAddr> {
            // Connections of a predecessor may linger.
            sockopt::set_socket_reuseaddr(&socket, true)?;
            if address.is_ipv6() {
                sockopt::set_ipv6_v6only(&socket, true)?;
            }
            rustix::net::bind(&socket, &address)?;
            SocketAddr::try_from(rustix::net::getsockname(&socket)?).map_err(io::Error::from)
        };
        let address = set().map_err(at)?;
        Ok(Self { socket, address })
    }

    /// The address that is held.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Listens from now on, non-blocking.
    ///
    /// # Errors
    /// The system's, naming the address.
    pub(super) fn listen(&self) -> io::Result<TcpListener> {
        let at = |error: io::Error| named("listen on", self.address, &error);
        rustix::net::listen(&self.socket, BACKLOG).map_err(|error| at(error.into()))?;
        self.socket.try_clone().map(TcpListener::from).map_err(at)
    }
}

/// Begins to connect. The socket becomes writable when it has an outcome, which [`outcome`] tells.
pub(super) fn begin_connecting(to: SocketAddr) -> io::Result<TcpStream> {
    let at = |error: io::Error| named("connect to", to, &error);
    let socket = socket(to).map_err(at)?;
    match rustix::net::connect(&socket, &to) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(TcpStream::from(socket)),
        Err(error) => Err(at(error.into())),
    }
}

/// Whether a stream that began to connect is connected by now.
pub(super) fn outcome(stream: &TcpStream, to: SocketAddr) -> io::Result<bool> {
    let at = |error: io::Error| named("connect to", to, &error);
    if let Some(error) = stream.take_error().map_err(at)? {
        return Err(at(error));
    }
    match stream.peer_addr() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
        Err(error) => Err(at(error)),
    }
}

fn named(what: &str, address: SocketAddr, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot {what} {address}: {error}"))
}

#[cfg(test)]
mod tests;
