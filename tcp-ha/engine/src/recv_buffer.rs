//! Octets from READ to RCV.NXT.

use crate::ring;
use crate::spare::Spare;
use bytes::Bytes;
use std::collections::VecDeque;

/// Text of so many octets stays in the memory in which it came, where that may be shared. Less is copied, so that little text
/// never keeps much memory.
const SHARED_TEXT_MIN: usize = 16 << 10;

/// The receive buffer. Positions are sequence positions.
#[derive(Debug)]
pub(crate) struct RecvBuffer {
    start: u64,
    /// The first octets, copied.
    copied: VecDeque<u8>,
    /// Those behind them, once there is text that was not copied.
    pieces: Option<Box<Pieces>>,
}

#[derive(Debug, Default)]
struct Pieces(VecDeque<Piece>);

/// Octets of neighbouring segments.
#[derive(Debug)]
enum Piece {
    Copied(VecDeque<u8>),
    Shared(Bytes),
}

impl RecvBuffer {
    /// A buffer that holds `octets` from position `start` (READ) on.
    pub(crate) fn new(start: u64, octets: &[u8]) -> RecvBuffer {
        RecvBuffer {
            start,
            copied: octets.iter().copied().collect(),
            pieces: None,
        }
    }

    /// Appends octets, which lie in `memory` if that may be kept; the caller keeps the window.
    pub(crate) fn append(&mut self, octets: &[u8], memory: Option<&Bytes>) {
        if let Some(memory) = memory.filter(|_| octets.len() >= SHARED_TEXT_MIN) {
            let pieces = self.pieces.get_or_insert_default();
            pieces.0.push_back(Piece::Shared(memory.slice_ref(octets)));
            return;
        }
        let pieces = self.pieces.as_mut().filter(|pieces| !pieces.0.is_empty());
        let Some(pieces) = pieces else {
            return self.copied.extend(octets);
        };
        if let Some(Piece::Copied(last)) = pieces.0.back_mut() {
            last.extend(octets);
        } else {
            let copied = octets.iter().copied().collect();
            pieces.0.push_back(Piece::Copied(copied));
        }
    }

    /// Forgets octets before `position`.
    pub(crate) fn trim(&mut self, position: u64) {
        let gone = position.saturating_sub(self.start).min(self.len() as u64);
        self.start += gone;
        // At most the length, which is a usize.
        let mut gone = gone as usize;
        let copied = gone.min(self.copied.len());
        self.copied.drain(..copied);
        gone -= copied;
        let Some(pieces) = &mut self.pieces else {
            return;
        };
        while let Some(first) = pieces.0.front_mut().filter(|_| gone > 0) {
            let n = gone.min(first.len());
            gone -= n;
            if n == first.len() {
                pieces.0.pop_front();
            } else {
                first.forget(n);
            }
        }
    }

    /// The octets from `from` on, in the pieces in which they lie; `None` where `from` is not held.
    pub(crate) fn octets(&self, from: u64) -> Option<impl Iterator<Item = &[u8]> + Clone> {
        let mut skip = usize::try_from(from.checked_sub(self.start)?).ok()?;
        if skip > self.len() {
            return None;
        }
        let (front, back) = self.copied.as_slices();
        let pieces = self.pieces().flat_map(Piece::slices);
        let all = [front, back].into_iter().chain(pieces);
        Some(all.filter_map(move |slice| {
            let n = skip.min(slice.len());
            skip -= n;
            (n < slice.len()).then(|| &slice[n..])
        }))
    }

    /// Gives out what is held of the octets from `from` to `to`: where they were not copied before, they are not now.
    pub(crate) fn share(&self, from: u64, to: u64, mut give: impl FnMut(Bytes)) {
        let mut at = self.start;
        let mut part = |len: usize, share: &dyn Fn(usize, usize) -> Bytes| {
            let end = at + len as u64;
            let (low, high) = (from.max(at), to.min(end));
            if low < high {
                // Both lie within the part.
                give(share((low - at) as usize, (high - at) as usize));
            }
            at = end;
        };
        part(self.copied.len(), &|low, high| {
            copy(&self.copied, low, high)
        });
        for piece in self.pieces() {
            part(piece.len(), &|low, high| piece.share(low, high));
        }
    }

    fn len(&self) -> usize {
        self.copied.len() + self.pieces().map(Piece::len).sum::<usize>()
    }

    fn pieces(&self) -> impl Iterator<Item = &Piece> + Clone {
        self.pieces.iter().flat_map(|pieces| pieces.0.iter())
    }
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Piece::Copied(octets) => octets.len(),
            Piece::Shared(octets) => octets.len(),
        }
    }

    fn slices(&self) -> [&[u8]; 2] {
        match self {
            Piece::Copied(octets) => octets.as_slices().into(),
            Piece::Shared(octets) => [octets, &[]],
        }
    }

    /// Octets `low..high`, which it has.
    fn share(&self, low: usize, high: usize) -> Bytes {
        match self {
            Piece::Copied(octets) => copy(octets, low, high),
            Piece::Shared(octets) => octets.slice(low..high),
        }
    }

    /// Forgets the first `n` octets, which it has.
    fn forget(&mut self, n: usize) {
        match self {
            Piece::Copied(octets) => drop(octets.drain(..n)),
            Piece::Shared(octets) => drop(octets.split_to(n)),
        }
    }
}

/// A copy of the elements `low..high`, which the ring has.
fn copy(ring: &VecDeque<u8>, low: usize, high: usize) -> Bytes {
    let (head, tail) = ring::slices(ring, low, high);
    if tail.is_empty() {
        return Bytes::copy_from_slice(head);
    }
    [head, tail].concat().into()
}

impl Spare for RecvBuffer {
    fn spare_octets(&self) -> usize {
        let pieces = self.pieces.as_ref().map_or(0, |it| it.0.spare_octets());
        self.copied.spare_octets() + pieces
    }

    fn give_back(&mut self) {
        self.copied.give_back();
        match &mut self.pieces {
            Some(pieces) if !pieces.0.is_empty() => pieces.0.give_back(),
            empty => *empty = None,
        }
    }
}

#[cfg(test)]
mod tests;
