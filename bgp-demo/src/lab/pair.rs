//! The two route processors as a supervisor sees them: who is active, since when they are protected, who has to be
//! started again.

use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use super::child::wait_until;
use super::error::{LabError, Result};
use super::network::port_forwards;
use super::node::{NodeSocket, NodeStatus, Role, Slot};
use super::options::LabOptions;
use super::routes::Plan;

/// How often the nodes are asked while nothing happens.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Ends in a row that nobody asked for, without being ready between, after which something is wrong with the route processors.
const UNPLANNED_ENDS_MAX: u32 = 20;

/// What was noticed over the whole run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Noticed {
    /// Changes of the active.
    pub(crate) role_changes: u32,
    /// Processes that ended without having been cut; an active that was overtaken by a false alarm is one.
    pub(crate) unplanned_ends: u32,
    /// Those of them that ended by a signal or a panic.
    pub(crate) crashes: u32,
    /// Time without protection, since it was there for the first time.
    pub(crate) unprotected: Duration,
}

/// Exit status of a Rust program that panicked.
const PANICKED: i32 = 101;

/// Whether a process that was not cut ended in a way that no node ends by itself.
fn is_crash(status: ExitStatus) -> bool {
    status.code().is_none_or(|code| code == PANICKED)
}

/// The two route processors.
#[derive(Debug)]
pub(crate) struct Pair {
    slots: [Slot; 2],
    sessions: usize,
    active: Option<usize>,
    /// Ready for the first time, and ready at the last look.
    ready: (bool, bool),
    last_look: Instant,
    /// The slot that must not be asked or restarted: its process is being cut.
    cut: Option<usize>,
    noticed: Noticed,
    /// Ends that nobody asked for since everything was ready.
    ends_in_a_row: u32,
}

impl Pair {
    /// Writes the configurations of both.
    ///
    /// # Errors
    /// As [`Slot::new`].
    pub(crate) fn new(options: &LabOptions, plan: &Plan, run: &Path) -> Result<Self> {
        Ok(Self {
            slots: [
                Slot::new(0, options, plan, run)?,
                Slot::new(1, options, plan, run)?,
            ],
            sessions: options.sessions,
            active: None,
            ready: (false, false),
            last_look: Instant::now(),
            cut: None,
            noticed: Noticed::default(),
            ends_in_a_row: 0,
        })
    }

    /// Starts the first active, waits for it, then starts the standby.
    ///
    /// # Errors
    /// One of them cannot be started, or ends at once.
    pub(crate) fn start(&mut self, patience: Duration) -> Result<()> {
        self.slots[0].start()?;
        wait_until("the first active", patience, || {
            if let Some(status) = self.slots[0].take_ended() {
                return Err(LabError::new(format!(
                    "{} ended ({status}): {}",
                    self.slots[0].name(),
                    self.slots[0].last_words()
                )));
            }
            let status = self.slots[0].socket().status();
            Ok(status
                .filter(|status| status.role == Role::Active)
                .map(drop))
        })?;
        self.active = Some(0);
        self.slots[1].start()
    }

    /// The sockets of both.
    pub(crate) fn sockets(&self) -> [NodeSocket; 2] {
        [0, 1].map(|index| self.slots[index].socket().clone())
    }

    /// The slot `index`.
    pub(crate) const fn slot(&mut self, index: usize) -> &mut Slot {
        &mut self.slots[index]
    }

    /// The slot that was active at the last look.
    pub(crate) const fn active(&self) -> Option<usize> {
        self.active
    }

    /// Lines of panics in the logs.
    pub(crate) fn panics(&self) -> Vec<String> {
        self.slots.iter().flat_map(Slot::panics).collect()
    }

    /// What was noticed so far.
    pub(crate) const fn noticed(&self) -> Noticed {
        self.noticed
    }

    /// Says that the process of a slot is about to be cut, so that nobody waits for its answers and nobody restarts it.
    pub(crate) const fn begin_cut(&mut self, index: usize) {
        self.cut = Some(index);
    }

