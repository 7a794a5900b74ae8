//! Memory of queues that hold nothing any more: kept while a connection is busy, given back once it has rested for a while.

use super::{Shadow, ShadowConnection};
use tcp_ha_engine::ConnectionId;

/// Whether a connection keeps memory for what may come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Warmth {
    /// It does not.
    #[default]
    Cold,
    /// It does, and was used since memory was last looked after.
    Used,
    /// It does, and was not.
    Resting,
}

impl ShadowConnection {
    fn is_roomy(&self) -> bool {
        self.received.is_roomy() || self.sent.is_roomy()
    }
}

impl Shadow {
    /// A connection was used.
    pub(super) fn warm_up(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        if connection.warmth == Warmth::Cold {
            if !connection.is_roomy() {
                return;
            }
            self.warm.push(id);
        }
        connection.warmth = Warmth::Used;
    }

    /// Looks after memory: connections that were not used since the last call but one give theirs back. Call it about once a second.
    pub fn rest(&mut self) {
        let connections = &mut self.connections;
        self.warm.retain(|id| {
            let Some(connection) = connections.get_mut(id) else {
                return false;
            };
            if connection.warmth == Warmth::Used {
                connection.warmth = Warmth::Resting;
                return true;
            }
            connection.received.give_back();
            connection.sent.give_back();
            connection.warmth = Warmth::Cold;
            false
        });
        if self.warm.is_empty() {
            self.warm = Vec::new();
        }
    }
}
