//! The door: where other nodes come in, and who of them is let as far as the active.

use super::{CANDIDATE, LISTENER, StackConfig, StartError, register};
use crate::channel::ChannelConfig;
use crate::channel_status::{ChannelStatus, LastRefusedStatus, expiry_warning};
use ipc::refusal::{Refusal, Refusals};
use ipc::schema::v1::RefuseReason;
use ipc::session::{LocalIdentity, Session, SessionEvent};
use ipc::transport::tls::{Bound, Moment};
use ipc::transport::{TlsListener, Transport, UnixListener};
use ipc::{Epoch, Incarnation};
use mio::{Interest, Poll};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

/// Time between two looks at whether the socket's name is still there.
pub(super) const SOCKET_LOOK_US: u64 = 200_000;

/// Connections whose Hello is awaited.
const CANDIDATES_MAX: usize = 4;

/// How long a Hello may take.
const HELLO_LIMIT_US: u64 = 1_000_000;

/// Time between two warnings about the certificate's end.
const REMINDER_US: u64 = 24 * 3600 * 1_000_000;

enum Listener {
    Unix(UnixListener),
    Tls(TlsListener),
}

/// A connection from another node, or to it.
pub(super) struct Line {
    pub(super) transport: Box<dyn Transport>,
    /// The other host.
    pub(super) remote: Option<SocketAddr>,
    /// What protects it.
    pub(super) protection: Option<String>,
}

impl Listener {
    fn accept(&self) -> io::Result<Line> {
        match self {
            Listener::Unix(listener) => listener.accept().map(|transport| Line {
                transport: Box::new(transport),
                remote: None,
                protection: None,
            }),
            Listener::Tls(listener) => listener.accept().map(|transport| Line {
                remote: Some(transport.remote()),
                protection: transport.protection(),
                transport: Box::new(transport),
            }),
        }
    }
}

/// A connection that has not said who it is.
struct Candidate {
    line: Line,
    session: Session,
    until_us: u64,
}

/// Who comes in.
pub(super) enum Entrant {
    /// Its Hello was accepted.
    Joins(Line, Session),
    /// Its Hello was refused, and it was told so.
    Refused(Session, RefuseReason),
    /// Its Hello speaks of a newer epoch than the active's.
    SpeaksOfNewerEpoch,
}

/// See the module's text.
pub(super) struct Door {
    pub(super) refusals: Arc<Refusals>,
    /// The address on which this node listens as the active; held from the beginning, so that a mistake shows at once.
    bound: Option<Bound>,
    listener: Option<Listener>,
    pub(super) listener_ready: bool,
    candidates: Vec<Candidate>,
    /// When the socket's name was last looked at.
    looked_us: u64,
    reminded_us: Option<u64>,
}

impl Door {
    pub(super) fn open(config: &StackConfig) -> Result<Door, StartError> {
        let bound = match &config.channel {
            ChannelConfig::Host => None,
            ChannelConfig::Hosts(hosts) => {
                Some(Bound::bind(hosts.listen).map_err(|error| StartError::Io("channel", error))?)
            }
        };
        Ok(Door {
            refusals: Arc::new(Refusals::default()),
            bound,
            listener: None,
            listener_ready: false,
            candidates: Vec::new(),
            looked_us: 0,
            reminded_us: None,
        })
    }

    /// Listens for a standby from now on.
    pub(super) fn listen(&mut self, config: &StackConfig, me: Incarnation, poll: &Poll) {
        match self.listener(config, me, poll) {
            Ok(listener) => {
                self.listener = Some(listener);
                self.listener_ready = true;
            }
            Err(error) => tracing::error!(%error, "no standby can join"),
        }
    }

