//! System calls over the engine.

use super::{Host, Kind, LOCAL_PORT, Listen, Socket};
use crate::script::line::Call;
use crate::script::octet;
use std::collections::VecDeque;
use std::net::SocketAddr;
use tcp_ha::engine::{CloseCause, ConnectionId, Error, State};

/// What a call comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::script) enum Answer {
    /// It returns a number.
    Done(i64),
    /// It returns -1, with this error.
    Failed(&'static str),
    /// It waits.
    Blocks,
}

type Called = Result<Answer, String>;

fn failed(error: Error) -> Answer {
    Answer::Failed(match error {
        Error::AddressInUse => "EADDRINUSE",
        Error::NoFreePort => "EADDRNOTAVAIL",
        Error::Closing => "EPIPE",
        Error::UnknownConnection => "ENOTCONN",
        _ => "EINVAL",
    })
}

pub(super) fn errno(cause: CloseCause) -> Option<&'static str> {
    match cause {
        CloseCause::Normal => None,
        CloseCause::ResetByPeer => Some("ECONNRESET"),
        CloseCause::Refused => Some("ECONNREFUSED"),
        CloseCause::TimedOut | CloseCause::UserTimeout => Some("ETIMEDOUT"),
        CloseCause::Unreachable => Some("EHOSTUNREACH"),
        CloseCause::NetworkUnreachable => Some("ENETUNREACH"),
        CloseCause::Aborted => Some("ECONNABORTED"),
    }
}

impl Host {
    /// Makes a call, or asks again (`waiting`) whether it may return.
    ///
    /// # Errors
    /// A call that is not known here or that a script may not make, and octets that are not those of the stream; in words.
    pub(in crate::script) fn call(&mut self, call: &Call, waiting: bool) -> Called {
        let answer = self.dispatch(call, waiting)?;
        self.settle()?;
        Ok(answer)
    }

    fn dispatch(&mut self, call: &Call, waiting: bool) -> Called {
        let last = |at: usize| call.args.get(at).map_or("", String::as_str);
        if call.name == "socket" {
            return Ok(Answer::Done(self.new_socket(Kind::Fresh)));
        }
        if call.name == "usleep" {
            return Err("write the time in front of the next line".into());
        }
        let fd = number(last(0))?;
        if !self.sockets.contains_key(&fd) {
            return Ok(Answer::Failed("EBADF"));
        }
        match call.name.as_str() {
            "bind" => {
                self.socket(fd).bound = true;
                Ok(Answer::Done(0))
            }
            "listen" => self.listen(fd, number(last(1))?),
            "accept" => self.accept(fd),
            "connect" => self.connect(fd, waiting),
            "write" => self.write(fd, number(last(2))?),
            "send" => self.write(fd, number(last(2))?),
            "read" | "recv" => self.read(fd, number(last(2))?),
            "shutdown" => self.shutdown(fd, last(1)),
            "close" => self.close(fd),
            "fcntl" => {
                self.socket(fd).nonblocking = last(2).contains("O_NONBLOCK");
                Ok(Answer::Done(0))
            }
            "setsockopt" => self.set_option(fd, call),
            "getsockopt" => self.read_option(fd, call),
            "safe" => self.make_safe(fd, number(last(1))?),
            other => Err(format!("there is no call {other}")),
        }
    }

    pub(super) fn socket(&mut self, fd: i64) -> &mut Socket {
        self.sockets.get_mut(&fd).expect("the caller looked it up")
    }

    fn new_socket(&mut self, kind: Kind) -> i64 {
        let fd = self.next_descriptor;
        self.next_descriptor += 1;
        self.sockets.insert(
            fd,
            Socket {
                kind,
                nonblocking: false,
                options: self.settings.options,
                error_told: false,
                bound: false,
            },
        );
        fd
    }

    pub(super) fn id_of(&mut self, fd: i64) -> Option<ConnectionId> {
        match self.socket(fd).kind {
            Kind::Connected(id) => Some(id),
            _ => None,
        }
    }

    fn would_block(&mut self, fd: i64) -> Answer {
        if self.socket(fd).nonblocking {
            Answer::Failed("EAGAIN")
        } else {
            Answer::Blocks
        }
    }

    fn listen(&mut self, fd: i64, backlog: i64) -> Called {
        let local = self.flow().local;
        let options = self.socket(fd).options;
        let backlog = usize::try_from(backlog).unwrap_or(0).max(1);
        Ok(match self.engine.listen(local, options, backlog) {
            Err(error) => failed(error),
            Ok(id) => {
                self.socket(fd).kind = Kind::Listening(id, VecDeque::new());
                self.listens.push(Listen {
                    local,
                    options,
                    backlog,
                    id,
                    open: true,
                });
                Answer::Done(0)
            }
        })
    }

    fn accept(&mut self, fd: i64) -> Called {
        let Kind::Listening(_, queue) = &mut self.socket(fd).kind else {
            return Ok(Answer::Failed("EINVAL"));
        };
        let Some(id) = queue.pop_front() else {
            return Ok(self.would_block(fd));
        };
        let options = self.socket(fd).options;
        let new = self.new_socket(Kind::Connected(id));
        self.socket(new).options = options;
        Ok(Answer::Done(new))
    }

