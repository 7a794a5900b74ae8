//! A script's calls as calls of the host.

use super::{Flow, LOCAL_PORT, Stage};
use crate::script::line::Call;
use crate::script::octet;
use core::task::Poll;
use std::net::SocketAddr;
use tcp_ha_packetdrill::sockets::{self, Errno, Fd, RecvFlags, SendFlags, Shutdown};

/// What a call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::script) enum Answer {
    /// A number.
    Done(i64),
    /// -1, with this error.
    Failed(&'static str),
}

impl Answer {
    pub(super) fn new(result: Result<i64, Errno>) -> Answer {
        match result {
            Ok(value) => Answer::Done(value),
            Err(error) => Answer::Failed(error.name()),
        }
    }
}

/// How far a call has come.
pub(in crate::script) enum Step {
    /// It has returned.
    Returned(Answer),
    /// It waits.
    Waits(Pending),
}

/// A call that has not returned.
pub(in crate::script) struct Pending(sockets::Call);

impl Stage {
    /// Makes a call.
    ///
    /// # Errors
    /// A call that is not known here or that a script may not make, and octets that are not those of the stream; in words.
    pub(in crate::script) fn call(&mut self, call: &Call) -> Result<Step, String> {
        match self.blocking(call)? {
            Some(call) => self.attempt(Pending(call)),
            None => {
                let answer = self.make(call)?;
                self.settle()?;
                Ok(Step::Returned(answer))
            }
        }
    }

    /// Asks again whether a call may return.
    ///
    /// # Errors
    /// Octets that are not those of the stream, in words.
    pub(in crate::script) fn attempt(&mut self, pending: Pending) -> Result<Step, String> {
        let Pending(mut call) = pending;
        let from = match call {
            sockets::Call::Recv { fd, .. } => self.host.read_offset(fd).unwrap_or(0),
            _ => 0,
        };
        let attempted = self.host.attempt(&mut call);
        self.settle()?;
        let answer = match attempted {
            Poll::Pending => return Ok(Step::Waits(Pending(call))),
            Poll::Ready(Err(error)) => return Ok(Step::Returned(Answer::Failed(error.name()))),
            Poll::Ready(Ok(answer)) => answer,
        };
        Ok(Step::Returned(Answer::Done(match answer {
            sockets::Answer::Accepted(fd, _) => fd.0.into(),
            sockets::Answer::Connected => 0,
            sockets::Answer::Received(octets) => {
                compare(from, &octets)?;
                octets.len() as i64
            }
            sockets::Answer::Sent(count) => count as i64,
            sockets::Answer::Ready(ready) => ready.len() as i64,
        })))
    }

    /// The call as one that may block; `None` where it never does.
    fn blocking(&mut self, call: &Call) -> Result<Option<sockets::Call>, String> {
        let arg = |at: usize| call.args.get(at).map_or("", String::as_str);
        let count = |at: usize| {
            usize::try_from(number(arg(at))?).map_err(|_| "a negative length".to_owned())
        };
        Ok(Some(match call.name.as_str() {
            "accept" => sockets::Call::Accept {
                fd: descriptor(arg(0))?,
            },
            "connect" => sockets::Call::Connect {
                fd: descriptor(arg(0))?,
                remote: self.flow().remote,
                begun: false,
            },
            "read" | "recv" => sockets::Call::Recv {
                fd: descriptor(arg(0))?,
                limit: count(2)?,
                flags: RecvFlags {
                    peek: arg(3).contains("MSG_PEEK"),
                    dont_wait: arg(3).contains("MSG_DONTWAIT"),
                },
            },
            "write" | "send" => {
                let fd = descriptor(arg(0))?;
                // Where there is no connection nothing is written.
                let from = self.host.write_offset(fd).unwrap_or(0);
                sockets::Call::Send {
                    fd,
                    octets: (from..).map(octet).take(count(2)?).collect(),
                    flags: SendFlags {
                        more: arg(3).contains("MSG_MORE"),
                        record: arg(3).contains("MSG_EOR"),
                        dont_wait: arg(3).contains("MSG_DONTWAIT"),
                    },
                    done: 0,
                }
            }
            _ => return Ok(None),
        }))
    }

    /// Makes a call that never blocks.
    fn make(&mut self, call: &Call) -> Result<Answer, String> {
        let arg = |at: usize| call.args.get(at).map_or("", String::as_str);
        match call.name.as_str() {
            "socket" => {
                let made = self.host.socket(self.family());
                return Ok(Answer::new(made.map(|fd| fd.0.into())));
            }
            "usleep" => return Err("write the time in front of the next line".into()),
            _ => {}
        }
        let fd = descriptor(arg(0))?;
        let made = match call.name.as_str() {
            "bind" => {
                let Flow { local, .. } = self.flow();
                let local = SocketAddr::new(local.ip(), LOCAL_PORT);
                self.host.bind(fd, local)
            }
            "listen" => {
                let backlog = usize::try_from(number(arg(1))?).unwrap_or(0);
                self.host.listen(fd, backlog)
            }
            "shutdown" => self.host.shutdown(fd, direction(arg(1))?),
            "close" => self.host.close(fd),
            "fcntl" => {
                let on = arg(2).contains("O_NONBLOCK");
                self.host.set_nonblocking(fd, on)
            }
            "setsockopt" => return self.set_option(fd, call),
            "getsockopt" => return self.read_option(fd, call),
            "safe" => {
                let upto = u64::try_from(number(arg(1))?).map_err(|_| "a negative offset")?;
                self.host.make_safe(fd, upto)
            }
            other => return Err(format!("there is no call {other}")),
        };
        Ok(Answer::new(made.map(|()| 0)))
    }
}

/// Octets from stream offset `from` on are those of the stream.
fn compare(from: u64, octets: &[u8]) -> Result<(), String> {
    let expected = (from..).map(octet);
    let wrong = (from..)
        .zip(expected.zip(octets))
        .find(|(_, (expected, seen))| expected != *seen);
    match wrong {
        Some((at, _)) => Err(format!("octet {at} of the stream is a wrong one")),
        None => Ok(()),
    }
}

fn direction(text: &str) -> Result<Shutdown, String> {
    match text {
        "SHUT_RD" => Ok(Shutdown::Read),
        "SHUT_WR" => Ok(Shutdown::Write),
        "SHUT_RDWR" => Ok(Shutdown::Both),
        other => Err(format!("SHUT_RD, SHUT_WR or SHUT_RDWR, not {other}")),
    }
}

fn descriptor(text: &str) -> Result<Fd, String> {
    let number = number(text)?;
    i32::try_from(number)
        .map(Fd)
        .map_err(|_| format!("{number} is no descriptor"))
}

/// A number as scripts write it.
pub(super) fn number(text: &str) -> Result<i64, String> {
    text.trim_matches(['[', ']'])
        .parse()
        .map_err(|_| format!("{text} is no number"))
}
