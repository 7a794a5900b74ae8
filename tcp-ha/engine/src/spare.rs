//! Memory of a connection that holds nothing: kept for what may come, and given back once it has rested for a while.

use crate::connection::{Connection, Context};
use crate::time::Instant;
use core::time::Duration;
use std::collections::VecDeque;

/// So many octets of all buffers of a connection together are kept for good: small messages come and go in them.
const KEPT_OCTETS: usize = 1_024;
/// A connection that has sent and received nothing for so long rests.
const REST: Duration = Duration::from_secs(1);

/// Memory that is used again.
pub(crate) trait Spare {
    /// Octets that are allocated and hold nothing.
    fn spare_octets(&self) -> usize;
    /// Gives them back.
    fn give_back(&mut self);
}

impl<T> Spare for VecDeque<T> {
    fn spare_octets(&self) -> usize {
        (self.capacity() - self.len()) * size_of::<T>()
    }

    fn give_back(&mut self) {
        self.shrink_to_fit();
    }
}

impl<T> Spare for Vec<T> {
    fn spare_octets(&self) -> usize {
        (self.capacity() - self.len()) * size_of::<T>()
    }

    fn give_back(&mut self) {
        self.shrink_to_fit();
    }
}

impl Connection {
    /// Everything that may hold spare memory.
    fn spares(&mut self) -> [&mut dyn Spare; 5] {
        [
            &mut self.send_buffer,
            &mut self.recv_buffer,
            &mut self.assembler,
            &mut self.outstanding,
            &mut self.pushes,
        ]
    }

    /// Begins to wait where there is spare memory worth it.
    pub(crate) fn note_spare(&mut self, now: Instant) {
        if self.passing.spare_until.is_none() {
            let spare: usize = self.spares().iter().map(|it| it.spare_octets()).sum();
            self.passing.spare_until = (spare > KEPT_OCTETS).then(|| now + REST);
        }
    }

    /// The wait is over.
    pub(crate) fn on_rest(&mut self, ctx: &Context<'_>) {
        let used_at = self
            .timers
            .sent_at
            .max(self.tally.last_text_at.unwrap_or_default());
        let rested_at = used_at + REST;
        if rested_at > ctx.now {
            self.passing.spare_until = Some(rested_at);
            return;
        }
        self.passing.spare_until = None;
        self.end_watch();
        for spare in self.spares() {
            spare.give_back();
        }
    }
}
