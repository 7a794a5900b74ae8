//! The octets of one direction, as far as the capture holds them.

use std::collections::BTreeMap;

use super::ranges::Ranges;

/// Octets by position; the first octet of a stream stands at 1.
#[derive(Debug, Default)]
pub(super) struct Text {
    pieces: BTreeMap<u64, Vec<u8>>,
    known: Ranges,
}

impl Text {
    /// Keeps octets that begin at `at`; what was there before stays.
    pub(super) fn insert(&mut self, at: u64, octets: &[u8]) {
        let end = at + octets.len() as u64;
        for (from, to) in self.known.missing(at, end) {
            let piece = &octets[(from - at) as usize..(to - at) as usize];
            self.pieces.insert(from, piece.to_vec());
        }
        self.known.insert(at, end);
    }

    /// The octets `from..to`; those that the capture lacks are zero.
    pub(super) fn read(&self, from: u64, to: u64) -> Vec<u8> {
        let mut octets = vec![0; to.saturating_sub(from) as usize];
        let before = self.pieces.range(..=from).next_back();
        let start = before.map_or(from, |(&start, _)| start);
        for (&start, piece) in self.pieces.range(start..to) {
            let (low, high) = (start.max(from), (start + piece.len() as u64).min(to));
            if low < high {
                octets[(low - from) as usize..(high - from) as usize]
                    .copy_from_slice(&piece[(low - start) as usize..(high - start) as usize]);
            }
        }
        octets
    }

    /// Whether the capture holds all of `from..to`.
    pub(super) fn knows(&self, from: u64, to: u64) -> bool {
        self.known.covers(from, to)
    }

    /// Whether `octets`, which begin at `at`, are those of the capture as far as it knows them.
    pub(super) fn agrees(&self, at: u64, octets: &[u8]) -> bool {
        let end = at + octets.len() as u64;
        self.known
            .behind(at)
            .take_while(|&(from, _)| from < end)
            .all(|(from, to)| {
                let to = to.min(end);
                self.read(from, to) == octets[(from - at) as usize..(to - at) as usize]
            })
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn first_word_counts_and_gaps_are_zero() {
        let mut text = Text::default();
        text.insert(5, b"efg");
        text.insert(1, b"abXX");
        text.insert(3, b"cdEF");
        assert_eq!(text.read(1, 8), b"abXXefg");
        assert_eq!(text.read(7, 10), b"g\0\0");
    }

    #[test]
    fn only_known_octets_can_disagree() {
        let mut text = Text::default();
        text.insert(1, b"ab");
        text.insert(4, b"d");
        assert!(text.agrees(1, b"ab?d?"));
        assert!(!text.agrees(1, b"ab?x"));
        assert!(text.agrees(9, b"anything"));
    }
}
