//! The standby's equivalent of everything that the active has: built from records alone.

mod audit;
mod warmth;

use crate::active::Protection;
use crate::delta::ConnectionDelta;
use crate::event::NodeEvent;
use crate::octets::OctetQueue;
use crate::readiness::{DownReason, Readiness};
use crate::record::{Record, SendMode, SharedState, SnapshotRecord};
use audit::ShadowAudit;
use bytes::Bytes;
use core::fmt;
use ipc::schema::Version;
use std::collections::BTreeMap;
use std::net::IpAddr;
use tcp_ha_engine::auth::SecurityTable;
use tcp_ha_engine::{ConnectionId, ConnectionState, Opener, ReceiveMode};
use warmth::Warmth;

/// What a shadow holds at most. Beyond it the records are refused ([`ShadowError::TooMuch`]), and the standby's role ends.
#[derive(Clone, Copy, Debug)]
pub struct ShadowBounds {
    /// Octets of one direction of one connection.
    pub octets: u64,
    /// Connections.
    pub connections: usize,
    /// Neighbours.
    pub neighbours: usize,
}

impl Default for ShadowBounds {
    /// Far above any window that an engine announces, and any number of peers.
    fn default() -> Self {
        ShadowBounds {
            octets: 64 << 20,
            connections: 1 << 20,
            neighbours: 1 << 16,
        }
    }
}

/// One connection as the standby knows it.
#[derive(Clone, Debug)]
pub struct ShadowConnection {
    /// Its checkpoint at the last LSN applied.
    pub state: ConnectionState,
    /// How its outbound octets are kept.
    pub send_mode: SendMode,
    /// Whether the daemon has state of its own that a standby needs beside the stream.
    pub application_sync: bool,
    /// How far it is protected, by the active's own records.
    pub readiness: Readiness,
    /// Inbound octets READ..SAFE.
    pub(crate) received: OctetQueue,
    /// Outbound octets SND.UNA..end of what the daemon wrote; empty in `Regenerated` mode.
    pub(crate) sent: OctetQueue,
    closed_to_daemon: bool,
    /// The last round of an audit that named it, or in which it came.
    named_in: u64,
    warmth: Warmth,
}

impl ShadowConnection {
    /// Whether it needs no daemon any more: closed, and nothing is unacknowledged that only a daemon can say again.
    pub(crate) fn finishes_alone(&self) -> bool {
        let send = &self.state.send;
        let hollow = self.send_mode == SendMode::Regenerated && send.una < send.end;
        self.state.lifecycle.user_closed && !hollow
    }

    /// How it was protected.
    pub(crate) fn protection(&self) -> Protection {
        Protection {
            receive: self.state.identity.options.receive_mode,
            send: self.send_mode,
            application_sync: self.application_sync,
        }
    }

    /// What became of octets that were written and not acknowledged, where nobody recorded them.
    pub(crate) fn unrecorded(&self) -> Unrecorded {
        let send = &self.state.send;
        let (una, max) = (una_offset(&self.state), stream_offset(send.max));
        let end = stream_offset(send.end);
        if self.send_mode != SendMode::Unrecorded || una == end {
            return Unrecorded::Nothing;
        }
        if max < end {
            Unrecorded::Unsent
        } else {
            Unrecorded::Sent { upto: end }
        }
    }

    /// Octets held of each direction: received, sent.
    pub fn octets_held(&self) -> (u64, u64) {
        (self.received.len(), self.sent.len())
    }
}

/// Outbound octets that no survivor can say again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unrecorded {
    /// There are none.
    Nothing,
    /// All of them were sent: the peer may have them, up to this stream offset.
    Sent { upto: u64 },
    /// Some never were: the stream has a hole for ever.
    Unsent,
}

/// Records that contradict what the shadow holds. The standby resigns: a shadow that differs is no protection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShadowError {
    /// A record speaks of a connection that no snapshot announced.
    UnknownConnection(ConnectionId),
    /// Octets do not follow on those before.
    Gap {
        /// The connection.
        id: ConnectionId,
        /// `received` or `sent`.
        direction: &'static str,
        /// Stream offset that was expected.
        expected: u64,
        /// Stream offset of the first octet.
        offset: u64,
    },
    /// The checkpoint speaks of octets that did not come with it.
    Missing {
        /// The connection.
        id: ConnectionId,
        /// `received` or `sent`.
        direction: &'static str,
        /// Stream offset that was expected.
        expected: u64,
        /// Stream offset that is held.
        held: u64,
    },
    /// A bound was reached.
    TooMuch(&'static str),
    /// An id that no active comes to; behind it a survivor could not go on counting.
    HugeId(ConnectionId),
}

