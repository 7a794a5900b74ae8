//! The register of one host: a directory in which epoch N is a file named N.
//!
//! An entry is written whole to a temporary file and then given its name by `link(2)`, which
//! fails if the name is taken: that is the compare-and-swap. Nothing is ever locked, so nothing of
//! a dead process is ever waited for. After the link the directory is read again, and the swap is
//! won only if no higher name is there: so old files may be removed, and a process that slept
//! through many epochs does not win one of the removed names.
//!
//! Names only order the processes of one boot. Keep the directory on a file system in memory
//! (`/run`): after a reboot nobody of before lives, and the synchronous write costs nothing there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::text::{ENTRY_OCTETS_MAX, parse, render};
use super::{CasError, Entry, Health, Register, RegisterError, Tenure, successor};
use crate::ids::{Epoch, Incarnation};

/// Entries kept below the newest, for whoever reads the history.
const KEPT_ENTRIES: u64 = 64;
/// A temporary file this old belongs to nobody who is still swapping.
const LEFTOVER_AGE: Duration = Duration::from_secs(60);
/// Reads that may find the newest file removed under them before giving up.
const READ_ATTEMPTS: u32 = 100;
const TEMPORARY_PREFIX: &str = ".swap-";

/// The register in a directory; see the module's text.
#[derive(Clone, Debug)]
pub struct FileRegister {
    dir: PathBuf,
}

impl FileRegister {
    /// Opens the register in `dir`, which is created (mode 0700) if it is missing, and removes
    /// what interrupted swaps have left.
    ///
    /// # Errors
    /// [`RegisterError::Unavailable`], naming the directory.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, RegisterError> {
        let register = Self { dir: dir.into() };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&register.dir)
            .map_err(|error| register.unavailable("cannot create", &error))?;
        register.remove_leftovers();
        register
            .newest()
            .map_err(|error| register.unavailable("cannot read", &error))?;
        Ok(register)
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn unavailable(&self, what: &str, error: &io::Error) -> RegisterError {
        RegisterError::Unavailable(format!("{what} {}: {error}", self.dir.display()))
    }

    fn path(&self, epoch: Epoch) -> PathBuf {
        self.dir.join(format!("{:020}", epoch.0))
    }

    /// The highest epoch that has a name.
    fn newest(&self) -> io::Result<Option<Epoch>> {
        Ok(self.epochs()?.into_iter().max())
    }

    fn epochs(&self) -> io::Result<Vec<Epoch>> {
        let mut epochs = Vec::new();
        for item in fs::read_dir(&self.dir)? {
            epochs.extend(item?.file_name().to_str().and_then(epoch_of_name));
        }
        Ok(epochs)
    }

    fn read_entry(&self, epoch: Epoch) -> io::Result<Result<Entry, String>> {
        let mut text = Vec::new();
        File::open(self.path(epoch))?
            .take(ENTRY_OCTETS_MAX as u64 + 1)
            .read_to_end(&mut text)?;
        Ok(parse(&text).and_then(|entry| match entry.epoch {
            said if said == epoch => Ok(entry),
            other => Err(format!("says epoch {other}")),
        }))
    }

    fn write_temporary(&self, entry: &Entry) -> io::Result<PathBuf> {
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce).map_err(io::Error::other)?;
        let name = format!("{TEMPORARY_PREFIX}{:016x}", u64::from_ne_bytes(nonce));
        let path = self.dir.join(name);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        // Not synced: all readers see the same page cache, a takeover must not wait for a disk, and no node outlives a crash of the
        // host. On a memory file system (`/run`) the register does not outlive it either.
        let written = file.write_all(render(entry).as_bytes());
        match written {
            Ok(()) => Ok(path),
            Err(error) => {
                let _ = fs::remove_file(&path);
                Err(error)
            }
        }
    }

    /// Gives `entry` its name and reads back whether it is the newest.
    fn publish(&self, entry: Entry) -> Result<Tenure, CasError> {
        let unavailable =
            |error: &io::Error| CasError::Unavailable(format!("{}: {error}", self.dir.display()));
        let temporary = self
            .write_temporary(&entry)
            .map_err(|error| unavailable(&error))?;
        let linked = fs::hard_link(&temporary, self.path(entry.epoch));
        let _ = fs::remove_file(&temporary);
        match linked {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(self.lost()),
            Err(error) if is_certain(&error) => return Err(unavailable(&error)),
            Err(error) => {
                return Err(CasError::Unknown(format!(
                    "{}: {error}",
                    self.dir.display()
                )));
            }
        }
        match self.newest() {
            Ok(Some(newest)) if newest == entry.epoch => {
                self.prune(newest);
                Ok(Tenure(entry))
            }
            Ok(_) => Err(self.lost()),
            Err(error) => Err(CasError::Unknown(format!(
                "{}: {error}",
                self.dir.display()
            ))),
        }
    }

    fn lost(&self) -> CasError {
        CasError::Lost(self.read().ok().flatten())
    }

    fn prune(&self, newest: Epoch) {
        for epoch in self.epochs().unwrap_or_default() {
            if epoch.0 + KEPT_ENTRIES <= newest.0 {
                let _ = fs::remove_file(self.path(epoch));
            }
        }
    }

    fn remove_leftovers(&self) {
        let Ok(items) = fs::read_dir(&self.dir) else {
            return;
        };
        for item in items.flatten() {
            let temporary = item
                .file_name()
                .to_str()
                .is_some_and(|name| name.starts_with(TEMPORARY_PREFIX));
            let age = item
                .metadata()
                .and_then(|meta| meta.modified())
                .map(|at| at.elapsed());
            let old = matches!(age, Ok(Ok(age)) if age > LEFTOVER_AGE);
            if temporary && old {
                let _ = fs::remove_file(item.path());
            }
        }
    }
}

