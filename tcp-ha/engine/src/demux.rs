//! Which connection or listener a segment belongs to. Hash tables only, no scan.

use crate::config::ConnectionOptions;
use crate::error::Error;
use crate::four_tuple::FourTuple;
use crate::ids::{ConnectionId, ListenerId};
use crate::keyed_hash::KeyedState;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A passive open: a socket in LISTEN.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listener {
    pub(crate) local: SocketAddr,
    pub(crate) options: ConnectionOptions,
    pub(crate) backlog: usize,
    /// Connections of this listener in SYN-RECEIVED.
    pub(crate) half_open: usize,
    /// Connections that were established and that the user has not taken; `None` where he takes
    /// each at once.
    pub(crate) waiting: Option<usize>,
}

impl Listener {
    /// No further connection may be half open.
    pub(crate) fn is_full(&self) -> bool {
        self.half_open + self.waiting.unwrap_or(0) >= self.backlog
    }

    /// No further connection may wait for the user.
    pub(crate) fn queue_is_full(&self) -> bool {
        self.waiting
            .is_some_and(|waiting| waiting >= self.backlog.max(1))
    }

    /// A connection is half open no more, since it was established, or is gone.
    pub(crate) fn leave_half_open(&mut self, established: bool) {
        self.half_open = self.half_open.saturating_sub(1);
        if let Some(waiting) = self.waiting.as_mut().filter(|_| established) {
            *waiting += 1;
        }
    }
}

/// A four-tuple of IPv4 as a key: both addresses, both ports.
type KeyV4 = (u64, u32);
/// A four-tuple of IPv6 as a key.
type KeyV6 = (Ipv6Addr, Ipv6Addr, u32);

/// A four-tuple in as few octets as its family needs.
enum Key {
    V4(KeyV4),
    V6(KeyV6),
}

impl Key {
    fn of(tuple: &FourTuple) -> Key {
        let FourTuple { local, remote } = tuple;
        let pair = |local: u32, remote: u32| u64::from(local) << 32 | u64::from(remote);
        let ports = u32::from(local.port()) << 16 | u32::from(remote.port());
        match (local.ip(), remote.ip()) {
            (IpAddr::V4(local), IpAddr::V4(remote)) => {
                Key::V4((pair(local.into(), remote.into()), ports))
            }
            (local, remote) => Key::V6((wide(local), wide(remote), ports)),
        }
    }
}

/// An address as one of IPv6.
fn wide(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

/// Tables of connections and listeners. Hash order is never walked.
#[derive(Debug)]
pub(crate) struct Demux {
    v4: HashMap<KeyV4, ConnectionId, KeyedState>,
    v6: HashMap<KeyV6, ConnectionId, KeyedState>,
    sockets: HashMap<SocketAddr, ListenerId, KeyedState>,
    listeners: BTreeMap<ListenerId, Listener>,
    next_listener: u32,
}

impl Demux {
    pub(crate) fn new(key: [u8; 16]) -> Demux {
        Demux {
            v4: HashMap::with_hasher(KeyedState::new(key)),
            v6: HashMap::with_hasher(KeyedState::new(key)),
            sockets: HashMap::with_hasher(KeyedState::new(key)),
            listeners: BTreeMap::new(),
            next_listener: 1,
        }
    }

    pub(crate) fn connection(&self, tuple: &FourTuple) -> Option<ConnectionId> {
        let id = match Key::of(tuple) {
            Key::V4(key) => self.v4.get(&key),
            Key::V6(key) => self.v6.get(&key),
        };
        id.copied()
    }

    pub(crate) fn insert(&mut self, tuple: &FourTuple, id: ConnectionId) {
        match Key::of(tuple) {
            Key::V4(key) => self.v4.insert(key, id),
            Key::V6(key) => self.v6.insert(key, id),
        };
    }

    /// Makes room for so many connections more in the table of their family.
    pub(crate) fn reserve(&mut self, v4: usize, v6: usize) {
        self.v4.reserve(v4);
        self.v6.reserve(v6);
    }

    /// Removes the tuple where it still belongs to `id`.
    pub(crate) fn remove(&mut self, tuple: &FourTuple, id: ConnectionId) {
        if self.connection(tuple) == Some(id) {
            match Key::of(tuple) {
                Key::V4(key) => self.v4.remove(&key),
                Key::V6(key) => self.v6.remove(&key),
            };
        }
    }

    /// The listener for segments to `local`: the exact address first, then any.
    pub(crate) fn listener_for(&self, local: SocketAddr) -> Option<ListenerId> {
        let any = match local.ip() {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let any = SocketAddr::new(any, local.port());
        self.sockets
            .get(&local)
            .or_else(|| self.sockets.get(&any))
            .copied()
    }

    pub(crate) fn listener(&self, id: ListenerId) -> Option<&Listener> {
        self.listeners.get(&id)
    }

    pub(crate) fn listener_mut(&mut self, id: ListenerId) -> Option<&mut Listener> {
        self.listeners.get_mut(&id)
    }

    pub(crate) fn listen(
        &mut self,
        local: SocketAddr,
        options: ConnectionOptions,
        backlog: usize,
    ) -> Result<ListenerId, Error> {
        if self.sockets.contains_key(&local) {
            return Err(Error::AddressInUse);
        }
        let id = ListenerId(self.next_listener);
        self.next_listener += 1;
        self.sockets.insert(local, id);
        self.listeners.insert(
            id,
            Listener {
                local,
                options,
                backlog,
                half_open: 0,
                waiting: None,
            },
        );
        Ok(id)
    }

    pub(crate) fn unlisten(&mut self, id: ListenerId) {
        if let Some(listener) = self.listeners.remove(&id) {
            self.sockets.remove(&listener.local);
        }
    }
}
