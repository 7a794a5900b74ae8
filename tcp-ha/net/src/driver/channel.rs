//! The channel to the other node: a transport, and whether it is ready.

use ipc::transport::{Transport, UnixTransport};
use mio::event::Event;
use std::io;

/// Octets taken from the channel in one turn, so that an initial synchronisation does not starve the frames.
const TURN_OCTETS: usize = 1 << 20;

/// See the module's text.
pub(super) struct Channel {
    pub(super) transport: UnixTransport,
    readable: bool,
    writable: bool,
}

/// What reading brought.
pub(super) enum Read {
    /// Nothing more for now.
    Drained,
    /// There may be more; turn again at once.
    More,
    /// The other side closed, or the channel failed.
    Closed(String),
}

impl Channel {
    pub(super) fn new(transport: UnixTransport) -> Channel {
        Channel {
            transport,
            readable: true,
            writable: true,
        }
    }

    pub(super) fn ready(&mut self, event: &Event) {
        self.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.writable |= event.is_writable() || event.is_write_closed();
    }

    /// Hands everything that came to `take`.
    pub(super) fn read(&mut self, buffer: &mut [u8], mut take: impl FnMut(&[u8])) -> Read {
        let mut taken = 0;
        while self.readable {
            match self.transport.read(buffer) {
                Ok(0) => return Read::Closed("closed by the other node".to_owned()),
                Ok(n) => {
                    take(&buffer[..n]);
                    taken += n;
                    if taken >= TURN_OCTETS {
                        return Read::More;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable = false,
                Err(error) => return Read::Closed(error.to_string()),
            }
        }
        Read::Drained
    }

    /// Writes as much of `octets` as there is room for. A failure shows when reading.
    pub(super) fn write(&mut self, octets: &[u8]) -> usize {
        let mut written = 0;
        while self.writable && written < octets.len() {
            match self.transport.write(&octets[written..]) {
                Ok(n) => written += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(_) => {
                    self.readable = true;
                    break;
                }
            }
        }
        written
    }

    /// Writes `octets` before the channel is given up; what finds no room is lost.
    pub(super) fn flush(&mut self, octets: &[u8]) {
        self.writable = true;
        self.write(octets);
    }
}
