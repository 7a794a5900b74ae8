//! Octets from SND.UNA to the end of what the user has written.

use crate::spare::Spare;
use std::collections::VecDeque;

/// The send buffer. Positions are sequence positions: the first octet of a stream is 1.
///
/// After a takeover the first part may be *hollow*: its length is known, and its octets come
/// by [`SendBuffer::supply`]. Nothing hollow can be read.
#[derive(Debug)]
pub(crate) struct SendBuffer {
    start: u64,
    octets: VecDeque<u8>,
    /// Positions from here up to `hollow_end` are hollow; equal where none is.
    supplied: u64,
    hollow_end: u64,
}

impl SendBuffer {
    /// An empty buffer before the first octet of a stream.
    pub(crate) fn new() -> SendBuffer {
        SendBuffer::with_octets(1, &[])
    }

    /// A buffer that holds `octets` from position `start` on.
    pub(crate) fn with_octets(start: u64, octets: &[u8]) -> SendBuffer {
        SendBuffer {
            start,
            octets: octets.iter().copied().collect(),
            supplied: start,
            hollow_end: start,
        }
    }

    /// A buffer whose octets from `start` to `end` are hollow.
    pub(crate) fn hollow(start: u64, end: u64) -> SendBuffer {
        let mut octets = VecDeque::new();
        octets.resize(usize::try_from(end - start).unwrap_or(0), 0);
        SendBuffer {
            start,
            octets,
            supplied: start,
            hollow_end: end,
        }
    }

    /// Position of the first octet held.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// Position behind the last octet held.
    pub(crate) fn end(&self) -> u64 {
        self.start + self.octets.len() as u64
    }

    /// Octets held.
    pub(crate) fn len(&self) -> usize {
        self.octets.len()
    }

    /// Position up to which octets can be read.
    pub(crate) fn readable_end(&self) -> u64 {
        if self.supplied < self.hollow_end {
            self.supplied
        } else {
            self.end()
        }
    }

    /// Appends octets; the caller keeps the capacity.
    pub(crate) fn append(&mut self, data: &[u8]) {
        self.octets.extend(data);
    }

    /// Forgets octets before `position`.
    pub(crate) fn trim(&mut self, position: u64) {
        let gone = position.saturating_sub(self.start).min(self.len() as u64);
        // At most `len`, which is a usize.
        self.octets.drain(..gone as usize);
        self.start += gone;
        self.supplied = self.supplied.max(self.start);
        if self.octets.is_empty() {
            self.start = self.start.max(position);
        }
    }

    /// Fills the hollow range from `position` on; octets outside of it are ignored. False
    /// where `position` would leave a gap.
    pub(crate) fn supply(&mut self, position: u64, data: &[u8]) -> bool {
        if position > self.supplied {
            return false;
        }
        let end = (position + data.len() as u64).min(self.hollow_end);
        if end > self.supplied {
            let from = (self.supplied - position) as usize;
            let to = (end - position) as usize;
            let at = (self.supplied - self.start) as usize;
            for (slot, &octet) in self.octets.range_mut(at..).zip(&data[from..to]) {
                *slot = octet;
            }
            self.supplied = end;
        }
        true
    }

    /// The octets from `from` to `to`, which must be held, in two parts.
    pub(crate) fn slices(&self, from: u64, to: u64) -> (&[u8], &[u8]) {
        let low = from.saturating_sub(self.start) as usize;
        let high = (to.saturating_sub(self.start) as usize).min(self.len());
        crate::ring::slices(&self.octets, low.min(high), high)
    }
}

impl Spare for SendBuffer {
    fn spare_octets(&self) -> usize {
        self.octets.spare_octets()
    }

    fn give_back(&mut self) {
        self.octets.give_back();
    }
}

#[cfg(test)]
mod tests;
