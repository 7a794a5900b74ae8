//! What a descriptor is ready for.

use super::errno::Errno;
use super::host::Host;
use super::stream::{Opening, Stream};
use super::table::{Fd, Kind};

/// Readiness of a descriptor, as poll(2) has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// POLLIN: a read or an accept would not block.
    pub readable: bool,
    /// POLLOUT: a write would not block.
    pub writable: bool,
    /// POLLRDHUP: the peer has closed, or reading was shut down.
    pub read_hangup: bool,
    /// POLLHUP: both directions are over.
    pub hangup: bool,
    /// POLLERR: an error waits to be fetched.
    pub error: bool,
}

impl Host {
    /// poll(2) of one descriptor.
    pub fn poll(&self, fd: Fd) -> Result<Readiness, Errno> {
        match self.kind_of(fd)? {
            Kind::Fresh => Ok(Readiness {
                writable: true,
                hangup: true,
                ..Readiness::default()
            }),
            Kind::Listener(listener) => Ok(Readiness {
                readable: !listener.queue.is_empty(),
                ..Readiness::default()
            }),
            Kind::Stream(stream) => Ok(self.poll_stream(stream)),
        }
    }

    fn poll_stream(&self, stream: &Stream) -> Readiness {
        let over = stream.id.is_none();
        let read_over = stream.peer_closed || stream.read_shut || over;
        let write_over = stream.write_shut || over;
        let connecting = stream.opening == Opening::Connecting && !over;
        Readiness {
            readable: !stream.unread.is_empty() || read_over || stream.error.is_some(),
            writable: write_over || (!connecting && self.is_writable(stream)),
            read_hangup: read_over,
            hangup: read_over && write_over,
            error: stream.error.is_some(),
        }
    }
}
