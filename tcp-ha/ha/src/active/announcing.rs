//! Who begins to speak announces itself until it is heard.
//!
//! A switch that has learned where the other node is goes on sending there, and the first announcement may be lost or spoiled. So it
//! comes again, ever more seldom, until frames arrive.

use super::Active;

/// Time to the second announcement; each wait after that is twice as long.
const FIRST_WAIT_US: u64 = 50_000;

/// The longest wait.
const WAIT_MAX_US: u64 = 5_000_000;

/// Announcements that are made again even where frames arrive: they may come from one peer, and another may still look elsewhere.
const AGAIN_MIN: u32 = 3;

/// Announcements that are still to come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Announcing {
    due_us: u64,
    wait_us: u64,
    again: u32,
    heard: bool,
}

impl Active {
    /// Tells the segment where the pair's addresses are, and again until frames arrive.
    pub fn announce(&mut self, mono_us: u64) {
        self.host
            .announce(self.clock.now(mono_us), &mut self.frames);
        self.announcing = Some(Announcing {
            due_us: mono_us + FIRST_WAIT_US,
            wait_us: FIRST_WAIT_US,
            again: 0,
            heard: false,
        });
    }

    /// A frame to this node has arrived: the segment knows where it is.
    pub(super) fn heard(&mut self) {
        if let Some(announcing) = &mut self.announcing {
            announcing.heard = true;
        }
    }

    pub(super) fn announce_again(&mut self, mono_us: u64) {
        let Some(mut announcing) = self.announcing.filter(|it| it.due_us <= mono_us) else {
            return;
        };
        self.host
            .announce(self.clock.now(mono_us), &mut self.frames);
        announcing.again += 1;
        announcing.wait_us = (announcing.wait_us * 2).min(WAIT_MAX_US);
        announcing.due_us = mono_us + announcing.wait_us;
        let done = announcing.heard && announcing.again >= AGAIN_MIN;
        self.announcing = (!done).then_some(announcing);
    }

    /// When the next announcement is due; local time in microseconds.
    pub(super) fn announcement_due(&self) -> Option<u64> {
        self.announcing.map(|announcing| announcing.due_us)
    }
}
