//! The file of a sign of life, mapped: what of it needs system calls without a safe face.
#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::mm::{MapFlags, ProtFlags};

const MAGIC: [u8; 8] = *b"tHAlife1";
const BOOT_OCTETS: usize = 36;
const FILE_OCTETS: usize = 4096;
const BOOT_AT: usize = 16;
/// Set once the holder was seen dead.
const DEAD_AT: usize = 64;
/// Set once another node has taken the holder's epoch.
const OVERTAKEN_AT: usize = 68;
/// On a cache line of its own.
const MUTEX_AT: usize = 128;

/// The file begins so; `ABI` tells apart what cannot share a mutex.
const ABI: [u8; 8] = {
    let size = size_of::<libc::pthread_mutex_t>() as u8;
    let pointer = size_of::<usize>() as u8;
    let endian = if cfg!(target_endian = "little") { 1 } else { 2 };
    let libc = if cfg!(target_env = "musl") { 2 } else { 1 };
    [size, pointer, endian, libc, 0, 0, 0, 0]
};

/// Outcome of trying to take the mutex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Locked {
    /// It was free, and is ours.
    Owned,
    /// Its owner has died, and it is ours.
    OwnerDead,
    /// Its owner has died and somebody has seen that before; it is nobody's.
    NotRecoverable,
    /// Somebody holds it.
    Busy,
}

/// A mapped sign of life.
#[derive(Debug)]
pub(super) struct Mapping {
    base: NonNull<u8>,
}

// SAFETY: all access to the mapped memory goes through a process-shared mutex, an atomic, or reads
// of the header, which is written before the file has its name and never after.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Makes the file at `path`, mode 0600, with an unlocked mutex in it.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        let mut header = [0; FILE_OCTETS];
        header[..8].copy_from_slice(&MAGIC);
        header[8..16].copy_from_slice(&ABI);
        header[BOOT_AT..BOOT_AT + BOOT_OCTETS].copy_from_slice(&boot_id()?);
        file.write_all_at(&header, 0)?;
        let mapping = Self::map(&file)?;
        mapping.initialise_mutex()?;
        Ok(mapping)
    }

    /// Maps the file at `path`; `InvalidData` when it is not a sign of life.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut header = [0; 16];
        let whole = file.metadata()?.len() == FILE_OCTETS as u64;
        if whole {
            file.read_exact_at(&mut header, 0)?;
        }
        if header[..8] != MAGIC || header[8..] != ABI {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "not a sign of life of this version; remove it if no node of that name runs",
            ));
        }
        Self::map(&file)
    }

    fn map(file: &File) -> io::Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice takes no memory of ours.
        let base = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                FILE_OCTETS,
                protection,
                MapFlags::SHARED,
                file,
                0,
            )
        }?;
        NonNull::new(base.cast())
            .map(|base| Self { base })
            .ok_or_else(|| io::Error::other("mapped at address zero"))
    }

    fn mutex(&self) -> *mut libc::pthread_mutex_t {
        // SAFETY: the offset lies within the mapping, which is page aligned; 128 suits the type.
        unsafe { self.base.as_ptr().add(MUTEX_AT).cast() }
    }

    fn initialise_mutex(&self) -> io::Result<()> {
        let mut attributes = std::mem::MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
        let attributes = attributes.as_mut_ptr();
        // SAFETY: the attributes are initialised first and destroyed last; the mutex's memory is
        // ours alone, since the file has no name that others look for yet.
        unsafe {
            check(libc::pthread_mutexattr_init(attributes))?;
            let made = check(libc::pthread_mutexattr_setpshared(
                attributes,
                libc::PTHREAD_PROCESS_SHARED,
            ))
            .and_then(|()| {
                check(libc::pthread_mutexattr_setrobust(
                    attributes,
                    libc::PTHREAD_MUTEX_ROBUST,
                ))
            })
            .and_then(|()| check(libc::pthread_mutex_init(self.mutex(), attributes)));
            libc::pthread_mutexattr_destroy(attributes);
            made
        }
    }

    /// Waits for the mutex for at most `limit`.
    pub(super) fn lock_slice(&self, limit: Duration) -> Locked {
        let until = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            + limit;
        let until = libc::timespec {
            tv_sec: until.as_secs() as libc::time_t,
            tv_nsec: libc::c_long::from(until.subsec_nanos() as i32),
        };
        // SAFETY: the mutex was initialised before the file had its name; `until` is a live value.
        locked(unsafe { libc::pthread_mutex_timedlock(self.mutex(), &raw const until) })
    }

    /// Takes the mutex if nobody holds it.
    pub(super) fn try_lock(&self) -> Locked {
        // SAFETY: the mutex was initialised before the file had its name.
        locked(unsafe { libc::pthread_mutex_trylock(self.mutex()) })
    }

    /// Gives up the mutex, which this thread holds. One whose owner had died is of no use to
    /// anybody afterwards, and says so to all who wait.
    pub(super) fn unlock(&self) {
        // SAFETY: the mutex was initialised before the file had its name; a robust one of another
        // owner answers with an error.
        let _ = unsafe { libc::pthread_mutex_unlock(self.mutex()) };
    }

    /// Leaves word for others that the holder is dead.
    pub(super) fn mark_dead(&self) {
        self.dead().store(1, Ordering::Release);
    }

    /// Whether somebody has left word that the holder is dead.
    pub(super) fn is_marked_dead(&self) -> bool {
        self.dead().load(Ordering::Acquire) != 0
    }

    fn dead(&self) -> &AtomicU32 {
        self.word(DEAD_AT)
    }

    /// Leaves word that another node has taken the holder's epoch.
    pub(super) fn mark_overtaken(&self) {
        self.word(OVERTAKEN_AT).store(1, Ordering::Release);
    }

    /// Whether somebody has left that word.
    pub(super) fn is_marked_overtaken(&self) -> bool {
        self.word(OVERTAKEN_AT).load(Ordering::Acquire) != 0
    }

    fn word(&self, at: usize) -> &AtomicU32 {
        // SAFETY: both offsets are aligned and within the mapping, which lives as long as `self`;
        // every process uses these words as atomics only.
        unsafe { AtomicU32::from_ptr(self.base.as_ptr().add(at).cast()) }
    }

    /// Whether the file was made since the host was started.
    pub(super) fn is_of_this_boot(&self) -> io::Result<bool> {
        let mut boot = [0; BOOT_OCTETS];
        // SAFETY: within the mapping; nobody writes there once the file has its name.
        unsafe {
            let from = self.base.as_ptr().add(BOOT_AT);
            std::ptr::copy_nonoverlapping(from, boot.as_mut_ptr(), BOOT_OCTETS);
        }
        Ok(boot == boot_id()?)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `map` with this length; nothing borrowed from it outlives `self`. A
        // holder unlocks before it drops, so no robust list leads here.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), FILE_OCTETS) };
    }
}

fn check(code: libc::c_int) -> io::Result<()> {
    if code == 0 {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(code))
    }
}

fn locked(code: libc::c_int) -> Locked {
    match code {
        0 => Locked::Owned,
        libc::EOWNERDEAD => Locked::OwnerDead,
        libc::ENOTRECOVERABLE => Locked::NotRecoverable,
        _ => Locked::Busy,
    }
}

fn boot_id() -> io::Result<[u8; BOOT_OCTETS]> {
    let mut boot = [0; BOOT_OCTETS];
    File::open("/proc/sys/kernel/random/boot_id")?.read_exact(&mut boot)?;
    Ok(boot)
}