    /// Says that a cut is over: from here on the slot is supervised again.
    pub(crate) const fn end_cut(&mut self) {
        self.cut = None;
    }

    /// Looks at both: keeps the books, restarts what has ended, and gives the active with its slot.
    ///
    /// # Errors
    /// A process ends again and again.
    pub(crate) fn look(&mut self) -> Result<Option<(usize, NodeStatus)>> {
        self.restart_ended()?;
        let mut active: Option<(usize, NodeStatus)> = None;
        for index in (0..2).filter(|index| Some(*index) != self.cut) {
            let Some(status) = self.slots[index].socket().status() else {
                continue;
            };
            // Both may say so for a moment; the later epoch is right.
            let later = active
                .as_ref()
                .is_none_or(|(_, other)| status.epoch > other.epoch);
            if status.role == Role::Active && later {
                active = Some((index, status));
            }
        }
        self.keep_books(active.as_ref());
        Ok(active)
    }

    fn keep_books(&mut self, active: Option<&(usize, NodeStatus)>) {
        let now = Instant::now();
        let ready = active.is_some_and(|(_, status)| status.all_ready(self.sessions));
        let (ever, before) = self.ready;
        // What happened between two looks is not known: the time counts as a whole.
        if ever && !(before && ready) {
            self.noticed.unprotected += now - self.last_look;
        }
        self.ready = (ever || ready, ready);
        if ready {
            self.ends_in_a_row = 0;
        }
        self.last_look = now;
        if let Some((index, _)) = active
            && self.active != Some(*index)
        {
            self.noticed.role_changes += 1;
            self.active = Some(*index);
        }
    }

    fn restart_ended(&mut self) -> Result<()> {
        for index in (0..2).filter(|index| Some(*index) != self.cut) {
            let slot = &mut self.slots[index];
            let Some(status) = slot.take_ended() else {
                continue;
            };
            self.noticed.unplanned_ends += 1;
            self.noticed.crashes += u32::from(is_crash(status));
            self.ends_in_a_row += 1;
            if self.ends_in_a_row > UNPLANNED_ENDS_MAX {
                return Err(LabError::new(format!(
                    "{} ends again and again ({status}): {}",
                    slot.name(),
                    slot.last_words()
                )));
            }
            slot.start()?;
        }
        Ok(())
    }

    /// Waits until there is an active whose connections are all ready, both ports forward, and gives its slot.
    ///
    /// # Errors
    /// It does not come to that within `patience`; says what is missing.
    pub(crate) fn wait_ready(&mut self, patience: Duration) -> Result<usize> {
        let deadline = Instant::now() + patience;
        loop {
            super::interrupt::check()?;
            let active = self.look()?;
            let lacks = match &active {
                None => "nobody is active".to_owned(),
                Some((_, status)) if !status.all_ready(self.sessions) => status.lacks(),
                Some((index, _)) if !self.slots[1 - index].is_taken() => "no standby".to_owned(),
                Some(_) if !self.slots.iter().all(|slot| port_forwards(slot.name())) => {
                    "a port of the bridge does not forward".to_owned()
                }
                Some((index, _)) => return Ok(*index),
            };
            if Instant::now() >= deadline {
                return Err(LabError::new(format!(
                    "waited {} s in vain for {} ready sessions: {lacks} ({}: {}; {}: {})",
                    patience.as_secs(),
                    self.sessions,
                    self.slots[0].name(),
                    self.slots[0].last_words(),
                    self.slots[1].name(),
                    self.slots[1].last_words(),
                )));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Lets time pass while the nodes are looked after.
    ///
    /// # Errors
    /// As [`Self::look`].
    pub(crate) fn rest(&mut self, time: Duration) -> Result<()> {
        let deadline = Instant::now() + time;
        loop {
            super::interrupt::check()?;
            self.look()?;
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(LOOK_EVERY));
        }
    }
}
