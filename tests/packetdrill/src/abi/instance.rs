//! One host under test, shared between the thread that runs a script and the thread that
//! makes its blocking calls.
//!
//! Virtual time moves where packetdrill asks for it or waits, which is on the script's thread
//! but for the beginning of a blocking call. A call that blocks sleeps on a condition
//! variable, which is how packetdrill tells that it blocks. Before the script's thread lets
//! time pass, every sleeping call has looked at what came last, and one that has ended has
//! asked for the time of its end.

use super::flags::Flags;
use crate::sockets::{Answer, Call, Errno, Fd, Host, HostConfig};
use core::task::Poll;
use core::time::Duration;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::os::fd::IntoRawFd;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread::ThreadId;
use tcp_ha_engine::Instant;

/// Where the host's clock begins: packetdrill takes zero for "no time".
const START: Instant = Instant::from_millis(1_000_000);
/// Time goes on by so much whenever it is asked: scripts wait for it in a spin.
const TICK: Duration = Duration::from_micros(1);
/// How long, in real time, a call that has ended may take to ask for the time.
const PATIENCE: Duration = Duration::from_secs(1);
/// What the thread of such a call is given to tell packetdrill its result.
const HAND_BACK: Duration = Duration::from_millis(5);
/// A packet that has not come after so much virtual time will never come.
const SILENCE: Duration = Duration::from_secs(3_600);

/// A host under test.
#[derive(Debug)]
pub(super) struct Instance {
    flags: Flags,
    script: ThreadId,
    state: Mutex<State>,
    /// Something came that a sleeping call may have waited for.
    changed: Condvar,
    /// A sleeping call has looked at it.
    looked: Condvar,
}

/// What is behind the lock.
#[derive(Debug)]
pub(super) struct State {
    pub(super) host: Host,
    /// Descriptors of the process, open so that their numbers are taken. They are not owned:
    /// at its end packetdrill closes them past the interface.
    descriptors: BTreeMap<i32, Fd>,
    /// Counts changes that sleeping calls look at.
    generation: u64,
    sleepers: HashMap<ThreadId, Sleeper>,
    /// A call has ended since the script's thread last slept.
    handing_back: bool,
    /// Calls that slept, have ended, and have not asked for the time.
    ended: usize,
}

#[derive(Clone, Copy, Debug)]
struct Sleeper {
    looked_at: u64,
    deadline: Option<Instant>,
}

impl Instance {
    /// An instance whose script runs on the calling thread.
    pub(super) fn new(flags: Flags) -> Instance {
        Instance {
            flags,
            script: std::thread::current().id(),
            state: Mutex::new(State {
                host: Host::new(HostConfig {
                    start: START,
                    ..HostConfig::default()
                }),
                descriptors: BTreeMap::new(),
                generation: 0,
                sleepers: HashMap::new(),
                ended: 0,
                handing_back: false,
            }),
            changed: Condvar::new(),
            looked: Condvar::new(),
        }
    }

    /// The state; a panic of another thread does not spoil it.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        match self.state.lock() {
            Ok(state) => state,
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    /// Reads the settings, if no socket was made before: a script's commands have run.
    pub(super) fn configure(&self) -> Result<(), Errno> {
        let mut state = self.lock();
        if !state.descriptors.is_empty() {
            return Ok(());
        }
        match self.flags.host_config() {
            Ok(config) => {
                let start = state.host.now();
                state.host = Host::new(HostConfig { start, ..config });
                Ok(())
            }
            Err(reason) => {
                eprintln!("{reason}");
                Err(Errno::Invalid)
            }
        }
    }

    /// Makes a call, and sleeps while it blocks.
    pub(super) fn call(&self, mut call: Call) -> Result<Answer, Errno> {
        let mut state = self.lock();
        let me = std::thread::current().id();
        let mut slept = false;
        loop {
            if let Poll::Ready(result) = state.host.attempt(&mut call) {
                if slept {
                    state.sleepers.remove(&me);
                    state.ended += 1;
                    state.handing_back = true;
                    self.looked.notify_all();
                }
                return result;
            }
            let deadline = match &call {
                Call::Poll { deadline, .. } => *deadline,
                _ => None,
            };
            if me == self.script {
                // Nobody else moves the clock.
                let Some(at) = earlier(state.host.next_timeout(), deadline) else {
                    return Err(Errno::Deadlock);
                };
                state.host.advance_to(at);
                continue;
            }
            slept = true;
            let generation = state.generation;
            let sleeper = Sleeper {
                looked_at: generation,
                deadline,
            };
            state.sleepers.insert(me, sleeper);
            self.looked.notify_all();
            while state.generation == generation {
                state = match self.changed.wait(state) {
                    Ok(state) => state,
                    Err(poisoned) => poisoned.into_inner(),
                };
            }
        }
    }

