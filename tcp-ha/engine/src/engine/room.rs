//! Room for one more connection.

use super::Engine;
use crate::connection::Connection;
use crate::effects::{CloseCause, Effects};
use crate::ids::ConnectionId;
use crate::state::State;
use crate::time::Instant;
use std::collections::BTreeSet;

/// Connections in TIME-WAIT by the end of their wait: the first has waited longest.
#[derive(Debug, Default)]
pub(super) struct TimeWaits(BTreeSet<(Instant, ConnectionId)>);

impl TimeWaits {
    /// Enters the connection, moves it, or strikes it out, as its state says.
    pub(super) fn follow(&mut self, connection: &mut Connection) {
        let waits = connection.state() == State::TimeWait && connection.cause.is_none();
        let until = connection.timers.linger.filter(|_| waits);
        if connection.waits_until == until {
            return;
        }
        if let Some(before) = connection.waits_until {
            self.0.remove(&(before, connection.id));
        }
        if let Some(until) = until {
            self.0.insert((until, connection.id));
        }
        connection.waits_until = until;
    }

    fn oldest(&self) -> Option<ConnectionId> {
        self.0.first().map(|&(_, id)| id)
    }
}

impl Engine {
    /// Whether `make_room` would make some.
    pub(super) fn may_have_room(&self) -> bool {
        self.connections.len() < self.config.max_connections || self.time_waits.oldest().is_some()
    }

    /// True where the table has room for one more connection. The oldest in TIME-WAIT are given
    /// up for that: they hold nobody's octets, while a new connection has a user who waits.
    pub(super) fn make_room(&mut self, now: Instant, fx: &mut Effects) -> bool {
        while self.connections.len() >= self.config.max_connections {
            let Some(id) = self.time_waits.oldest() else {
                return false;
            };
            let given_up = self.with(now, id, fx, |connection, _| {
                connection.delete(CloseCause::Normal);
            });
            if given_up.is_err() {
                return false;
            }
            self.counters.time_waits_given_up += 1;
        }
        true
    }
}
