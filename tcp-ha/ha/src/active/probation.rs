//! Connections that were taken over without the octets that their peer has not acknowledged (receive-only protection).
//!
//! The first words of a survivor ask the peer what it has. One that has everything says so, and the connection goes on; of one that
//! lacks something, or does not answer in time, the connection is reset: nobody can say those octets again.

use super::Active;
use std::collections::BTreeMap;
use tcp_ha_engine::ConnectionId;

/// How long the peer's answer may take: several retransmissions of the question.
const PATIENCE_US: u64 = 3_000_000;

/// What is asked of each peer, and until when.
#[derive(Default)]
pub(super) struct Probation {
    asked: BTreeMap<ConnectionId, Asked>,
}

#[derive(Clone, Copy)]
struct Asked {
    /// Stream offset that must be acknowledged.
    upto: u64,
    /// Local time at which patience ends.
    until_us: u64,
}

impl Active {
    /// These connections go on only if their peers acknowledge everything before the stream offset.
    pub(crate) fn put_on_probation(
        &mut self,
        mono_us: u64,
        connections: impl IntoIterator<Item = (ConnectionId, u64)>,
    ) {
        let until_us = mono_us.saturating_add(PATIENCE_US);
        let asked = connections
            .into_iter()
            .map(|(id, upto)| (id, Asked { upto, until_us }));
        self.probation.asked.extend(asked);
    }

    /// Judges what peers have said, and ends what cannot go on.
    pub(super) fn judge_probation(&mut self, mono_us: u64) {
        if self.probation.asked.is_empty() || self.timers_rest() {
            return;
        }
        let engine = &self.engine;
        self.probation.asked.retain(|id, asked| {
            let info = engine.connection(*id);
            info.is_some_and(|info| info.snd_una < asked.upto)
        });
        let asked = self.probation.asked.iter();
        let late = asked.filter(|(_, asked)| mono_us >= asked.until_us);
        for id in late.map(|(&id, _)| id).collect::<Vec<_>>() {
            tracing::warn!(%id, "the peer lacks octets that were not recorded: the connection is reset");
            self.probation.asked.remove(&id);
            self.abort(mono_us, id);
        }
    }

    pub(super) fn probation_timeout(&self) -> Option<u64> {
        let asked = self.probation.asked.values();
        asked.map(|asked| asked.until_us).min()
    }
}
