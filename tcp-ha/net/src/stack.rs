//! A node with its face.

use crate::command::{Command, Commands, Control, Wish};
use crate::config::{StackConfig, StartError};
use crate::driver::Driver;
use crate::event::StackEvents;
use crate::listener::{ConnectOptions, ListenOptions, TcpListener};
use crate::status::Status;
use crate::stream::TcpStream;
use bytes::Bytes;
use std::io;
use std::net::SocketAddr;
use tcp_ha_core::Listening;
use tcp_ha_engine::ConnectionId;
use tcp_ha_engine::auth::SecurityTable;
use tokio::sync::oneshot;

/// A running node. Clones are the same node; it runs until the process ends or [`Stack::stop`].
#[derive(Clone)]
pub struct Stack {
    commands: Commands,
}

impl Stack {
    /// Starts the node on a thread of its own: it reads the register and joins or begins.
    ///
    /// # Errors
    /// The device, an address, the register or a socket cannot be had; one line says what to do.
    pub async fn start(config: StackConfig) -> Result<(Stack, StackEvents), StartError> {
        let (driver, commands, receiver) = Driver::open(config)?;
        let thread = std::thread::Builder::new().name("tcp-ha-node".to_owned());
        // A node that panics must be dead for its standby, not half alive.
        let run = move || {
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| driver.run())).is_err() {
                std::process::abort();
            }
        };
        thread
            .spawn(run)
            .map_err(|error| StartError::Io("cannot start the node's thread", error))?;
        Ok((Stack { commands }, StackEvents { receiver }))
    }

    /// Listens; waits until this node is the active. Connections of a dead active that came in on this port are accepted first.
    ///
    /// # Errors
    /// The address is taken, or the node has ended.
    pub async fn listen(
        &self,
        local: SocketAddr,
        options: ListenOptions,
    ) -> io::Result<TcpListener> {
        let ListenOptions {
            connection,
            backlog,
            protection,
        } = options;
        let listening = Listening {
            local,
            options: connection,
            backlog,
            protection,
        };
        let (reply, answer) = oneshot::channel();
        self.commands.call(Command::Listen { listening, reply });
        let accepting = answer.await.map_err(|_| ended())??;
        Ok(TcpListener::new(accepting, self.commands.clone()))
    }

    /// Opens a connection; waits until this node is the active and the peer has answered. Port 0 of `local` means any.
    ///
    /// # Errors
    /// The peer refused or did not answer, no port is free, or the node has ended.
    pub async fn connect(
        &self,
        local: SocketAddr,
        remote: SocketAddr,
        options: ConnectOptions,
    ) -> io::Result<TcpStream> {
        let ConnectOptions {
            connection,
            protection,
        } = options;
        let (reply, answer) = oneshot::channel();
        self.commands.call(Command::Connect {
            local,
            remote,
            options: connection,
            protection,
            reply,
        });
        answer.await.map_err(|_| ended())?
    }

    /// A record of the daemon's that belongs to no connection, in order with everything else.
    pub fn record(&self, data: Bytes) {
        self.commands.call(Command::Record {
            id: None,
            data,
            dealt_with: None,
        });
    }

    /// Answers `NodeSyncRequested`: the daemon's own state that belongs to no connection.
    pub fn sync(&self, records: Vec<Bytes>) {
        self.commands.call(Command::Sync { id: None, records });
    }

    /// Waits until everything called before would be kept by a survivor: a standby holds it, or the register lets this node speak without
    /// one. What is told to a third party meanwhile may be lost with this node, so answers to it wait for this.
    ///
    /// # Errors
    /// The node is not the active, or no longer: only the survivor knows what it keeps.
    pub async fn backed(&self) -> io::Result<()> {
        let (reply, answer) = oneshot::channel();
        self.commands.call(Command::Back(reply));
        let lost = "this node is not the active, or no longer: ask the one that is";
        answer
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::NotConnected, lost))
    }

    /// Asks this of peers from now on: their keys and TTL security, see `Engine::set_security`. The standby gets it from
    /// the active; of a node that is not the active the call is void.
    pub fn set_security(&self, table: SecurityTable) {
        self.commands.call(Command::Security(table));
    }

    /// What the node says of itself.
    ///
    /// # Errors
    /// It has ended.
    pub async fn status(&self) -> io::Result<Status> {
        let (reply, answer) = oneshot::channel();
        self.commands.control(Control::Status(reply));
        answer.await.map_err(|_| ended())
    }

    /// Hands over to the standby as planned. On success this node is fenced soon after, and says so by an event.
    ///
    /// # Errors
    /// The reason why the handover is refused.
    pub async fn switchover(&self) -> Result<(), String> {
        let (reply, answer) = oneshot::channel();
        self.commands.control(Control::Switchover(reply));
        answer
            .await
            .unwrap_or_else(|_| Err("the node has ended".to_owned()))
    }

    /// The operator takes a connection out of protection until [`restore_protection`](Self::restore_protection), whatever its daemon
    /// asks for: no survivor takes it up.
    ///
    /// # Errors
    /// This node is not the active, the connection is unknown, or nobody asked for its protection.
    pub async fn clear_protection(&self, id: ConnectionId) -> Result<(), String> {
        self.wish(Wish::Clear(id)).await
    }

    /// Lets a connection be protected again that [`clear_protection`](Self::clear_protection) took out.
    ///
    /// # Errors
    /// This node is not the active, or the connection is unknown or was not taken out.
    pub async fn restore_protection(&self, id: ConnectionId) -> Result<(), String> {
        self.wish(Wish::Restore(id)).await
    }

    /// Sends the standby away: the node serves alone, until a standby comes and is brought up to date from nothing.
    ///
    /// # Errors
    /// This node is not the active, has no standby, or hands over to it.
    pub async fn dismiss_standby(&self) -> Result<(), String> {
        self.wish(Wish::Dismiss).await
    }

    async fn wish(&self, wish: Wish) -> Result<(), String> {
        let (reply, answer) = oneshot::channel();
        self.commands.control(Control::Wish { wish, reply });
        answer
            .await
            .unwrap_or_else(|_| Err("the node has ended".to_owned()))
    }

    /// The daemon's replica on this standby cannot follow: the node resigns, and joins anew with
    /// [`StackEvent::Standby`](crate::StackEvent::Standby). Without effect on a node that is no standby.
    pub fn replica_failed(&self, what: &str) {
        self.commands
            .control(Control::ReplicaFailed(what.to_owned()));
    }

    /// What the replica is to compare with its own state at this place of the calls: the answer to
    /// [`StackEvent::AuditRequested`](crate::StackEvent::AuditRequested).
    pub fn audit(&self, id: Option<ConnectionId>, data: impl Into<Bytes>) {
        let data = data.into();
        self.commands.call(Command::Audit { id, data });
    }

    /// The daemon's replica on this standby does not agree with a [`StackEvent::Audit`](crate::StackEvent::Audit): the connection's protection
    /// goes down, and it is brought here anew; all of it where it belongs to no connection. Without effect on a node that is no standby.
    pub fn replica_differs(&self, id: Option<ConnectionId>) {
        self.commands.control(Control::ReplicaDiffers(id));
    }

    /// Ends the node: a standby resigns first, an active simply falls silent.
    pub async fn stop(&self) {
        let (reply, answer) = oneshot::channel();
        self.commands.control(Control::Stop(reply));
        let _ = answer.await;
    }
}

fn ended() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the node has ended")
}