impl Register for FileRegister {
    fn read(&self) -> Result<Option<Entry>, RegisterError> {
        for _ in 0..READ_ATTEMPTS {
            let newest = self
                .newest()
                .map_err(|error| self.unavailable("cannot read", &error))?;
            let Some(epoch) = newest else { return Ok(None) };
            match self.read_entry(epoch) {
                Ok(Ok(entry)) => return Ok(Some(entry)),
                Ok(Err(why)) => {
                    let path = self.path(epoch);
                    return Err(RegisterError::Corrupt(format!(
                        "{}: {why}; make sure that no node runs, then remove the file",
                        path.display()
                    )));
                }
                // So many epochs have passed since the directory was read that it was removed.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(RegisterError::Unavailable(format!(
                        "cannot read {}: {error}",
                        self.path(epoch).display()
                    )));
                }
            }
        }
        Err(RegisterError::Unavailable(format!(
            "{} changes faster than it can be read",
            self.dir.display()
        )))
    }

    fn health(&self) -> Option<Health> {
        Some(Health {
            kind: "files",
            place: self.dir.display().to_string(),
            answered_us_ago: None,
            failing: None,
        })
    }

    fn compare_and_swap(
        &self,
        expected: Option<Epoch>,
        active: Incarnation,
        standby: Option<Incarnation>,
    ) -> Result<Tenure, CasError> {
        let entry = successor(expected, active, standby)?;
        let current = self
            .read()
            .map_err(|error| CasError::Unavailable(error.to_string()))?;
        if current.map(|entry| entry.epoch) != expected {
            return Err(CasError::Lost(current));
        }
        self.publish(entry)
    }
}

/// Whether a failed link certainly made no name.
fn is_certain(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::TooManyLinks
            | ErrorKind::Unsupported
    )
}

fn epoch_of_name(name: &str) -> Option<Epoch> {
    let digits = name.len() == 20 && name.bytes().all(|octet| octet.is_ascii_digit());
    if digits {
        name.parse().ok().map(Epoch)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
