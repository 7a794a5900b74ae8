//! A standby whose shadow audits give up as a whole begins from nothing: at once the first time, then ever more seldom, so that a
//! shadow which differs at every audit does not keep both nodes busy for ever.

use super::Active;
use super::down::PAUSES_MAX;
use crate::readiness::{DownReason, Readiness};

/// When the next standby may be brought up to date.
#[derive(Clone, Copy, Default)]
pub(super) struct Renewal {
    /// Since the last audit that gave a shadow up; `None` before the first.
    pause_us: Option<u64>,
    /// Not before this local time.
    after_us: u64,
}

impl Active {
    /// A standby is given up for `reason`. One that was well for long is followed by the next at once; otherwise the pause doubles.
    pub(super) fn plan_renewal(&mut self, mono_us: u64, reason: DownReason) {
        if !matches!(reason, DownReason::AuditFailed | DownReason::AuditTimeout) {
            return;
        }
        let first_us = self.limits.resync_pause_us;
        let longest_us = first_us.saturating_mul(PAUSES_MAX);
        let was_well = self.course.readiness() == Readiness::Ready
            && mono_us.saturating_sub(self.course.since_us()) > longest_us;
        let former = self.renewal.pause_us.filter(|_| !was_well);
        let pause_us = former.map_or(0, |former| {
            former.saturating_mul(2).clamp(first_us, longest_us)
        });
        self.renewal = Renewal {
            pause_us: Some(pause_us),
            after_us: mono_us.saturating_add(pause_us),
        };
    }

    /// The next standby is there; it waits where it has to.
    pub(super) fn begin_sync_in_time(&mut self, mono_us: u64) {
        let waiting = self.standby.as_ref().and_then(|link| link.waiting);
        let Some(remote) = waiting else { return };
        if mono_us < self.renewal.after_us {
            return;
        }
        if let Some(link) = &mut self.standby {
            link.waiting = None;
        }
        self.begin_sync(mono_us, remote);
    }
}