    fn listener(&self, config: &StackConfig, me: Incarnation, poll: &Poll) -> io::Result<Listener> {
        let ChannelConfig::Hosts(hosts) = &config.channel else {
            let listener = UnixListener::bind(&config.register, me)?;
            register(poll, &listener, LISTENER, Interest::READABLE)?;
            return Ok(Listener::Unix(listener));
        };
        let bound = self.bound.as_ref().ok_or(ErrorKind::NotConnected)?;
        let credentials = hosts.credentials.clone();
        let listener = TlsListener::start(bound, credentials, Arc::clone(&self.refusals))?;
        register(poll, &listener, LISTENER, Interest::READABLE)?;
        tracing::info!(address = %listener.address(), "listens for a standby");
        Ok(Listener::Tls(listener))
    }

    /// Somebody may have removed the socket's name: without it no standby could join ever again.
    pub(super) fn keep(&mut self, poll: &Poll, now_us: u64) {
        let Some(Listener::Unix(listener)) = &mut self.listener else {
            return;
        };
        if now_us < self.looked_us + SOCKET_LOOK_US {
            return;
        }
        self.looked_us = now_us;
        if listener.still_there() {
            return;
        }
        tracing::warn!(path = %listener.path().display(), "the channel's socket was removed: listens again");
        match listener.rebind() {
            Ok(()) => {
                if let Err(error) = register(poll, &*listener, LISTENER, Interest::READABLE) {
                    tracing::error!(%error, "cannot wait for standbys");
                }
                self.listener_ready = true;
            }
            Err(error) => tracing::error!(%error, "no standby can join"),
        }
    }

    /// Takes connections that wait.
    pub(super) fn take(
        &mut self,
        poll: &Poll,
        identity: &LocalIdentity,
        epoch: Epoch,
        now_us: u64,
    ) {
        while self.listener_ready {
            let Some(listener) = &self.listener else {
                return;
            };
            let line = match listener.accept() {
                Ok(line) => line,
                Err(error) => {
                    self.listener_ready = false;
                    if error.kind() != ErrorKind::WouldBlock {
                        tracing::warn!(%error, "a standby could not connect");
                    }
                    return;
                }
            };
            if self.candidates.len() == CANDIDATES_MAX {
                self.refusals.count(Refusal::TooMany, line.remote);
                continue;
            }
            let waits = line.transport.fd().map(|fd| {
                register(
                    poll,
                    &fd,
                    CANDIDATE,
                    Interest::READABLE | Interest::WRITABLE,
                )
            });
            if let Some(Err(error)) = waits {
                tracing::error!(%error, "cannot wait on a standby's channel");
                continue;
            }
            self.candidates.push(Candidate {
                line,
                session: Session::respond(identity.clone(), epoch),
                until_us: now_us + HELLO_LIMIT_US,
            });
        }
    }

    /// When a candidate's time is over.
    pub(super) fn next_timeout(&self) -> Option<u64> {
        self.candidates.first().map(|candidate| candidate.until_us)
    }

    /// The next who has said who it is; `busy` where there is a standby. Ask until there is none.
    pub(super) fn next_entrant(
        &mut self,
        busy: bool,
        now_us: u64,
        buffer: &mut [u8],
    ) -> Option<Entrant> {
        let mut at = 0;
        while at < self.candidates.len() {
            let Some(outcome) = self.hear(at, busy, now_us, buffer) else {
                at += 1;
                continue;
            };
            let candidate = self.candidates.remove(at);
            if let Some(entrant) = self.judge(candidate, outcome) {
                return Some(entrant);
            }
        }
        None
    }

