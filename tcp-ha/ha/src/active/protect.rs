//! Protection of single connections: what is recorded of each, and how far it is.

use super::Active;
use super::guard::Guard;
use crate::delta::Baseline;
use crate::event::NodeEvent;
use crate::readiness::{DownReason, Readiness};
use crate::record::{self, Record, SendMode, SnapshotRecord};
use crate::schema;
use core::fmt;
use ipc::Lsn;
use tcp_ha_engine::{ConnectionId, Instant, ReceiveMode};

/// How a connection is to be protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection {
    /// Who makes inbound octets safe.
    pub receive: ReceiveMode,
    /// Who keeps outbound octets.
    pub send: SendMode,
    /// Whether the daemon has state of its own that a standby needs beside the stream.
    pub application_sync: bool,
}

impl Default for Protection {
    /// The library records both directions; the daemon need know nothing.
    fn default() -> Self {
        Protection {
            receive: ReceiveMode::Logged,
            send: SendMode::Logged,
            application_sync: false,
        }
    }
}

impl Protection {
    /// What is received is backed, what is sent is not recorded: a survivor goes on only where the peer has all that was sent.
    pub fn receive_only() -> Protection {
        Protection {
            send: SendMode::Unrecorded,
            ..Protection::default()
        }
    }
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let receive = match self.receive {
            ReceiveMode::Logged => "receive logged",
            ReceiveMode::Marked => "receive marked",
        };
        match self.send {
            SendMode::Logged => write!(f, "{receive}, send logged"),
            SendMode::Regenerated => write!(f, "{receive}, send regenerated"),
            SendMode::Unrecorded => write!(f, "{receive} only"),
        }
    }
}

/// One protected connection.
pub(super) struct Protected {
    pub(super) protection: Protection,
    pub(super) readiness: Readiness,
    /// The standby has the daemon's state, or needs none.
    application_synced: bool,
    /// What the records say so far; `None` before the snapshot.
    recorded: Option<Box<Recorded>>,
    /// Acknowledgement of this LSN ends the present step.
    awaited: Option<Lsn>,
    /// The standby was told that it is down, and remembers that much.
    pub(super) told_down: bool,
    /// Octets of its records that are not acknowledged.
    pub(super) held_octets: usize,
    /// Octets were shipped of which its checkpoint does not speak yet.
    pub(super) shipped: bool,
}

struct Recorded {
    state: Baseline,
    received_upto: u64,
    sent_upto: u64,
}

impl Protected {
    pub(super) fn is_recorded(&self) -> bool {
        self.recorded.is_some()
    }

    /// What its records say of it by now, beside the checkpoint: how its outbound octets are kept, whether the daemon has state of its
    /// own, and whether the survivor would take it.
    pub(super) fn recorded_as(&self) -> (SendMode, bool, bool) {
        let announced = self.readiness == Readiness::ApplicationSync && self.awaited.is_some();
        let ready = announced || self.readiness == Readiness::Ready;
        (
            self.protection.send,
            self.protection.application_sync,
            ready,
        )
    }

    /// Whether the standby knows its name: its end is then a record.
    pub(super) fn is_known(&self) -> bool {
        self.is_recorded() || self.told_down
    }

    fn logs_received(&self) -> bool {
        self.protection.receive == ReceiveMode::Logged
    }

    pub(super) fn logs_sent(&self) -> bool {
        self.protection.send == SendMode::Logged
    }
}

impl Active {
    /// A connection reached ESTABLISHED; one that is to be protected is so from its first octet.
    pub(super) fn established(
        &mut self,
        now: Instant,
        id: ConnectionId,
        protection: Option<Protection>,
    ) {
        if let Some(protection) = protection {
            self.begin_protection(now, id, protection, true);
        }
    }

    /// Begins to protect; `from_birth` means that the daemon has not seen an octet of it yet.
    pub(super) fn begin_protection(
        &mut self,
        now: Instant,
        id: ConnectionId,
        protection: Protection,
        from_birth: bool,
    ) {
        let _ = self
            .engine
            .set_receive_mode(now, id, protection.receive, &mut self.fx);
        let attached = self.has_established_standby();
        let protected = Protected {
            protection,
            readiness: Readiness::Down(self.unprotected),
            application_synced: !protection.application_sync || (from_birth && attached),
            recorded: None,
            awaited: None,
            told_down: false,
            held_octets: 0,
            shipped: false,
        };
        self.protected.insert(id, protected);
        if !attached {
            self.note_connection(id, Readiness::Down(self.unprotected));
        }
        if attached && let Some(reason) = self.resting_reason(id) {
            self.set_readiness(id, Readiness::Down(reason));
        } else if attached && from_birth {
            // At once, before the daemon has seen an octet: the replica's feed begins at the stream's first.
            self.set_readiness(id, Readiness::TcpInitialSync);
            self.advancing.insert(id);
            self.record_snapshot(id);
        } else if attached {
            self.enter_initial_sync(id);
        } else {
            self.events.push(NodeEvent::Protection {
                id,
                readiness: Readiness::Down(self.unprotected),
            });
        }
    }

