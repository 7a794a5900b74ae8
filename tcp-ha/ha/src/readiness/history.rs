//! What became of protection over time.

use super::{DownReason, Readiness};
use serde::Serialize;
use std::collections::BTreeMap;

/// How often protection went down for one reason, and when it last did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DownCount {
    /// How often.
    pub count: u64,
    /// The last time, in microseconds of the node's monotonic clock.
    pub last_us: u64,
}

/// When protection last went down, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastDown {
    /// Why.
    pub reason: DownReason,
    /// When, in microseconds of the node's monotonic clock.
    pub at_us: u64,
}

/// The readiness of a connection or of a node, since when, and how often it went down. There is one count a reason at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadinessHistory {
    readiness: Readiness,
    since_us: u64,
    /// Of what never was down there is nothing to keep.
    past: Option<Box<Past>>,
}

/// How it went down.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Past {
    last_down: LastDown,
    downs: BTreeMap<DownReason, DownCount>,
}

static NEVER_DOWN: BTreeMap<DownReason, DownCount> = BTreeMap::new();

impl ReadinessHistory {
    /// Begins with `readiness` at local time `mono_us`.
    pub fn beginning(readiness: Readiness, mono_us: u64) -> ReadinessHistory {
        let mut history = ReadinessHistory {
            readiness,
            since_us: mono_us,
            past: None,
        };
        if let Readiness::Down(reason) = readiness {
            history.count(reason, mono_us);
        }
        history
    }

    /// It is `readiness` from local time `mono_us` on; nothing changes where it was so before.
    pub fn enter(&mut self, readiness: Readiness, mono_us: u64) {
        if readiness == self.readiness {
            return;
        }
        self.readiness = readiness;
        self.since_us = mono_us;
        if let Readiness::Down(reason) = readiness {
            self.count(reason, mono_us);
        }
    }

    /// It goes down for `reason`, which counts also where it was down for the same before.
    pub fn go_down(&mut self, reason: DownReason, mono_us: u64) {
        let down = Readiness::Down(reason);
        if self.readiness == down {
            self.count(reason, mono_us);
        }
        self.enter(down, mono_us);
    }

    fn count(&mut self, reason: DownReason, mono_us: u64) {
        let last_down = LastDown {
            reason,
            at_us: mono_us,
        };
        let past = self.past.get_or_insert_with(|| {
            Box::new(Past {
                last_down,
                downs: BTreeMap::new(),
            })
        });
        past.last_down = last_down;
        let down = past.downs.entry(reason).or_default();
        down.count += 1;
        down.last_us = mono_us;
    }

    /// It is again what it was before a disturbance: a reason that comes back with that is not counted anew.
    pub fn come_back(&mut self, readiness: Readiness, mono_us: u64) {
        if readiness != self.readiness {
            self.readiness = readiness;
            self.since_us = mono_us;
        }
    }

    /// What it is now.
    pub fn readiness(&self) -> Readiness {
        self.readiness
    }

    /// Since when, in microseconds of the node's monotonic clock.
    pub fn since_us(&self) -> u64 {
        self.since_us
    }

    /// When it last went down, and why; stays after it has come back.
    pub fn last_down(&self) -> Option<LastDown> {
        self.past.as_ref().map(|past| past.last_down)
    }

    /// How often it went down, by reason; reasons that never came up are left out.
    pub fn downs(&self) -> &BTreeMap<DownReason, DownCount> {
        self.past.as_ref().map_or(&NEVER_DOWN, |past| &past.downs)
    }
}
