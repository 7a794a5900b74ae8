//! What a daemon promises to third parties: said only when a survivor would keep it.

use super::Active;
use ipc::Lsn;
use std::collections::VecDeque;

/// Who asked, in order, for what the standby is to hold first.
#[derive(Debug, Default)]
pub(super) struct Backing {
    /// Asked since the last batch was closed.
    asked: usize,
    /// By the batch that holds everything called before.
    waiting: VecDeque<Lsn>,
}

impl Backing {
    /// Whether the batch that is to be closed has somebody waiting for it.
    pub(super) fn is_asked(&self) -> bool {
        self.asked > 0
    }

    /// The batch got its number.
    pub(super) fn closed(&mut self, lsn: Lsn) {
        let asked = std::mem::take(&mut self.asked);
        self.waiting.extend(std::iter::repeat_n(lsn, asked));
    }
}

impl Active {
    /// Asks for everything that was called before to be backed, as it must be for a frame to leave; [`take_backed`](Self::take_backed)
    /// tells when it is. Answers to third parties ("your route is withdrawn") wait for it: they are output as much as frames are.
    pub fn ask_backing(&mut self) {
        self.backing.asked += 1;
    }

    /// Whether the oldest request of [`ask_backing`](Self::ask_backing) that is not answered yet is answered now. Those of a node that is
    /// fenced never are.
    pub fn take_backed(&mut self) -> bool {
        match self.backing.waiting.front() {
            Some(lsn) if self.gate.lets_go(*lsn) => self.backing.waiting.pop_front().is_some(),
            _ => false,
        }
    }
}