    /// Ends the protection of a connection by a record, so that the survivor never takes it up half known.
    pub(super) fn end_protection(&mut self, now: Instant, id: ConnectionId) {
        let Some(protected) = self.protected.remove(&id) else {
            return;
        };
        self.advancing.remove(&id);
        self.forget_resting(id, false);
        if protected.is_known() && !planted!(UnprotectedWithoutRecord) {
            Record::Deleted { id }.write(&mut self.batch);
        }
        let _ = self
            .engine
            .set_receive_mode(now, id, ReceiveMode::Logged, &mut self.fx);
        let readiness = Readiness::Down(DownReason::ClientDisabled);
        self.note_connection(id, readiness);
        self.events.push(NodeEvent::Protection { id, readiness });
    }

    /// Every protected connection is to be brought to a standby that has just joined.
    pub(super) fn sync_all(&mut self) {
        let ids: Vec<ConnectionId> = self.protected.keys().copied().collect();
        for id in ids {
            self.forget_recorded(id);
            self.sync_unless_resting(id);
        }
    }

    /// The standby has nothing of the connection any more.
    pub(super) fn forget_recorded(&mut self, id: ConnectionId) {
        if let Some(protected) = self.protected.get_mut(&id) {
            protected.recorded = None;
            protected.application_synced = !protected.protection.application_sync;
        }
    }

    /// All protection is down until the next standby.
    pub(super) fn protection_down(&mut self, reason: DownReason) {
        self.advancing.clear();
        self.discharge_all();
        let ids: Vec<ConnectionId> = self.protected.keys().copied().collect();
        for id in ids {
            self.forget_recorded(id);
            if let Some(protected) = self.protected.get_mut(&id) {
                protected.told_down = false;
            }
            let reason = self.resting_reason(id).unwrap_or(reason);
            self.set_readiness(id, Readiness::Down(reason));
        }
    }

    pub(super) fn enter_initial_sync(&mut self, id: ConnectionId) {
        self.set_readiness(id, Readiness::TcpInitialSync);
        self.advancing.insert(id);
        if let Some(link) = &mut self.standby {
            link.to_sync.push_back(id);
        }
    }

    pub(super) fn set_readiness(&mut self, id: ConnectionId, readiness: Readiness) {
        if let Some(protected) = self.protected.get_mut(&id) {
            protected.readiness = readiness;
            protected.awaited = None;
            self.note_connection(id, readiness);
            self.events.push(NodeEvent::Protection { id, readiness });
        }
    }

    /// Sends snapshots of connections that wait for theirs, a bounded amount in one batch, in the same batches as the traffic, and no
    /// more than half of what the log may hold before the standby has taken it in.
    pub(super) fn sync_more(&mut self) {
        let room = (self.limits.log_octets / 2).saturating_sub(self.log.held_octets());
        let limit = self.limits.sync_octets.min(room);
        // What the traffic has in the batch does not count: it would hold the snapshots up for ever.
        let begun = self.batch.octets();
        while self.batch.octets() - begun < limit {
            let Some(id) = self
                .standby
                .as_mut()
                .and_then(|link| link.to_sync.pop_front())
            else {
                return;
            };
            if self.advancing.contains(&id) && self.readiness(id) == Readiness::TcpInitialSync {
                self.record_snapshot(id);
            }
        }
    }

