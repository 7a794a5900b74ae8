//! A listener as `tokio::net::TcpListener` shows one.

use crate::command::{Command, Commands};
use crate::stream::TcpStream;
use std::io;
use std::net::SocketAddr;
use tcp_ha_core::Protection;
use tcp_ha_engine::{ConnectionOptions, ListenerId};
use tokio::sync::mpsc::UnboundedReceiver;

/// What connections of a listener get.
#[derive(Clone, Debug)]
pub struct ListenOptions {
    /// TCP and IP options of each.
    pub connection: ConnectionOptions,
    /// Connections that are half open or not yet accepted, at most. Beyond it a peer stays half open and tries again; those of a
    /// dead active do not count.
    pub backlog: usize,
    /// How they are protected, from the first octet on; `None`: not.
    pub protection: Option<Protection>,
}

impl Default for ListenOptions {
    /// Protected, with everything recorded by the library.
    fn default() -> Self {
        ListenOptions {
            connection: ConnectionOptions::default(),
            backlog: 128,
            protection: Some(Protection::default()),
        }
    }
}

/// What an outgoing connection gets.
#[derive(Clone, Copy, Debug)]
pub struct ConnectOptions {
    /// TCP and IP options.
    pub connection: ConnectionOptions,
    /// How it is protected, from the first octet on; `None`: not.
    pub protection: Option<Protection>,
}

impl Default for ConnectOptions {
    /// Protected, with everything recorded by the library.
    fn default() -> Self {
        ConnectOptions {
            connection: ConnectionOptions::default(),
            protection: Some(Protection::default()),
        }
    }
}

/// The node's answer to a passive open.
pub(crate) struct Accepting {
    pub(crate) id: ListenerId,
    pub(crate) local: SocketAddr,
    pub(crate) streams: UnboundedReceiver<Waiting>,
}

/// A stream that waits for `accept`.
pub(crate) struct Waiting {
    pub(crate) stream: TcpStream,
    /// It counts against the backlog.
    pub(crate) counts: bool,
}

/// Accepts connections, those of a dead active first. Dropping it ends listening; connections go on.
pub struct TcpListener {
    accepting: Accepting,
    commands: Commands,
}

impl TcpListener {
    pub(crate) fn new(accepting: Accepting, commands: Commands) -> TcpListener {
        TcpListener {
            accepting,
            commands,
        }
    }

    /// The next connection, with the peer's socket.
    ///
    /// # Errors
    /// The node has ended.
    pub async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        let waiting = self.accepting.streams.recv().await;
        let Waiting { stream, counts } =
            waiting.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))?;
        if counts {
            self.commands.call(Command::Accepted(self.accepting.id));
        }
        let peer = stream.peer_addr();
        Ok((stream, peer))
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.accepting.local
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        self.commands.call(Command::Unlisten(self.accepting.id));
    }
}