impl fmt::Display for ShadowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ShadowError::UnknownConnection(id) => {
                write!(f, "record of connection {id}, which no snapshot announced")
            }
            ShadowError::Gap {
                id,
                direction,
                expected,
                offset,
            } => {
                write!(
                    f,
                    "{direction} octets of connection {id} begin at {offset}, expected {expected}"
                )
            }
            ShadowError::Missing {
                id,
                direction,
                expected,
                held,
            } => {
                write!(
                    f,
                    "{direction} octets of connection {id} reach to {held}, its checkpoint to {expected}"
                )
            }
            ShadowError::TooMuch(what) => write!(f, "more {what} than a standby holds"),
            ShadowError::HugeId(id) => {
                write!(f, "connection id {id}, expected one up to {ID_MAX}")
            }
        }
    }
}

impl core::error::Error for ShadowError {}

/// The largest connection id that a record may speak of. A survivor counts on behind it, with as many ids again before it.
pub const ID_MAX: ConnectionId = ConnectionId(u64::MAX / 2);

fn bounded_id(id: ConnectionId) -> Result<ConnectionId, ShadowError> {
    if id > ID_MAX {
        return Err(ShadowError::HugeId(id));
    }
    Ok(id)
}

/// Everything that the active has recorded so far.
pub struct Shadow {
    /// Of the records.
    version: Version,
    bounds: ShadowBounds,
    shared: Option<SharedState>,
    security: SecurityTable,
    neighbours: BTreeMap<IpAddr, [u8; 6]>,
    connections: BTreeMap<ConnectionId, Box<ShadowConnection>>,
    /// Connections that are known to be down, and nothing more; the reason is told to who takes over.
    down: BTreeMap<ConnectionId, DownReason>,
    /// Connections that the batch in hand speaks of; checked when it ends.
    touched: Vec<ConnectionId>,
    /// Connections that keep memory for what may come.
    warm: Vec<ConnectionId>,
    audit: ShadowAudit,
    #[cfg(feature = "schema-v2")]
    trial: u64,
}

impl Default for Shadow {
    fn default() -> Self {
        Shadow::bounded(ShadowBounds::default())
    }
}

/// The first payload octet's place in sequence space: behind the SYN.
const FIRST_OCTET: u64 = 1;

impl Shadow {
    /// An empty shadow with bounds of its own.
    pub fn bounded(bounds: ShadowBounds) -> Shadow {
        Shadow {
            version: Version::V1,
            bounds,
            shared: None,
            security: SecurityTable::default(),
            neighbours: BTreeMap::new(),
            connections: BTreeMap::new(),
            down: BTreeMap::new(),
            touched: Vec::new(),
            warm: Vec::new(),
            audit: ShadowAudit::default(),
            #[cfg(feature = "schema-v2")]
            trial: 0,
        }
    }

    /// The records are of this version from now on: the one that the session has agreed on.
    pub fn speak(&mut self, version: Version) {
        self.version = version;
    }

    /// What came by a record of the trial version 2; 0 where none came.
    #[cfg(feature = "schema-v2")]
    pub fn trial(&self) -> u64 {
        self.trial
    }

    /// Applies one record; `events` gets what the daemon's replica must know.
    ///
    /// # Errors
    /// The record contradicts what is held.
    pub fn apply(
        &mut self,
        record: Record<'_>,
        events: &mut Vec<NodeEvent>,
    ) -> Result<(), ShadowError> {
        self.apply_keeping(record, Bytes::copy_from_slice, events)
    }

    /// The same; `keep` makes of octets of the record what is held of them.
    ///
    /// # Errors
    /// See [`apply`](Self::apply).
    pub fn apply_keeping(
        &mut self,
        record: Record<'_>,
        keep: impl Fn(&[u8]) -> Bytes,
        events: &mut Vec<NodeEvent>,
    ) -> Result<(), ShadowError> {
        match record {
            Record::Shared(shared) => {
                bounded_id(ConnectionId(shared.next_id))?;
                self.shared = Some(shared);
            }
            Record::Security(table) => self.security = table,
            Record::Neighbour { address, link } => {
                self.neighbours.insert(address, link);
                if self.neighbours.len() > self.bounds.neighbours {
                    return Err(ShadowError::TooMuch("neighbours"));
                }
            }
            Record::Snapshot(snapshot) => self.open(*snapshot, events)?,
            Record::Delta(delta) => self.apply_delta(&delta)?,
            Record::Deleted { id } => {
                self.down.remove(&id);
                if let Some(connection) = self.connections.remove(&id)
                    && !connection.closed_to_daemon
                {
                    events.push(NodeEvent::ReplicaClosed { id });
                }
            }
            Record::Received { id, offset, octets } => self.received(id, offset, keep(octets))?,
            Record::Sent { id, offset, octets } => self.sent(id, offset, keep(octets), events)?,
            Record::Application { id, octets } => {
                // What came before this record is dealt with before it.
                self.end_batch(events)?;
                events.push(NodeEvent::ReplicaRecord {
                    id,
                    data: keep(octets),
                });
            }
            Record::Readiness {
                id,
                readiness: Readiness::Down(reason),
            } => self.take_down(id, reason, events),
            Record::Readiness { id, readiness } => self.connection(id)?.readiness = readiness,
            Record::AuditMark { round } => self.audit_begins(round),
            Record::Audit { id, digest } => {
                self.end_batch(events)?;
                self.compare(id, digest);
            }
            Record::AuditSweep { shared } => self.sweep(shared),
            Record::AuditApplication { id, octets } => {
                // What came before this record is dealt with before it.
                self.end_batch(events)?;
                events.push(NodeEvent::ReplicaAudit {
                    id,
                    data: keep(octets),
                });
            }
            #[cfg(feature = "schema-v2")]
            Record::Trial { note } => self.trial = note,
        }
        Ok(())
    }

