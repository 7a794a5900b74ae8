//! The channel to the other node: a transport, and whether it is ready.

use super::door::Line;
use ipc::transport::Transport;
use mio::event::Event;
use std::io;
use std::net::SocketAddr;

/// Octets taken from the channel in one turn, so that an initial synchronisation does not starve the frames.
const TURN_OCTETS: usize = 1 << 20;

/// Calls of the transport in one turn.
const TURN_READS: usize = 16;

/// See the module's text.
pub(super) struct Channel {
    transport: Box<dyn Transport>,
    /// The other host.
    pub(super) remote: Option<SocketAddr>,
    /// What protects the channel.
    pub(super) protection: Option<String>,
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

/// Who takes what a channel brings.
pub(super) trait Intake {
    /// Where it may be written; never empty.
    fn room(&mut self) -> &mut [u8];

    /// So many octets were.
    fn filled(&mut self, octets: usize);
}

struct Copying<'a, F> {
    buffer: &'a mut [u8],
    take: F,
}

impl<F: FnMut(&[u8])> Intake for Copying<'_, F> {
    fn room(&mut self) -> &mut [u8] {
        self.buffer
    }

    fn filled(&mut self, octets: usize) {
        (self.take)(&self.buffer[..octets]);
    }
}

impl Channel {
    pub(super) fn new(line: Line) -> Channel {
        let Line {
            transport,
            remote,
            protection,
        } = line;
        Channel {
            transport,
            remote,
            protection,
            readable: true,
            writable: true,
        }
    }

    pub(super) fn ready(&mut self, event: &Event) {
        self.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.writable |= event.is_writable() || event.is_write_closed();
    }

    /// Something may have come, and there may be room: for a channel that is looked at without being waited on.
    pub(super) fn poll_anew(&mut self) {
        self.readable = true;
        self.writable = true;
    }

    /// Hands everything that came to `take`.
    pub(super) fn read(&mut self, buffer: &mut [u8], take: impl FnMut(&[u8])) -> Read {
        self.read_into(&mut Copying { buffer, take })
    }

    /// Writes everything that came into the room that `intake` has.
    pub(super) fn read_into(&mut self, intake: &mut impl Intake) -> Read {
        let (mut taken, mut reads) = (0, 0);
        while self.readable {
            // A channel that brings a little at a time costs time as well.
            if reads == TURN_READS {
                return Read::More;
            }
            reads += 1;
            match self.transport.read(intake.room()) {
                Ok(0) => return Read::Closed("closed by the other node".to_owned()),
                Ok(n) => {
                    intake.filled(n);
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
        if self.writable {
            self.send_on();
        }
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

    /// Gives the socket what the transport still holds.
    fn send_on(&mut self) {
        match self.transport.flush() {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable = false,
            Err(_) => self.readable = true,
        }
    }

    /// Writes `octets` before the channel is given up; what finds no room is lost.
    pub(super) fn flush(&mut self, octets: &[u8]) {
        self.writable = true;
        self.write(octets);
    }
}
