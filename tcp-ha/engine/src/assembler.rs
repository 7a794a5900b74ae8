//! Octets that arrived out of order (RFC 9293 3.10.7.4, seventh step) and the SACK blocks
//! that tell of them (RFC 2018).

use crate::spare::Spare;
use std::collections::VecDeque;

/// Octets of neighbouring segments, all in one piece.
#[derive(Debug)]
struct Island {
    start: u64,
    octets: VecDeque<u8>,
    /// When it last grew, counted in arrivals.
    touched: u64,
}

impl Island {
    fn end(&self) -> u64 {
        self.start + self.octets.len() as u64
    }
}

/// Islands of octets beyond RCV.NXT, in order, none touching another.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    islands: Vec<Island>,
    arrivals: u64,
    fin: Option<u64>,
}

impl Assembler {
    /// True where nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.islands.is_empty()
    }

    /// Octets that wait.
    pub(crate) fn len(&self) -> u64 {
        self.islands.iter().map(|i| i.octets.len() as u64).sum()
    }

    /// Remembers that the peer's FIN stands at `position`. The first word counts.
    pub(crate) fn note_fin(&mut self, position: u64) {
        self.fin.get_or_insert(position);
    }

    /// Position of the peer's FIN, once it was seen.
    pub(crate) fn fin(&self) -> Option<u64> {
        self.fin
    }

    /// Keeps `data` from position `start` on. Octets held before win over new ones. False
    /// where more than `max_islands` would be needed; then nothing changes.
    pub(crate) fn insert(&mut self, start: u64, data: &[u8], max_islands: usize) -> bool {
        if data.is_empty() {
            return true;
        }
        let end = start + data.len() as u64;
        // Islands `first..last` overlap or touch the new range.
        let first = self.islands.partition_point(|i| i.end() < start);
        let last = self.islands.partition_point(|i| i.start <= end);
        if first == last && self.islands.len() >= max_islands {
            return false;
        }
        self.arrivals += 1;
        let touched = self.arrivals;
        if first == last {
            let octets = data.iter().copied().collect();
            let island = Island {
                start,
                octets,
                touched,
            };
            self.islands.insert(first, island);
            return true;
        }
        // The largest grows at both ends: whatever the order, an octet is moved but rarely.
        let largest = (first..last).max_by_key(|&at| self.islands[at].octets.len());
        let base = largest.unwrap_or(first);
        let piece = |from: u64, to: u64| &data[(from - start) as usize..(to - start) as usize];
        let mut from = self.islands[base].start;
        let mut to = self.islands[base].end();
        let mut octets = core::mem::take(&mut self.islands[base].octets);
        for island in self.islands[first..base].iter().rev() {
            prepend(&mut octets, piece(island.end(), from));
            let (front, back) = island.octets.as_slices();
            prepend(&mut octets, back);
            prepend(&mut octets, front);
            from = island.start;
        }
        if start < from {
            prepend(&mut octets, piece(start, from));
            from = start;
        }
        for island in &self.islands[base + 1..last] {
            octets.extend(piece(to, island.start));
            octets.extend(&island.octets);
            to = island.end();
        }
        if to < end {
            octets.extend(piece(to, end));
        }
        self.islands[first] = Island {
            start: from,
            octets,
            touched,
        };
        self.islands.drain(first + 1..last);
        true
    }

    /// Takes the octets that follow `rcv_nxt` without a gap; drops what lies before it.
    pub(crate) fn take(&mut self, rcv_nxt: u64) -> Option<VecDeque<u8>> {
        while self.islands.first().is_some_and(|i| i.end() <= rcv_nxt) {
            self.islands.remove(0);
        }
        if self.islands.first()?.start > rcv_nxt {
            return None;
        }
        let mut island = self.islands.remove(0);
        island.octets.drain(..(rcv_nxt - island.start) as usize);
        Some(island.octets)
    }

    /// Up to `max` ranges, the one that grew last first (RFC 2018 section 4).
    pub(crate) fn recent(&self, max: usize) -> impl Iterator<Item = (u64, u64)> {
        let mut order: Vec<&Island> = self.islands.iter().collect();
        order.sort_by_key(|i| core::cmp::Reverse(i.touched));
        order
            .into_iter()
            .take(max)
            .map(|i| (i.start, i.end()))
            .collect::<Vec<_>>()
            .into_iter()
    }
}

impl Spare for Assembler {
    fn spare_octets(&self) -> usize {
        self.islands.spare_octets()
    }

    fn give_back(&mut self) {
        self.islands.give_back();
    }
}

fn prepend(octets: &mut VecDeque<u8>, piece: &[u8]) {
    for &octet in piece.iter().rev() {
        octets.push_front(octet);
    }
}

#[cfg(test)]
mod tests;
