//! So many a second and no more.

use crate::time::Instant;
use core::time::Duration;

/// Counts events in windows of one second.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RateLimit {
    window: Instant,
    spent: u32,
}

impl RateLimit {
    /// True where one more is allowed now; it is counted then.
    pub(crate) fn allow(&mut self, now: Instant, per_second: u32) -> bool {
        if self.spent == 0 || now.saturating_since(self.window) >= Duration::from_secs(1) {
            self.window = now;
            self.spent = 0;
        }
        let allowed = self.spent < per_second;
        if allowed {
            self.spent += 1;
        }
        allowed
    }
}
