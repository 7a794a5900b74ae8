//! What a node tells its daemon.

use crate::readiness::Readiness;
use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};
use tcp_ha_engine::{CloseCause, ConnectionId, ListenerId};

/// One event, in the order in which it happened.
#[derive(Clone, Debug)]
pub enum NodeEvent {
    /// Active: a passive open reached ESTABLISHED.
    Accepted {
        /// The listener that took it.
        listener: ListenerId,
        /// The connection.
        id: ConnectionId,
        /// Our socket.
        local: SocketAddr,
        /// The peer's socket.
        remote: SocketAddr,
    },
    /// Active: our SYN was answered.
    Connected {
        /// The connection.
        id: ConnectionId,
        /// Our socket.
        local: SocketAddr,
        /// The peer's socket.
        remote: SocketAddr,
    },
    /// Active: octets came in order; `data` starts at stream offset `offset`.
    Received {
        /// The connection.
        id: ConnectionId,
        /// Stream offset of the first octet.
        offset: u64,
        /// The octets.
        data: Bytes,
    },
    /// Active: the peer acknowledged everything before stream offset `upto`, which left the send buffer.
    Acknowledged {
        /// The connection.
        id: ConnectionId,
        /// Stream offset behind the last one.
        upto: u64,
    },
    /// Active: the peer's FIN came behind all its octets.
    PeerClosed {
        /// The connection.
        id: ConnectionId,
    },
    /// Active: the connection is deleted.
    Closed {
        /// The connection.
        id: ConnectionId,
        /// Why.
        cause: CloseCause,
    },
    /// Active: a standby needs the daemon's own state of this connection.
    SyncRequested {
        /// The connection.
        id: ConnectionId,
    },
    /// Active: a standby needs the daemon's own state that belongs to no connection.
    NodeSyncRequested,
    /// Active: an audit asks what the daemon has to say of its own state: of the connection, or of that which belongs to none.
    AuditRequested {
        /// The connection.
        id: Option<ConnectionId>,
    },
    /// Active: the protection of a connection changed.
    Protection {
        /// The connection.
        id: ConnectionId,
        /// How far it is now.
        readiness: Readiness,
    },
    /// Active: a frame announced our address from elsewhere; the register must be read.
    ForeignAnnouncement {
        /// Our address.
        address: IpAddr,
    },

    /// Standby: the replica begins anew; whatever was known is void.
    ReplicaReset,
    /// Standby: a connection is replicated from here on.
    ReplicaOpened {
        /// The connection.
        id: ConnectionId,
        /// Our socket.
        local: SocketAddr,
        /// The peer's socket.
        remote: SocketAddr,
        /// Whether our side opened it.
        active_open: bool,
    },
    /// Standby: inbound octets that the active's daemon has dealt with. Not in `Marked` mode, where the daemon's own records say what
    /// it made of them.
    ReplicaReceived {
        /// The connection.
        id: ConnectionId,
        /// Stream offset of the first octet.
        offset: u64,
        /// The octets.
        data: Bytes,
    },
    /// Standby: outbound octets.
    ReplicaSent {
        /// The connection.
        id: ConnectionId,
        /// Stream offset of the first octet.
        offset: u64,
        /// The octets.
        data: Bytes,
    },
    /// Standby: the daemon's own record.
    ReplicaRecord {
        /// The connection.
        id: Option<ConnectionId>,
        /// The octets.
        data: Bytes,
    },
    /// Standby: what the active's daemon says of its own state at this place of the feed; the replica's must be the same, or else
    /// [`Standby::replica_differs`](crate::Standby::replica_differs).
    ReplicaAudit {
        /// The connection.
        id: Option<ConnectionId>,
        /// As the active's daemon wrote it.
        data: Bytes,
    },
    /// Standby: the daemon on the active closed the connection, or it was deleted.
    ReplicaClosed {
        /// The connection.
        id: ConnectionId,
    },
}
