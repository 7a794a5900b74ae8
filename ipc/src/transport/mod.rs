//! Streams of octets between two nodes, non-blocking, behind one trait.

use std::io;
use std::os::fd::BorrowedFd;

pub mod memory;
pub mod unix;

pub use memory::MemoryTransport;
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

    /// What to wait on for readiness; `None` where the caller turns by itself.
    fn fd(&self) -> Option<BorrowedFd<'_>>;
}
