//! The door to a node from other hosts: handshakes on a thread of their own, so that strangers cost the node's turns nothing.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use super::super::{Transport, tcp::Bound, uninterrupted};
use super::credentials::Credentials;
use super::refused::refusal;
use super::stream::TlsTransport;
use crate::refusal::{Refusal, Refusals};

/// Handshakes under way at once; the oldest gives way to one more.
const HALF_DONE_MAX: usize = 16;
/// A handshake takes no longer.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(2);
/// Who has passed and is not taken yet; more are turned away.
const ADMITTED_MAX: usize = 4;
/// Connections taken a second, in the long run; more wait in the kernel's short queue.
const TAKEN_A_SECOND: f64 = 100.0;
/// Connections taken at once after a quiet time.
const TAKEN_AT_ONCE: f64 = 32.0;
/// How long an error of the listening socket is left alone: out of descriptors, for instance.
const ERROR_PAUSE: Duration = Duration::from_millis(100);
/// Nice value of the thread: whoever is in no hurry to be let in waits for the node's own work.
const PRIORITY: i32 = 5;

/// Listens for the other node of the pair. Ends when dropped.
#[derive(Debug)]
pub struct TlsListener {
    address: SocketAddr,
    admitted: Receiver<TlsTransport>,
    news: Arc<OwnedFd>,
    stop: Arc<OwnedFd>,
    keeper: Option<JoinHandle<()>>,
}

impl TlsListener {
    /// Listens at an address that is held.
    ///
    /// # Errors
    /// The system's, naming the address.
    pub fn start(
        bound: &Bound,
        credentials: Credentials,
        refusals: Arc<Refusals>,
    ) -> io::Result<Self> {
        let listener = bound.listen()?;
        let signal = || eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC).map(Arc::new);
        let (news, stop) = (signal()?, signal()?);
        let (admit, admitted) = bounded(ADMITTED_MAX);
        let keeper = Keeper {
            listener,
            credentials,
            refusals,
            half_done: Vec::new(),
            admit,
            news: Arc::clone(&news),
            stop: Arc::clone(&stop),
            allowance: TAKEN_AT_ONCE,
            reckoned: Instant::now(),
            not_before: None,
        };
        let keeper = thread::Builder::new()
            .name("door".to_owned())
            .spawn(move || keeper.keep())?;
        Ok(Self {
            address: bound.address(),
            admitted,
            news,
            stop,
            keeper: Some(keeper),
        })
    }

    /// The next connection whose other end has shown that it is of the pair.
    ///
    /// # Errors
    /// `WouldBlock` when none waits.
    pub fn accept(&self) -> io::Result<TlsTransport> {
        if let Ok(transport) = self.admitted.try_recv() {
            return Ok(transport);
        }
        // Cleared before the last look, so that whoever comes in between is told of.
        let _ = rustix::io::read(&*self.news, &mut [0; 8]);
        self.admitted
            .try_recv()
            .map_err(|_| ErrorKind::WouldBlock.into())
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl AsFd for TlsListener {
    /// Readable when somebody waits.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.news.as_fd()
    }
}

