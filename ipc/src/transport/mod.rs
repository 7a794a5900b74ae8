//! Streams of octets between two nodes, non-blocking, behind one trait.

use std::io::{self, ErrorKind};
use std::os::fd::BorrowedFd;

pub mod memory;
pub mod tcp;
pub mod tls;
pub mod unix;

pub use memory::MemoryTransport;
pub use tls::{TlsListener, TlsTransport};
pub use unix::{UnixListener, UnixTransport};

/// A stream of octets in both directions that never blocks.
pub trait Transport: Send {
    /// Reads what is there into `octets`; `Ok(0)` is the end of the stream.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there; any other ends the stream.
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize>;

    /// Writes as many of `octets` as there is room for.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room; any other ends the stream.
    fn write(&mut self, octets: &[u8]) -> io::Result<usize>;

    /// Sends on what [`Transport::write`] has taken and there was no room for then: call it when there is room again.
    ///
    /// # Errors
    /// `WouldBlock` while there is more; any other ends the stream.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// What to wait on for readiness; `None` where the caller turns by itself.
    fn fd(&self) -> Option<BorrowedFd<'_>>;
}

/// Calls again what a signal interrupted.
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
