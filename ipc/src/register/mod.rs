//! The register: who may speak. One entry, changed by compare-and-swap alone.
//!
//! There are no leases and no clocks in it. A [`Tenure`] is the proof that the register was
//! changed, or freshly read, to say so; nobody else can make one.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{Epoch, Incarnation};

pub mod etcd;
pub mod file;
pub mod memory;
pub mod remote;
mod text;

pub use etcd::{EtcdCertificate, EtcdConfig, EtcdRegister, EtcdTls, EtcdUser};
pub use file::FileRegister;
pub use memory::MemoryRegister;
pub use remote::RemoteRegister;

/// What the register says in one epoch. An epoch's entry never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Number of this entry.
    pub epoch: Epoch,
    /// Who may speak.
    pub active: Incarnation,
    /// Who must have acknowledged before the active speaks, and may take over.
    pub standby: Option<Incarnation>,
}

/// Proof that the register holds, or has just held, an entry: made by a compare-and-swap that was
/// won or by a fresh read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenure(Entry);

impl Tenure {
    /// Epoch of the entry.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.0.epoch
    }

    /// The active of the entry.
    #[must_use]
    pub fn active(&self) -> Incarnation {
        self.0.active
    }

    /// The standby of the entry.
    #[must_use]
    pub fn standby(&self) -> Option<Incarnation> {
        self.0.standby
    }

    /// The entry.
    #[must_use]
    pub fn entry(&self) -> Entry {
        self.0
    }
}

/// The register could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisterError {
    /// Out of reach for now; the text says where and why.
    Unavailable(String),
    /// Reached, but what is there is not an entry; the text names the place.
    Corrupt(String),
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(why) => write!(f, "register out of reach: {why}"),
            Self::Corrupt(why) => write!(f, "register damaged: {why}"),
        }
    }
}

impl core::error::Error for RegisterError {}

/// A compare-and-swap was not won.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CasError {
    /// The register did not hold the expected epoch; what it holds now, as far as known.
    Lost(Option<Entry>),
    /// It may or may not have been changed: read until it is clear whose entry stands.
    Unknown(String),
    /// It was not changed.
    Unavailable(String),
}

impl fmt::Display for CasError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(Some(entry)) => write!(
                f,
                "lost the register: epoch {} has active {}",
                entry.epoch, entry.active
            ),
            Self::Lost(None) => f.write_str("lost the register: it is empty"),
            Self::Unknown(why) => write!(f, "outcome at the register not known: {why}"),
            Self::Unavailable(why) => write!(f, "register out of reach: {why}"),
        }
    }
}

impl core::error::Error for CasError {}

/// What a register tells of itself, for status; times in microseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// `files` or `etcd`.
    pub kind: &'static str,
    /// Where it is.
    pub place: String,
    /// How long ago it last answered a request; `None` where that is not known, or has never been.
    pub answered_us_ago: Option<u64>,
    /// Why the last request was not answered, if it was not.
    pub failing: Option<Failing>,
}

/// A register that does not answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failing {
    /// The newest error.
    pub error: String,
    /// How long ago the first request without an answer was made.
    pub since_us_ago: u64,
}

/// The register as a node sees it. Calls may block for the time of a file or network operation.
pub trait Register: Send {
    /// The newest entry; `None` when the register is empty.
    ///
    /// # Errors
    /// [`RegisterError`], when it cannot be told.
    fn read(&self) -> Result<Option<Entry>, RegisterError>;

    /// Writes the entry of the epoch after `expected` (`None`: the register is empty), if
    /// `expected` is still the newest.
    ///
    /// # Errors
    /// [`CasError`]: lost, not known, or not done. Only `Ok` gives the right to anything.
    fn compare_and_swap(
        &self,
        expected: Option<Epoch>,
        active: Incarnation,
        standby: Option<Incarnation>,
    ) -> Result<Tenure, CasError>;

    /// What is known of it without asking; `None` where there is nothing to tell.
    fn health(&self) -> Option<Health> {
        None
    }

    /// Reads the register afresh: the tenure, if the newest entry names `me` active.
    ///
    /// # Errors
    /// [`RegisterError`], when it cannot be told.
    fn confirm(&self, me: Incarnation) -> Result<Option<Tenure>, RegisterError> {
        Ok(self.read()?.filter(|entry| entry.active == me).map(Tenure))
    }
}

/// The entry that a won swap on `expected` writes.
fn successor(
    expected: Option<Epoch>,
    active: Incarnation,
    standby: Option<Incarnation>,
) -> Result<Entry, CasError> {
    if standby == Some(active) {
        return Err(CasError::Unavailable(format!(
            "{active} cannot be active and standby at once"
        )));
    }
    Ok(Entry {
        epoch: expected.unwrap_or_default().next(),
        active,
        standby,
    })
}

#[cfg(test)]
mod tests;
