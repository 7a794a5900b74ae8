//! Memory of the node's largest batch: given back once there is little to do.

use super::Active;
use ipc::batch::BatchBuilder;

/// Time between two looks.
const LOOK_US: u64 = 1_000_000;

/// A node that closes fewer batches from one look to the next has time to allocate anew.
const LITTLE: u64 = 1_000;

/// Frames, events and the like for which memory is kept.
const KEPT: usize = 16;

/// When memory was last given back.
#[derive(Debug, Default)]
pub(super) struct Rest {
    looked_us: u64,
    batches: u64,
}

impl Active {
    /// Gives back what only a large batch needs, now and then.
    pub(super) fn rest(&mut self, mono_us: u64) {
        if mono_us < self.rest.looked_us + LOOK_US {
            return;
        }
        let little = self.counters.batches - self.rest.batches < LITTLE;
        self.rest = Rest {
            looked_us: mono_us,
            batches: self.counters.batches,
        };
        if little {
            self.fx.give_back(KEPT);
            self.frames.give_back(KEPT);
            self.gate.give_back(KEPT);
            self.departing.give_back(KEPT);
            self.settling.shrink_to(KEPT);
            self.events.shrink_to(KEPT);
            if self.batch.is_empty() {
                self.batch = BatchBuilder::new();
            }
            if let Some(link) = &mut self.standby {
                link.session.give_back();
            }
            self.dirty.shrink_to(KEPT);
            self.put_off.shrink_to(KEPT);
        }
    }
}
