//! Nobody speaks but the active of the register (I2, I3).

use ipc::register::MemoryRegister;
use ipc::{Entry, Incarnation};

/// See the module's text.
#[derive(Default)]
pub(super) struct Speaker {
    /// What the register said when it could last be read.
    entry: Option<Entry>,
}

impl Speaker {
    /// `me` speaks; the entry by which it does.
    pub(super) fn look(
        &mut self,
        register: &MemoryRegister,
        me: Incarnation,
    ) -> Result<Entry, String> {
        // Switched off, the register still says what it said last: nothing changes in it then.
        self.entry = register.peek().or(self.entry);
        let Some(entry) = self.entry else {
            return Err("it speaks before the register says anything".to_owned());
        };
        if entry.active != me {
            return Err(format!(
                "it speaks in epoch {}, which belongs to {}",
                entry.epoch, entry.active
            ));
        }
        Ok(entry)
    }
}
