//! Streams: taking them, reading them, and opening them.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use tcp_ha::{
    ConnectOptions, ConnectionId, ConnectionOptions, ListenOptions, OwnedReadHalf, OwnedWriteHalf,
    Protection, Stack, StreamHandle, TcpStream,
};
use tokio::sync::mpsc;
use tracing::{error, info};

use crate::speaker::{ConnId, Opener};

/// What the tasks beside the daemon's tell it.
#[derive(Debug)]
pub(super) enum Happening {
    /// A peer has connected, or an attempt to connect succeeded.
    Opened(Box<TcpStream>, Opener),
    /// An attempt to connect failed.
    ConnectFailed(IpAddr),
    /// Octets came.
    Received(ConnId, Bytes),
    /// The peer has closed, or the connection is gone.
    Closed(ConnId),
    /// A stream has room again.
    Writable(ConnId),
}

/// Things that may wait for the daemon's task. What a peer sends is bounded by its receive window as well.
pub(super) const HAPPENINGS_MAX: usize = 1024;

/// Differentiated services code point CS6: network control.
const DSCP_CS6: u8 = 48;

/// Half open or not accepted connections per address.
const BACKLOG: usize = 256;

/// A stream in use.
pub(super) struct Connection {
    pub(super) handle: StreamHandle,
    /// Keeps the stream open; the reader has the other half.
    pub(super) _writer: OwnedWriteHalf,
    /// Close when everything is written.
    pub(super) closing: bool,
    /// A task waits for room.
    pub(super) waiting: bool,
}

impl Connection {
    /// Takes a stream: from now on its reader tells of what comes.
    pub(super) fn take(stream: TcpStream, happenings: mpsc::Sender<Happening>) -> Self {
        let conn = ConnId(stream.id().0);
        let handle = stream.handle();
        handle.mark_explicitly();
        let (reader, writer) = stream.into_split();
        tokio::spawn(read(conn, reader, happenings));
        Self {
            handle,
            _writer: writer,
            closing: false,
            waiting: false,
        }
    }

    /// Tells when there is room for a message.
    pub(super) fn wait_for_room(&mut self, happenings: &mpsc::Sender<Happening>, octets: usize) {
        if std::mem::replace(&mut self.waiting, true) {
            return;
        }
        let (handle, happenings) = (self.handle.clone(), happenings.clone());
        tokio::spawn(async move {
            let conn = ConnId(handle.id().0);
            // A stream that has ended is told of by its reader.
            if handle.writable(octets).await.is_ok() {
                let _ = happenings.send(Happening::Writable(conn)).await;
            }
        });
    }
}

async fn read(conn: ConnId, mut reader: OwnedReadHalf, happenings: mpsc::Sender<Happening>) {
    loop {
        let happening = match reader.read_chunk().await {
            Ok(Some(data)) => Happening::Received(conn, data),
            Ok(None) | Err(_) => {
                let _ = happenings.send(Happening::Closed(conn)).await;
                return;
            }
        };
        if happenings.send(happening).await.is_err() {
            return;
        }
    }
}

pub(super) const fn id(conn: ConnId) -> ConnectionId {
    ConnectionId(conn.0)
}

fn connection_options() -> ConnectionOptions {
    ConnectionOptions {
        nodelay: true,
        dscp: DSCP_CS6,
        ..ConnectionOptions::default()
    }
}

fn protection() -> Option<Protection> {
    Some(Protection {
        application_sync: true,
        ..Protection::default()
    })
}

/// Accepts on one address for as long as the node lives.
pub(super) async fn listen(stack: Stack, local: SocketAddr, happenings: mpsc::Sender<Happening>) {
    let options = ListenOptions {
        connection: connection_options(),
        backlog: BACKLOG,
        protection: protection(),
    };
    let mut listener = match stack.listen(local, options).await {
        Ok(listener) => listener,
        Err(error) => {
            error!(%local, %error, "peers cannot connect");
            return;
        }
    };
    info!(%local, "listening");
    while let Ok((stream, _)) = listener.accept().await {
        if happenings
            .send(Happening::Opened(Box::new(stream), Opener::Passive))
            .await
            .is_err()
        {
            return;
        }
    }
}

/// One attempt to connect, given up after `within`.
pub(super) async fn connect(
    stack: Stack,
    local: SocketAddr,
    remote: SocketAddr,
    within: Duration,
    happenings: mpsc::Sender<Happening>,
) {
    let options = ConnectOptions {
        connection: ConnectionOptions {
            connect_timeout: Some(within),
            ..connection_options()
        },
        protection: protection(),
    };
    let happening = match stack.connect(local, remote, options).await {
        Ok(stream) => Happening::Opened(Box::new(stream), Opener::Active),
        Err(_) => Happening::ConnectFailed(remote.ip()),
    };
    let _ = happenings.send(happening).await;
}
