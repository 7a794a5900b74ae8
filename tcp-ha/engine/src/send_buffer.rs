//! Octets from SND.UNA to the end of what the user has written.

use crate::spare::Spare;
use bytes::Bytes;
use std::collections::VecDeque;

/// What the user hands over in one piece of at least so many octets is kept as it is; less is
/// copied, or a buffer of small pieces would take far more memory than its octets.
const SHARED_OCTETS_MIN: usize = 4_096;

/// The send buffer. Positions are sequence positions: the first octet of a stream is 1.
///
/// After a takeover the first part may be *hollow*: its length is known, and its octets come
/// by [`SendBuffer::supply`]. Nothing hollow can be read.
#[derive(Debug)]
pub(crate) struct SendBuffer {
    start: u64,
    len: usize,
    /// In the order of the stream; none is empty but a last one that keeps its memory.
    pieces: VecDeque<Piece>,
    /// Positions from here up to `hollow_end` are hollow, all in the first piece; equal where
    /// none is.
    supplied: u64,
    hollow_end: u64,
}

/// Octets that follow each other.
#[derive(Debug)]
enum Piece {
    /// The user's memory.
    Shared(Bytes),
    /// Our own.
    Own(VecDeque<u8>),
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Piece::Shared(octets) => octets.len(),
            Piece::Own(octets) => octets.len(),
        }
    }

    /// Forgets the first `count` octets, which it holds.
    fn trim(&mut self, count: usize) {
        match self {
            Piece::Shared(octets) => drop(octets.split_to(count)),
            Piece::Own(octets) => drop(octets.drain(..count)),
        }
    }

    /// Octets `low..high` of it, which it holds, in two parts.
    fn slices(&self, low: usize, high: usize) -> (&[u8], &[u8]) {
        match self {
            Piece::Shared(octets) => (&octets[low..high], &[]),
            Piece::Own(octets) => crate::ring::slices(octets, low, high),
        }
    }
}

impl SendBuffer {
    /// An empty buffer before the first octet of a stream.
    pub(crate) fn new() -> SendBuffer {
        SendBuffer::with_octets(1, &[])
    }

    /// A buffer that holds `octets` from position `start` on.
    pub(crate) fn with_octets(start: u64, octets: &[u8]) -> SendBuffer {
        let mut buffer = SendBuffer {
            start,
            len: 0,
            pieces: VecDeque::new(),
            supplied: start,
            hollow_end: start,
        };
        buffer.append(octets);
        buffer
    }

    /// A buffer whose octets from `start` to `end` are hollow.
    pub(crate) fn hollow(start: u64, end: u64) -> SendBuffer {
        let mut octets = VecDeque::new();
        octets.resize(usize::try_from(end - start).unwrap_or(0), 0);
        SendBuffer {
            start,
            len: octets.len(),
            pieces: VecDeque::from([Piece::Own(octets)]),
            supplied: start,
            hollow_end: end,
        }
    }

    /// Position of the first octet held.
    #[cfg(test)]
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// Position behind the last octet held.
    pub(crate) fn end(&self) -> u64 {
        self.start + self.len as u64
    }

    /// Octets held.
    pub(crate) fn len(&self) -> usize {
        self.len
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
        if data.is_empty() {
            return;
        }
        self.len += data.len();
        match self.pieces.back_mut() {
            Some(Piece::Own(octets)) => octets.extend(data),
            _ => self
                .pieces
                .push_back(Piece::Own(data.iter().copied().collect())),
        }
    }

    /// The same without a copy, where there are enough.
    pub(crate) fn append_shared(&mut self, data: Bytes) {
        if data.len() < SHARED_OCTETS_MIN {
            return self.append(&data);
        }
        self.len += data.len();
        if self.pieces.back().is_some_and(|last| last.len() == 0) {
            self.pieces.pop_back();
        }
        self.pieces.push_back(Piece::Shared(data));
    }

