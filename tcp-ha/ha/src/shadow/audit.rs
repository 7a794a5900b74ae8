//! The standby's side of an audit: compares digests where the active made them, and finds what is left over.

use super::Shadow;
use crate::audit::{Digest, Digester, Outline, shared_digest};
use crate::readiness::Readiness;
use ipc::schema::v1::{Audited, FINDINGS_MAX, Finding};
use tcp_ha_engine::ConnectionId;

/// The round at hand, and what is to be told of it.
#[derive(Default)]
pub(super) struct ShadowAudit {
    told: Audited,
    due: bool,
    scratch: Vec<u8>,
}

impl ShadowAudit {
    pub(super) fn round(&self) -> u64 {
        self.told.round
    }

    fn note(&mut self, finding: Finding) {
        self.due = true;
        if self.told.findings.len() < FINDINGS_MAX {
            self.told.findings.push(finding);
        } else {
            self.told.more = true;
        }
    }
}

impl Shadow {
    pub(super) fn audit_begins(&mut self, round: u64) {
        self.audit.told = Audited {
            round,
            ..Audited::default()
        };
    }

    /// Compares one connection; everything that the batch says of it before is settled.
    pub(super) fn compare(&mut self, id: ConnectionId, digest: Digest) {
        self.audit.told.compared += 1;
        if planted!(AuditNeverCompares) {
            return;
        }
        let round = self.audit.round();
        let Some(connection) = self.connections.get_mut(&id) else {
            self.audit.note(Finding::Missing(id.0));
            return;
        };
        connection.named_in = round;
        let outline = Outline {
            state: &connection.state,
            send_mode: connection.send_mode,
            application_sync: connection.application_sync,
            ready: connection.readiness == Readiness::Ready,
        };
        let mut digester = Digester::begin(self.version, round, &outline, &mut self.audit.scratch);
        digester.queue(&connection.received);
        digester.queue(&connection.sent);
        if digester.end().0 != digest {
            self.audit.note(Finding::Differs(id.0));
        }
    }

    /// Ends a round: what it did not name is left over.
    pub(super) fn sweep(&mut self, digest: Digest) {
        let round = self.audit.round();
        let held = self.shared.as_ref();
        let ours = held.map(|shared| shared_digest(shared, &self.security));
        if ours != Some(digest) {
            self.audit.note(Finding::SharedDiffers);
        }
        for (id, connection) in &self.connections {
            if connection.named_in < round && !planted!(AuditNeverCompares) {
                self.audit.note(Finding::Stale(id.0));
            }
        }
        self.audit.told.over = true;
        self.audit.due = true;
    }

    /// What is to be told of the audit; `None` where there is nothing new.
    pub fn take_audited(&mut self) -> Option<Audited> {
        if !std::mem::take(&mut self.audit.due) {
            return None;
        }
        let told = &mut self.audit.told;
        Some(Audited {
            findings: std::mem::take(&mut told.findings),
            more: std::mem::take(&mut told.more),
            over: std::mem::take(&mut told.over),
            ..*told
        })
    }

    /// The daemon's replica differs from what the active's daemon said of itself.
    pub fn application_differs(&mut self, id: Option<ConnectionId>) {
        self.audit
            .note(id.map_or(Finding::ApplicationSharedDiffers, |id| {
                Finding::ApplicationDiffers(id.0)
            }));
    }
}
