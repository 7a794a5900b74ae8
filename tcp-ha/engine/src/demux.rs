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

/// Tables of connections and listeners. Hash order is never walked.
#[derive(Debug)]
pub(crate) struct Demux {
    tuples: HashMap<FourTuple, ConnectionId, KeyedState>,
    sockets: HashMap<SocketAddr, ListenerId, KeyedState>,
    listeners: BTreeMap<ListenerId, Listener>,
    next_listener: u32,
}

impl Demux {
    pub(crate) fn new(key: [u8; 16]) -> Demux {
        Demux {
            tuples: HashMap::with_hasher(KeyedState::new(key)),
            sockets: HashMap::with_hasher(KeyedState::new(key)),
            listeners: BTreeMap::new(),
            next_listener: 1,
        }
    }

    pub(crate) fn connection(&self, tuple: &FourTuple) -> Option<ConnectionId> {
        self.tuples.get(tuple).copied()
    }

    pub(crate) fn insert(&mut self, tuple: FourTuple, id: ConnectionId) {
        self.tuples.insert(tuple, id);
    }

    /// Removes the tuple where it still belongs to `id`.
    pub(crate) fn remove(&mut self, tuple: &FourTuple, id: ConnectionId) {
        if self.tuples.get(tuple) == Some(&id) {
            self.tuples.remove(tuple);
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
