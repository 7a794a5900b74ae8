//! Sets of positions.

/// Ranges `from..to`, in order, none touching another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    pub(super) fn insert(&mut self, from: u64, to: u64) {
        if from >= to {
            return;
        }
        let first = self.0.partition_point(|range| range.1 < from);
        let last = self.0.partition_point(|range| range.0 <= to);
        if first == last {
            self.0.insert(first, (from, to));
            return;
        }
        let merged = (self.0[first].0.min(from), self.0[last - 1].1.max(to));
        self.0[first] = merged;
        self.0.drain(first + 1..last);
    }

    /// Whether all of `from..to` is in the set.
    pub(super) fn covers(&self, from: u64, to: u64) -> bool {
        from >= to || self.end_of_run(from) >= to
    }

    /// Whether some of `from..to` is in the set.
    pub(super) fn touches(&self, from: u64, to: u64) -> bool {
        let at = self.0.partition_point(|range| range.1 <= from);
        from < to && self.0.get(at).is_some_and(|range| range.0 < to)
    }

    /// The first position from `from` on that is not in the set.
    pub(super) fn end_of_run(&self, from: u64) -> u64 {
        let at = self.0.partition_point(|range| range.1 <= from);
        match self.0.get(at) {
            Some(&(start, end)) if start <= from => end,
            _ => from,
        }
    }

    /// Ranges behind `from`, the one that `from` stands in cut at it.
    pub(super) fn behind(&self, from: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
        let at = self.0.partition_point(|range| range.1 <= from);
        self.0[at..]
            .iter()
            .map(move |&(start, end)| (start.max(from), end))
    }

    /// Positions in the set behind `from`.
    pub(super) fn len_behind(&self, from: u64) -> u64 {
        self.behind(from).map(|(start, end)| end - start).sum()
    }

    /// The parts of `from..to` that are not in the set.
    pub(super) fn missing(&self, from: u64, to: u64) -> Vec<(u64, u64)> {
        let mut gaps = Vec::new();
        let mut at = from;
        for (start, end) in self.behind(from) {
            if start >= to {
                break;
            }
            if start > at {
                gaps.push((at, start));
            }
            at = end;
        }
        if at < to {
            gaps.push((at, to));
        }
        gaps
    }

    /// Forgets what lies before `to`.
    pub(super) fn trim(&mut self, to: u64) {
        let gone = self.0.partition_point(|range| range.1 <= to);
        self.0.drain(..gone);
        if let Some(first) = self.0.first_mut() {
            first.0 = first.0.max(to);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::Ranges;

    fn set(ranges: &[(u64, u64)]) -> Ranges {
        let mut set = Ranges::default();
        for &(from, to) in ranges {
            set.insert(from, to);
        }
        set
    }

    #[test]
    fn touching_ranges_become_one() {
        assert_eq!(set(&[(1, 3), (5, 7), (3, 5)]), set(&[(1, 7)]));
        assert_eq!(set(&[(5, 7), (1, 9)]), set(&[(1, 9)]));
        assert_eq!(set(&[(1, 1)]), Ranges::default());
    }

    #[test]
    fn missing_parts_are_named_in_order() {
        let set = set(&[(2, 4), (6, 8)]);
        assert_eq!(set.missing(1, 10), [(1, 2), (4, 6), (8, 10)]);
        assert_eq!(set.missing(2, 4), []);
        assert!(set.covers(6, 8) && !set.covers(3, 7));
        assert!(set.touches(3, 5) && !set.touches(4, 6));
    }

    #[test]
    fn runs_end_at_the_first_gap() {
        let mut set = set(&[(2, 4), (6, 8)]);
        assert_eq!((set.end_of_run(2), set.end_of_run(4)), (4, 4));
        assert_eq!(set.len_behind(3), 3);
        set.trim(3);
        assert_eq!(set.missing(0, 8), [(0, 3), (4, 6)]);
    }
}
