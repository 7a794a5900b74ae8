//! Stream octets kept in the order of their offsets.

use bytes::Bytes;
use std::collections::VecDeque;

/// Room for so many pieces is kept for good.
const KEPT_PIECES: usize = 4;

/// A contiguous range of a stream: grows at the end, is trimmed at the front.
///
/// Offsets count payload octets from 0.
#[derive(Clone, Debug, Default)]
pub struct OctetQueue {
    start: u64,
    len: u64,
    chunks: VecDeque<Bytes>,
}

impl OctetQueue {
    /// An empty range at `start`.
    pub fn new(start: u64) -> OctetQueue {
        OctetQueue {
            start,
            len: 0,
            chunks: VecDeque::new(),
        }
    }

    /// The offset of the first octet held.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// The offset behind the last octet held.
    pub fn end(&self) -> u64 {
        self.start + self.len
    }

    /// How many octets are held.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends `data`, whose first octet is at [`end`](Self::end).
    pub fn push(&mut self, data: Bytes) {
        if !data.is_empty() {
            self.len += data.len() as u64;
            self.chunks.push_back(data);
        }
    }

    /// Drops everything and begins again at `start`.
    pub fn restart(&mut self, start: u64) {
        *self = OctetQueue::new(start);
    }

    /// Removes all octets before `upto`, handing each piece to `each` with its offset; `upto` beyond the end empties the queue
    /// and moves it there.
    pub fn trim(&mut self, upto: u64, mut each: impl FnMut(u64, Bytes)) {
        while self.start < upto {
            let Some(mut chunk) = self.chunks.pop_front() else {
                self.start = upto;
                return;
            };
            let wanted = (upto - self.start).min(chunk.len() as u64);
            let piece = chunk.split_to(wanted as usize);
            if !chunk.is_empty() {
                self.chunks.push_front(chunk);
            }
            let at = self.start;
            self.start += wanted;
            self.len -= wanted;
            each(at, piece);
        }
    }

    /// Whether more memory is kept for what may come than a few pieces take.
    pub(crate) fn is_roomy(&self) -> bool {
        self.chunks.capacity() - self.chunks.len() > KEPT_PIECES
    }

    /// Gives back what is kept for what may come.
    pub(crate) fn give_back(&mut self) {
        self.chunks.shrink_to_fit();
    }

    /// All octets held, in the pieces in which they came.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.chunks.iter().map(|chunk| chunk.as_ref())
    }

    /// All octets held, in one piece.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.len as usize);
        for chunk in &self.chunks {
            all.extend_from_slice(chunk);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trimming_hands_over_each_octet_once() {
        let mut queue = OctetQueue::new(10);
        queue.push(Bytes::from_static(b"abc"));
        queue.push(Bytes::from_static(b"defg"));
        let mut seen = Vec::new();
        queue.trim(15, |at, piece| seen.push((at, piece.to_vec())));
        assert_eq!(seen, vec![(10, b"abc".to_vec()), (13, b"de".to_vec())]);
        assert_eq!(
            (queue.start(), queue.end(), queue.to_vec()),
            (15, 17, b"fg".to_vec())
        );
    }

    #[test]
    fn trimming_beyond_the_end_moves_there() {
        let mut queue = OctetQueue::new(0);
        queue.push(Bytes::from_static(b"abc"));
        queue.trim(9, |_, _| {});
        assert_eq!((queue.start(), queue.end(), queue.is_empty()), (9, 9, true));
    }
}
