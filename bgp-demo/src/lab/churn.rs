//! Routes that come and go in both directions while the active is cut.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::daemons::Daemon;
use super::error::{At, LabError, Result};
use super::node::{NodeSocket, Role, routes_file};
use super::random::Random;
use super::routes::{Origin, Plan, RouteNumber};

/// Route changes a second, counted at their receivers, that the churn may cause at most.
const CHANGES_PER_SECOND_MAX: u64 = 20_000;
/// A sleeping churn looks this often whether it is to end.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long a change of our own routes is tried, over failovers.
const PATIENCE: Duration = Duration::from_secs(60);

/// A daemon that several threads use.
pub(crate) type SharedDaemon = Arc<Mutex<Box<dyn Daemon>>>;

/// Locks a daemon; a thread that died with it has told its own error.
pub(crate) fn lock(daemon: &SharedDaemon) -> MutexGuard<'_, Box<dyn Daemon>> {
    daemon.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which slices are announced at present.
#[derive(Debug)]
pub(crate) struct Announced {
    ours: Vec<AtomicBool>,
    sessions: Vec<Vec<AtomicBool>>,
}

impl Announced {
    /// Everything is announced.
    pub(crate) fn all(plan: &Plan) -> Self {
        let all = |slices: usize| (0..slices).map(|_| AtomicBool::new(true)).collect();
        Self {
            ours: all(plan.ours.slices()),
            sessions: plan
                .sessions
                .iter()
                .map(|it| all(it.routes.slices()))
                .collect(),
        }
    }

    fn slice(&self, origin: Origin, slice: usize) -> &AtomicBool {
        match origin {
            Origin::Ours => &self.ours[slice],
            Origin::Session(session) => &self.sessions[session][slice],
        }
    }

    /// Whether a route is announced.
    pub(crate) fn has(&self, plan: &Plan, route: RouteNumber) -> bool {
        plan.slice_of(route).is_none_or(|slice| {
            self.slice(plan.origin(route), slice)
                .load(Ordering::Relaxed)
        })
    }

    /// Whether the peer of `session` has to hold a route from us.
    pub(crate) fn due(&self, plan: &Plan, session: usize, route: RouteNumber) -> bool {
        plan.origin(route) != Origin::Session(session) && self.has(plan, route)
    }

    /// The number of routes that the peer of each session has to hold from us, and of those that we have to hold.
    pub(crate) fn counts(&self, plan: &Plan) -> (Vec<u64>, u64) {
        let mut own = vec![0; plan.sessions.len()];
        let mut all = 0;
        for route in (0..plan.route_count() as u32).map(RouteNumber) {
            if self.has(plan, route) {
                all += 1;
                if let Origin::Session(session) = plan.origin(route) {
                    own[session] += 1;
                }
            }
        }
        (own.into_iter().map(|own| all - own).collect(), all)
    }
}

/// What the threads of the churn share.
#[derive(Debug)]
struct Shared {
    plan: Plan,
    announced: Arc<Announced>,
    stop: AtomicBool,
    changes: AtomicU64,
}

impl Shared {
    /// Sleeps; false when the churn is to end.
    fn sleep(&self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return false;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            thread::sleep(left.min(LOOK_EVERY));
        }
    }
}

/// The running churn.
#[derive(Debug)]
pub(crate) struct Churn {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Result<()>>>,
}

impl Churn {
    /// Starts to change the routes of every daemon and our own, each every `mean` on average.
    ///
    /// # Errors
    /// A file of routes cannot be written, or a thread not be started.
    pub(crate) fn start(
        plan: &Plan,
        announced: &Arc<Announced>,
        daemons: &[SharedDaemon],
        nodes: [NodeSocket; 2],
        mean: Duration,
        seed: u64,
        run: &Path,
    ) -> Result<Self> {
        let shared = Arc::new(Shared {
            plan: plan.clone(),
            announced: Arc::clone(announced),
            stop: AtomicBool::new(false),
            changes: AtomicU64::new(0),
        });
        let mut threads = Vec::new();
        let mut begin = |name: String, work: Box<dyn FnOnce() -> Result<()> + Send>| {
            let thread = thread::Builder::new()
                .name(name.clone())
                .spawn(work)
                .at(name)?;
            threads.push(thread);
            Ok(())
        };
        for (index, daemon) in daemons.iter().enumerate() {
            let (shared, daemon) = (Arc::clone(&shared), Arc::clone(daemon));
            let random = Random::new(seed ^ (index as u64 + 1) << 32);
            let mean = peer_pause(plan, lock(&daemon).sessions(), daemons.len(), mean);
            let work = move || change_peer(&shared, &daemon, random, mean);
            begin(format!("churn of peer {index}"), Box::new(work))?;
        }
        if plan.ours.slices() > 0 {
            let files = write_slices(plan, run)?;
            let shared = Arc::clone(&shared);
            let told = plan.ours.slice(0).count() as u64 * plan.sessions.len() as u64;
            let mean = mean.max(budget(told));
            let work = move || change_ours(&shared, &nodes, &files, Random::new(!seed), mean);
            begin("churn of ours".into(), Box::new(work))?;
        }
        Ok(Self { shared, threads })
    }