    /// Applies what changed in a connection.
    ///
    /// # Errors
    /// No snapshot has announced it.
    pub fn apply_delta(&mut self, delta: &ConnectionDelta) -> Result<(), ShadowError> {
        let connection = self.connection(delta.id)?;
        delta.apply(&mut connection.state);
        self.touched.push(delta.id);
        Ok(())
    }

    /// The batch, or what precedes a record of the daemon's in it, is complete: what it said must agree with itself.
    ///
    /// # Errors
    /// A checkpoint speaks of octets that are not held.
    pub fn end_batch(&mut self, events: &mut Vec<NodeEvent>) -> Result<(), ShadowError> {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        for id in touched.drain(..) {
            self.settle(id, events)?;
            self.warm_up(id);
        }
        self.touched = touched;
        Ok(())
    }

    fn connection(&mut self, id: ConnectionId) -> Result<&mut ShadowConnection, ShadowError> {
        self.connections
            .get_mut(&id)
            .map(Box::as_mut)
            .ok_or(ShadowError::UnknownConnection(id))
    }

    fn open(
        &mut self,
        snapshot: SnapshotRecord,
        events: &mut Vec<NodeEvent>,
    ) -> Result<(), ShadowError> {
        let SnapshotRecord {
            id,
            state,
            send_mode,
            application_sync,
        } = snapshot;
        bounded_id(id)?;
        self.down.remove(&id);
        if self.connections.len() + self.down.len() >= self.bounds.connections {
            return Err(ShadowError::TooMuch("connections"));
        }
        let connection = ShadowConnection {
            state,
            send_mode,
            application_sync,
            readiness: Readiness::TcpSecondPhase,
            received: OctetQueue::new(read_offset(&state)),
            sent: OctetQueue::new(una_offset(&state)),
            closed_to_daemon: state.lifecycle.user_closed,
            named_in: self.audit.round(),
            warmth: Warmth::Cold,
        };
        let tuple = state.identity.tuple;
        self.connections.insert(id, Box::new(connection));
        self.touched.push(id);
        let active_open = state.identity.opener == Opener::Active;
        events.push(NodeEvent::ReplicaOpened {
            id,
            local: tuple.local,
            remote: tuple.remote,
            active_open,
        });
        Ok(())
    }

    /// Nothing is held of a connection that is down: no survivor takes it up, and its replica begins anew when it comes back.
    fn take_down(&mut self, id: ConnectionId, reason: DownReason, events: &mut Vec<NodeEvent>) {
        self.touched.retain(|it| *it != id);
        self.down.insert(id, reason);
        // An audit may have found that it is missing.
        if let Some(connection) = self.connections.remove(&id)
            && !connection.closed_to_daemon
        {
            events.push(NodeEvent::ReplicaClosed { id });
        }
    }

    fn received(
        &mut self,
        id: ConnectionId,
        offset: u64,
        octets: Bytes,
    ) -> Result<(), ShadowError> {
        self.touched.push(id);
        let octets_max = self.bounds.octets;
        let connection = self.connection(id)?;
        let expected = connection.received.end();
        let marked = connection.state.identity.options.receive_mode == ReceiveMode::Marked;
        if marked && offset > expected {
            // The daemon's own records made the octets between safe.
            connection.received.restart(offset);
        } else if offset != expected {
            return Err(ShadowError::Gap {
                id,
                direction: "received",
                expected,
                offset,
            });
        }
        connection.received.push(octets);
        if connection.received.len() > octets_max {
            return Err(ShadowError::TooMuch("received octets"));
        }
        Ok(())
    }

