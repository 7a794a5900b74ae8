//! Tells of the death of a process on the same host within a tenth of a millisecond.
//!
//! Each node holds, for as long as it lives, a robust process-shared mutex in a file that it maps
//! and others map too: `<directory>/<incarnation>.life`. The kernel gives the mutex of a process
//! that dies to whoever waits for it at once, before it tears down the dead one's memory; end of
//! file on a socket comes only after that. A death told here only starts a compare-and-swap.
//!
//! What is asked here is asked of one boot of one host: a file of another boot is of a dead one.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::ids::Incarnation;
use crate::transport::unix;

mod mapping;

use mapping::{Locked, Mapping};

/// Longest time for which a watch that is not wanted any more goes on waiting.
const SLICE: Duration = Duration::from_millis(100);
const SUFFIX: &str = ".life";
/// A temporary file this old belongs to nobody who is still starting.
const LEFTOVER_AGE: Duration = Duration::from_secs(60);
const STACK_OCTETS: usize = 64 << 10;
/// Nice value of the threads of this module: they sleep all their lives and have one thing to say. The holder says it by ending,
/// for which it needs the processor as well.
const PRIORITY: i32 = -20;

/// Sign of life of this process: held by a thread of its own until it is dropped or the process
/// ends, in whatever way.
#[derive(Debug)]
pub struct Life {
    path: PathBuf,
    mapping: Mapping,
    holder: Option<JoinHandle<()>>,
    ended: Arc<AtomicBool>,
}

impl Life {
    /// Gives the sign for `me` in `dir`.
    ///
    /// # Errors
    /// The system's, naming the file; `AlreadyExists` when the incarnation has a sign already.
    pub fn start(dir: &Path, me: Incarnation) -> io::Result<Self> {
        Self::begin(dir, me, false)
    }

    /// The same, with a file that stays when the sign is withdrawn, and that outlives the host's crash where the file system does:
    /// proof of this process's death for whoever asks [`sign`] later, until it is swept.
    ///
    /// # Errors
    /// As [`Life::start`].
    pub fn start_lasting(dir: &Path, me: Incarnation) -> io::Result<Self> {
        Self::begin(dir, me, true)
    }

    fn begin(dir: &Path, me: Incarnation, lasting: bool) -> io::Result<Self> {
        let path = life_path(dir, me);
        let temporary = dir.join(format!(".{me}{SUFFIX}"));
        let ended = Arc::new(AtomicBool::new(false));
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let (name, stop) = (path.clone(), Arc::clone(&ended));
        // The mutex belongs to the thread that locks it: it must be one that ends last.
        let holder = thread::Builder::new()
            .name("life".to_owned())
            .stack_size(STACK_OCTETS)
            .spawn(move || hold(&temporary, &name, lasting, &stop, &tell))?;
        match told.recv() {
            Ok(Ok(())) => Ok(Self {
                mapping: Mapping::open(&path)?,
                path,
                holder: Some(holder),
                ended,
            }),
            Ok(Err(error)) => Err(io::Error::new(
                error.kind(),
                format!("cannot give a sign of life in {}: {error}", path.display()),
            )),
            Err(_) => Err(io::Error::other(
                "the thread that gives the sign of life has ended",
            )),
        }
    }

    /// Whether another node has left word, by [`tell_overtaken`], that it took this one's epoch. It costs one load: ask before each
    /// frame, and read the register if so. A courtesy that keeps late frames off the wire, never the fence.
    #[must_use]
    pub fn is_overtaken(&self) -> bool {
        self.mapping.is_marked_overtaken()
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        if let Some(holder) = self.holder.take() {
            holder.thread().unpark();
            let _ = holder.join();
        }
    }
}

/// The life of the holding thread: the mutex is locked before the file has its name.
fn hold(
    temporary: &Path,
    path: &Path,
    lasting: bool,
    ended: &AtomicBool,
    tell: &std::sync::mpsc::SyncSender<io::Result<()>>,
) {
    // Where it is not permitted a death is noticed a little later on a busy host.
    let _ = rustix::process::setpriority_process(None, PRIORITY);
    let begun = (|| {
        let mapping = Mapping::create(temporary)?;
        match mapping.lock_slice(SLICE) {
            Locked::Owned => {}
            other => return Err(io::Error::other(format!("a new mutex says {other:?}"))),
        }
        // Not rename(2), which would take the name from a living one.
        fs::hard_link(temporary, path).inspect_err(|_| mapping.unlock())?;
        if lasting {
            make_last(path).inspect_err(|_| mapping.unlock())?;
        }
        Ok(mapping)
    })();
    let _ = fs::remove_file(temporary);
    let (told, mapping) = match begun {
        Ok(mapping) => (Ok(()), Some(mapping)),
        Err(error) => (Err(error), None),
    };
    let _ = tell.send(told);
    let Some(mapping) = mapping else { return };
    while !ended.load(Ordering::Acquire) {
        thread::park();
    }
    mapping.mark_dead();
    mapping.unlock();
    if !lasting {
        let _ = fs::remove_file(path);
    }
}

