//! The engine: all connections and listeners of one node.

mod calls;
mod cookies;
mod input;
mod replication;
mod room;
mod security;

use crate::auth::SecurityTable;
use crate::config::Config;
use crate::connection::{Connection, Context};
use crate::counters::Counters;
use crate::demux::Demux;
use crate::departures::Departures;
use crate::effects::{Effects, Event};
use crate::error::Error;
use crate::ids::ConnectionId;
use crate::rate_limit::RateLimit;
use crate::secrets::Secrets;
use crate::state::{Opener, State};
use crate::time::Instant;
use crate::timer_queue::TimerQueue;
use bytes::Bytes;
use room::TimeWaits;
use std::collections::BTreeMap;

pub use security::Arrival;

/// All connections and listeners of one node.
///
/// - *Input*: [`handle_segment`](Engine::handle_segment),
///   [`handle_unreachable`](Engine::handle_unreachable),
///   [`handle_timeout`](Engine::handle_timeout) whenever
///   [`next_timeout`](Engine::next_timeout) has come.
/// - *User calls*: [`listen`](Engine::listen), [`connect`](Engine::connect),
///   [`send`](Engine::send), [`consume`](Engine::consume), [`close`](Engine::close) ...
/// - *Output*: whatever they put into [`Effects`].
/// - *Replication*: [`take_dirty`](Engine::take_dirty), [`snapshot`](Engine::snapshot) on
///   one node; [`restore`](Engine::restore), [`resume`](Engine::resume) on the other.
pub struct Engine {
    config: Config,
    secrets: Secrets,
    connections: BTreeMap<ConnectionId, Box<Connection>>,
    demux: Demux,
    timers: TimerQueue,
    counters: Counters,
    departures: Departures,
    dirty: Vec<ConnectionId>,
    /// Whose ACK waits for the end of the turn; one that has gone already may be among them.
    gathered: Vec<ConnectionId>,
    next_id: u64,
    half_open: usize,
    orphans: usize,
    time_waits: TimeWaits,
    resets: RateLimit,
    ports_taken: u64,
    security: SecurityTable,
    timestamp_base_ms: u32,
}

impl Engine {
    /// An engine without connections. `config` is brought inside its bounds.
    pub fn new(config: Config, secrets: Secrets) -> Engine {
        Engine {
            config: config.bounded(),
            demux: Demux::new(secrets.demux),
            secrets,
            connections: BTreeMap::new(),
            timers: TimerQueue::default(),
            counters: Counters::default(),
            departures: Departures::default(),
            dirty: Vec::new(),
            gathered: Vec::new(),
            next_id: 1,
            half_open: 0,
            orphans: 0,
            time_waits: TimeWaits::default(),
            resets: RateLimit::default(),
            ports_taken: 0,
            security: SecurityTable::default(),
            timestamp_base_ms: 0,
        }
    }

    /// The settings in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Sums over the life of the engine.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Ids of all connections, ascending.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionId> + '_ {
        self.connections.keys().copied()
    }

    fn connection_ref(&self, id: ConnectionId) -> Result<&Connection, Error> {
        match self.connections.get(&id) {
            Some(connection) => Ok(connection),
            None => Err(Error::UnknownConnection),
        }
    }

    /// Lets a connection do something, and draws the conclusions.
    fn with<R>(
        &mut self,
        now: Instant,
        id: ConnectionId,
        fx: &mut Effects,
        act: impl FnOnce(&mut Connection, &mut Context<'_>) -> R,
    ) -> Result<R, Error> {
        self.with_memory(now, id, None, fx, act)
    }

    /// As `with`, for a segment whose text lies in `memory`.
    fn with_memory<R>(
        &mut self,
        now: Instant,
        id: ConnectionId,
        memory: Option<&Bytes>,
        fx: &mut Effects,
        act: impl FnOnce(&mut Connection, &mut Context<'_>) -> R,
    ) -> Result<R, Error> {
        let Some(connection) = self.connections.get_mut(&id) else {
            return Err(Error::UnknownConnection);
        };
        let mut ctx = Context {
            now,
            config: &self.config,
            counters: &mut self.counters,
            departures: &self.departures,
            memory,
            fx: &mut *fx,
        };
        let result = act(connection, &mut ctx);
        connection.note_spare(now);
        self.settle(id, fx);
        Ok(result)
    }

    /// Brings the engine's tables up to what a connection has become.
    fn settle(&mut self, id: ConnectionId, fx: &mut Effects) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        if !connection.dirty {
            connection.dirty = true;
            self.dirty.push(id);
        }
        if connection.passing.ack_gathered && self.gathered.last() != Some(&id) {
            self.gathered.push(id);
        }
        if connection.half_open && connection.state() != State::SynReceived {
            connection.half_open = false;
            self.half_open -= 1;
            if let Opener::Passive(listener) = connection.identity.opener
                && let Some(listener) = self.demux.listener_mut(listener)
            {
                listener.leave_half_open(connection.cause.is_none());
            }
        }
        let lingers =
            connection.lifecycle.orphaned.is_some() && connection.state() != State::TimeWait;
        if connection.orphan != (lingers && connection.cause.is_none()) {
            connection.orphan = !connection.orphan;
            if connection.orphan {
                self.orphans += 1;
            } else {
                self.orphans -= 1;
            }
        }
        self.time_waits.follow(connection);
        let deadline = match connection.cause {
            Some(_) => None,
            None => connection.deadline(),
        };
        connection.armed = self.timers.arm(id, connection.armed, deadline);
        if let Some(cause) = connection.cause {
            self.demux.remove(&connection.identity.tuple, id);
            self.connections.remove(&id);
            fx.events.push(Event::Closed { id, cause });
        }
    }

    fn adopt(&mut self, mut connection: Connection) {
        let id = connection.id;
        self.time_waits.follow(&mut connection);
        self.next_id = self.next_id.max(id.0.saturating_add(1));
        self.demux.insert(&connection.identity.tuple, id);
        self.connections.insert(id, Box::new(connection));
    }
}

impl core::fmt::Debug for Engine {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Engine")
            .field("connections", &self.connections.len())
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}
