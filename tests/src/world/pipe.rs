//! One direction of the channel: octets under way, late or slow if the test wishes.

use std::collections::VecDeque;

/// See the module's text. What was written keeps its order, whatever happens to it.
#[derive(Default)]
pub struct Pipe {
    chunks: VecDeque<(u64, Vec<u8>)>,
    /// Nothing arrives, and nothing is lost.
    pub held: bool,
    /// What is written from now on arrives so much later, in microseconds.
    pub delay_us: u64,
    /// At most so many octets arrive at a time; 0 means all.
    pub octets_at_a_time: usize,
    garble: bool,
}

impl Pipe {
    /// The next octet that is written arrives changed.
    pub fn garble(&mut self) {
        self.garble = true;
    }

    pub(super) fn write(&mut self, now_us: u64, octets: &[u8]) {
        if octets.is_empty() {
            return;
        }
        let last = self.chunks.back().map_or(0, |(due_us, _)| *due_us);
        let mut octets = octets.to_vec();
        if std::mem::take(&mut self.garble) {
            octets[0] ^= 0x40;
        }
        self.chunks
            .push_back((last.max(now_us + self.delay_us), octets));
    }

    /// What arrives now.
    pub(super) fn arrives(&mut self, now_us: u64) -> Vec<u8> {
        let limit = match self.octets_at_a_time {
            0 => usize::MAX,
            limit => limit,
        };
        let mut arrived = Vec::new();
        while !self.held && arrived.len() < limit {
            let Some((due_us, mut octets)) = self.chunks.pop_front_if(|(due, _)| *due <= now_us)
            else {
                break;
            };
            if octets.len() > limit - arrived.len() {
                let rest = octets.split_off(limit - arrived.len());
                self.chunks.push_front((due_us, rest));
            }
            arrived.append(&mut octets);
        }
        arrived
    }

    /// When something arrives next.
    pub(super) fn next_us(&self) -> Option<u64> {
        let next = self.chunks.front().map(|(due_us, _)| *due_us);
        next.filter(|_| !self.held)
    }

    /// The end comes: all that was written and is not held up arrives before it.
    pub(super) fn drain(&mut self) -> Vec<u8> {
        if self.held {
            return Vec::new();
        }
        let chunks = self.chunks.drain(..).map(|(_, octets)| octets);
        chunks.collect::<Vec<_>>().concat()
    }

    /// The writer died in the middle of its last write: `keep` of its octets remain.
    pub fn tear(&mut self, keep: usize) {
        if let Some((_, octets)) = self.chunks.back_mut() {
            octets.truncate(keep);
        }
    }

    /// Octets under way.
    pub(super) fn pending(&self) -> usize {
        self.chunks.iter().map(|(_, octets)| octets.len()).sum()
    }

    /// Octets of the last write that has not arrived.
    pub fn last_write(&self) -> usize {
        self.chunks.back().map_or(0, |(_, octets)| octets.len())
    }
}
