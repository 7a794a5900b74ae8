//! A connection as `tokio::net::TcpStream` shows one.

use crate::command::{Command, Commands};
use crate::handle::{Shared, StreamHandle};
use bytes::Bytes;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tcp_ha_core::Protection;
use tcp_ha_engine::ConnectionId;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc::UnboundedReceiver;

/// What the node hands to a reader. The receive window bounds how much waits.
#[derive(Debug)]
pub(crate) enum Inbound {
    Octets(Bytes),
    Fin,
}

/// A connection of the stack. Dropping it closes it: what was written is still delivered, unless `ConnectionOptions::linger` says
/// otherwise, and what comes in is discarded.
///
/// Reads mark: octets that an earlier read gave out count as dealt with when the next read is made (unless
/// [`StreamHandle::mark_explicitly`] was called). After a takeover the survivor's stream begins at the first octet that does not.
pub struct TcpStream {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
}

/// The reading half of a [`TcpStream`].
pub struct OwnedReadHalf {
    handle: StreamHandle,
    inbound: UnboundedReceiver<Inbound>,
    chunk: Bytes,
    /// Stream offset behind the last octet given out.
    given: u64,
    marked: u64,
    ended: bool,
    _closer: Arc<Closer>,
}

/// The writing half of a [`TcpStream`].
pub struct OwnedWriteHalf {
    handle: StreamHandle,
    shut: bool,
    _closer: Arc<Closer>,
}

/// Closes the connection when both halves are gone.
struct Closer(StreamHandle);

impl Drop for Closer {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TcpStream({:?})", self.write.handle)
    }
}

impl TcpStream {
    /// `read_from` is the stream offset of the first octet that will come through `inbound`.
    pub(crate) fn new(
        shared: Arc<Shared>,
        commands: Commands,
        inbound: UnboundedReceiver<Inbound>,
        read_from: u64,
    ) -> TcpStream {
        let handle = StreamHandle { shared, commands };
        let closer = Arc::new(Closer(handle.clone()));
        TcpStream {
            read: OwnedReadHalf {
                handle: handle.clone(),
                inbound,
                chunk: Bytes::new(),
                given: read_from,
                marked: read_from,
                ended: false,
                _closer: Arc::clone(&closer),
            },
            write: OwnedWriteHalf {
                handle,
                shut: false,
                _closer: closer,
            },
        }
    }

    /// The connection; it keeps its id over takeovers.
    pub fn id(&self) -> ConnectionId {
        self.write.handle.id()
    }

    /// Our socket.
    pub fn local_addr(&self) -> SocketAddr {
        self.write.handle.local_addr()
    }

    /// The peer's socket.
    pub fn peer_addr(&self) -> SocketAddr {
        self.write.handle.peer_addr()
    }

    /// Calls that never wait; it does not keep the connection open.
    pub fn handle(&self) -> StreamHandle {
        self.write.handle.clone()
    }

    /// Asks for protection, at any time of the connection's life.
    pub fn protect(&self, protection: Protection) {
        self.write.handle.protect(Some(protection));
    }

    /// See [`OwnedReadHalf::read_chunk`].
    ///
    /// # Errors
    /// The connection was reset or timed out.
    pub async fn read_chunk(&mut self) -> io::Result<Option<Bytes>> {
        self.read.read_chunk().await
    }

    /// Stream offset behind the last octet given out.
    pub fn offset(&self) -> u64 {
        self.read.given
    }

    /// Splits into halves that may live in different tasks.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        (self.read, self.write)
    }
}

impl OwnedReadHalf {
    /// Calls that never wait.
    pub fn handle(&self) -> StreamHandle {
        self.handle.clone()
    }

    /// Stream offset behind the last octet given out.
    pub fn offset(&self) -> u64 {
        self.given
    }

    /// The next octets, without a copy; `None` is the peer's FIN. At most 64 KiB, and a quarter of the send buffer, so that
    /// what answers a chunk fits into it.
    ///
    /// # Errors
    /// The connection was reset or timed out.
    pub async fn read_chunk(&mut self) -> io::Result<Option<Bytes>> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        self.mark();
        ready!(self.poll_fill(cx))?;
        let most = self.handle.shared.chunk_octets_max();
        let chunk = self.chunk.split_to(self.chunk.len().min(most));
        self.given += chunk.len() as u64;
        Poll::Ready(Ok((!chunk.is_empty()).then_some(chunk)))
    }

    /// What was given out by earlier reads is dealt with, since the reader has come back.
    fn mark(&mut self) {
        if self.given > self.marked && self.handle.shared.marks_by_reading.load(Ordering::SeqCst) {
            self.marked = self.given;
            self.handle.processed(self.given);
        }
    }

    /// Waits until `chunk` holds something, or the stream has ended.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.chunk.is_empty() || self.ended {
            return Poll::Ready(Ok(()));
        }
        match ready!(self.inbound.poll_recv(cx)) {
            Some(Inbound::Octets(chunk)) => {
                self.chunk = chunk;
                Poll::Ready(Ok(()))
            }
            Some(Inbound::Fin) => {
                self.ended = true;
                Poll::Ready(Ok(()))
            }
            None => {
                self.ended = true;
                let error = self
                    .handle
                    .ending()
                    .unwrap_or_else(|| io::ErrorKind::NotConnected.into());
                // Both ends closed: that is an end like any other.
                let clean = error.kind() == io::ErrorKind::BrokenPipe;
                Poll::Ready(if clean { Ok(()) } else { Err(error) })
            }
        }
    }
}

impl AsyncRead for OwnedReadHalf {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.mark();
        ready!(self.poll_fill(cx))?;
        let n = self.chunk.len().min(buf.remaining());
        buf.put_slice(&self.chunk.split_to(n));
        self.given += n as u64;
        Poll::Ready(Ok(()))
    }
}

impl OwnedWriteHalf {
    /// Calls that never wait.
    pub fn handle(&self) -> StreamHandle {
        self.handle.clone()
    }
}

impl AsyncWrite for OwnedWriteHalf {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.shut {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let n = ready!(self.handle.shared.poll_room(cx, buf.len(), false))?;
        let data = Bytes::copy_from_slice(&buf[..n]);
        let id = self.handle.id();
        self.handle.commands.call(Command::Write {
            id,
            data,
            dealt_with: None,
        });
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.shut {
            self.shut = true;
            self.handle.close();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.read).poll_read(cx, buf)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.write).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_shutdown(cx)
    }
}
