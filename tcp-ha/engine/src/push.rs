//! Where SENDs end (RFC 9293 3.9.1, the PUSH flag).

use crate::spare::Spare;
use std::collections::VecDeque;

/// Ends of SENDs remembered; of more than these, only the last is.
const MAX_ENDS: usize = 64;

/// Positions behind SENDs with PUSH whose octets were not sent yet.
///
/// Not part of a checkpoint: PSH is a hint, and the last octet queued has it in any case.
#[derive(Debug, Default)]
pub(crate) struct Pushes {
    ends: VecDeque<u64>,
    /// The last SEND came without PUSH.
    more: bool,
}

impl Pushes {
    /// A SEND ended at position `end`.
    pub(crate) fn note(&mut self, end: u64, push: bool) {
        self.more = !push;
        if !push {
            return;
        }
        if self.ends.len() == MAX_ENDS {
            self.ends.pop_back();
        }
        self.ends.push_back(end);
    }

    /// True where octets `from..to`, which are being sent, hold the last one of a SEND with
    /// PUSH, or where `to` is the `end` of all that is queued.
    pub(crate) fn take(&mut self, from: u64, to: u64, end: u64) -> bool {
        let mut found = to == end && !self.more;
        while let Some(&first) = self.ends.front().filter(|&&first| first <= to) {
            found |= first > from;
            self.ends.pop_front();
        }
        found
    }

    /// True where the last SEND came without PUSH.
    pub(crate) fn more_is_to_come(&self) -> bool {
        self.more
    }
}

impl Spare for Pushes {
    fn spare_octets(&self) -> usize {
        self.ends.spare_octets()
    }

    fn give_back(&mut self) {
        self.ends.give_back();
    }
}

#[cfg(test)]
mod tests;
