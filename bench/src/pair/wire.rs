//! One direction of a cable, in memory that is used again.

use std::collections::VecDeque;

/// Frames on their way, oldest first. Once warm, a frame costs no allocation.
#[derive(Debug, Default)]
pub struct Wire {
    flying: VecDeque<Vec<u8>>,
    spare: Vec<Vec<u8>>,
}

impl Wire {
    /// A frame leaves.
    pub fn push(&mut self, octets: &[u8]) {
        let mut frame = self.spare.pop().unwrap_or_default();
        frame.clear();
        frame.extend_from_slice(octets);
        self.flying.push_back(frame);
    }

    /// Hands over at most `most` frames.
    pub fn deliver(&mut self, most: usize, mut take: impl FnMut(&[u8])) -> usize {
        let count = most.min(self.flying.len());
        for frame in self.flying.drain(..count) {
            take(&frame);
            self.spare.push(frame);
        }
        count
    }

    /// Frames on their way.
    pub fn len(&self) -> usize {
        self.flying.len()
    }

    /// Whether nothing is on its way.
    pub fn is_empty(&self) -> bool {
        self.flying.is_empty()
    }
}