/// Content and name of the file are on the disk when this returns.
fn make_last(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()?;
    match path.parent() {
        Some(dir) => fs::File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

/// Waits for the death of another process; stops when dropped.
#[derive(Debug)]
pub struct Watch {
    stopped: Arc<AtomicBool>,
}

impl Watch {
    /// Calls `on_death`, once and on a thread of its own, when the process of `whom` has ended or
    /// has withdrawn its sign; at once, if there is none. Not called after the watch was dropped,
    /// unless the call was under way.
    ///
    /// # Errors
    /// The system's, naming the file, when it cannot be told: then nothing is known of `whom`.
    pub fn start(
        dir: &Path,
        whom: Incarnation,
        on_death: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let mapping = open_of_this_boot(&life_path(dir, whom))?;
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        thread::Builder::new()
            .name("watch".to_owned())
            .stack_size(STACK_OCTETS)
            .spawn(move || {
                // Where it is not permitted a death is noticed a little later on a busy host.
                let _ = rustix::process::setpriority_process(None, PRIORITY);
                let dead = mapping.is_none_or(|mapping| wait_for_death(&mapping, &stop));
                if dead && !stop.load(Ordering::Acquire) {
                    on_death();
                }
            })?;
        Ok(Self { stopped })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Not joined: who drops a watch may be in the middle of a takeover.
        self.stopped.store(true, Ordering::Release);
    }
}

/// `true` when dead, `false` when stopped before.
fn wait_for_death(mapping: &Mapping, stop: &AtomicBool) -> bool {
    while !stop.load(Ordering::Acquire) {
        if mapping.is_marked_dead() {
            return true;
        }
        match mapping.lock_slice(SLICE) {
            Locked::Busy => {}
            Locked::Owned | Locked::OwnerDead => {
                mapping.mark_dead();
                // An owner's death that is not repaired makes every other waiter see it, too.
                mapping.unlock();
                return true;
            }
            Locked::NotRecoverable => return true,
        }
    }
    false
}

/// Whether the process of `whom` lives. A missing file, or one of another boot, is of a dead one.
///
/// # Errors
/// The system's, naming the file, when it cannot be told.
pub fn is_alive(dir: &Path, whom: Incarnation) -> io::Result<bool> {
    Ok(sign(dir, whom)? == Sign::Held)
}

/// What there is of an incarnation's sign of life in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Its process lives.
    Held,
    /// Its process, which was on this host, has ended.
    Dead,
    /// Nothing: it never was here, or was swept.
    Missing,
}

/// What `dir` says of `whom`.
///
/// # Errors
/// The system's, naming the file, when it cannot be told.
pub fn sign(dir: &Path, whom: Incarnation) -> io::Result<Sign> {
    let path = life_path(dir, whom);
    match open_of_this_boot(&path)? {
        Some(mapping) if is_held(&mapping) => Ok(Sign::Held),
        Some(_) => Ok(Sign::Dead),
        None if path.try_exists()? => Ok(Sign::Dead),
        None => Ok(Sign::Missing),
    }
}

fn is_held(mapping: &Mapping) -> bool {
    if mapping.is_marked_dead() {
        return false;
    }
    match mapping.try_lock() {
        Locked::Busy => true,
        Locked::Owned | Locked::OwnerDead => {
            mapping.mark_dead();
            mapping.unlock();
            false
        }
        Locked::NotRecoverable => false,
    }
}

/// Leaves word for `whom`, should its process still live, that its epoch was taken.
///
/// # Errors
/// The system's, naming the file, when it cannot be left.
pub fn tell_overtaken(dir: &Path, whom: Incarnation) -> io::Result<()> {
    if let Some(mapping) = open_of_this_boot(&life_path(dir, whom))? {
        mapping.mark_overtaken();
    }
    Ok(())
}

/// Removes the files of dead incarnations from `dir`: signs of life and sockets. Says how many
/// incarnations those were.
///
/// # Errors
/// The system's, when the directory cannot be read.
pub fn sweep(dir: &Path) -> io::Result<usize> {
    sweep_except(dir, &[])
}

/// The same, but for the signs of `kept`, whose death is still to be proved to somebody.
///
/// # Errors
/// As [`sweep`].
pub fn sweep_except(dir: &Path, kept: &[Incarnation]) -> io::Result<usize> {
    let mut dead = 0;
    for item in fs::read_dir(dir)? {
        let path = item?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if let Some(whom) = incarnation_of(name, SUFFIX) {
            // What cannot be told is left alone.
            if !kept.contains(&whom) && matches!(is_alive(dir, whom), Ok(false)) {
                let _ = fs::remove_file(&path);
                let _ = fs::remove_file(dir.join(format!("{whom}{}", unix::SUFFIX)));
                dead += 1;
            }
        } else if incarnation_of(name.trim_start_matches('.'), SUFFIX).is_some() && is_old(&path) {
            let _ = fs::remove_file(&path);
        }
    }
    Ok(dead)
}

fn incarnation_of(name: &str, suffix: &str) -> Option<Incarnation> {
    name.strip_suffix(suffix)?.parse().ok()
}

fn is_old(path: &Path) -> bool {
    let modified = fs::symlink_metadata(path).and_then(|meta| meta.modified());
    modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > LEFTOVER_AGE))
}

fn life_path(dir: &Path, whom: Incarnation) -> PathBuf {
    dir.join(format!("{whom}{SUFFIX}"))
}

/// The mapped file; `None` when it is missing or of another boot.
fn open_of_this_boot(path: &Path) -> io::Result<Option<Mapping>> {
    match Mapping::open(path) {
        Ok(mapping) => Ok(mapping.is_of_this_boot()?.then_some(mapping)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io::Error::new(
            error.kind(),
            format!("sign of life {}: {error}", path.display()),
        )),
    }
}
