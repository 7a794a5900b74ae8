//! The first words after a takeover: a part of the connections at a time, so that the first peers hear them while the others' are
//! still to be built, and the gate never holds more of them than it may. Every peer hears an ACK before any hears the second word.

use super::{Active, Protection};
use std::collections::VecDeque;
use tcp_ha_engine::{ConnectionId, Instant};

/// Words that are said in one batch, of a frame each.
const VOICES: usize = 128;

/// Connections that have not said all since the takeover.
#[derive(Default)]
pub(super) struct Silent {
    /// They have said nothing.
    ids: VecDeque<ConnectionId>,
    /// They have said the first word.
    greeted: VecDeque<ConnectionId>,
    timestamp_jump_ms: u32,
    /// What is known of how they were protected, which has time until all have spoken.
    protections: Vec<(ConnectionId, Protection)>,
}

impl Silent {
    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.greeted.is_empty()
    }
}

impl Active {
    /// After a takeover: turns the bridges and the peers towards this node, begins to speak on every connection, and then goes on
    /// protecting them.
    pub(crate) fn speak_again(
        &mut self,
        mono_us: u64,
        timestamp_jump_ms: u32,
        protections: Vec<(ConnectionId, Protection)>,
    ) {
        if !planted!(UnannouncedTakeover) {
            self.announce(mono_us);
        }
        let ids: VecDeque<ConnectionId> = self.engine.connections().collect();
        self.silent = Silent {
            greeted: VecDeque::with_capacity(ids.len()),
            ids,
            timestamp_jump_ms,
            protections,
        };
        self.speak_on(mono_us);
    }

    /// Speaks on some of the connections that have not spoken since the takeover, as far as the gate has room; says whether there were
    /// any. Close the batch then, let its frames leave, and ask again. Until all have spoken no input is taken; whoever does not ask is
    /// served by [`handle_timeout`](Self::handle_timeout).
    pub fn speak_on(&mut self, mono_us: u64) -> bool {
        let free = self.gate.room().saturating_sub(self.frames.len());
        // A gate that is smaller than one connection's words loses some, which timers repair.
        let room = free.max(self.gate.is_empty().into()).min(VOICES);
        let now = self.clock.now(mono_us);
        let first = self.silent.ids.len().min(room);
        for _ in 0..first {
            self.greet(now);
        }
        let second = match self.silent.ids.is_empty() {
            true => self.silent.greeted.len().min(room - first),
            false => 0,
        };
        for _ in 0..second {
            self.go_on(now);
        }
        if self.silent.ids.is_empty() && self.silent.greeted.is_empty() {
            self.adopt_all();
        }
        first + second > 0
    }

    fn greet(&mut self, now: Instant) {
        if let Some(id) = self.silent.ids.pop_front() {
            // Every id comes from the engine itself.
            let jump_ms = self.silent.timestamp_jump_ms;
            let _ = self.engine.greet(now, id, jump_ms, &mut self.fx);
            self.silent.greeted.push_back(id);
        }
    }

    fn go_on(&mut self, now: Instant) {
        let Some(id) = self.silent.greeted.pop_front() else {
            return;
        };
        let _ = self.engine.go_on(now, id, &mut self.fx);
        let closed = |it: tcp_ha_engine::LifecycleState| it.user_closed && it.orphaned.is_none();
        if self.engine.lifecycle(id).is_some_and(closed) {
            // No daemon is handed a stream that was closed: nobody reads what still comes.
            let _ = self.engine.abandon(now, id, &mut self.fx);
        }
    }

    /// Goes on protecting what the dead node protected.
    pub(super) fn adopt_all(&mut self) {
        for (id, protection) in std::mem::take(&mut self.silent.protections) {
            self.adopt(id, protection);
        }
    }
}
