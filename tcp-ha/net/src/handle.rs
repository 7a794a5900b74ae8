//! A stream's calls that never wait.

use crate::command::{Command, Commands};
use bytes::Bytes;
use core::fmt;
use core::task::{Context, Poll, Waker};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tcp_ha_core::Protection;
use tcp_ha_engine::{CloseCause, ConnectionId};

/// The record does not fit into the send buffer now; it was not taken, not even in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Full(pub Bytes);

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the send buffer has no room for {} octets", self.0.len())
    }
}

impl std::error::Error for Full {}

/// State of a stream that its daemon and the node share.
pub(crate) struct Shared {
    pub(crate) id: ConnectionId,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    /// Octets that may still be written.
    room: AtomicUsize,
    capacity: usize,
    /// Octets of room with which somebody who waits goes on; `usize::MAX` where nobody waits. Only from then on is `waiting` locked.
    needed: AtomicUsize,
    waiting: Mutex<Vec<Waker>>,
    ended: OnceLock<CloseCause>,
    /// Whether reading marks what was read before as dealt with.
    pub(crate) marks_by_reading: AtomicBool,
}

impl Shared {
    pub(crate) fn new(
        id: ConnectionId,
        local: SocketAddr,
        remote: SocketAddr,
        room: usize,
        capacity: usize,
    ) -> Shared {
        Shared {
            id,
            local,
            remote,
            room: AtomicUsize::new(room),
            capacity,
            needed: AtomicUsize::new(usize::MAX),
            waiting: Mutex::new(Vec::new()),
            ended: OnceLock::new(),
            marks_by_reading: AtomicBool::new(true),
        }
    }

    /// The largest chunk that a reader is given at once, in octets.
    pub(crate) fn chunk_octets_max(&self) -> usize {
        const CHUNK_OCTETS_MAX: usize = 64 << 10;
        (self.capacity / 4).clamp(1, CHUNK_OCTETS_MAX)
    }

    pub(crate) fn add_room(&self, octets: usize) {
        let room = self.room.fetch_add(octets, Ordering::SeqCst) + octets;
        if room >= self.needed.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    fn wake(&self) {
        self.needed.store(usize::MAX, Ordering::SeqCst);
        let wakers =
            std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        wakers.into_iter().for_each(Waker::wake);
    }

    /// With how much room a writer of `wanted` octets goes on that found none. Who writes in parts waits for a quarter of the buffer: many
    /// small parts cost more than few large ones.
    fn enough(&self, wanted: usize, whole: bool) -> usize {
        if whole {
            wanted
        } else {
            (self.capacity / 4).max(1)
        }
    }

    pub(crate) fn end(&self, cause: CloseCause) {
        // A connection ends once.
        let _ = self.ended.set(cause);
        self.wake();
    }

    /// The error that writing gives, once the connection has ended.
    pub(crate) fn ending(&self) -> Option<io::Error> {
        self.ended.get().copied().map(crate::ending::error)
    }

    /// Takes room for up to `wanted` octets; `None` when there is none.
    fn take_room(&self, wanted: usize, whole: bool) -> Option<usize> {
        let took = self
            .room
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |room| {
                (room > 0 && (!whole || room >= wanted)).then(|| room - wanted.min(room))
            });
        took.ok().map(|room| wanted.min(room))
    }

    pub(crate) fn poll_room(
        &self,
        cx: &mut Context<'_>,
        wanted: usize,
        whole: bool,
    ) -> Poll<io::Result<usize>> {
        if let Some(error) = self.ending() {
            return Poll::Ready(Err(error));
        }
        if let Some(room) = self.take_room(wanted, whole) {
            return Poll::Ready(Ok(room));
        }
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(cx.waker().clone());
        let enough = self.enough(wanted, whole);
        self.needed.fetch_min(enough, Ordering::SeqCst);
        // Room may have come between the look and the waker.
        if let Some(room) = self.take_room(wanted, whole) {
            return Poll::Ready(Ok(room));
        }
        match self.ending() {
            Some(error) => Poll::Ready(Err(error)),
            None => Poll::Pending,
        }
    }
}

/// Calls on one stream that never wait. Calls of one thread keep their order, over all streams of a stack.
#[derive(Clone)]
pub struct StreamHandle {
    pub(crate) shared: Arc<Shared>,
    pub(crate) commands: Commands,
}

impl fmt::Debug for StreamHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "StreamHandle({} {} - {})",
            self.shared.id, self.shared.local, self.shared.remote
        )
    }
}

impl StreamHandle {
    /// The connection; it keeps its id over takeovers.
    pub fn id(&self) -> ConnectionId {
        self.shared.id
    }

