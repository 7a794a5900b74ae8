//! Audits: from time to time the active says what the standby must hold, a few connections in a batch; the standby compares at
//! the same place of the log. What differs goes down by a record and is brought to the standby anew.

use super::guard::Guard;
use super::{Active, RECORD_OCTETS_MAX};
use crate::audit::{AuditCounters, Digest, Digester, Outline, PIECE_OCTETS, shared_digest};
use crate::event::NodeEvent;
use crate::readiness::DownReason;
use crate::record::Record;
use crate::shadow::{read_offset, safe_offset, stream_offset, una_offset};
use ipc::schema::v1::{Audited, Finding};
use tcp_ha_engine::{ConnectionId, Error};

/// Octets that an audit covers in one batch; one connection more may be begun before.
const SLICE_OCTETS: u64 = 4 * PIECE_OCTETS;

/// Time between two slices of a round.
const SLICE_PAUSE_US: u64 = 1_000;

/// How long the answer to a whole round may take, in hold limits.
const ANSWER_HOLD_LIMITS: u64 = 10;

/// Where the present round is.
#[derive(Clone, Copy, Debug, Default)]
enum Stage {
    /// No standby is audited, or the time of the next round is not set yet.
    #[default]
    Off,
    /// The next round begins at this time.
    Resting { until_us: u64 },
    /// Connections from this id on are still to be named, at this time.
    Naming { from: ConnectionId, at_us: u64 },
    /// Everything was named at this time; the answer is due.
    Awaiting { since_us: u64 },
}

/// The audit of the present standby; see the module's text.
#[derive(Default)]
pub(super) struct Audit {
    stage: Stage,
    round: u64,
    /// Connections that the round has named.
    named: u64,
    scratch: Vec<u8>,
    counters: AuditCounters,
}

impl Audit {
    /// The standby is gone: its round is over.
    pub(super) fn abandon(&mut self) {
        self.stage = Stage::Off;
    }

    pub(super) fn counters(&self) -> AuditCounters {
        self.counters
    }
}

impl Active {
    /// When an audit has something to do.
    pub(super) fn audit_timeout(&self) -> Option<u64> {
        if !self.audits_run() {
            return None;
        }
        Some(match self.audit.stage {
            Stage::Off => 0,
            Stage::Resting { until_us } => until_us,
            Stage::Naming { at_us, .. } => at_us,
            Stage::Awaiting { since_us } => since_us + self.patience_us(),
        })
    }

    fn audits_run(&self) -> bool {
        self.limits.audit_interval_us > 0 && matches!(self.guard, Guard::Paired)
    }

    fn patience_us(&self) -> u64 {
        ANSWER_HOLD_LIMITS * self.limits.hold_limit_us
    }

    /// A round that is not answered is no audit: a standby that cannot say what it holds protects nothing.
    pub(super) fn check_audit(&mut self, mono_us: u64) {
        if let Stage::Awaiting { since_us } = self.audit.stage
            && mono_us > since_us + self.patience_us()
            && self.audits_run()
        {
            self.audit.counters.timeouts += 1;
            self.lose_standby(mono_us, DownReason::AuditTimeout);
        }
    }

    /// Takes the round a slice further, at the end of the batch: everything that changed is recorded before.
    pub(super) fn audit_more(&mut self, mono_us: u64) {
        // A log under pressure has better things to hold.
        if !self.audits_run() || self.log.held_octets() > self.limits.log_octets / 2 {
            return;
        }
        let from = match self.audit.stage {
            Stage::Off => {
                self.audit.stage = Stage::Resting {
                    until_us: mono_us + self.limits.audit_interval_us,
                };
                return;
            }
            Stage::Resting { until_us } if mono_us >= until_us => {
                self.audit.round += 1;
                self.audit.named = 0;
                let round = self.audit.round;
                Record::AuditMark { round }.write(&mut self.batch);
                self.events.push(NodeEvent::AuditRequested { id: None });
                ConnectionId(0)
            }
            Stage::Naming { from, at_us } if mono_us >= at_us => from,
            Stage::Resting { .. } | Stage::Naming { .. } | Stage::Awaiting { .. } => return,
        };
        self.audit.stage = match self.name_some(from) {
            Some(from) => Stage::Naming {
                from,
                at_us: mono_us + SLICE_PAUSE_US,
            },
            None => {
                let shared = shared_digest(&self.shared, self.engine.security());
                Record::AuditSweep { shared }.write(&mut self.batch);
                Stage::Awaiting { since_us: mono_us }
            }
        };
    }

