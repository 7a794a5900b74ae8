//! Nobody speaks but the active of the register (I2, I3).

use super::super::node::{Doing, Node};
use ipc::register::MemoryRegister;
use ipc::{Entry, Incarnation};

/// See the module's text.
#[derive(Default)]
pub(super) struct Speaker {
    /// What the register said when it could last be read.
    entry: Option<Entry>,
    since_us: u64,
}

/// Who speaks.
pub(super) enum Speaks {
    /// The active of the register.
    Rightly(Entry),
    /// The active of before, while the node named here does not know that it has the epoch, or not long after: acknowledgements are
    /// under way.
    Late(Incarnation),
}

impl Speaker {
    /// `me` speaks at `now_us`; what is acknowledged may be under way for `late_us`.
    pub(super) fn look(
        &mut self,
        register: &MemoryRegister,
        nodes: &[Node],
        me: Incarnation,
        now_us: u64,
        late_us: u64,
    ) -> Result<Speaks, String> {
        self.notice(register, now_us);
        let Some(entry) = self.entry else {
            return Err("it speaks before the register says anything".to_owned());
        };
        if entry.active == me {
            return Ok(Speaks::Rightly(entry));
        }
        let knows = nodes
            .iter()
            .any(|node| node.me == entry.active && !matches!(node.doing, Doing::Standby(_)));
        if !knows && late_us > 0 {
            // Its swap is of unknown outcome to itself: it still shadows, and acknowledges.
            self.since_us = now_us;
        }
        if now_us < self.since_us + late_us {
            return Ok(Speaks::Late(entry.active));
        }
        Err(format!(
            "it speaks in epoch {}, which belongs to {}",
            entry.epoch, entry.active
        ))
    }

    /// Notes since when the register says what it says.
    pub(super) fn notice(&mut self, register: &MemoryRegister, now_us: u64) {
        // Switched off, the register still says what it said last: nothing changes in it then.
        let entry = register.peek();
        if entry.map(|entry| entry.epoch) != self.entry.map(|entry| entry.epoch) {
            self.since_us = now_us;
            self.entry = entry;
        }
    }
}
