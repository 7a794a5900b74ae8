//! The register as the nodes have it: it may fall silent right after an outcome that nobody was told.

use ipc::register::{CasError, MemoryRegister, Register, RegisterError, Tenure};
use ipc::{Entry, Epoch, Incarnation};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// See the module's text.
#[derive(Clone, Default)]
pub struct MoodyRegister {
    /// The register itself.
    pub inner: MemoryRegister,
    silent_after_unknown: Arc<AtomicBool>,
}

impl MoodyRegister {
    /// From now on it falls silent with the next outcome that it does not tell.
    pub fn fall_silent_after_unknown(&self) {
        self.silent_after_unknown.store(true, Ordering::SeqCst);
    }

    /// It no longer falls silent.
    pub fn stay_calm(&self) {
        self.silent_after_unknown.store(false, Ordering::SeqCst);
    }
}

impl Register for MoodyRegister {
    fn read(&self) -> Result<Option<Entry>, RegisterError> {
        self.inner.read()
    }

    fn compare_and_swap(
        &self,
        expected: Option<Epoch>,
        active: Incarnation,
        standby: Option<Incarnation>,
    ) -> Result<Tenure, CasError> {
        let outcome = self.inner.compare_and_swap(expected, active, standby);
        let unknown = matches!(outcome, Err(CasError::Unknown(_)));
        if unknown && self.silent_after_unknown.swap(false, Ordering::SeqCst) {
            self.inner.set_unavailable(true);
        }
        outcome
    }
}