    fn connect(&mut self, fd: i64, waiting: bool) -> Called {
        let flow = self.flow();
        if let Some(id) = self.id_of(fd) {
            return Ok(match self.engine.connection(id).map(|info| info.state) {
                Some(State::SynSent | State::SynReceived) if waiting => Answer::Blocks,
                Some(State::SynSent | State::SynReceived) => Answer::Failed("EALREADY"),
                Some(_) if waiting => Answer::Done(0),
                Some(_) => Answer::Failed("EISCONN"),
                None => self.gone(fd, id, Answer::Done(0)),
            });
        }
        let port = if self.socket(fd).bound { LOCAL_PORT } else { 0 };
        let local = SocketAddr::new(flow.local.ip(), port);
        let options = self.socket(fd).options;
        let now = self.instant();
        let opened = self
            .engine
            .connect(now, local, flow.remote, options, &mut self.fx);
        let id = match opened {
            Ok(id) => id,
            Err(error) => return Ok(failed(error)),
        };
        self.socket(fd).kind = Kind::Connected(id);
        Ok(if self.socket(fd).nonblocking {
            Answer::Failed("EINPROGRESS")
        } else {
            Answer::Blocks
        })
    }

    /// The answer of a call on a connection that is no more: its error once, then `after`.
    fn gone(&mut self, fd: i64, id: ConnectionId, after: Answer) -> Answer {
        let cause = self.causes.get(&id).copied();
        let socket = self.socket(fd);
        match cause.and_then(errno) {
            Some(error) if !socket.error_told => {
                socket.error_told = true;
                Answer::Failed(error)
            }
            _ => after,
        }
    }

    fn write(&mut self, fd: i64, len: i64) -> Called {
        let Some(id) = self.id_of(fd) else {
            return Ok(Answer::Failed("ENOTCONN"));
        };
        let Some(info) = self.engine.connection(id) else {
            return Ok(self.gone(fd, id, Answer::Failed("EPIPE")));
        };
        let len = u64::try_from(len).map_err(|_| "a negative length")?;
        let octets: Vec<u8> = (info.snd_end..info.snd_end + len).map(octet).collect();
        let now = self.instant();
        Ok(match self.engine.send(now, id, &octets, &mut self.fx) {
            Ok(0) if len > 0 => self.would_block(fd),
            Ok(taken) => Answer::Done(taken as i64),
            Err(error) => failed(error),
        })
    }

    fn read(&mut self, fd: i64, len: i64) -> Called {
        let Some(id) = self.id_of(fd) else {
            return Ok(Answer::Failed("ENOTCONN"));
        };
        let Some(info) = self.engine.connection(id) else {
            return Ok(self.gone(fd, id, Answer::Done(0)));
        };
        let from = info.read;
        let octets = self
            .engine
            .received(id, from)
            .map(|(first, second)| [first, second].concat())
            .map_err(|error| error.to_string())?;
        let there = octets.len().min(usize::try_from(len).unwrap_or(0));
        if there == 0 {
            let over = info.fin_received && octets.is_empty();
            return Ok(if over {
                Answer::Done(0)
            } else {
                self.would_block(fd)
            });
        }
        let wrong = (0..there).find(|at| octets[*at] != octet(from + *at as u64));
        if let Some(at) = wrong {
            return Err(format!(
                "octet {} of the stream is a wrong one",
                from + at as u64
            ));
        }
        let upto = from + there as u64;
        let now = self.instant();
        if info.safe < upto {
            self.engine
                .make_safe(now, id, upto, &mut self.fx)
                .map_err(|error| error.to_string())?;
        }
        self.engine
            .consume(now, id, upto, &mut self.fx)
            .map_err(|error| error.to_string())?;
        Ok(Answer::Done(there as i64))
    }

    fn make_safe(&mut self, fd: i64, upto: i64) -> Called {
        let id = self.id_of(fd).ok_or("no connection")?;
        let upto = u64::try_from(upto).map_err(|_| "a negative offset")?;
        let now = self.instant();
        let made = self.engine.make_safe(now, id, upto, &mut self.fx);
        Ok(made.map_or_else(failed, |()| Answer::Done(0)))
    }

    fn shutdown(&mut self, fd: i64, how: &str) -> Called {
        let Some(id) = self.id_of(fd) else {
            return Ok(Answer::Failed("ENOTCONN"));
        };
        if how == "SHUT_RD" {
            return Ok(Answer::Done(0));
        }
        let now = self.instant();
        let shut = self.engine.close(now, id, &mut self.fx);
        Ok(shut.map_or_else(failed, |()| Answer::Done(0)))
    }

    /// SHLD-3: where octets were not read, the peer is told so by a RST.
    fn close(&mut self, fd: i64) -> Called {
        let socket = self.sockets.remove(&fd).ok_or("no such descriptor")?;
        let now = self.instant();
        match socket.kind {
            Kind::Fresh => {}
            Kind::Listening(id, queue) => {
                self.engine.unlisten(id);
                for listen in self.listens.iter_mut().filter(|listen| listen.id == id) {
                    listen.open = false;
                }
                for id in queue {
                    // It may be over already.
                    let _ = self.engine.abort(now, id, &mut self.fx);
                }
            }
            Kind::Connected(id) => {
                let info = self.engine.connection(id);
                let unread = info.is_some_and(|info| info.read < info.rcv_nxt);
                // It may be over already.
                let _ = if unread {
                    self.engine.abort(now, id, &mut self.fx)
                } else {
                    self.engine.abandon(now, id, &mut self.fx)
                };
            }
        }
        Ok(Answer::Done(0))
    }
}

/// A number as scripts write it.
pub(super) fn number(text: &str) -> Result<i64, String> {
    text.trim_matches(['[', ']'])
        .parse()
        .map_err(|_| format!("{text} is no number"))
}
