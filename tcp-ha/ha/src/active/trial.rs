//! What only the trial version 2 of the records carries.

use super::Active;
use crate::record::Record;
use tcp_ha_engine::{ConnectionId, Error};

impl Active {
    /// Sets the field of a connection that version 1 does not have.
    ///
    /// # Errors
    /// The connection is unknown.
    pub fn set_trial(&mut self, mono_us: u64, id: ConnectionId, trial: u32) -> Result<(), Error> {
        let now = self.clock.now(mono_us);
        self.engine.set_trial(now, id, trial, &mut self.fx)
    }

    /// Sets what goes by a record of a kind that version 1 does not have.
    pub fn set_trial_note(&mut self, note: u64) {
        self.trial = note;
        if self.has_established_standby() {
            self.record_trial();
        }
    }

    /// What was set, here or on the node that this one took over from.
    pub fn trial_note(&self) -> u64 {
        self.trial
    }

    pub(super) fn record_trial(&mut self) {
        let note = self.trial;
        Record::Trial { note }.write_as(self.version(), &mut self.batch);
    }
}
