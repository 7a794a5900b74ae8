//! Connecting to the other host, without ever waiting.

use core::fmt;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::super::{Transport, tcp};
use super::credentials::Credentials;
use super::refused::refusal;
use super::stream::TlsTransport;
use crate::refusal::Refusal;

/// A connection and its handshake take no longer.
const DIAL_LIMIT: Duration = Duration::from_secs(2);

#[derive(Debug)]
enum Stage {
    Connecting(TcpStream),
    Shaking(Box<TlsTransport>),
    Over,
}

/// One attempt to reach the other node.
#[derive(Debug)]
pub struct Dial {
    to: SocketAddr,
    credentials: Credentials,
    stage: Stage,
    until: Instant,
}

/// Why an attempt came to nothing.
#[derive(Debug)]
pub struct DialFailed {
    /// Whom this side refused, or what it was refused for; `None` where nobody answered.
    pub refusal: Option<Refusal>,
    /// One line that names the address.
    pub what: String,
}

impl fmt::Display for DialFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl core::error::Error for DialFailed {}

impl Dial {
    /// Begins.
    ///
    /// # Errors
    /// [`DialFailed`], when the system gives no socket or knows no way.
    pub fn start(to: SocketAddr, credentials: &Credentials) -> Result<Self, DialFailed> {
        let stream = tcp::begin_connecting(to).map_err(|error| unreachable(&error))?;
        Ok(Self {
            to,
            credentials: credentials.clone(),
            stage: Stage::Connecting(stream),
            until: Instant::now() + DIAL_LIMIT,
        })
    }

    /// Goes on; the transport, once the other end has shown that it is of the pair. Whether this end was believed shows when
    /// something is read.
    ///
    /// # Errors
    /// [`DialFailed`]; the attempt is over.
    pub fn advance(&mut self) -> Result<Option<TlsTransport>, DialFailed> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Connecting(stream) => {
                if !tcp::outcome(&stream, self.to).map_err(|error| unreachable(&error))? {
                    self.stage = Stage::Connecting(stream);
                    return self.in_time();
                }
                let transport = TlsTransport::call(stream, self.to, &self.credentials);
                let transport = transport.map_err(|error| self.refused(&error))?;
                self.stage = Stage::Shaking(Box::new(transport));
                self.advance()
            }
            Stage::Shaking(mut transport) => match transport.shake() {
                Ok(true) => Ok(Some(*transport)),
                Ok(false) => {
                    self.stage = Stage::Shaking(transport);
                    self.in_time()
                }
                Err(error) => Err(self.refused(&error)),
            },
            Stage::Over => Err(self.refused(&ErrorKind::NotConnected.into())),
        }
    }

    fn in_time(&self) -> Result<Option<TlsTransport>, DialFailed> {
        if Instant::now() < self.until {
            return Ok(None);
        }
        Err(match self.stage {
            Stage::Shaking(_) => self.refused(&ErrorKind::TimedOut.into()),
            _ => DialFailed {
                refusal: None,
                what: format!(
                    "cannot connect to {}: no answer within {DIAL_LIMIT:?}",
                    self.to
                ),
            },
        })
    }

    fn refused(&self, error: &io::Error) -> DialFailed {
        let refusal = refusal(error);
        DialFailed {
            refusal: Some(refusal),
            what: format!("{}: {refusal} ({error})", self.to),
        }
    }

    /// Whom it tries to reach.
    #[must_use]
    pub fn to(&self) -> SocketAddr {
        self.to
    }

    /// What to wait on: room while it connects, octets or room later. `None` once it is over.
    #[must_use]
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.stage {
            Stage::Connecting(stream) => Some(stream.as_fd()),
            Stage::Shaking(transport) => transport.fd(),
            Stage::Over => None,
        }
    }
}

fn unreachable(error: &io::Error) -> DialFailed {
    DialFailed {
        refusal: None,
        what: error.to_string(),
    }
}
