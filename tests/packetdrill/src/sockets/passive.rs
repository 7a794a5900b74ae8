//! The passive opens of a host, in their order, so that a successor of its engine can repeat
//! them.

use std::net::SocketAddr;
use tcp_ha_engine::{ConnectionOptions, Engine, Error, ListenerId};

/// Every passive open so far, those that have ended included: listeners are numbered in the
/// order in which they were opened, and connections know theirs by its number.
#[derive(Debug, Default)]
pub(super) struct PassiveOpens {
    opens: Vec<PassiveOpen>,
}

#[derive(Debug)]
struct PassiveOpen {
    id: ListenerId,
    local: SocketAddr,
    options: ConnectionOptions,
    backlog: usize,
    ended: bool,
}

impl PassiveOpens {
    /// Opens a listener of `engine`.
    pub(super) fn listen(
        &mut self,
        engine: &mut Engine,
        local: SocketAddr,
        options: ConnectionOptions,
        backlog: usize,
    ) -> Result<ListenerId, Error> {
        let id = engine.listen(local, options, backlog)?;
        self.opens.push(PassiveOpen {
            id,
            local,
            options,
            backlog,
            ended: false,
        });
        Ok(id)
    }

    /// Ends a listener of `engine`.
    pub(super) fn unlisten(&mut self, engine: &mut Engine, id: ListenerId) {
        engine.unlisten(id);
        for open in self.opens.iter_mut().filter(|open| open.id == id) {
            open.ended = true;
        }
    }

    /// Gives a new engine the same listeners under the same numbers.
    pub(super) fn repeat(&self, engine: &mut Engine) -> Result<(), Error> {
        for open in &self.opens {
            let id = engine.listen(open.local, open.options, open.backlog)?;
            debug_assert_eq!(id, open.id, "listeners are numbered in their order");
            if open.ended {
                engine.unlisten(id);
            }
        }
        Ok(())
    }

    /// True while a listener is open.
    pub(super) fn any(&self) -> bool {
        self.opens.iter().any(|open| !open.ended)
    }
}
