//! The checkers: each knows only what is on the wire, in the register, and in the services.

mod backed;
mod bounds;
mod level;
mod promise;
mod reach;
mod speaker;

pub use bounds::bounds_hold;
pub(super) use bounds::buffers_hold;
pub use level::shadow_equals_active;
pub(super) use promise::{Promise, promises};

use super::node::Node;
use crate::wire::{self, Monotonic};
use ipc::register::MemoryRegister;
use reach::Reach;
use speaker::{Speaker, Speaks};

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
    /// For so long an acknowledgement may be under way to a node that has lost the epoch: what it lets go is backed.
    pub late_us: u64,
}

impl Onlooker {
    /// Looks at the register.
    pub(super) fn notice(&mut self, register: &MemoryRegister, now_us: u64) {
        self.speaker.notice(register, now_us);
    }

    /// Looks at a frame of node `at`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn look(
        &mut self,
        register: &MemoryRegister,
        nodes: &[Node],
        at: usize,
        now_us: u64,
        frame: &[u8],
    ) -> Result<(), Finding> {
        let speaks = self
            .speaker
            .look(register, nodes, nodes[at].me, now_us, self.late_us)
            .map_err(|wrong| ("speaker", wrong))?;
        let entry = match speaks {
            Speaks::Rightly(entry) => entry,
            Speaks::Late(successor) => {
                let seen = wire::segment(frame);
                let node = nodes.iter().find(|node| node.me == successor);
                return match (seen, node) {
                    (Some(seen), Some(node)) => {
                        backed::held_by(node, &seen).map_err(|wrong| ("speaker", wrong))
                    }
                    _ => Ok(()),
                };
            }
        };
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
