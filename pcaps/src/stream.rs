//! One direction's octets, put in order, each compared with what stood in its place before.

use std::collections::{BTreeMap, VecDeque};

use crate::seq::Position;

/// What became of the octets of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Arrival {
    /// Octets that had not been seen before.
    pub new: u64,
    /// Octets that had been sent before: `compared` and `uncompared` together.
    pub repeated: u64,
    /// Repeated octets that were compared and are the same.
    pub compared: u64,
    /// Repeated octets whose first sending is no longer, or never was, at hand.
    pub uncompared: u64,
    /// Octets dropped since too many wait already.
    pub refused: u64,
    /// The first octet that differs from what was sent in its place before.
    pub conflict: Option<Conflict>,
}

/// An octet that was sent twice, and differently.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Conflict {
    /// Its place.
    pub at: Position,
    /// As it was sent first.
    pub first: u8,
    /// As it was sent now.
    pub now: u8,
}

/// Bounds of a stream's memory, octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Octets kept behind the front for comparison.
    pub history: usize,
    /// Octets that may wait beyond a gap.
    pub waiting: usize,
}

/// The octets of one direction.
///
/// [`Stream::insert`] takes a segment's octets; [`Stream::deliver`] then hands over what has become contiguous.
/// [`Stream::skip_to`] gives up what was never captured.
#[derive(Debug)]
pub struct Stream {
    /// The first octet that was not handed over.
    front: Position,
    /// Octets just before `front`, without a gap.
    history: VecDeque<u8>,
    /// Octets from `front` on, by place, not overlapping.
    waiting: BTreeMap<Position, Vec<u8>>,
    waiting_octets: usize,
}

impl Stream {
    /// An empty stream whose first octet will stand at `front`.
    pub fn new(front: Position) -> Self {
        Stream {
            front,
            history: VecDeque::new(),
            waiting: BTreeMap::new(),
            waiting_octets: 0,
        }
    }

    /// The place of the next octet to be handed over.
    pub fn front(&self) -> Position {
        self.front
    }

    /// Octets that wait beyond a gap, or for [`Stream::deliver`].
    pub fn waiting_octets(&self) -> usize {
        self.waiting_octets
    }

    /// Takes the octets of a segment that begins at `at`.
    pub fn insert(&mut self, at: Position, octets: &[u8], bounds: Bounds) -> Arrival {
        let mut arrival = Arrival::default();
        let behind = (self.front.octets_since(at) as usize).min(octets.len());
        let (old, ahead) = octets.split_at(behind);
        self.compare_with_history(at, old, &mut arrival);
        self.insert_ahead(at.plus(behind as u64), ahead, bounds, &mut arrival);
        arrival
    }

    /// Hands over the octets that have become contiguous, in order.
    pub fn deliver(&mut self, bounds: Bounds, mut sink: impl FnMut(&[u8])) {
        while let Some(entry) = self.waiting.first_entry() {
            if *entry.key() != self.front {
                break;
            }
            let octets = entry.remove();
            self.waiting_octets -= octets.len();
            self.front = self.front.plus(octets.len() as u64);
            sink(&octets);
            self.history.extend(&octets);
            let excess = self.history.len().saturating_sub(bounds.history);
            self.history.drain(..excess);
        }
    }

    /// Gives up what is missing before `to`, up to the next octets that wait. Returns how many octets that were;
    /// to be called, with a delivery after each, until it returns none.
    pub fn skip_to(&mut self, to: Position) -> Option<u64> {
        let next = self.waiting.keys().next().copied();
        let end = next.map_or(to, |next| next.min(to));
        let missing = end.octets_since(self.front);
        if missing == 0 {
            return None;
        }
        self.front = end;
        // What lies before a gap can no longer be found by its distance from the front.
        self.history.clear();
        Some(missing)
    }

    /// Frees what is kept; the stream has ended.
    pub fn clear(&mut self) {
        self.history = VecDeque::new();
        self.waiting.clear();
        self.waiting_octets = 0;
    }

    fn compare_with_history(&self, at: Position, old: &[u8], arrival: &mut Arrival) {
        let oldest = self.history.len() as u64;
        let distance = self.front.octets_since(at);
        let unknown = (distance.saturating_sub(oldest) as usize).min(old.len());
        arrival.repeated += old.len() as u64;
        arrival.uncompared += unknown as u64;
        let known = &old[unknown..];
        let start = self.history.len() - (distance as usize - unknown).min(self.history.len());
        let kept = self.history.range(start..start + known.len()).copied();
        compare(at.plus(unknown as u64), kept, known, arrival);
    }

    fn insert_ahead(
        &mut self,
        mut at: Position,
        mut octets: &[u8],
        bounds: Bounds,
        arrival: &mut Arrival,
    ) {
        while !octets.is_empty() {
            let covering = self.waiting.range(..=at).next_back();
            let overlap = covering.map(|(&start, kept)| (at.octets_since(start) as usize, kept));
            let taken = match overlap {
                Some((offset, kept)) if offset < kept.len() => {
                    let len = (kept.len() - offset).min(octets.len());
                    arrival.repeated += len as u64;
                    let first = kept[offset..offset + len].iter().copied();
                    compare(at, first, &octets[..len], arrival);
                    len
                }
                _ => {
                    let next = self.waiting.range(at..).next().map(|(&place, _)| place);
                    let room = next.map_or(usize::MAX, |next| next.octets_since(at) as usize);
                    let len = room.min(octets.len());
                    self.keep(at, &octets[..len], bounds, arrival);
                    len
                }
            };
            at = at.plus(taken as u64);
            octets = &octets[taken..];
        }
    }

    fn keep(&mut self, at: Position, octets: &[u8], bounds: Bounds, arrival: &mut Arrival) {
        // Octets at the front leave again at once, so that they never count against the bound.
        if at != self.front && self.waiting_octets + octets.len() > bounds.waiting {
            arrival.refused += octets.len() as u64;
            return;
        }
        arrival.new += octets.len() as u64;
        self.waiting_octets += octets.len();
        self.waiting.insert(at, octets.to_vec());
    }
}

/// Compares octets sent first with octets sent now, and notes the first difference.
fn compare(at: Position, first: impl Iterator<Item = u8>, now: &[u8], arrival: &mut Arrival) {
    for (index, (first, &now)) in first.zip(now).enumerate() {
        if first == now {
            arrival.compared += 1;
        } else if arrival.conflict.is_none() {
            let at = at.plus(index as u64);
            arrival.conflict = Some(Conflict { at, first, now });
        }
    }
}

#[cfg(test)]
mod tests;
