//! A register inside one process, for nodes that share it, with switches for its failures.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{CasError, Entry, Register, RegisterError, Tenure, successor};
use crate::ids::{Epoch, Incarnation};

/// What becomes of the next compare-and-swap whose outcome is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownOutcome {
    /// It takes effect.
    Applied,
    /// It does not.
    Lost,
}

#[derive(Debug, Default)]
struct Inner {
    entry: Option<Entry>,
    unavailable: bool,
    unknown: Option<UnknownOutcome>,
    swaps: u64,
}

/// A register in memory. Clones share the entry and the switches.
#[derive(Clone, Debug, Default)]
pub struct MemoryRegister(Arc<Mutex<Inner>>);

impl MemoryRegister {
    /// An empty register.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on (or no longer) every call fails without effect.
    pub fn set_unavailable(&self, unavailable: bool) {
        self.inner().unavailable = unavailable;
    }

    /// The outcome of the next compare-and-swap that would be won is not told to its caller.
    pub fn hide_next_outcome(&self, outcome: UnknownOutcome) {
        self.inner().unknown = Some(outcome);
    }

    /// From now on every outcome is told.
    pub fn tell_outcomes(&self) {
        self.inner().unknown = None;
    }

    /// Compare-and-swaps that took effect.
    #[must_use]
    pub fn swaps(&self) -> u64 {
        self.inner().swaps
    }

    /// The newest entry, whatever is switched off: for onlookers, not for nodes.
    #[must_use]
    pub fn peek(&self) -> Option<Entry> {
        self.inner().entry
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const SWITCHED_OFF: &str = "memory register is switched off";

impl Register for MemoryRegister {
    fn read(&self) -> Result<Option<Entry>, RegisterError> {
        let inner = self.inner();
        if inner.unavailable {
            return Err(RegisterError::Unavailable(SWITCHED_OFF.to_owned()));
        }
        Ok(inner.entry)
    }

    fn compare_and_swap(
        &self,
        expected: Option<Epoch>,
        active: Incarnation,
        standby: Option<Incarnation>,
    ) -> Result<Tenure, CasError> {
        let mut inner = self.inner();
        if inner.unavailable {
            return Err(CasError::Unavailable(SWITCHED_OFF.to_owned()));
        }
        let entry = successor(expected, active, standby)?;
        if inner.entry.map(|current| current.epoch) != expected {
            return Err(CasError::Lost(inner.entry));
        }
        let unknown = inner.unknown.take();
        if unknown != Some(UnknownOutcome::Lost) {
            inner.entry = Some(entry);
            inner.swaps += 1;
        }
        match unknown {
            None => Ok(Tenure(entry)),
            Some(_) => Err(CasError::Unknown(
                "memory register hid the outcome".to_owned(),
            )),
        }
    }
}
