//! What a stack tells its daemon.

use crate::stream::TcpStream;
use bytes::Bytes;
use std::net::SocketAddr;
use tcp_ha_core::Readiness;
use tcp_ha_engine::ConnectionId;
use tokio::sync::mpsc;

/// How a node became active.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Nobody was there; it begins without connections.
    ColdStart,
    /// The active died or fell silent.
    TakeOver,
    /// The active passed the epoch on.
    HandOver,
}

/// One event. On the standby they are the replica's feed, exactly in the order of the active's records.
#[derive(Debug)]
pub enum StackEvent {
    /// This node is the active now.
    Active {
        /// The epoch in which it speaks.
        epoch: u64,
        /// How it came to it.
        how: How,
        /// Protected streams that were handed over. Reading starts at the first octet that the old active's daemon had not dealt
        /// with; writing goes on behind what it had recorded. Empty unless `StackConfig::streams_by_event` is set.
        streams: Vec<TcpStream>,
    },
    /// Active: a standby needs the daemon's own state of this connection; answer with [`StreamHandle::sync`](crate::StreamHandle::sync).
    SyncRequested {
        /// The connection.
        id: ConnectionId,
    },
    /// Active: a standby needs the daemon's own state that belongs to no connection; answer with [`Stack::sync`](crate::Stack::sync).
    NodeSyncRequested,
    /// Active: an audit asks what the daemon has to say of its own state of a connection, or of that which belongs to none; answer with
    /// [`Stack::audit`](crate::Stack::audit), or not at all.
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
    /// This node joins as standby: the replica begins anew, everything known before is void.
    Standby,
    /// Standby: a connection is replicated from here on.
    Opened {
        /// The connection; it keeps its id over takeovers.
        id: ConnectionId,
        /// Our socket.
        local: SocketAddr,
        /// The peer's socket.
        remote: SocketAddr,
        /// Whether our side opened it.
        active_open: bool,
    },
    /// Standby: inbound octets that the active's daemon has dealt with.
    Received {
        /// The connection.
        id: ConnectionId,
        /// Stream offset of the first octet.
        offset: u64,
        /// The octets.
        data: Bytes,
    },
    /// Standby: octets that the active's daemon wrote.
    Sent {
        /// The connection.
        id: ConnectionId,
        /// Stream offset of the first octet.
        offset: u64,
        /// The octets.
        data: Bytes,
    },
    /// Standby: a record of the active's daemon.
    Record {
        /// The connection that it belongs to, if any.
        id: Option<ConnectionId>,
        /// The record.
        data: Bytes,
    },
    /// Standby: what the active's daemon says of its own state at this place of the feed; a replica that does not agree says so by
    /// [`Stack::replica_differs`](crate::Stack::replica_differs).
    Audit {
        /// The connection that it is about, if any.
        id: Option<ConnectionId>,
        /// As the daemon wrote it.
        data: Bytes,
    },
    /// Standby: the active's daemon closed the connection, or it was deleted.
    Closed {
        /// The connection.
        id: ConnectionId,
    },
    /// Another node has the epoch for ever: the process should end; restarted, it joins as standby.
    Fenced {
        /// What happened.
        reason: String,
    },
    /// The node ended on request, or its device failed.
    Ended {
        /// What happened.
        reason: String,
    },
}

/// The receiving end; one for a stack.
#[derive(Debug)]
pub struct StackEvents {
    pub(crate) receiver: mpsc::UnboundedReceiver<StackEvent>,
}

impl StackEvents {
    /// The next event; `None` once the node has ended.
    pub async fn next(&mut self) -> Option<StackEvent> {
        self.receiver.recv().await
    }

    /// The next event, if one is there.
    pub fn try_next(&mut self) -> Option<StackEvent> {
        self.receiver.try_recv().ok()
    }
}
