//! What a daemon asks of the node.

use crate::event::StackEvent;
use crate::info::TcpInfo;
use crate::listener::Accepting;
use crate::options::Change;
use crate::status::Status;
use crate::stream::TcpStream;
use bytes::Bytes;
use crossbeam_channel::Sender;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tcp_ha_core::{Listening, Protection};
use tcp_ha_engine::auth::SecurityTable;
use tcp_ha_engine::{ConnectionId, ConnectionOptions, ListenerId};
use tokio::sync::{mpsc, oneshot};

/// One call, of a stream or of the stack.
pub(crate) enum Command {
    Listen {
        listening: Listening,
        reply: oneshot::Sender<io::Result<Accepting>>,
    },
    /// A connection that waited for the daemon was taken.
    Accepted(ListenerId),
    Unlisten(ListenerId),
    Connect {
        local: SocketAddr,
        remote: SocketAddr,
        options: ConnectionOptions,
        protection: Option<Protection>,
        reply: oneshot::Sender<io::Result<TcpStream>>,
    },
    Write {
        id: ConnectionId,
        data: Bytes,
        dealt_with: Option<u64>,
    },
    Processed {
        id: ConnectionId,
        upto: u64,
    },
    Record {
        id: Option<ConnectionId>,
        data: Bytes,
        dealt_with: Option<u64>,
    },
    Sync {
        id: Option<ConnectionId>,
        records: Vec<Bytes>,
    },
    Audit {
        id: Option<ConnectionId>,
        data: Bytes,
    },
    Supply {
        id: ConnectionId,
        offset: u64,
        data: Bytes,
    },
    Protect {
        id: ConnectionId,
        protection: Option<Protection>,
    },
    Security(SecurityTable),
    /// Answered when everything called before is backed.
    Back(oneshot::Sender<()>),
    Change {
        id: ConnectionId,
        change: Change,
    },
    Close(ConnectionId),
    Abandon(ConnectionId),
    Abort(ConnectionId),
}

/// Calls that are answered also while the gate is shut.
pub(crate) enum Control {
    Status(oneshot::Sender<Status>),
    Info {
        id: ConnectionId,
        reply: oneshot::Sender<Option<TcpInfo>>,
    },
    Switchover(oneshot::Sender<Result<(), String>>),
    /// A wish of the operator's.
    Wish {
        wish: Wish,
        reply: oneshot::Sender<Result<(), String>>,
    },
    /// The daemon's replica on this standby differs.
    ReplicaDiffers(Option<ConnectionId>),
    /// The daemon's replica cannot follow.
    ReplicaFailed(String),
    Stop(oneshot::Sender<()>),
}

/// What an operator may want of an active beside a handover.
pub(crate) enum Wish {
    Clear(ConnectionId),
    Restore(ConnectionId),
    Dismiss,
}

/// Wakes the node's thread only when it sleeps.
pub(crate) struct Doorbell {
    sleeping: AtomicBool,
    waker: mio::Waker,
}

impl Doorbell {
    pub(crate) fn new(waker: mio::Waker) -> Doorbell {
        Doorbell {
            sleeping: AtomicBool::new(false),
            waker,
        }
    }

    pub(crate) fn ring(&self) {
        if self.sleeping.swap(false, Ordering::SeqCst) {
            // It can only fail where the node has ended; then nobody needs waking.
            let _ = self.waker.wake();
        }
    }

    pub(crate) fn going_to_sleep(&self) {
        self.sleeping.store(true, Ordering::SeqCst);
    }

    pub(crate) fn awake(&self) {
        self.sleeping.store(false, Ordering::SeqCst);
    }
}

/// The daemon's ends of the queues into the node.
#[derive(Clone)]
pub(crate) struct Commands {
    pub(crate) calls: Sender<Command>,
    pub(crate) controls: Sender<Control>,
    pub(crate) doorbell: Arc<Doorbell>,
}

impl Commands {
    /// Queues a call; one to a node that has ended is void.
    pub(crate) fn call(&self, command: Command) {
        let _ = self.calls.send(command);
        self.doorbell.ring();
    }

    pub(crate) fn control(&self, control: Control) {
        let _ = self.controls.send(control);
        self.doorbell.ring();
    }
}

/// The node's end of the events to the daemon.
pub(crate) type EventSender = mpsc::UnboundedSender<StackEvent>;