    /// Names connections from `from` on; the next one that is to be named, if there is one.
    fn name_some(&mut self, from: ConnectionId) -> Option<ConnectionId> {
        let (mut named, mut octets) = (0, 0);
        let mut next = from;
        loop {
            let recorded = self.protected.range(next..);
            let id = recorded
                .filter(|(_, protected)| protected.is_recorded())
                .map(|(&id, _)| id)
                .next()?;
            if named >= self.limits.audit_connections.max(1) || octets >= SLICE_OCTETS {
                return Some(id);
            }
            if let Some((digest, covered)) = self.digest(id) {
                Record::Audit { id, digest }.write(&mut self.batch);
                octets += covered;
                named += 1;
                self.audit.named += 1;
                self.audit.counters.digests += 1;
                self.audit.counters.octets += covered;
                if self.has_application_state(id) {
                    self.events.push(NodeEvent::AuditRequested { id: Some(id) });
                }
            }
            next = ConnectionId(id.0 + 1);
        }
    }

    /// The digest of what the standby must hold of a connection, and how many octets it covers.
    fn digest(&mut self, id: ConnectionId) -> Option<(Digest, u64)> {
        let state = self.engine.snapshot(id)?;
        let protected = self.protected.get(&id)?;
        let (send_mode, application_sync, ready) = protected.recorded_as();
        let outline = Outline {
            state: &state,
            send_mode,
            application_sync,
            ready,
        };
        let mut digester = Digester::begin(
            self.version(),
            self.audit.round,
            &outline,
            &mut self.audit.scratch,
        );
        let (read, safe) = (read_offset(&state), safe_offset(&state));
        let unread = self.engine.received(id, read).into_iter().flatten();
        digester.stretch(read, safe - read, unread);
        let (una, end) = (una_offset(&state), stream_offset(state.send.end));
        if protected.logs_sent() {
            let pieces = self
                .engine
                .unacknowledged(id)
                .ok()
                .map(|(_, pieces)| pieces);
            digester.stretch(una, end - una, pieces.into_iter().flatten());
        } else {
            digester.stretch(una, 0, core::iter::empty());
        }
        Some(digester.end())
    }

    /// The standby tells what its audit found.
    pub(super) fn audited(&mut self, mono_us: u64, told: &Audited) {
        if told.round != self.audit.round || matches!(self.audit.stage, Stage::Off) {
            return;
        }
        for &finding in &told.findings {
            if !planted!(AuditWithoutEffect) {
                self.found(mono_us, finding);
            }
        }
        let wrong_count = told.over && told.compared != self.audit.named;
        if told.more || wrong_count {
            tracing::warn!(
                compared = told.compared,
                named = self.audit.named,
                more = told.more,
                "the standby's shadow is not worth mending"
            );
            self.lose_standby(mono_us, DownReason::AuditFailed);
            return;
        }
        if told.over && matches!(self.audit.stage, Stage::Awaiting { .. }) {
            self.audit.counters.rounds += 1;
            self.audit.stage = Stage::Resting {
                until_us: mono_us + self.limits.audit_interval_us,
            };
        }
    }

    fn found(&mut self, mono_us: u64, finding: Finding) {
        self.audit.counters.mismatches += 1;
        tracing::warn!(?finding, "an audit found the shadow to differ");
        match finding {
            Finding::Differs(id) | Finding::Missing(id) | Finding::ApplicationDiffers(id) => {
                self.mend(ConnectionId(id));
            }
            Finding::Stale(id) if self.is_recorded(ConnectionId(id)) => self.mend(ConnectionId(id)),
            Finding::Stale(id) => {
                let id = ConnectionId(id);
                Record::Deleted { id }.write(&mut self.batch);
            }
            Finding::SharedDiffers | Finding::ApplicationSharedDiffers => {
                self.lose_standby(mono_us, DownReason::AuditFailed);
            }
        }
    }

    fn is_recorded(&self, id: ConnectionId) -> bool {
        self.protected.get(&id).is_some_and(|it| it.is_recorded())
    }

    /// A connection that the standby holds wrongly goes down by a record, and is brought there anew.
    fn mend(&mut self, id: ConnectionId) {
        if !self.is_recorded(id) || !self.has_established_standby() {
            return;
        }
        if matches!(self.guard, Guard::HandingOver { .. }) {
            tracing::warn!("the handover is called off");
            self.guard = Guard::Paired;
        }
        self.connection_down(id, DownReason::AuditFailed);
    }

    /// The daemon's answer to [`NodeEvent::AuditRequested`]: what its replica is to compare with its own state, as of now. Without a standby, or
    /// from a daemon that has not handed that state over, it goes nowhere.
    ///
    /// # Errors
    /// More than [`RECORD_OCTETS_MAX`] octets.
    pub fn application_audit(
        &mut self,
        id: Option<ConnectionId>,
        octets: &[u8],
    ) -> Result<(), Error> {
        if octets.len() > RECORD_OCTETS_MAX {
            return Err(Error::OutOfRange);
        }
        let held = match id {
            Some(id) => self.has_application_state(id),
            None => self.node_sync,
        };
        if held && self.audits_run() {
            self.record_what_shows();
            Record::AuditApplication { id, octets }.write(&mut self.batch);
        }
        Ok(())
    }
}
