//! How one takeover went.

use super::clock::Moment;
use super::play::Word;
use super::stage::Kind;
use super::wire::FirstWords;
use crate::percentiles::Percentiles;
use crate::tap::role::Said;
use core::fmt;
use std::io;

/// Times in milliseconds.
#[derive(Clone, Debug)]
pub(super) struct Course {
    /// How the active was cut.
    pub(super) kind: Kind,
    /// From the cut until the survivor saw a sign of it.
    pub(super) detection: f64,
    /// From there until the epoch was won: the other may not speak any more.
    pub(super) fence: f64,
    /// From there until the first word could be said.
    pub(super) built: f64,
    /// From the won epoch until all first words were with the device.
    pub(super) spoken: f64,
    /// What the wire shows.
    pub(super) words: FirstWords,
    /// How long clients waited for an answer: median, 99th percentile, longest.
    pub(super) answers: [f64; 3],
}

impl Course {
    /// From what node and client say.
    pub(super) fn of(
        kind: Kind,
        cut: Moment,
        took: Said,
        answered: Said,
        sessions: usize,
        asked: usize,
    ) -> io::Result<Course> {
        let (
            Said::Takeover(Word::TookOver {
                seen_us,
                claim_us,
                built_us,
                speak_us,
                taken,
                left_behind,
            }),
            Said::Takeover(Word::Answered {
                sessions: had,
                p50_ms,
                p99_ms,
                max_ms,
            }),
        ) = (took, answered)
        else {
            return Err(io::Error::other("no word of a takeover"));
        };
        if taken != sessions || left_behind != 0 || had != asked {
            return Err(io::Error::other(format!(
                "{taken} of {sessions} sessions were taken over, {left_behind} lost, {had} of {asked} answered"
            )));
        }
        if seen_us < cut.mono_us {
            return Err(io::Error::other("the takeover was before the cut"));
        }
        let ms = |us: u64| us as f64 / 1e3;
        Ok(Course {
            kind,
            detection: ms(seen_us - cut.mono_us),
            fence: ms(claim_us),
            built: ms(built_us),
            spoken: ms(speak_us),
            words: FirstWords::default(),
            answers: [p50_ms, p99_ms, max_ms],
        })
    }
}

impl fmt::Display for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, _, longest] = self.answers;
        write!(
            f,
            "{:?}: seen after {:.3} ms, fenced {:.3} ms later; first word after another {:.3} ms, the last {:.3} ms after the fence; \
             answers {median:.1} ms, at most {longest:.1} ms",
            self.kind, self.detection, self.fence, self.built, self.spoken
        )
    }
}

/// Smallest, median, 99th percentile and largest.
pub(super) fn ranks(figures: &[f64]) -> [f64; 4] {
    let mut all = Percentiles::default();
    figures.iter().for_each(|figure| all.push(*figure));
    [0.0, 50.0, 99.0, 100.0].map(|part| all.at(part))
}
