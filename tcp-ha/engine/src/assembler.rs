//! Octets that arrived out of order (RFC 9293 3.10.7.4, seventh step) and the SACK blocks
//! that tell of them (RFC 2018).

/// Octets of neighbouring segments, all in one piece.
#[derive(Debug)]
struct Island {
    start: u64,
    octets: Vec<u8>,
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
        let piece = |from: u64, to: u64| &data[(from - start) as usize..(to - start) as usize];
        if first == last {
            let octets = data.to_vec();
            self.islands.insert(
                first,
                Island {
                    start,
                    octets,
                    touched,
                },
            );
            return true;
        }
        let mut merged = if self.islands[first].start <= start {
            core::mem::take(&mut self.islands[first].octets)
        } else {
            piece(start, self.islands[first].start).to_vec()
        };
        let merged_start = start.min(self.islands[first].start);
        for at in first..last {
            // The first island may be `merged` already; then it is empty here.
            merged.extend_from_slice(&self.islands[at].octets);
            let gap_from = merged_start + merged.len() as u64;
            let gap_to = if at + 1 < last {
                self.islands[at + 1].start
            } else {
                end
            };
            if gap_from < gap_to {
                merged.extend_from_slice(piece(gap_from, gap_to));
            }
        }
        self.islands[first] = Island {
            start: merged_start,
            octets: merged,
            touched,
        };
        self.islands.drain(first + 1..last);
        true
    }

    /// Takes the octets that follow `rcv_nxt` without a gap; drops what lies before it.
    pub(crate) fn take(&mut self, rcv_nxt: u64) -> Option<Vec<u8>> {
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

#[cfg(test)]
mod tests;