impl Drop for TlsListener {
    fn drop(&mut self) {
        let _ = rustix::io::write(&*self.stop, &1u64.to_ne_bytes());
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

/// A handshake under way.
struct HalfDone {
    transport: TlsTransport,
    until: Instant,
}

/// The thread's state.
struct Keeper {
    listener: TcpListener,
    credentials: Credentials,
    refusals: Arc<Refusals>,
    /// In the order of their coming.
    half_done: Vec<HalfDone>,
    admit: Sender<TlsTransport>,
    news: Arc<OwnedFd>,
    stop: Arc<OwnedFd>,
    /// Connections that may be taken now.
    allowance: f64,
    reckoned: Instant,
    /// No connection is taken earlier.
    not_before: Option<Instant>,
}

impl Keeper {
    fn keep(mut self) {
        let _ = rustix::process::setpriority_process(None, PRIORITY);
        loop {
            let now = Instant::now();
            self.reckon(now);
            if self.wait(now) {
                return;
            }
            self.take_connections();
            self.advance_handshakes();
        }
    }

    /// The allowance grows with time.
    fn reckon(&mut self, now: Instant) {
        let passed = now.duration_since(self.reckoned).as_secs_f64();
        self.reckoned = now;
        self.allowance = (self.allowance + passed * TAKEN_A_SECOND).min(TAKEN_AT_ONCE);
        self.not_before = self.not_before.filter(|at| *at > now);
        if self.not_before.is_none() && self.allowance < 1.0 {
            let missing = (1.0 - self.allowance) / TAKEN_A_SECOND;
            self.not_before = Some(now + Duration::from_secs_f64(missing));
        }
    }

    /// Waits for something to do; whether that is to end.
    fn wait(&self, now: Instant) -> bool {
        let mut fds = vec![PollFd::new(&*self.stop, PollFlags::IN)];
        let deadlines = self.half_done.iter().map(|half| half.until);
        let next = deadlines.chain(self.not_before).min();
        for HalfDone { transport, .. } in &self.half_done {
            let wanted = if transport.waits_for_room() {
                PollFlags::OUT
            } else {
                PollFlags::IN
            };
            if let Some(fd) = transport.fd() {
                fds.push(PollFd::from_borrowed_fd(fd, wanted));
            }
        }
        if self.not_before.is_none() {
            fds.push(PollFd::new(&self.listener, PollFlags::IN));
        }
        let timeout = next.map(|at| timespec(at.saturating_duration_since(now)));
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => !fds[0].revents().is_empty(),
            Err(error) => {
                tracing::error!(%error, "the door cannot be kept: no standby can join");
                true
            }
        }
    }

    fn take_connections(&mut self) {
        if self.not_before.is_some() {
            return;
        }
        while self.allowance >= 1.0 {
            match uninterrupted(|| self.listener.accept()) {
                Ok((stream, from)) => {
                    self.allowance -= 1.0;
                    if self.half_done.len() == HALF_DONE_MAX {
                        let oldest = self.half_done.remove(0);
                        self.refuse(Refusal::TooMany, oldest.transport.remote());
                    }
                    let until = Instant::now() + HANDSHAKE_LIMIT;
                    match TlsTransport::serve(stream, from, &self.credentials) {
                        Ok(transport) => self.half_done.push(HalfDone { transport, until }),
                        Err(_) => self.refuse(Refusal::HungUp, from),
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be taken");
                    self.not_before = Some(Instant::now() + ERROR_PAUSE);
                    return;
                }
            }
        }
    }

    fn advance_handshakes(&mut self) {
        let now = Instant::now();
        for mut half in std::mem::take(&mut self.half_done) {
            let from = half.transport.remote();
            match half.transport.shake() {
                Ok(true) => self.admit(half.transport),
                Ok(false) if now < half.until => self.half_done.push(half),
                Ok(false) => self.refuse(Refusal::HandshakeTimedOut, from),
                Err(error) => self.refuse(refusal(&error), from),
            }
        }
    }

    fn admit(&mut self, transport: TlsTransport) {
        match self.admit.try_send(transport) {
            Ok(()) => {
                let _ = rustix::io::write(&*self.news, &1u64.to_ne_bytes());
            }
            Err(TrySendError::Full(transport) | TrySendError::Disconnected(transport)) => {
                self.refuse(Refusal::TooMany, transport.remote());
            }
        }
    }

    fn refuse(&self, reason: Refusal, from: SocketAddr) {
        self.refusals.count(reason, Some(from));
    }
}

/// Rounded up, so that what is waited for is due afterwards.
fn timespec(duration: Duration) -> Timespec {
    let duration = duration + Duration::from_micros(1);
    Timespec {
        tv_sec: duration.as_secs() as i64,
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}