    fn record_snapshot(&mut self, id: ConnectionId) {
        let (Some((state, _)), Some(info)) =
            (self.engine.take_checkpoint(id), self.engine.connection(id))
        else {
            self.protected.remove(&id);
            self.advancing.remove(&id);
            return;
        };
        if self.is_too_large(id) {
            return self.connection_down(id, DownReason::TooLarge);
        }
        let Some(protected) = self.protected.get(&id) else {
            return;
        };
        let version = self.version();
        if !schema::carries(version, &state) {
            // The version agreed on cannot say what this connection is: whoever takes over knows nothing of it.
            return self.connection_down(id, DownReason::NotCarried);
        }
        let logs_sent = protected.logs_sent();
        let Protection {
            send: send_mode,
            application_sync,
            ..
        } = protected.protection;
        let before = self.batch.octets();
        Record::Snapshot(Box::new(SnapshotRecord {
            id,
            state,
            send_mode,
            application_sync,
        }))
        .write_as(version, &mut self.batch);
        self.counters.checkpoints += 1;
        self.counters.checkpoint_octets += (self.batch.octets() - before) as u64;
        if info.safe > info.read {
            self.record_received(id, info.read, info.safe);
        }
        if logs_sent && !planted!(SnapshotWithoutOctets) {
            self.record_sent(id, info.snd_una);
        }
        if let Some(protected) = self.protected.get_mut(&id) {
            protected.recorded = Some(Box::new(Recorded {
                state: Baseline::of(&state),
                received_upto: info.safe,
                sent_upto: info.snd_end,
            }));
            protected.readiness = Readiness::TcpSecondPhase;
            if planted!(ReadyTooSoon) {
                protected.readiness = Readiness::Ready;
            }
            protected.awaited = None;
            protected.told_down = false;
            protected.shipped = false;
        }
        self.charge(id, self.batch.octets() - before);
        self.note_connection(id, Readiness::TcpSecondPhase);
        self.events.push(NodeEvent::Protection {
            id,
            readiness: Readiness::TcpSecondPhase,
        });
    }

    /// Whether a change of a connection shows in what the replica is fed: octets that were dealt with or written, its end. SAFE does not,
    /// nor what concerns TCP alone.
    pub(super) fn shows(&self, id: ConnectionId) -> bool {
        let Some(protected) = self.protected.get(&id) else {
            return false;
        };
        let (Some(recorded), Some(new)) = (&protected.recorded, self.engine.snapshot(id)) else {
            return true;
        };
        let old = &recorded.state;
        protected.shipped
            || old.lifecycle != new.lifecycle
            || (protected.logs_received() && old.recv.read != new.recv.read)
            || (protected.logs_sent() && old.send.end != new.send.end)
    }

    /// Records what changed in a connection in this batch: its octets first, then the delta that speaks of them.
    pub(super) fn record_change(&mut self, id: ConnectionId) {
        let Some(protected) = self.protected.get(&id) else {
            return;
        };
        let (Some((state, touched)), Some(info)) =
            (self.engine.take_checkpoint(id), self.engine.connection(id))
        else {
            if protected.is_known() && !planted!(DeletedWithoutRecord) {
                Record::Deleted { id }.write(&mut self.batch);
            }
            self.protected.remove(&id);
            self.advancing.remove(&id);
            return;
        };
        let version = self.version();
        let carried = schema::carries(version, &state);
        let Some(recorded) = &protected.recorded else {
            if carried && protected.readiness == Readiness::Down(DownReason::NotCarried) {
                self.sync_unless_resting(id);
            }
            return;
        };
        if !carried {
            return self.connection_down(id, DownReason::NotCarried);
        }
        if planted!(SyncWithoutDeltas) && protected.readiness == Readiness::TcpSecondPhase {
            return;
        }
        let (received_upto, sent_upto) = (recorded.received_upto, recorded.sent_upto);
        let begun = self.batch.octets();
        if protected.logs_received() && info.safe > received_upto && !planted!(ReceivedUnrecorded) {
            self.record_received(id, received_upto, info.safe);
        }
        let logs_sent = self.protected.get(&id).is_some_and(Protected::logs_sent);
        if logs_sent && info.snd_end > sent_upto && !planted!(SentUnrecorded) {
            self.record_sent(id, sent_upto);
        }
        let Some(Protected {
            recorded: Some(recorded),
            shipped,
            ..
        }) = self.protected.get_mut(&id)
        else {
            return;
        };
        *shipped = false;
        recorded.received_upto = info.safe;
        recorded.sent_upto = info.snd_end;
        if let Some(delta) = recorded.state.delta(id, &state, touched) {
            recorded.state = Baseline::of(&state);
            let before = self.batch.octets();
            record::write_delta(&mut self.batch, version, &delta);
            self.counters.checkpoints += 1;
            self.counters.checkpoint_octets += (self.batch.octets() - before) as u64;
        }
        self.charge(id, self.batch.octets() - begun);
    }