    /// Forgets octets before `position`.
    pub(crate) fn trim(&mut self, position: u64) {
        let gone = position.saturating_sub(self.start).min(self.len as u64);
        // At most `len`, which is a usize.
        let mut left = gone as usize;
        self.len -= left;
        while let Some(first) = self.pieces.front_mut() {
            let now = left.min(first.len());
            left -= now;
            first.trim(now);
            let is_last = left == 0 && self.len == 0;
            if first.len() > 0 || (is_last && matches!(first, Piece::Own(_))) {
                break;
            }
            self.pieces.pop_front();
        }
        self.start += gone;
        self.supplied = self.supplied.max(self.start);
        if self.len == 0 {
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
            if let Some(Piece::Own(octets)) = self.pieces.front_mut() {
                for (slot, &octet) in octets.range_mut(at..).zip(&data[from..to]) {
                    *slot = octet;
                }
            }
            self.supplied = end;
        }
        true
    }

    /// Appends the octets from `from` to `to`, as far as they are held: `pieces` for the path of
    /// every segment.
    pub(crate) fn copy(&self, from: u64, to: u64, out: &mut Vec<u8>) {
        let mut low = from.saturating_sub(self.start).min(self.len as u64) as usize;
        let mut high = to.saturating_sub(self.start).min(self.len as u64) as usize;
        out.reserve(high.saturating_sub(low));
        for piece in &self.pieces {
            let len = piece.len();
            if low < high.min(len) {
                let (first, second) = piece.slices(low, high.min(len));
                out.extend_from_slice(first);
                out.extend_from_slice(second);
            }
            if high <= len {
                return;
            }
            low = low.saturating_sub(len);
            high -= len;
        }
    }

    /// The octets from `from` to `to`, as far as they are held, piece by piece.
    pub(crate) fn pieces(&self, from: u64, to: u64) -> impl Iterator<Item = &[u8]> {
        self.spans(from, to).flat_map(|(piece, low, high)| {
            let (first, second) = piece.slices(low, high);
            [first, second].into_iter().filter(|part| !part.is_empty())
        })
    }

    /// The same octets for who keeps them: without a copy where the user handed them over in one
    /// piece. `None` where they are all our own, so that nothing would be spared.
    pub(crate) fn shared(&self, from: u64, to: u64) -> Option<Vec<Bytes>> {
        let spares = |piece: &Piece| matches!(piece, Piece::Shared(_));
        if !self.spans(from, to).any(|(piece, ..)| spares(piece)) {
            return None;
        }
        let mut all = Vec::new();
        for (piece, low, high) in self.spans(from, to) {
            match piece {
                Piece::Shared(octets) => all.push(octets.slice(low..high)),
                Piece::Own(_) => {
                    let (first, second) = piece.slices(low, high);
                    let parts = [first, second].into_iter().filter(|part| !part.is_empty());
                    all.extend(parts.map(Bytes::copy_from_slice));
                }
            }
        }
        Some(all)
    }

    /// The pieces that hold octets from `from` to `to`, and from where to where in each.
    fn spans(&self, from: u64, to: u64) -> impl Iterator<Item = (&Piece, usize, usize)> {
        let low = from.saturating_sub(self.start).min(self.len as u64) as usize;
        let high = to.saturating_sub(self.start).min(self.len as u64) as usize;
        let mut begins = 0;
        let placed = self.pieces.iter().map(move |piece| {
            let at = begins;
            begins += piece.len();
            (piece, at)
        });
        placed
            .skip_while(move |(piece, at)| at + piece.len() <= low)
            .take_while(move |(_, at)| *at < high)
            .map(move |(piece, at)| {
                let first = low.saturating_sub(at);
                (piece, first, (high - at).min(piece.len()).max(first))
            })
    }
}

impl Spare for SendBuffer {
    fn spare_octets(&self) -> usize {
        let own = self.pieces.iter().map(|piece| match piece {
            Piece::Shared(_) => 0,
            Piece::Own(octets) => octets.spare_octets(),
        });
        own.sum::<usize>() + self.pieces.spare_octets()
    }

    fn give_back(&mut self) {
        if self.len == 0 {
            self.pieces.clear();
        }
        for piece in &mut self.pieces {
            if let Piece::Own(octets) = piece {
                octets.give_back();
            }
        }
        self.pieces.give_back();
    }
}

#[cfg(test)]
mod tests;