    /// Lets the candidate at `at` speak; `None` while it has not said enough.
    fn hear(&mut self, at: usize, busy: bool, now_us: u64, buffer: &mut [u8]) -> Option<Outcome> {
        let Candidate {
            line,
            session,
            until_us,
        } = &mut self.candidates[at];
        if busy {
            session.refuse(RefuseReason::Busy);
            return Some(Outcome::Refused(RefuseReason::Busy));
        }
        match line.transport.read(buffer) {
            Ok(0) => return Some(Outcome::Silent),
            Ok(octets) => {
                if session.feed(&buffer[..octets]).is_err() {
                    return Some(Outcome::Garbled);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return Some(Outcome::Silent),
        }
        if session.is_established() {
            return Some(Outcome::Accepted);
        }
        let mut newer = false;
        while let Some(event) = session.poll() {
            match event {
                SessionEvent::NewerEpoch(_) => newer = true,
                SessionEvent::Refused(_) if newer => return Some(Outcome::NewerEpoch),
                SessionEvent::Refused(reason) => return Some(Outcome::Refused(reason)),
                _ => {}
            }
        }
        (now_us >= *until_us).then_some(Outcome::Silent)
    }

    /// Counts who is refused, and tells it why.
    fn judge(&self, candidate: Candidate, outcome: Outcome) -> Option<Entrant> {
        let Candidate {
            mut line, session, ..
        } = candidate;
        let from = line.remote;
        let refusal = match outcome {
            Outcome::Accepted => return Some(Entrant::Joins(line, session)),
            Outcome::Refused(reason) => reason.into(),
            Outcome::NewerEpoch => Refusal::NotActive,
            Outcome::Garbled => Refusal::GarbledHello,
            Outcome::Silent => Refusal::NoHello,
        };
        self.refusals.count(refusal, from);
        // If this is lost it finds the channel closed.
        let _ = line.transport.write(session.outgoing());
        match outcome {
            Outcome::Refused(
                reason @ (RefuseReason::VersionMismatch | RefuseReason::ConfigurationDiffers),
            ) => Some(Entrant::Refused(session, reason)),
            Outcome::NewerEpoch => Some(Entrant::SpeaksOfNewerEpoch),
            _ => None,
        }
    }

    /// Warns, once a day, of a certificate that ends soon.
    pub(super) fn remind(&mut self, config: &StackConfig, now_us: u64) {
        let due = self
            .reminded_us
            .is_none_or(|reminded_us| now_us >= reminded_us + REMINDER_US);
        let ChannelConfig::Hosts(hosts) = &config.channel else {
            return;
        };
        if !due {
            return;
        }
        self.reminded_us = Some(now_us);
        if let Some(warning) = expiry_warning(hosts.credentials.expires(), Moment::now()) {
            tracing::warn!("{warning}");
        }
    }

    /// What it says of itself, and of the line to the other node.
    pub(super) fn status(
        &self,
        config: &StackConfig,
        remote: Option<SocketAddr>,
        protection: Option<String>,
    ) -> ChannelStatus {
        let counts = self.refusals.counts().filter(|(_, count)| *count > 0);
        let last = self.refusals.last().map(|last| LastRefusedStatus {
            reason: last.reason.to_string(),
            from: last.from.map(|from| from.to_string()),
            seconds_ago: last.at.elapsed().as_secs(),
        });
        let mut status = ChannelStatus {
            kind: "unix",
            remote: remote.map(|remote| remote.to_string()),
            protection,
            refused: counts
                .map(|(reason, count)| (reason.name(), count))
                .collect(),
            last_refused: last,
            ..ChannelStatus::default()
        };
        match &config.channel {
            ChannelConfig::Host => {
                let listener = match &self.listener {
                    Some(Listener::Unix(listener)) => Some(listener.path()),
                    _ => None,
                };
                status.listen = listener.map(Path::display).map(|path| path.to_string());
            }
            ChannelConfig::Hosts(hosts) => {
                let (expires, now) = (hosts.credentials.expires(), Moment::now());
                let listen = self.bound.as_ref().map_or(hosts.listen, Bound::address);
                status.kind = "tls";
                status.listen = Some(listen.to_string());
                status.connect = hosts.connect.iter().map(SocketAddr::to_string).collect();
                status.pair = Some(hosts.credentials.pair().to_string());
                status.certificate_expires = Some(expires.to_string());
                status.certificate_days_left = Some(expires.days_since(now));
                status.warning = expiry_warning(expires, now);
            }
        }
        status
    }
}

/// What became of a candidate.
#[derive(Clone, Copy)]
enum Outcome {
    Accepted,
    Refused(RefuseReason),
    NewerEpoch,
    Garbled,
    Silent,
}
