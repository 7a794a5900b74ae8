//! Connections that go down alone, by a record, and what brings them back.
//!
//! The record makes the standby forget the connection, so that no survivor takes it up half known. It is one of the batch in hand:
//! what is built from here on leaves once the standby has acknowledged it (I1), and until then the standby holds the connection as
//! it last was, which is all that the peer has seen.

use super::Active;
use super::guard::Guard;
use crate::readiness::{DownReason, Readiness, Remedy};
use crate::record::Record;
use core::fmt;
use std::collections::BTreeMap;
use tcp_ha_engine::ConnectionId;

/// The longest pause before another try, in first pauses.
pub(super) const PAUSES_MAX: u64 = 64;

/// Connections that are down for a reason of their own.
#[derive(Default)]
pub(super) struct Resting {
    /// When each is tried again.
    retries: BTreeMap<ConnectionId, Retry>,
    /// Those whose share of the log was passed in the batch in hand.
    pub(super) overfull: Vec<ConnectionId>,
    /// Those that the operator took out, whatever the daemon asks for.
    cleared: std::collections::BTreeSet<ConnectionId>,
}

#[derive(Clone, Copy)]
struct Retry {
    /// Local time of the next try; `None` while one is under way or succeeded.
    at_us: Option<u64>,
    pause_us: u64,
}

/// Why the operator's wish is not granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WishRefused {
    /// There is no such connection.
    UnknownConnection,
    /// Nobody asked for its protection.
    NotProtected,
    /// It was not cleared by the operator.
    NotCleared,
    /// No standby is there.
    NoStandby,
    /// A handover is under way, or the node is fenced.
    Busy,
}

impl fmt::Display for WishRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WishRefused::UnknownConnection => "there is no such connection: see the status for ids",
            WishRefused::NotProtected => "the daemon does not ask for its protection",
            WishRefused::NotCleared => "the operator has not cleared it",
            WishRefused::NoStandby => "there is no standby",
            WishRefused::Busy => "a handover is under way",
        })
    }
}

impl core::error::Error for WishRefused {}

impl Active {
    /// The operator takes a connection out of protection, until [`restore_protection`](Self::restore_protection); the daemon's own
    /// wish stands and is granted again then. A handover does not wait for it, and leaves it behind.
    ///
    /// # Errors
    /// It is unknown, or not protected anyway.
    pub fn clear_protection(&mut self, mono_us: u64, id: ConnectionId) -> Result<(), WishRefused> {
        self.seen_us = mono_us;
        self.engine
            .connection(id)
            .ok_or(WishRefused::UnknownConnection)?;
        if !self.protected.contains_key(&id) {
            return Err(WishRefused::NotProtected);
        }
        if self.resting.cleared.insert(id) {
            self.connection_down(id, DownReason::OperatorCleared);
        }
        Ok(())
    }

    /// The operator lets a connection be protected again, as its daemon asks for.
    ///
    /// # Errors
    /// It is unknown, or was not cleared.
    pub fn restore_protection(
        &mut self,
        mono_us: u64,
        id: ConnectionId,
    ) -> Result<(), WishRefused> {
        self.seen_us = mono_us;
        self.engine
            .connection(id)
            .ok_or(WishRefused::UnknownConnection)?;
        if !self.resting.cleared.remove(&id) {
            return Err(WishRefused::NotCleared);
        }
        if self.has_established_standby() {
            self.sync_unless_resting(id);
        } else {
            self.set_readiness(id, Readiness::Down(self.unprotected));
        }
        Ok(())
    }

    /// A connection goes down alone, by a record where the standby has it.
    pub(super) fn connection_down(&mut self, id: ConnectionId, reason: DownReason) {
        let attached = self.has_established_standby();
        let Some(protected) = self.protected.get_mut(&id) else {
            return;
        };
        if protected.is_recorded() && attached {
            protected.told_down = true;
            if !planted!(DownUntold) {
                let readiness = Readiness::Down(reason);
                Record::Readiness { id, readiness }.write(&mut self.batch);
            }
        }
        tracing::warn!(%id, %reason, "a connection is not protected");
        self.advancing.remove(&id);
        self.forget_recorded(id);
        self.plan_retry(id, reason);
        self.set_readiness(id, Readiness::Down(reason));
    }

    /// One that was ready for long begins with the first pause again; otherwise the pause doubles.
    fn plan_retry(&mut self, id: ConnectionId, reason: DownReason) {
        if reason.remedy() != Remedy::Retry {
            self.resting.retries.remove(&id);
            return;
        }
        let (now_us, first_us) = (self.seen_us, self.limits.resync_pause_us);
        let longest_us = first_us.saturating_mul(PAUSES_MAX);
        let was_well = self.courses.get(&id).is_some_and(|course| {
            course.readiness() == Readiness::Ready
                && now_us.saturating_sub(course.since_us()) > longest_us
        });
        let former = self.resting.retries.get(&id).filter(|_| !was_well);
        let pause_us = former.map_or(first_us, |retry| {
            retry.pause_us.saturating_mul(2).min(longest_us)
        });
        let retry = Retry {
            at_us: Some(now_us.saturating_add(pause_us)),
            pause_us,
        };
        self.resting.retries.insert(id, retry);
    }

    /// Why a connection may not be brought to a standby now, whoever asks.
    pub(super) fn resting_reason(&self, id: ConnectionId) -> Option<DownReason> {
        if self.resting.cleared.contains(&id) {
            return Some(DownReason::OperatorCleared);
        }
        (!self.engine.has_keys(id)).then_some(DownReason::KeyMissing)
    }

    /// Brings a connection to the standby, or says why not.
    pub(super) fn sync_unless_resting(&mut self, id: ConnectionId) {
        match self.resting_reason(id) {
            Some(reason) => self.set_readiness(id, Readiness::Down(reason)),
            None => self.enter_initial_sync(id),
        }
    }

    /// The connection is deleted, or its daemon asks for it anew.
    pub(super) fn forget_resting(&mut self, id: ConnectionId, deleted: bool) {
        self.resting.retries.remove(&id);
        if deleted {
            self.resting.cleared.remove(&id);
        }
    }

    /// Connections whose share of the log was passed go down before the batch is closed.
    pub(super) fn settle_shares(&mut self) {
        while let Some(id) = self.resting.overfull.pop() {
            // It may have been named more than once.
            if self.protected.get(&id).is_some_and(|it| it.is_recorded()) {
                self.connection_down(id, DownReason::ShareExceeded);
            }
        }
    }

    /// Judges the patience with daemons, and tries again what is due. Not while everything waits for a drained log.
    pub(super) fn drive_connections(&mut self, mono_us: u64) {
        if !matches!(self.guard, Guard::Solo | Guard::Paired) || !self.has_established_standby() {
            return;
        }
        let patience_us = self.limits.application_sync_us;
        let late = self.advancing.iter().copied().filter(|id| {
            self.connection_wants_sync(*id)
                && self
                    .courses
                    .get(id)
                    .is_some_and(|course| mono_us.saturating_sub(course.since_us()) > patience_us)
        });
        for id in late.collect::<Vec<_>>() {
            self.connection_down(id, DownReason::ApplicationSyncTimedOut);
        }
        let due = self.resting.retries.iter_mut().filter_map(|(&id, retry)| {
            let due = retry.at_us.is_some_and(|at_us| mono_us >= at_us);
            due.then(|| retry.at_us = None).map(|()| id)
        });
        for id in due.collect::<Vec<_>>() {
            if matches!(self.readiness(id), Readiness::Down(_)) {
                self.sync_unless_resting(id);
            }
        }
    }
}
