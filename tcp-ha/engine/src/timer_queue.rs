//! When which connection must be looked at again.

use crate::ids::ConnectionId;
use crate::time::Instant;
use std::collections::BTreeSet;

/// One entry per connection with a deadline, ordered by time and then by id.
///
/// An entry may be early: a deadline that moves later leaves its entry in place, and the
/// connection is armed anew when the entry comes up. So the frequent case costs nothing.
#[derive(Debug, Default)]
pub(crate) struct TimerQueue {
    entries: BTreeSet<(Instant, ConnectionId)>,
}

impl TimerQueue {
    /// Moves the entry of a connection from `armed` to a deadline; returns the new entry.
    pub(crate) fn arm(
        &mut self,
        id: ConnectionId,
        armed: Option<Instant>,
        deadline: Option<Instant>,
    ) -> Option<Instant> {
        match (armed, deadline) {
            (Some(entry), Some(deadline)) if entry <= deadline => Some(entry),
            (armed, deadline) => {
                if let Some(entry) = armed {
                    self.entries.remove(&(entry, id));
                }
                if let Some(deadline) = deadline {
                    self.entries.insert((deadline, id));
                }
                deadline
            }
        }
    }

    /// The earliest entry.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.entries.first().map(|entry| entry.0)
    }

    /// Takes the earliest entry off, where it is not after `now`.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<ConnectionId> {
        let &(at, id) = self.entries.first()?;
        if at > now {
            return None;
        }
        self.entries.pop_first();
        Some(id)
    }
}
