//! How far protection is and was, of the node and of each connection, for those who look.

use super::Active;
use super::guard::Guard;
use super::protect::Protection;
use crate::readiness::{DownCount, DownReason, Readiness, ReadinessHistory};
use std::collections::BTreeMap;
use tcp_ha_engine::ConnectionId;

impl Active {
    /// `None` while a standby backs this node; otherwise why none does.
    pub fn unprotected(&self) -> Option<DownReason> {
        if self.register_silent {
            return Some(DownReason::RegisterUnavailable);
        }
        let backed = matches!(self.guard, Guard::Paired | Guard::HandingOver { .. });
        (!backed).then_some(self.unprotected)
    }

    /// Whether frames may leave at all: alone, or as a standby acknowledges.
    pub fn gate_is_shut(&self) -> bool {
        matches!(
            self.guard,
            Guard::Breaking { .. } | Guard::Doubting { .. } | Guard::Fenced(_)
        )
    }

    /// How far each protected connection is.
    pub fn readiness(&self, id: ConnectionId) -> Readiness {
        self.protected
            .get(&id)
            .map_or(Readiness::None, |protected| protected.readiness)
    }

    /// How a connection is to be protected, if it is.
    pub fn protection(&self, id: ConnectionId) -> Option<Protection> {
        self.protected
            .get(&id)
            .map(|protected| protected.protection)
    }

    /// How the readiness of the node as a whole went: ready while the register names a standby.
    pub fn node_history(&self) -> &ReadinessHistory {
        &self.course
    }

    /// How the readiness of a connection went, if its protection was ever asked for.
    pub fn history(&self, id: ConnectionId) -> Option<&ReadinessHistory> {
        self.courses.get(&id)
    }

    /// How often the node's protection went down since it became active, and when it last did, by reason.
    pub fn downs(&self) -> &BTreeMap<DownReason, DownCount> {
        self.course.downs()
    }

    /// Notes how far the node is now. Where protection goes down it has been noted already.
    pub(super) fn note_course(&mut self) {
        let now = self.node_readiness();
        let before = self.course.readiness();
        if before == Readiness::Down(DownReason::RegisterUnavailable) {
            self.course.come_back(now, self.seen_us);
        } else {
            self.course.enter(now, self.seen_us);
        }
    }

    fn node_readiness(&self) -> Readiness {
        if let Some(link) = &self.standby
            && link.is_established()
            && matches!(self.guard, Guard::Solo | Guard::Pairing { .. })
            && !self.register_silent
        {
            return self.slowest_step();
        }
        self.unprotected().map_or(Readiness::Ready, Readiness::Down)
    }

    /// The step of the connection that is least far on its way.
    fn slowest_step(&self) -> Readiness {
        let is_at = |step| {
            let mut ids = self.advancing.iter();
            ids.any(|id| self.readiness(*id) == step)
        };
        let steps = [Readiness::TcpInitialSync, Readiness::TcpSecondPhase];
        let mut steps = steps.into_iter();
        steps
            .find(|step| is_at(*step))
            .unwrap_or(Readiness::ApplicationSync)
    }

    /// It begins as a survivor.
    pub(crate) fn took_over(&mut self) {
        let reason = DownReason::AfterTakeover;
        self.unprotected = reason;
        self.course = ReadinessHistory::beginning(Readiness::Down(reason), self.seen_us);
    }

    /// The node's protection is down, for a reason that may have come up before.
    pub(super) fn node_down(&mut self, reason: DownReason) {
        self.unprotected = reason;
        self.course.go_down(reason, self.seen_us);
    }

    /// The register does not answer.
    pub(super) fn register_failed(&mut self) {
        if !self.register_silent {
            self.register_silent = true;
            let reason = DownReason::RegisterUnavailable;
            self.course.go_down(reason, self.seen_us);
        }
    }

    /// The register has answered.
    pub(super) fn register_answered(&mut self) {
        if self.register_failing {
            tracing::info!("the register answers again");
        }
        self.register_failing = false;
        self.register_silent = false;
    }

    /// A connection is `readiness` from now on.
    pub(super) fn note_connection(&mut self, id: ConnectionId, readiness: Readiness) {
        let mono_us = self.seen_us;
        self.courses
            .entry(id)
            .and_modify(|course| course.enter(readiness, mono_us))
            .or_insert_with(|| ReadinessHistory::beginning(readiness, mono_us));
    }

    /// A connection is deleted: what was to be told of it is over. What the standby still holds of it ends with a record.
    pub(super) fn forget_connection(&mut self, id: ConnectionId) {
        self.courses.remove(&id);
        self.forget_resting(id, true);
        if self.protected.get(&id).is_some_and(|it| !it.is_known()) {
            self.protected.remove(&id);
            self.advancing.remove(&id);
        }
    }
}
