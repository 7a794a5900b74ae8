//! Calls that may block, as values: attempted until they are ready.

use super::errno::Errno;
use super::host::Host;
use super::readiness::Readiness;
use super::stream::{RecvFlags, SendFlags};
use super::table::Fd;
use core::task::Poll;
use std::net::SocketAddr;
use tcp_ha_engine::Instant;

/// A call under way.
#[derive(Clone, Debug)]
pub enum Call {
    /// accept(2).
    Accept {
        /// The listener.
        fd: Fd,
    },
    /// connect(2).
    Connect {
        /// The socket.
        fd: Fd,
        /// The peer.
        remote: SocketAddr,
        /// False at first; true once the SYN was sent.
        begun: bool,
    },
    /// recv(2).
    Recv {
        /// The socket.
        fd: Fd,
        /// Most octets wanted.
        limit: usize,
        /// How.
        flags: RecvFlags,
    },
    /// send(2).
    Send {
        /// The socket.
        fd: Fd,
        /// What to send.
        octets: Vec<u8>,
        /// How.
        flags: SendFlags,
        /// 0 at first; how many octets were queued so far.
        done: usize,
    },
    /// poll(2).
    Poll {
        /// Descriptors and what is asked of them.
        entries: Vec<PollEntry>,
        /// When to give up; `None` waits without end.
        deadline: Option<Instant>,
    },
}

/// One descriptor of a [`Call::Poll`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollEntry {
    /// The descriptor.
    pub fd: Fd,
    /// What is asked; hang-ups and errors are told in any case.
    pub wanted: Readiness,
}

/// What a call gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A new descriptor and the peer's address.
    Accepted(Fd, SocketAddr),
    /// The handshake is over.
    Connected,
    /// Octets; none at the end of the stream.
    Received(Vec<u8>),
    /// How many octets were queued.
    Sent(usize),
    /// What each descriptor is ready for, among what was asked.
    Ready(Vec<Readiness>),
}

impl Host {
    /// Tries a call; `Pending` where it blocks, then it is to be attempted again after each
    /// packet and each move of the clock. A descriptor in non-blocking mode answers
    /// [`Errno::Again`] or [`Errno::InProgress`] instead.
    pub fn attempt(&mut self, call: &mut Call) -> Poll<Result<Answer, Errno>> {
        let result = match call {
            Call::Accept { fd } => {
                let accepted = self.accept(*fd);
                let answer = accepted.map(|(fd, remote)| Answer::Accepted(fd, remote));
                self.unless_blocked(*fd, false, answer)
            }
            Call::Recv { fd, limit, flags } => {
                let answer = self.recv(*fd, *limit, *flags).map(Answer::Received);
                self.unless_blocked(*fd, flags.dont_wait, answer)
            }
            Call::Connect { fd, remote, begun } => {
                return self.attempt_connect(*fd, *remote, begun);
            }
            Call::Send {
                fd,
                octets,
                flags,
                done,
            } => return self.attempt_send(*fd, octets, *flags, done),
            Call::Poll { entries, deadline } => return self.attempt_poll(entries, *deadline),
        };
        result.map_or(Poll::Pending, Poll::Ready)
    }

    /// `None` where the call has to wait.
    fn unless_blocked(
        &self,
        fd: Fd,
        dont_wait: bool,
        result: Result<Answer, Errno>,
    ) -> Option<Result<Answer, Errno>> {
        let waits =
            result == Err(Errno::Again) && !dont_wait && self.is_nonblocking(fd) == Ok(false);
        (!waits).then_some(result)
    }

    fn attempt_connect(
        &mut self,
        fd: Fd,
        remote: SocketAddr,
        begun: &mut bool,
    ) -> Poll<Result<Answer, Errno>> {
        let result = self.connect(fd, remote);
        let under_way = matches!(result, Err(Errno::InProgress | Errno::Already));
        if under_way && self.is_nonblocking(fd) == Ok(false) {
            *begun = true;
            return Poll::Pending;
        }
        Poll::Ready(result.map(|()| Answer::Connected))
    }

    fn attempt_send(
        &mut self,
        fd: Fd,
        octets: &[u8],
        flags: SendFlags,
        done: &mut usize,
    ) -> Poll<Result<Answer, Errno>> {
        let waits = !flags.dont_wait && self.is_nonblocking(fd) == Ok(false);
        match self.send(fd, &octets[*done..], flags) {
            Ok(taken) => {
                *done += taken;
                if *done < octets.len() && waits {
                    return Poll::Pending;
                }
                Poll::Ready(Ok(Answer::Sent(*done)))
            }
            Err(Errno::Again) if waits => Poll::Pending,
            // What was queued counts; the reason comes with the next call.
            Err(_) if *done > 0 => Poll::Ready(Ok(Answer::Sent(*done))),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn attempt_poll(
        &self,
        entries: &[PollEntry],
        deadline: Option<Instant>,
    ) -> Poll<Result<Answer, Errno>> {
        let mut ready = Vec::with_capacity(entries.len());
        for entry in entries {
            match self.poll(entry.fd) {
                Ok(now) => ready.push(now.among(entry.wanted)),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        let over = deadline.is_some_and(|at| at <= self.now());
        if over || ready.iter().any(|now| *now != Readiness::default()) {
            Poll::Ready(Ok(Answer::Ready(ready)))
        } else {
            Poll::Pending
        }
    }
}

impl Readiness {
    /// What of it was asked for; hang-ups and errors always are.
    fn among(self, wanted: Readiness) -> Readiness {
        Readiness {
            readable: self.readable && wanted.readable,
            writable: self.writable && wanted.writable,
            read_hangup: self.read_hangup && wanted.read_hangup,
            hangup: self.hangup,
            error: self.error,
        }
    }
}
