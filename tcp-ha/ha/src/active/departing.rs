//! Which batches have frames in the gate: the engine is told what has left, so that it does not wait for answers to what has not.

use super::Active;
use ipc::Lsn;
use ipc::gate::Gate;
use std::collections::VecDeque;
use tcp_ha_engine::Instant;
use tcp_ha_link::Frame;

/// More batches than any gate holds frames of at a time.
const BATCHES_MAX: usize = 1 << 16;

/// Batches with frames that have not left, as far as is known.
#[derive(Debug, Default)]
pub(super) struct Departing {
    batches: VecDeque<(Lsn, Instant)>,
    /// Until then, segments were built whose frames are nowhere: no neighbour was known, or the gate was full. The timers of the
    /// connections repair that, as they do any other loss.
    nowhere: Option<Instant>,
}

impl Departing {
    /// The batch `lsn` was closed at `now`, with segments or without.
    pub(super) fn closed(
        &mut self,
        lsn: Lsn,
        now: Instant,
        has_segments: bool,
        gate: &Gate<Frame>,
    ) {
        if gate.is_fenced() {
            self.batches.clear();
        } else if gate.tail() == Some(lsn) {
            if self.batches.len() == BATCHES_MAX {
                // Nobody says what has left.
                self.batches.pop_front();
            }
            self.batches.push_back((lsn, now));
        } else if has_segments {
            match self.batches.back_mut() {
                Some((_, closed)) => *closed = now,
                None => self.nowhere = Some(now),
            }
        }
    }

    /// Gives back memory for more than `kept` batches.
    pub(super) fn give_back(&mut self, kept: usize) {
        self.batches.shrink_to(kept);
    }

    /// When the last batch was closed that has no frame left in the gate, whose head is of `head`; each is told once.
    fn left(&mut self, head: Option<Lsn>) -> Option<Instant> {
        let gone = |lsn: Lsn| head.is_none_or(|head| lsn < head);
        let mut left = self.nowhere.take();
        while let Some((_, closed)) = self.batches.pop_front_if(|(lsn, _)| gone(*lsn)) {
            left = Some(closed);
        }
        left
    }
}

impl Active {
    /// Everything that [`release`](Self::release) gave was given to the device by the local time `mono_us`: only from then on does the
    /// engine wait for answers to it. A thread that loses its processor amid a batch tells so by the time that it reads after it.
    pub fn transmitted(&mut self, mono_us: u64) {
        if let Some(built) = self.departing.left(self.gate.head()) {
            self.engine.note_departure(built, self.clock.now(mono_us));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_left_when_the_head_of_the_gate_is_of_a_later_one() {
        let at = Instant::from_micros;
        let mut departing = Departing::default();
        for (lsn, micros) in [(3, 10), (4, 20), (7, 30)] {
            departing.batches.push_back((Lsn(lsn), at(micros)));
        }
        assert_eq!(departing.left(Some(Lsn(3))), None);
        assert_eq!(departing.left(Some(Lsn(7))), Some(at(20)));
        assert_eq!(departing.left(Some(Lsn(7))), None);
        assert_eq!(departing.left(None), Some(at(30)));
        assert_eq!(departing.left(None), None);
    }

    #[test]
    fn segments_whose_frames_are_nowhere_are_not_held() {
        let at = Instant::from_micros;
        let gate = Gate::new(ipc::Incarnation::from_bytes([1; 16]), 4);
        let mut departing = Departing::default();
        departing.closed(Lsn(1), at(10), false, &gate);
        assert_eq!(departing.left(None), None, "nothing was built");
        departing.closed(Lsn(2), at(20), true, &gate);
        assert_eq!(departing.left(None), Some(at(20)));
        departing.batches.push_back((Lsn(3), at(30)));
        departing.closed(Lsn(4), at(40), true, &gate);
        assert_eq!(departing.left(Some(Lsn(3))), None, "batch 3 is held");
        assert_eq!(departing.left(None), Some(at(40)));
    }
}
