//! Who spoke, against who had the right to: each frame of each host, put into the register's history.
//!
//! The history has an order, and for each change of the active a span in which it happened. Two things are right of every frame:
//! - its host is the active of some entry that may have been there when the frame left;
//! - no host of a later entry has spoken before it.
//!
//! So a single frame of an earlier active behind the first of the next one is found, and so is a word of a node that has yet to win its
//! epoch, up to the length of the span. Between the change and the first word of the new active, frames of the old one may leave
//! that were backed before; they are counted, and wrong only when they come later than anybody could have held them.

use std::time::Duration;

use pcaps::time::Timestamp;
use serde::Serialize;

use super::witness::Span;
use crate::lab::report::milliseconds;

/// Mistakes that are told one by one.
const TOLD_MAX: usize = 10;

/// Epochs in a row with the same host as the active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reign {
    pub(super) host: usize,
    /// The first epoch.
    pub(super) epoch: u64,
    /// When it began.
    pub(super) began: Span,
}

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    /// Its host was not the active yet, in this reign or any other.
    TooEarly,
    /// A later active had spoken.
    Overtaken {
        /// The epoch of it.
        by: u64,
    },
    /// Its host had lost its epoch too long ago.
    TooLate {
        /// How long ago.
        after: Duration,
    },
}

/// What the frames tell.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Order {
    /// Frames in epochs of their hosts.
    pub(crate) right: u64,
    /// Others: each is a second speaker.
    pub(crate) wrong: u64,
    /// Frames of an active that had lost its epoch, before the next one's first.
    pub(crate) late: u64,
    /// The latest of them, milliseconds after the change at least.
    pub(crate) latest_ms: f64,
    /// Hosts that became active, and never said a word.
    pub(crate) mute: u64,
    /// The longest span in which a change of the active happened, milliseconds; and in most cases.
    pub(crate) span_max_ms: f64,
    /// The median.
    pub(crate) span_median_ms: f64,
    /// The first that were wrong.
    #[serde(skip)]
    pub(super) told: Vec<String>,
}

/// Judges frames, in the order of their times, by the reigns; frames that come more than `late_max` after a change are wrong.
pub(super) fn judge(frames: &[(Timestamp, usize)], reigns: &[Reign], late_max: Duration) -> Order {
    let mut order = Order::default();
    let mut spoken = vec![false; reigns.len()];
    let mut at = 0;
    for &(time, host) in frames {
        match place(reigns, at, time, host, late_max) {
            Ok(place) => {
                at = place.first;
                spoken[place.last] = true;
                order.right += 1;
                if !place.late.is_zero() {
                    order.late += 1;
                    order.latest_ms = order.latest_ms.max(milliseconds(place.late));
                }
            }
            Err(wrong) => order.tell(time, host, wrong),
        }
    }
    order.mute = spoken.iter().filter(|spoken| !**spoken).count() as u64;
    order.measure(reigns);
    order
}

/// Where a frame belongs.
struct Place {
    /// The first reign in which it may have left: what counts for the order.
    first: usize,
    /// The last one: what counts for the time.
    last: usize,
    /// How long ago that one was over, at least; zero while it may last.
    late: Duration,
}

/// Where a frame of `host` belongs that left at `time`, when reign number `from` was the last to speak.
fn place(
    reigns: &[Reign],
    from: usize,
    time: Timestamp,
    host: usize,
    late_max: Duration,
) -> Result<Place, Wrong> {
    let begun = |reign: &Reign| reign.host == host && reign.began.after <= time;
    let last = reigns.iter().rposition(begun).ok_or(Wrong::TooEarly)?;
    let by = reigns[from].epoch;
    let first = reigns.iter().skip(from).position(begun);
    let first = from + first.ok_or(Wrong::Overtaken { by })?;
    let next = reigns.get(last + 1);
    let late = next.map_or(Duration::ZERO, |next| time.saturating_since(next.began.by));
    if late > late_max {
        return Err(Wrong::TooLate { after: late });
    }
    Ok(Place { first, last, late })
}

impl Order {
    fn tell(&mut self, time: Timestamp, host: usize, wrong: Wrong) {
        self.wrong += 1;
        if self.told.len() == TOLD_MAX {
            return;
        }
        let why = match wrong {
            Wrong::TooEarly => "before the register named it".to_owned(),
            Wrong::Overtaken { by } => {
                format!("when the other had spoken in epoch {by} or later")
            }
            Wrong::TooLate { after } => format!(
                "{:.1} ms after the register had named the other",
                milliseconds(after)
            ),
        };
        self.told
            .push(format!("two speakers: host {host} spoke at {time}, {why}"));
    }

    fn measure(&mut self, reigns: &[Reign]) {
        let length = |reign: &Reign| reign.began.by.saturating_since(reign.began.after);
        // The first began before anybody looked.
        let mut spans: Vec<Duration> = reigns.iter().skip(1).map(length).collect();
        spans.sort_unstable();
        self.span_max_ms = spans.last().copied().map_or(0.0, milliseconds);
        self.span_median_ms = spans
            .get(spans.len() / 2)
            .copied()
            .map_or(0.0, milliseconds);
    }
}

#[cfg(test)]
mod tests;
