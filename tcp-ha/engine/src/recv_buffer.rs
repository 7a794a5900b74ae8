//! Octets from READ to RCV.NXT.

use crate::spare::Spare;
use std::collections::VecDeque;

/// The receive buffer. Positions are sequence positions.
#[derive(Debug)]
pub(crate) struct RecvBuffer {
    start: u64,
    octets: VecDeque<u8>,
}

impl RecvBuffer {
    /// A buffer that holds `octets` from position `start` (READ) on.
    pub(crate) fn new(start: u64, octets: &[u8]) -> RecvBuffer {
        RecvBuffer {
            start,
            octets: octets.iter().copied().collect(),
        }
    }

    /// Appends octets; the caller keeps the window.
    pub(crate) fn append(&mut self, octets: &[u8]) {
        self.octets.extend(octets);
    }

    /// Forgets octets before `position`.
    pub(crate) fn trim(&mut self, position: u64) {
        let gone = position
            .saturating_sub(self.start)
            .min(self.octets.len() as u64);
        // At most the length, which is a usize.
        self.octets.drain(..gone as usize);
        self.start += gone;
    }

    /// The octets from `from` on, in two parts; `None` where `from` is not held.
    pub(crate) fn slices(&self, from: u64) -> Option<(&[u8], &[u8])> {
        let low = usize::try_from(from.checked_sub(self.start)?).ok()?;
        (low <= self.octets.len())
            .then(|| crate::ring::slices(&self.octets, low, self.octets.len()))
    }
}

impl Spare for RecvBuffer {
    fn spare_octets(&self) -> usize {
        self.octets.spare_octets()
    }

    fn give_back(&mut self) {
        self.octets.give_back();
    }
}
