//! Receiving: in order, with what came too early kept; SACK blocks, D-SACK, windows.

use std::collections::{BTreeMap, VecDeque};

/// SACK blocks in a segment, at most.
const BLOCKS: usize = 4;

/// The receiving half of a connection, in positions: the other side's SYN is 0.
#[derive(Debug)]
pub(super) struct Receiver {
    /// RCV.NXT.
    pub(super) nxt: u64,
    /// Position up to which the user has read.
    pub(super) read: u64,
    /// The right edge that was announced.
    pub(super) edge: u64,
    /// Octets that wait for the user, from `read` on.
    pub(super) waiting: VecDeque<u8>,
    /// Runs of octets that came too early.
    early: BTreeMap<u64, Vec<u8>>,
    /// The newest early run comes first in SACK blocks.
    newest: u64,
    /// What came twice (RFC 2883).
    dsack: Option<(u64, u64)>,
    /// Position of the FIN, once it came.
    fin: Option<u64>,
    /// The FIN was received in order.
    pub(super) over: bool,
    capacity: u64,
}

impl Receiver {
    pub(super) fn new(capacity: u64) -> Receiver {
        Receiver {
            nxt: 1,
            read: 1,
            edge: 1,
            waiting: VecDeque::new(),
            early: BTreeMap::new(),
            newest: 0,
            dsack: None,
            fin: None,
            over: false,
            capacity,
        }
    }

    /// RFC 9293 3.10.7.4, first step.
    pub(super) fn acceptable(&self, seq: i64, len: u32) -> bool {
        let (nxt, edge) = (self.nxt as i64, self.edge as i64);
        let last = seq + i64::from(len) - 1;
        let inside = |at: i64| nxt <= at && at < edge;
        match (len, edge > nxt) {
            (0, false) => seq == nxt,
            (0, true) => inside(seq),
            (_, false) => false,
            (_, true) => inside(seq) || inside(last),
        }
    }

    /// Takes text, and perhaps a FIN behind it. True where it came in order and nothing is missing, so that the
    /// acknowledgement may wait.
    pub(super) fn take(&mut self, seq: i64, text: &[u8], fin: bool) -> bool {
        let end = seq + text.len() as i64;
        let gaps = !self.early.is_empty();
        if fin && (end as u64) < self.edge.max(self.nxt + 1) {
            self.fin = Some(end as u64);
        }
        let first = seq.max(self.nxt as i64).min(end);
        let last = end.min(self.edge as i64).max(first);
        if first > seq && !text.is_empty() {
            // Some of it was there already.
            self.dsack = Some((seq.max(1) as u64, first as u64));
        }
        let fresh = &text[(first - seq) as usize..(last - seq) as usize];
        if !fresh.is_empty() {
            if first as u64 == self.nxt {
                self.waiting.extend(fresh);
                self.nxt += fresh.len() as u64;
                self.join();
            } else {
                self.keep(first as u64, fresh);
            }
        }
        if self.fin == Some(self.nxt) && !self.over {
            self.over = true;
            self.nxt += 1;
        }
        !gaps && self.early.is_empty() && self.dsack.is_none()
    }

    /// Keeps what came too early; runs that touch become one.
    fn keep(&mut self, at: u64, text: &[u8]) {
        let (mut from, mut run) = (at, text.to_vec());
        let touching: Vec<u64> = self
            .early
            .range(..=at + text.len() as u64)
            .filter(|(start, run)| *start + run.len() as u64 >= at)
            .map(|(start, _)| *start)
            .collect();
        for start in touching {
            let other = self.early.remove(&start).expect("it was found");
            let end = start + other.len() as u64;
            if start <= at && end >= at + text.len() as u64 {
                self.dsack = Some((at, at + text.len() as u64));
            }
            let (low, high) = (from.min(start), end.max(from + run.len() as u64));
            let mut joined = vec![0; (high - low) as usize];
            for (start, octets) in [(start, &other), (from, &run)] {
                let begin = (start - low) as usize;
                joined[begin..begin + octets.len()].copy_from_slice(octets);
            }
            (from, run) = (low, joined);
        }
        self.newest = from;
        self.early.insert(from, run);
    }

    fn join(&mut self) {
        while let Some(entry) = self.early.first_entry() {
            if *entry.key() > self.nxt {
                return;
            }
            let (start, run) = entry.remove_entry();
            let known = ((self.nxt - start) as usize).min(run.len());
            self.waiting.extend(&run[known..]);
            self.nxt += (run.len() - known) as u64;
        }
    }

    /// Whether octets are missing before others.
    pub(super) fn has_gaps(&self) -> bool {
        !self.early.is_empty()
    }

    /// Blocks for the next acknowledgement: what came twice first, then the newest run.
    pub(super) fn blocks(&mut self, most: usize) -> Vec<(u64, u64)> {
        let mut blocks: Vec<(u64, u64)> = self.dsack.take().into_iter().collect();
        let run = |(start, run): (&u64, &Vec<u8>)| (*start, *start + run.len() as u64);
        blocks.extend(self.early.get_key_value(&self.newest).map(run));
        let others = self
            .early
            .iter()
            .filter(|(start, _)| **start != self.newest);
        blocks.extend(others.map(run));
        blocks.truncate(most.min(BLOCKS));
        blocks
    }

    /// The window field with this shift; notes the edge that it announces.
    pub(super) fn announce(&mut self, shift: u8) -> u16 {
        let wanted = self.wanted().max(self.edge);
        // Rounded up where rounding down would move the edge left.
        let window = wanted - self.nxt;
        let field = window >> shift;
        let field = if self.nxt + (field << shift) < self.edge {
            field + 1
        } else {
            field
        };
        let field = field.min(0xffff);
        self.edge = self.edge.max(self.nxt + (field << shift));
        field as u16
    }

    /// Where the right edge may be.
    fn wanted(&self) -> u64 {
        (self.read + self.capacity).max(self.nxt)
    }

    /// Whether an update of the window is worth a segment (RFC 9293 3.8.6.2.2).
    pub(super) fn opens(&self, mss: u64) -> bool {
        let more = self.wanted().saturating_sub(self.edge);
        more >= mss.min(self.capacity / 2)
    }
}
