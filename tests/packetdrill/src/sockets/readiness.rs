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
            Kind::Stream(stream) => Ok(self.poll_stream(fd, stream)),
        }
    }

    fn poll_stream(&self, fd: Fd, stream: &Stream) -> Readiness {
        let over = stream.id.is_none();
        let read_over = stream.peer_closed || stream.read_shut || over;
        let write_over = stream.write_shut || over;
        let connecting = stream.opening == Opening::Connecting && !over;
        Readiness {
            readable: !stream.unread.is_empty() || read_over || stream.error.is_some(),
            writable: write_over || (!connecting && self.has_write_space(fd, stream)),
            read_hangup: read_over,
            hangup: read_over && write_over,
            error: stream.error.is_some(),
        }
    }

    /// A third of the buffer is free, and little of what is queued is unsent (as Linux has
    /// it).
    fn has_write_space(&self, fd: Fd, stream: &Stream) -> bool {
        let queued = self.queued(stream);
        let room = self.send_room(fd).unwrap_or(0);
        let info = stream.id.and_then(|id| self.engine.connection(id));
        let unsent = info.map_or(0, |info| info.snd_end.saturating_sub(info.snd_nxt));
        let low = stream
            .notsent_lowat
            .is_none_or(|limit| unsent < u64::from(limit));
        room >= queued / 2 && room > 0 && low
    }
}
