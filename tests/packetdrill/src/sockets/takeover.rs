//! The death of an engine: a twin goes on from its checkpoints.

use super::host::Host;
use core::fmt;
use tcp_ha_engine::{ConnectionId, Engine, Error, RestoreError};

/// Why a twin cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakeoverError {
    /// The engine does not show a connection that it lists.
    Hidden(ConnectionId),
    /// The engine does not give a connection's octets.
    Octets(ConnectionId, Error),
    /// The twin refuses a connection's checkpoint.
    Refused(ConnectionId, RestoreError),
    /// The twin does not open a listener.
    Listener(Error),
    /// The twin does not speak for a connection that it took up.
    Silent(ConnectionId, Error),
}

impl fmt::Display for TakeoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TakeoverError::Hidden(id) => {
                write!(f, "{id:?} is listed without a checkpoint or a status")
            }
            TakeoverError::Octets(id, error) => {
                write!(f, "the octets of {id:?} cannot be had: {error}")
            }
            TakeoverError::Refused(id, error) => {
                write!(f, "the twin refuses the checkpoint of {id:?}: {error}")
            }
            TakeoverError::Listener(error) => {
                write!(f, "the twin does not open a listener: {error}")
            }
            TakeoverError::Silent(id, error) => {
                write!(f, "the twin does not go on with {id:?}: {error}")
            }
        }
    }
}

impl std::error::Error for TakeoverError {}

impl Host {
    /// The engine dies. A twin with the same settings, secrets and listeners takes up every
    /// connection from its checkpoint and octets, is put in its place, and speaks for each:
    /// TSvals go on `timestamp_jump_ms` (at least 1,000) beyond the newest one sent. Sockets
    /// notice nothing.
    ///
    /// Errors: as [`TakeoverError`]; but for `Silent`, the engine is as it was then.
    pub fn take_over(&mut self, timestamp_jump_ms: u32) -> Result<(), TakeoverError> {
        let ids: Vec<ConnectionId> = self.engine.connections().collect();
        let mut twin = self.new_engine();
        self.passive_opens
            .repeat(&mut twin)
            .map_err(TakeoverError::Listener)?;
        for id in &ids {
            self.take_up(*id, &mut twin)?;
        }
        twin.set_next_id(self.engine.next_id());
        self.with_engine(|engine, now, fx| {
            *engine = twin;
            for id in ids {
                engine
                    .resume(now, id, timestamp_jump_ms, fx)
                    .map_err(|error| TakeoverError::Silent(id, error))?;
            }
            Ok(())
        })
    }

    /// An engine of its own that has taken up one connection, and is silent: to be compared
    /// with the original.
    ///
    /// Errors: as [`TakeoverError`].
    pub fn twin_of(&self, id: ConnectionId) -> Result<Engine, TakeoverError> {
        let mut twin = self.new_engine();
        self.take_up(id, &mut twin)?;
        Ok(twin)
    }

    /// `twin` takes up connection `id` of the engine.
    fn take_up(&self, id: ConnectionId, twin: &mut Engine) -> Result<(), TakeoverError> {
        let engine = &self.engine;
        let (Some(state), Some(info)) = (engine.snapshot(id), engine.connection(id)) else {
            return Err(TakeoverError::Hidden(id));
        };
        let missing = |error| TakeoverError::Octets(id, error);
        let received = engine.received(id, info.read).map_err(missing)?;
        let received = received.collect::<Vec<_>>().concat();
        let (_, pieces) = engine.unacknowledged(id).map_err(missing)?;
        let unsent = pieces.collect::<Vec<_>>().concat();
        twin.restore(self.now(), id, &state, &received, Some(&unsent))
            .map_err(|error| TakeoverError::Refused(id, error))
    }
}
