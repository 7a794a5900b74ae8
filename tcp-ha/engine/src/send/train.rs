//! Segments that leave in one piece: a super-segment, where the device cuts it.

use super::Run;

/// Runs of new octets that are noted one by one and go out together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Train {
    /// Segments that it may hold.
    longest: u32,
    whole: Option<Run>,
    segments: u32,
}

impl Train {
    /// An empty one; with `longest` 1 every segment goes alone.
    pub(super) fn new(longest: u32) -> Train {
        Train {
            longest,
            whole: None,
            segments: 0,
        }
    }

    /// Takes the run that follows what it holds.
    pub(super) fn couple(&mut self, run: Run) {
        let from = self.whole.map_or(run.from, |whole| whole.from);
        self.whole = Some(Run { from, ..run });
        self.segments += 1;
    }

    /// Whether `next` goes together with `last`, which it holds: that is full, and ends nothing; and what follows has text and is
    /// not longer.
    pub(super) fn takes(&self, last: Run, next: Option<Run>, mss: u64) -> bool {
        self.segments < self.longest
            && last.len() == mss
            && !last.fin
            && next.is_some_and(|next| (1..=mss).contains(&next.len()))
    }

    /// What goes out, and for how many segments it stands; it is empty then.
    pub(super) fn leave(&mut self) -> (Run, u32) {
        let none = Run {
            from: 0,
            to: 0,
            fin: false,
        };
        let segments = core::mem::take(&mut self.segments);
        (self.whole.take().unwrap_or(none), segments)
    }
}
