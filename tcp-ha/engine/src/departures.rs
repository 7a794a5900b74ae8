//! When what was built has left the node: a gate may hold it back, and no time of the path runs before it has left.

use crate::time::Instant;
use std::collections::VecDeque;

/// Notes that are kept; what is older has left long ago.
const NOTES_MAX: usize = 256;

/// All that was built until `built` has left, at `left` at the latest.
#[derive(Clone, Copy, Debug)]
struct Note {
    built: Instant,
    left: Instant,
}

/// What has left the node, and when. Without any note nothing is held back.
#[derive(Debug, Default)]
pub(crate) struct Departures {
    notes: VecDeque<Note>,
    /// All that was built until then left longer ago than any note tells.
    long_ago: Option<Instant>,
}

/// Where something is that was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whereabouts {
    /// It has left at this moment, or before.
    Left(Instant),
    /// It waits in the node.
    Held,
}

impl Departures {
    /// All that was built until `built` has left, at `left`.
    pub(crate) fn note(&mut self, built: Instant, left: Instant) {
        if self.notes.back().is_some_and(|last| built <= last.built) {
            return;
        }
        if self.notes.len() == NOTES_MAX {
            self.long_ago = self.notes.pop_front().map(|note| note.built);
        }
        self.notes.push_back(Note { built, left });
    }

    /// Where that is which was built at `built`.
    pub(crate) fn of(&self, built: Instant) -> Whereabouts {
        if self.notes.is_empty() || self.long_ago.is_some_and(|before| built <= before) {
            return Whereabouts::Left(built);
        }
        let at = self.notes.partition_point(|note| note.built < built);
        match self.notes.get(at) {
            Some(note) => Whereabouts::Left(note.left),
            None => Whereabouts::Held,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Instant {
        Instant::from_micros(micros)
    }

    #[test]
    fn without_a_gate_everything_leaves_as_it_is_built() {
        assert_eq!(Departures::default().of(at(5)), Whereabouts::Left(at(5)));
    }

    #[test]
    fn what_was_built_after_the_last_note_is_held() {
        let mut departures = Departures::default();
        departures.note(at(10), at(15));
        departures.note(at(20), at(40));
        assert_eq!(departures.of(at(10)), Whereabouts::Left(at(15)));
        assert_eq!(departures.of(at(11)), Whereabouts::Left(at(40)));
        assert_eq!(departures.of(at(21)), Whereabouts::Held);
    }

    #[test]
    fn notes_are_bounded_and_what_they_forget_left_long_ago() {
        let mut departures = Departures::default();
        for number in 0..10_000 {
            departures.note(at(number * 10), at(number * 10 + 5));
        }
        assert_eq!(departures.notes.len(), NOTES_MAX);
        assert_eq!(departures.of(at(70)), Whereabouts::Left(at(70)));
        assert_eq!(departures.of(at(99_990)), Whereabouts::Left(at(99_995)));
    }

    #[test]
    fn a_note_of_the_past_changes_nothing() {
        let mut departures = Departures::default();
        departures.note(at(20), at(40));
        departures.note(at(10), at(50));
        departures.note(at(20), at(50));
        assert_eq!(departures.of(at(15)), Whereabouts::Left(at(40)));
    }
}