    /// Ends the churn, and gives the number of slices that were changed.
    ///
    /// # Errors
    /// What a thread ended with.
    pub(crate) fn stop(self) -> Result<u64> {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread
                .join()
                .unwrap_or_else(|_| Err(LabError::new("a thread of the churn panicked")))?;
        }
        Ok(self.shared.changes.load(Ordering::Relaxed))
    }

    /// Fails when a thread has given up.
    pub(crate) fn must_run(&mut self) -> Result<()> {
        let Some(ended) = self.threads.iter().position(JoinHandle::is_finished) else {
            return Ok(());
        };
        let ended = self.threads.swap_remove(ended).join();
        ended.unwrap_or_else(|_| Err(LabError::new("a thread of the churn panicked")))
    }
}

/// The time in which `told` changes keep within the bound.
const fn budget(told: u64) -> Duration {
    Duration::from_micros(told * 1_000_000 / CHANGES_PER_SECOND_MAX)
}

fn peer_pause(plan: &Plan, sessions: &[usize], daemons: usize, mean: Duration) -> Duration {
    let slice = sessions
        .iter()
        .map(|session| plan.sessions[*session].routes.slice(0).count() as u64)
        .max()
        .unwrap_or(0);
    let told = slice * plan.sessions.len() as u64 * daemons as u64;
    (mean / sessions.len().max(1) as u32).max(budget(told))
}

fn write_slices(plan: &Plan, run: &Path) -> Result<Vec<PathBuf>> {
    (0..plan.ours.slices())
        .map(|slice| {
            let file = run.join(format!("slice{slice}.routes"));
            std::fs::write(&file, routes_file(plan, plan.ours.slice(slice))).at(file.display())?;
            Ok(file)
        })
        .collect()
}

fn pause(random: &mut Random, mean: Duration) -> Duration {
    random.between(mean / 2, mean * 3 / 2)
}

fn change_peer(
    shared: &Shared,
    daemon: &SharedDaemon,
    mut random: Random,
    mean: Duration,
) -> Result<()> {
    let sessions = lock(daemon).sessions().to_vec();
    while shared.sleep(pause(&mut random, mean)) {
        let session = sessions[random.below(sessions.len() as u64) as usize];
        let slices = shared.plan.sessions[session].routes.slices();
        if slices == 0 {
            continue;
        }
        let slice = random.below(slices as u64) as usize;
        let state = shared.announced.slice(Origin::Session(session), slice);
        let announced = !state.load(Ordering::Relaxed);
        lock(daemon).change(session, slice, announced)?;
        state.store(announced, Ordering::Relaxed);
        shared.changes.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

fn change_ours(
    shared: &Shared,
    nodes: &[NodeSocket; 2],
    files: &[PathBuf],
    mut random: Random,
    mean: Duration,
) -> Result<()> {
    let mut active = 0;
    while shared.sleep(pause(&mut random, mean)) {
        let slice = random.below(files.len() as u64) as usize;
        let state = shared.announced.slice(Origin::Ours, slice);
        let announced = !state.load(Ordering::Relaxed);
        originate(nodes, &mut active, announced, &files[slice])?;
        state.store(announced, Ordering::Relaxed);
        shared.changes.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Tries until the change was accepted: by whoever is active, and again when that one dies over it. What was done
/// already is no change.
fn originate(
    nodes: &[NodeSocket; 2],
    active: &mut usize,
    announced: bool,
    file: &Path,
) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let Err(error) = nodes[*active].originate(announced, file) else {
            return Ok(());
        };
        if Instant::now() >= deadline {
            return Err(error);
        }
        thread::sleep(LOOK_EVERY);
        let is_active = |node: &NodeSocket| node.status().is_some_and(|it| it.role == Role::Active);
        if let Some(found) = nodes.iter().position(is_active) {
            *active = found;
        }
    }
}

#[cfg(test)]
mod tests;
