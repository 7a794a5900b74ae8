//! The checkers: each knows only what is on the wire, in the register, and in the services.

mod backed;
mod bounds;
mod level;
mod promise;
mod reach;
mod speaker;

pub use bounds::bounds_hold;
pub use level::shadow_equals_active;
pub(super) use promise::{Promise, promises};

use super::node::Node;
use crate::wire::{self, Monotonic};
use ipc::register::MemoryRegister;
use reach::Reach;
use speaker::Speaker;

/// What a checker found: its name, and what is wrong.
pub type Finding = (&'static str, String);

/// Judges every frame that a node of the pair puts on the wire, at the moment when it leaves.
#[derive(Default)]
pub struct Onlooker {
    /// What never goes back (I6), and resets (I7).
    pub monotonic: Monotonic,
    speaker: Speaker,
    reach: Reach,
    /// Segments that were found backed.
    pub backed: u64,
}

impl Onlooker {
    /// Looks at a frame of node `at`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn look(
        &mut self,
        register: &MemoryRegister,
        nodes: &[Node],
        at: usize,
        frame: &[u8],
    ) -> Result<(), Finding> {
        let entry = self
            .speaker
            .look(register, nodes[at].me)
            .map_err(|wrong| ("speaker", wrong))?;
        self.reach
            .look(entry.epoch, at, frame)
            .map_err(|wrong| ("reach", wrong))?;
        let Some(seen) = wire::segment(frame) else {
            return Ok(());
        };
        if let Some(standby) = entry.standby.and_then(|name| backed::standby(nodes, name)) {
            let compared = backed::look(standby, &seen).map_err(|wrong| ("backed", wrong))?;
            self.backed += u64::from(compared);
        }
        self.monotonic
            .look(&seen)
            .map_err(|wrong| ("monotonic", wrong))
    }
}
