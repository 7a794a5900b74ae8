//! What a batch brought in, merged: a daemon gets the octets of a connection in one piece, and an acknowledgement that is due is so once.

use tcp_ha_engine::ConnectionId;

/// A range is looked for among so many of the latest ones.
const LOOKED_AT: usize = 64;

/// Octets of one connection that came in order, as stream offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) id: ConnectionId,
    pub(super) from: u64,
    pub(super) to: u64,
}

/// See the module's text. Its memory is used again.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    ranges: Vec<Range>,
    due: Vec<(ConnectionId, u64)>,
}

impl Arrived {
    /// RCV.NXT of a connection moved over these octets.
    pub(super) fn note(&mut self, range: Range) {
        let mut latest = self.ranges.iter_mut().rev().take(LOOKED_AT);
        // What came earlier stays earlier: only the last range of a connection grows.
        match latest.find(|it| it.id == range.id) {
            Some(last) if last.to == range.from => last.to = range.to,
            _ => self.ranges.push(range),
        }
    }

    /// An ACK of a connection waits for SAFE to reach `upto`.
    pub(super) fn note_due(&mut self, id: ConnectionId, upto: u64) {
        let mut latest = self.due.iter_mut().rev().take(LOOKED_AT);
        match latest.find(|it| it.0 == id) {
            Some(last) => last.1 = last.1.max(upto),
            None => self.due.push((id, upto)),
        }
    }

    /// All ranges, in the order in which they began; they come back, empty, by [`put_back`](Arrived::put_back).
    pub(super) fn take(&mut self) -> (Vec<Range>, Vec<(ConnectionId, u64)>) {
        (
            std::mem::take(&mut self.ranges),
            std::mem::take(&mut self.due),
        )
    }

    /// Memory for the next ranges.
    pub(super) fn put_back(&mut self, ranges: Vec<Range>, due: Vec<(ConnectionId, u64)>) {
        (self.ranges, self.due) = (ranges, due);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ConnectionId = ConnectionId(1);
    const TWO: ConnectionId = ConnectionId(2);

    fn range(id: ConnectionId, from: u64, to: u64) -> Range {
        Range { id, from, to }
    }

    #[test]
    fn octets_that_follow_each_other_are_one_range() {
        let mut arrived = Arrived::default();
        for it in [
            range(ONE, 0, 10),
            range(TWO, 5, 6),
            range(ONE, 10, 30),
            range(ONE, 30, 31),
        ] {
            arrived.note(it);
        }
        assert_eq!(arrived.take().0, vec![range(ONE, 0, 31), range(TWO, 5, 6)]);
    }

    #[test]
    fn what_does_not_follow_stays_apart_and_in_order() {
        let mut arrived = Arrived::default();
        let all = [range(ONE, 0, 10), range(ONE, 4, 12), range(ONE, 12, 13)];
        for it in all {
            arrived.note(it);
        }
        assert_eq!(arrived.take().0, vec![range(ONE, 0, 10), range(ONE, 4, 13)]);
    }

    #[test]
    fn an_acknowledgement_is_due_once() {
        let mut arrived = Arrived::default();
        for (id, upto) in [(ONE, 10), (TWO, 7), (ONE, 30), (ONE, 20)] {
            arrived.note_due(id, upto);
        }
        assert_eq!(arrived.take().1, vec![(ONE, 30), (TWO, 7)]);
    }
}
