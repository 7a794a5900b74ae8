//! Descriptors and what they stand for.

use super::errno::Errno;
use super::stream::Stream;
use core::fmt;
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tcp_ha_engine::{ConnectionId, ConnectionOptions, ListenerId};

/// The first descriptor of a process that has standard input, output and error.
const FIRST: i32 = 3;

/// A descriptor of the virtual host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fd(pub i32);

impl fmt::Display for Fd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Address family of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// AF_INET.
    V4,
    /// AF_INET6.
    V6,
}

impl Family {
    /// The address that stands for every address of the family.
    pub(super) fn unspecified(self) -> IpAddr {
        match self {
            Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
            Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
        }
    }

    pub(super) fn holds(self, address: SocketAddr) -> bool {
        address.is_ipv4() == (self == Family::V4)
    }
}

/// A descriptor's socket.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) family: Family,
    pub(super) nonblocking: bool,
    /// What the user chose, before and after there is a connection.
    pub(super) options: ConnectionOptions,
    pub(super) local: Option<SocketAddr>,
    pub(super) kind: Kind,
}

/// What has become of a socket.
#[derive(Debug)]
pub(super) enum Kind {
    /// Neither listening nor connected.
    Fresh,
    Listener(Listener),
    Stream(Box<Stream>),
}

/// A listening socket.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) id: ListenerId,
    /// Half-open connections at a time.
    pub(super) backlog: usize,
    /// Connections that nobody has accepted.
    pub(super) queue: VecDeque<Stream>,
}

/// All descriptors.
#[derive(Debug, Default)]
pub(super) struct Table {
    sockets: BTreeMap<Fd, Socket>,
}

impl Table {
    /// Gives the lowest free descriptor to a socket.
    pub(super) fn insert(&mut self, socket: Socket) -> Fd {
        let mut free = FIRST;
        while self.sockets.contains_key(&Fd(free)) {
            free += 1;
        }
        self.sockets.insert(Fd(free), socket);
        Fd(free)
    }

    pub(super) fn socket(&self, fd: Fd) -> Result<&Socket, Errno> {
        self.sockets.get(&fd).ok_or(Errno::BadDescriptor)
    }

    pub(super) fn socket_mut(&mut self, fd: Fd) -> Result<&mut Socket, Errno> {
        self.sockets.get_mut(&fd).ok_or(Errno::BadDescriptor)
    }

    pub(super) fn stream(&self, fd: Fd) -> Result<&Stream, Errno> {
        match &self.socket(fd)?.kind {
            Kind::Stream(stream) => Ok(stream),
            _ => Err(Errno::NotConnected),
        }
    }

    pub(super) fn stream_mut(&mut self, fd: Fd) -> Result<&mut Stream, Errno> {
        match &mut self.socket_mut(fd)?.kind {
            Kind::Stream(stream) => Ok(stream),
            _ => Err(Errno::NotConnected),
        }
    }

    /// All streams that have a descriptor.
    pub(super) fn streams(&self) -> impl Iterator<Item = (Fd, &Stream)> {
        self.sockets
            .iter()
            .filter_map(|(fd, socket)| match &socket.kind {
                Kind::Stream(stream) => Some((*fd, &**stream)),
                _ => None,
            })
    }

    pub(super) fn remove(&mut self, fd: Fd) -> Result<Socket, Errno> {
        self.sockets.remove(&fd).ok_or(Errno::BadDescriptor)
    }

    /// The stream of a connection, accepted or not.
    pub(super) fn by_connection(&mut self, id: ConnectionId) -> Option<&mut Stream> {
        self.sockets
            .values_mut()
            .find_map(|socket| match &mut socket.kind {
                Kind::Stream(stream) if stream.id == Some(id) => Some(&mut **stream),
                Kind::Listener(listener) => listener
                    .queue
                    .iter_mut()
                    .find(|stream| stream.id == Some(id)),
                _ => None,
            })
    }

    pub(super) fn listener_mut(&mut self, id: ListenerId) -> Option<&mut Listener> {
        self.sockets
            .values_mut()
            .find_map(|socket| match &mut socket.kind {
                Kind::Listener(listener) if listener.id == id => Some(listener),
                _ => None,
            })
    }
}