    fn sent(
        &mut self,
        id: ConnectionId,
        offset: u64,
        data: Bytes,
        events: &mut Vec<NodeEvent>,
    ) -> Result<(), ShadowError> {
        self.touched.push(id);
        let octets_max = self.bounds.octets;
        let connection = self.connection(id)?;
        let expected = connection.sent.end();
        if offset != expected {
            return Err(ShadowError::Gap {
                id,
                direction: "sent",
                expected,
                offset,
            });
        }
        if planted!(OctetFlippedInShadow) && !data.is_empty() {
            let mut spoiled = data.to_vec();
            spoiled[data.len() / 2] ^= 1;
            connection.sent.push(spoiled.into());
        } else {
            connection.sent.push(data.clone());
        }
        if connection.sent.len() > octets_max {
            return Err(ShadowError::TooMuch("sent octets"));
        }
        events.push(NodeEvent::ReplicaSent { id, offset, data });
        Ok(())
    }

    /// Brings the octets of a connection in line with its checkpoint, and hands what the active's daemon has dealt with to ours.
    fn settle(&mut self, id: ConnectionId, events: &mut Vec<NodeEvent>) -> Result<(), ShadowError> {
        let Some(connection) = self.connections.get_mut(&id) else {
            return Ok(());
        };
        let state = &connection.state;
        let (read, safe) = (read_offset(state), safe_offset(state));
        // A daemon that marks has said in its own records what it made of them.
        let marked = state.identity.options.receive_mode == ReceiveMode::Marked;
        // One that is gone has not dealt with what came later.
        let left_at = state.lifecycle.orphaned.map_or(read, stream_offset);
        connection.received.trim(left_at.min(read), |offset, data| {
            if !marked {
                events.push(NodeEvent::ReplicaReceived { id, offset, data });
            }
        });
        connection.received.trim(read, |_, _| {});
        if connection.received.end() != safe {
            return Err(ShadowError::Missing {
                id,
                direction: "received",
                expected: safe,
                held: connection.received.end(),
            });
        }
        let forgotten = if planted!(TrimmedAtSndMax) {
            stream_offset(state.send.max).min(stream_offset(state.send.end))
        } else {
            una_offset(state)
        };
        connection.sent.trim(forgotten, |_, _| {});
        let end = stream_offset(state.send.end);
        if connection.send_mode == SendMode::Logged && connection.sent.end() != end {
            return Err(ShadowError::Missing {
                id,
                direction: "sent",
                expected: end,
                held: connection.sent.end(),
            });
        }
        if state.lifecycle.user_closed && !connection.closed_to_daemon {
            connection.closed_to_daemon = true;
            events.push(NodeEvent::ReplicaClosed { id });
        }
        Ok(())
    }

    /// What all connections share, once it has come.
    pub fn shared(&self) -> Option<&SharedState> {
        self.shared.as_ref()
    }

    /// What is asked of peers, their keys included.
    pub fn security(&self) -> &SecurityTable {
        &self.security
    }

    /// Link addresses of neighbours.
    pub fn neighbours(&self) -> impl Iterator<Item = (IpAddr, [u8; 6])> + '_ {
        self.neighbours
            .iter()
            .map(|(&address, &link)| (address, link))
    }

    /// Connections that are down by the active's own word, and why; nothing else is held of them.
    pub fn down(&self) -> impl Iterator<Item = (ConnectionId, DownReason)> + '_ {
        self.down.iter().map(|(&id, &reason)| (id, reason))
    }

    /// Takes out the first connection, by its id.
    pub(crate) fn take_first(&mut self) -> Option<(ConnectionId, Box<ShadowConnection>)> {
        self.connections.pop_first()
    }

    /// All connections that are held, in the order of their ids.
    pub fn connections(&self) -> impl Iterator<Item = (ConnectionId, &ShadowConnection)> {
        self.connections
            .iter()
            .map(|(&id, connection)| (id, connection.as_ref()))
    }
}

/// Stream offset of a sequence position; the SYN's place counts as the first octet's.
pub(crate) fn stream_offset(position: u64) -> u64 {
    position.saturating_sub(FIRST_OCTET)
}

/// SAFE as a stream offset; a FIN that is safe has no octet of its own.
pub(crate) fn safe_offset(state: &ConnectionState) -> u64 {
    let fin = u64::from(state.lifecycle.fin_received);
    let text_end = stream_offset(state.recv.nxt).saturating_sub(fin);
    stream_offset(state.recv.safe).min(text_end)
}

/// READ as a stream offset.
pub(crate) fn read_offset(state: &ConnectionState) -> u64 {
    stream_offset(state.recv.read).min(safe_offset(state))
}

/// SND.UNA as a stream offset; our FIN, acknowledged, has no octet of its own.
pub(crate) fn una_offset(state: &ConnectionState) -> u64 {
    stream_offset(state.send.una).min(stream_offset(state.send.end))
}