    /// Writes the ready-records of connections that have become ready within this batch.
    pub(super) fn announce_readiness(&mut self) {
        if !matches!(self.guard, Guard::Paired) {
            return;
        }
        for &id in &self.advancing {
            let Some(protected) = self.protected.get_mut(&id) else {
                continue;
            };
            if protected.readiness == Readiness::ApplicationSync
                && self.engine.has_keys(id)
                && protected.application_synced
                && protected.awaited.is_none()
            {
                if !planted!(ReadyUntold) {
                    Record::Readiness {
                        id,
                        readiness: Readiness::Ready,
                    }
                    .write(&mut self.batch);
                }
                protected.awaited = Some(Lsn(u64::MAX));
            }
        }
    }

    /// The batch got its LSN: steps that were taken in it end when it is acknowledged.
    pub(super) fn note_appended(&mut self, lsn: Lsn) {
        for id in &self.advancing {
            let Some(protected) = self.protected.get_mut(id) else {
                continue;
            };
            match (protected.readiness, protected.awaited) {
                (Readiness::TcpSecondPhase, None) => protected.awaited = Some(lsn),
                (Readiness::ApplicationSync, Some(Lsn(u64::MAX))) => protected.awaited = Some(lsn),
                _ => {}
            }
        }
    }

    /// The standby acknowledged everything up to `lsn`.
    pub(super) fn advance_readiness(&mut self, lsn: Lsn) {
        if self.advancing.is_empty() {
            return;
        }
        let due: Vec<(ConnectionId, Readiness)> = self
            .advancing
            .iter()
            .filter_map(|&id| self.protected.get(&id).map(|protected| (id, protected)))
            .filter(|(_, protected)| protected.awaited.is_some_and(|awaited| awaited <= lsn))
            .map(|(id, protected)| (id, protected.readiness))
            .collect();
        for (id, readiness) in due {
            match readiness {
                Readiness::TcpSecondPhase => {
                    self.set_readiness(id, Readiness::ApplicationSync);
                    if self
                        .protected
                        .get(&id)
                        .is_some_and(|protected| !protected.application_synced)
                    {
                        self.events.push(NodeEvent::SyncRequested { id });
                    }
                }
                Readiness::ApplicationSync => {
                    self.set_readiness(id, Readiness::Ready);
                    self.advancing.remove(&id);
                }
                _ => {}
            }
        }
    }

    /// Whether the daemon's own state of a connection was asked for and has not come.
    pub(super) fn connection_wants_sync(&self, id: ConnectionId) -> bool {
        self.protected.get(&id).is_some_and(|protected| {
            protected.readiness == Readiness::ApplicationSync && !protected.application_synced
        })
    }

    /// Whether the standby holds the daemon's own state of a connection.
    pub(super) fn has_application_state(&self, id: ConnectionId) -> bool {
        self.protected.get(&id).is_some_and(|protected| {
            protected.protection.application_sync
                && protected.application_synced
                && protected.is_recorded()
        })
    }

    /// The daemon has handed over its own state of the connection.
    pub(super) fn connection_synced(&mut self, id: ConnectionId) {
        if let Some(protected) = self.protected.get_mut(&id) {
            protected.application_synced = true;
        }
    }

    /// Whether every connection is at the standby, with the daemon's state.
    pub(super) fn all_synced(&self) -> bool {
        self.advancing.iter().all(|id| {
            self.protected.get(id).is_none_or(|protected| {
                protected.readiness == Readiness::ApplicationSync && protected.application_synced
            })
        })
    }

    /// The first protected connection that is not ready, with how far it is; one that the operator gave up is passed over.
    pub(super) fn first_unready(&self) -> Option<(ConnectionId, Readiness)> {
        let given_up = Readiness::Down(DownReason::OperatorCleared);
        self.protected
            .iter()
            .find(|(_, protected)| ![Readiness::Ready, given_up].contains(&protected.readiness))
            .map(|(&id, protected)| (id, protected.readiness))
    }
}

impl Active {
    /// Goes on protecting a connection that was taken over, as it was protected before.
    pub(super) fn adopt(&mut self, id: ConnectionId, protection: Protection) {
        if self.engine.lifecycle(id).is_none() {
            return;
        }
        let protected = Protected {
            protection,
            readiness: Readiness::Down(DownReason::AfterTakeover),
            application_synced: false,
            recorded: None,
            awaited: None,
            told_down: false,
            held_octets: 0,
            shipped: false,
        };
        self.note_connection(id, protected.readiness);
        self.protected.insert(id, protected);
    }
}
