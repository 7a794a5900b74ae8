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
    /// How long clients waited for an answer, median and longest, where they were given one.
    pub(super) answers: Option<[f64; 2]>,
}

impl Course {
    /// From what node and client say.
    pub(super) fn of(
        kind: Kind,
        cut: Moment,
        took: Said,
        answered: Option<Said>,
        sessions: usize,
    ) -> io::Result<Course> {
        let Said::Takeover(Word::TookOver {
            seen_us,
            claim_us,
            built_us,
            speak_us,
            taken,
            left_behind,
        }) = took
        else {
            return Err(io::Error::other("no word of a takeover"));
        };
        if taken != sessions || left_behind != 0 {
            return Err(io::Error::other(format!(
                "{taken} of {sessions} sessions were taken over, {left_behind} lost"
            )));
        }
        let answers = answered.map(|said| waits(said, sessions)).transpose()?;
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
            answers,
        })
    }
}

/// The median and the longest wait of all sessions.
fn waits(said: Said, sessions: usize) -> io::Result<[f64; 2]> {
    let Said::Takeover(Word::Answered {
        sessions: had,
        p50_ms,
        max_ms,
        ..
    }) = said
    else {
        return Err(io::Error::other("no word of answers"));
    };
    if had != sessions {
        let what = format!("{had} of {sessions} sessions had an answer");
        return Err(io::Error::other(what));
    }
    Ok([p50_ms, max_ms])
}

impl fmt::Display for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?}: seen after {:.3} ms, fenced {:.3} ms later; first word after another {:.3} ms, the last {:.3} ms after the fence",
            self.kind, self.detection, self.fence, self.built, self.spoken
        )?;
        match self.answers {
            Some([median, longest]) => {
                write!(f, "; answers {median:.1} ms, at most {longest:.1} ms")
            }
            None => Ok(()),
        }
    }
}

/// Smallest, median, 99th percentile and largest.
pub(super) fn ranks(figures: &[f64]) -> [f64; 4] {
    let mut all = Percentiles::default();
    figures.iter().for_each(|figure| all.push(*figure));
    [0.0, 50.0, 99.0, 100.0].map(|part| all.at(part))
}
