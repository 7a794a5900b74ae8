//! The kernel's sockets.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;

use super::KernelPeerError;
use crate::speaker::{ConnId, Opener};

/// What the tasks of the sockets tell the session's.
#[derive(Debug)]
pub(super) enum Happening {
    Opened(TcpStream, Opener),
    ConnectFailed,
    Received(ConnId, Bytes),
    /// Closed by the peer; true when it was a reset.
    Closed(ConnId, bool),
    Writable(ConnId),
}

/// Things that may wait for the session's task.
pub(super) const HAPPENINGS_MAX: usize = 64;

/// Messages that may wait for one socket.
const MESSAGES_MAX: usize = 32;

const READ_OCTETS: usize = 64 * 1024;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 16;

fn socket(local: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if local.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(local)?;
    Ok(socket)
}

pub(super) async fn listen(local: IpAddr, port: u16) -> Result<TcpListener, KernelPeerError> {
    let local = SocketAddr::new(local, port);
    socket(local)
        .and_then(|socket| socket.listen(BACKLOG))
        .map_err(|error| {
            KernelPeerError(format!(
                "cannot listen on {local}: {error}; is the address there, is the port free?"
            ))
        })
}

pub(super) async fn connect(
    local: IpAddr,
    remote: SocketAddr,
    within: Duration,
    happenings: mpsc::Sender<Happening>,
) {
    let connecting = async { socket(SocketAddr::new(local, 0))?.connect(remote).await };
    let happening = match tokio::time::timeout(within, connecting).await {
        Ok(Ok(stream)) => Happening::Opened(stream, Opener::Active),
        Ok(Err(_)) | Err(_) => Happening::ConnectFailed,
    };
    let _ = happenings.send(happening).await;
}

pub(super) async fn accept(listener: TcpListener, happenings: mpsc::Sender<Happening>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if happenings
                    .send(Happening::Opened(stream, Opener::Passive))
                    .await
                    .is_err()
                {
                    return;
                }
            }
            // The connection was gone before it was accepted, or descriptors are short for the moment.
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

/// A socket in use: its reader and its writer are tasks.
pub(super) struct Socket {
    messages: mpsc::Sender<Bytes>,
    waiting: bool,
    pub(super) closing: bool,
    reader: tokio::task::AbortHandle,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Socket {
    pub(super) fn take(
        conn: ConnId,
        stream: TcpStream,
        happenings: &mpsc::Sender<Happening>,
    ) -> Self {
        // Only delays small segments when it fails.
        let _ = stream.set_nodelay(true);
        let (mut from, mut to) = stream.into_split();
        let told = happenings.clone();
        let reader = tokio::spawn(async move {
            let mut buffer = vec![0; READ_OCTETS];
            loop {
                let happening = match from.read(&mut buffer).await {
                    Ok(0) => Happening::Closed(conn, false),
                    Ok(octets) => {
                        Happening::Received(conn, Bytes::copy_from_slice(&buffer[..octets]))
                    }
                    Err(error) => {
                        Happening::Closed(conn, error.kind() == io::ErrorKind::ConnectionReset)
                    }
                };
                let last = matches!(happening, Happening::Closed(..));
                if told.send(happening).await.is_err() || last {
                    return;
                }
            }
        });
        let (messages, mut queue) = mpsc::channel::<Bytes>(MESSAGES_MAX);
        tokio::spawn(async move {
            while let Some(message) = queue.recv().await {
                // The reader tells what is wrong with the socket.
                if to.write_all(&message).await.is_err() {
                    return;
                }
            }
            let _ = to.shutdown().await;
        });
        Self {
            messages,
            waiting: false,
            closing: false,
            reader: reader.abort_handle(),
        }
    }

    /// Takes a message whole, or gives it back.
    pub(super) fn try_write(&self, message: Bytes) -> Result<(), Bytes> {
        match self.messages.try_send(message) {
            Ok(()) => Ok(()),
            Err(
                mpsc::error::TrySendError::Full(message)
                | mpsc::error::TrySendError::Closed(message),
            ) => Err(message),
        }
    }

    pub(super) const fn is_waiting(&self) -> bool {
        self.waiting
    }

    pub(super) const fn woken(&mut self) {
        self.waiting = false;
    }

    /// Tells when there is room again.
    pub(super) fn wait_for_room(&mut self, conn: ConnId, happenings: &mpsc::Sender<Happening>) {
        if std::mem::replace(&mut self.waiting, true) {
            return;
        }
        let (messages, happenings) = (self.messages.clone(), happenings.clone());
        tokio::spawn(async move {
            if messages.reserve().await.is_ok() {
                let _ = happenings.send(Happening::Writable(conn)).await;
            }
        });
    }
}