    /// Lets sleeping calls look at what has changed, and waits until they have.
    fn settle<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        if std::thread::current().id() != self.script {
            return state;
        }
        if !state.sleepers.is_empty() {
            state.generation += 1;
            self.changed.notify_all();
        }
        let waited = self.looked.wait_timeout_while(state, PATIENCE, |state| {
            let generation = state.generation;
            let behind = |sleeper: &Sleeper| sleeper.looked_at < generation;
            state.ended > 0 || state.sleepers.values().any(behind)
        });
        state = match waited {
            Ok((state, _)) => state,
            Err(poisoned) => poisoned.into_inner().0,
        };
        // Whoever has not asked by now never will.
        state.ended = 0;
        state
    }

    /// Does something to the host that sleeping calls may wait for.
    pub(super) fn stir<R>(&self, act: impl FnOnce(&mut Host) -> R) -> R {
        let mut state = self.lock();
        let result = act(&mut state.host);
        drop(self.settle(state));
        result
    }

    /// Moves the clock to `to`; sleeping calls whose time comes on the way end at it.
    pub(super) fn advance(&self, to: Instant) {
        let mut state = self.settle(self.lock());
        if core::mem::take(&mut state.handing_back) {
            // The thread of a call that has ended goes on behind packetdrill's own lock,
            // which is free only now.
            drop(state);
            std::thread::sleep(HAND_BACK);
            state = self.lock();
        }
        while state.host.now() < to {
            let next = state.next_event().map_or(to, |at| at.min(to));
            let next = next.max(state.host.now() + TICK);
            state.host.advance_to(next);
            state = self.settle(state);
        }
    }

    /// The time, a tick later than when it was asked last.
    pub(super) fn time(&self) -> Instant {
        let mut state = self.lock();
        if std::thread::current().id() != self.script && state.ended > 0 {
            state.ended -= 1;
            self.looked.notify_all();
        } else {
            let now = state.host.now();
            state.host.advance_to(now + TICK);
        }
        state.host.now()
    }

    /// The next packet that the host sends: time goes on until there is one; `None` where
    /// none will ever come.
    pub(super) fn next_packet(&self) -> Option<crate::sockets::Packet> {
        let mut state = self.settle(self.lock());
        let limit = state.host.now() + SILENCE;
        loop {
            if let Some(packet) = state.host.take_packet() {
                return Some(packet);
            }
            let next = state.next_event().filter(|&at| at <= limit)?;
            let next = next.max(state.host.now() + TICK);
            state.host.advance_to(next);
            state = self.settle(state);
        }
    }
}

impl State {
    /// When the host or a sleeping call wants to act next.
    fn next_event(&self) -> Option<Instant> {
        let deadlines = self
            .sleepers
            .values()
            .filter_map(|sleeper| sleeper.deadline);
        earlier(self.host.next_timeout(), deadlines.min())
    }

    /// A descriptor of the process for one of the host.
    pub(super) fn expose(&mut self, fd: Fd) -> Result<i32, Errno> {
        let file = File::open("/dev/null").map_err(|_| Errno::NoBuffers)?;
        let number = file.into_raw_fd();
        self.descriptors.insert(number, fd);
        Ok(number)
    }

    /// The host's descriptor behind one of the process.
    pub(super) fn inner(&self, number: i32) -> Result<Fd, Errno> {
        match self.descriptors.get(&number) {
            Some(fd) => Ok(*fd),
            None => Err(Errno::BadDescriptor),
        }
    }

    /// Forgets a descriptor of the process.
    pub(super) fn conceal(&mut self, number: i32) -> Result<Fd, Errno> {
        let fd = self
            .descriptors
            .remove(&number)
            .ok_or(Errno::BadDescriptor)?;
        // SAFETY: opened by `expose`, and no longer known to anybody here.
        unsafe { libc::close(number) };
        Ok(fd)
    }
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    [one, other].into_iter().flatten().min()
}