    /// Our socket.
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.local
    }

    /// The peer's socket.
    pub fn peer_addr(&self) -> SocketAddr {
        self.shared.remote
    }

    /// Octets that may be written now.
    pub fn room(&self) -> usize {
        self.shared.room.load(Ordering::SeqCst)
    }

    /// Why the connection has ended, if it has.
    pub fn ending(&self) -> Option<io::Error> {
        self.shared.ending()
    }

    /// Writes a record, whole or not at all; the survivor of a takeover never holds half of it.
    ///
    /// # Errors
    /// [`Full`] gives it back.
    pub fn try_write_message(&self, data: Bytes) -> Result<(), Full> {
        self.try_write(data, None)
    }

    /// Like [`try_write_message`](Self::try_write_message); in the same transaction everything received before stream offset
    /// `dealt_with` counts as dealt with: after a takeover either both happened or neither.
    ///
    /// # Errors
    /// [`Full`] gives it back.
    pub fn try_reply(&self, data: Bytes, dealt_with: u64) -> Result<(), Full> {
        self.try_write(data, Some(dealt_with))
    }

    fn try_write(&self, data: Bytes, dealt_with: Option<u64>) -> Result<(), Full> {
        if !data.is_empty() && self.shared.take_room(data.len(), true).is_none() {
            return Err(Full(data));
        }
        self.commands.call(Command::Write {
            id: self.shared.id,
            data,
            dealt_with,
        });
        Ok(())
    }

    /// Waits for room, then does as [`try_reply`](Self::try_reply) or, without `dealt_with`, as
    /// [`try_write_message`](Self::try_write_message).
    ///
    /// # Errors
    /// The connection ended, or the record is larger than the send buffer.
    pub async fn write_message(&self, data: Bytes, dealt_with: Option<u64>) -> io::Result<()> {
        if data.len() > self.shared.capacity {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "a record of {} octets never fits into a send buffer of {}",
                    data.len(),
                    self.shared.capacity
                ),
            ));
        }
        poll_fn(|cx| self.shared.poll_room(cx, data.len(), true)).await?;
        self.commands.call(Command::Write {
            id: self.shared.id,
            data,
            dealt_with,
        });
        Ok(())
    }

    /// Waits until at least `octets` may be written.
    ///
    /// # Errors
    /// The connection ended.
    pub async fn writable(&self, octets: usize) -> io::Result<()> {
        let wanted = octets.clamp(1, self.shared.capacity);
        let room = poll_fn(|cx| self.shared.poll_room(cx, wanted, true)).await?;
        self.shared.room.fetch_add(room, Ordering::SeqCst);
        Ok(())
    }

    /// From now on reading alone marks nothing as dealt with; [`processed`](Self::processed) and replies do.
    pub fn mark_explicitly(&self) {
        self.shared.marks_by_reading.store(false, Ordering::SeqCst);
    }

    /// Everything received before stream offset `total` is dealt with: the window opens, the replica gets it, and after a takeover
    /// reading starts there.
    pub fn processed(&self, total: u64) {
        self.commands.call(Command::Processed {
            id: self.shared.id,
            upto: total,
        });
    }

    /// An application record; with `dealt_with` it says itself how far it makes the stream safe.
    pub fn record(&self, data: Bytes, dealt_with: Option<u64>) {
        self.commands.call(Command::Record {
            id: Some(self.shared.id),
            data,
            dealt_with,
        });
    }

    /// Answers `SyncRequested`: the daemon's own state of this connection, as of this call's place in the order of calls.
    pub fn sync(&self, records: Vec<Bytes>) {
        self.commands.call(Command::Sync {
            id: Some(self.shared.id),
            records,
        });
    }

    /// After a takeover in `Regenerated` mode: octets from stream offset `offset` on, bit-identical to those written before.
    pub fn supply(&self, offset: u64, data: Bytes) {
        self.commands.call(Command::Supply {
            id: self.shared.id,
            offset,
            data,
        });
    }

    /// Asks for protection, at any time; `None` withdraws it.
    pub fn protect(&self, protection: Option<Protection>) {
        self.commands.call(Command::Protect {
            id: self.shared.id,
            protection,
        });
    }

    /// Closes for sending: a FIN goes out behind what was written.
    pub fn close(&self) {
        self.commands.call(Command::Close(self.shared.id));
    }

    /// Closes both ways: nobody will read or write any more.
    pub(crate) fn abandon(&self) {
        self.commands.call(Command::Abandon(self.shared.id));
    }

    /// Resets the connection.
    pub fn abort(&self) {
        self.commands.call(Command::Abort(self.shared.id));
    }
}
