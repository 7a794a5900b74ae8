//! What a node tells its daemon.

use crate::readiness::Readiness;
use bytes::Bytes;
use std::net::SocketAddr;
use tcp_ha_engine::{CloseCause, ConnectionId, ListenerId};

/// One event, in the order in which it happened.
#[derive(Clone, Debug)]
pub enum NodeEvent {
    /// Active: a passive open reached ESTABLISHED.
    Accepted {
        listener: ListenerId,
        id: ConnectionId,
        local: SocketAddr,
        remote: SocketAddr,
    },
    /// Active: our SYN was answered.
    Connected {
        id: ConnectionId,
        local: SocketAddr,
        remote: SocketAddr,
    },
    /// Active: octets came in order; `data` starts at stream offset `offset`.
    Received {
        id: ConnectionId,
        offset: u64,
        data: Bytes,
    },
    /// Active: the peer acknowledged everything before stream offset `upto`, which left the send buffer.
    Acknowledged { id: ConnectionId, upto: u64 },
    /// Active: the peer's FIN came behind all its octets.
    PeerClosed { id: ConnectionId },
    /// Active: the connection is deleted.
    Closed { id: ConnectionId, cause: CloseCause },
    /// Active: a standby needs the daemon's own state of this connection.
    SyncRequested { id: ConnectionId },
    /// Active: a standby needs the daemon's own state that belongs to no connection.
    NodeSyncRequested,
    /// Active: the protection of a connection changed.
    Protection {
        id: ConnectionId,
        readiness: Readiness,
    },
    /// Active: a frame announced our address from elsewhere, or the loop stood still: the register must be read.
    RegisterDoubt,

    /// Standby: the replica begins anew; whatever was known is void.
    ReplicaReset,
    /// Standby: a connection is replicated from here on.
    ReplicaOpened {
        id: ConnectionId,
        local: SocketAddr,
        remote: SocketAddr,
        active_open: bool,
    },
    /// Standby: inbound octets that the active's daemon has dealt with.
    ReplicaReceived {
        id: ConnectionId,
        offset: u64,
        data: Bytes,
    },
    /// Standby: outbound octets.
    ReplicaSent {
        id: ConnectionId,
        offset: u64,
        data: Bytes,
    },
    /// Standby: the daemon's own record.
    ReplicaRecord {
        id: Option<ConnectionId>,
        data: Bytes,
    },
    /// Standby: the daemon on the active closed the connection, or it was deleted.
    ReplicaClosed { id: ConnectionId },
}
