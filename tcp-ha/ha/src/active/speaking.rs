//! The first words after a takeover: a part of the connections at a time, so that the first peers hear them while the others' are
//! still to be built, and the gate never holds more of them than it may.

use super::Active;
use std::collections::VecDeque;
use tcp_ha_engine::ConnectionId;

/// Connections that speak in one batch.
const VOICES: usize = 64;

/// Frames of one connection's first words: an ACK, and the first unacknowledged segment or a probe.
const WORDS: usize = 2;

/// Connections that have not spoken since the takeover.
#[derive(Debug, Default)]
pub(super) struct Silent {
    ids: VecDeque<ConnectionId>,
    timestamp_jump_ms: u32,
}

impl Silent {
    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

impl Active {
    /// After a takeover: turns the bridges and the peers towards this node, and begins to speak on every connection.
    pub(crate) fn speak_again(&mut self, mono_us: u64, timestamp_jump_ms: u32) {
        if !planted!(UnannouncedTakeover) {
            self.announce(mono_us);
        }
        self.silent = Silent {
            ids: self.engine.connections().collect(),
            timestamp_jump_ms,
        };
        self.speak_on(mono_us);
    }

    /// Speaks on some of the connections that have not spoken since the takeover, as far as the gate has room; says whether there were
    /// any. Close the batch then, let its frames leave, and ask again. Until all have spoken no input is taken; whoever does not ask is
    /// served by [`handle_timeout`](Self::handle_timeout).
    pub fn speak_on(&mut self, mono_us: u64) -> bool {
        let free = self.gate.room().saturating_sub(self.frames.len());
        // A gate that is smaller than one connection's words loses some, which timers repair.
        let room = (free / WORDS).max(self.gate.is_empty().into());
        let count = self.silent.ids.len().min(VOICES).min(room);
        let now = self.clock.now(mono_us);
        for id in self.silent.ids.drain(..count) {
            // Every id comes from the engine itself.
            let jump_ms = self.silent.timestamp_jump_ms;
            let _ = self.engine.resume(now, id, jump_ms, &mut self.fx);
            let info = self.engine.connection(id);
            if info.is_some_and(|info| info.fin_queued && !info.orphaned) {
                // No daemon is handed a stream that was closed: nobody reads what still comes.
                let _ = self.engine.abandon(now, id, &mut self.fx);
            }
        }
        count > 0
    }
}
