//! What a daemon says about a session, and whether two of its statements tell of one unbroken session.

use std::time::Duration;

use serde::Serialize;

/// How far a daemon's count of whole seconds may be off.
const CLOCK_SLACK: Duration = Duration::from_secs(3);

/// How far two writings of one moment may be apart, seconds. BIRD derives it anew each time from two clocks that it reads once a
/// turn of its loop; under load milliseconds lie between. A session that came back began later by much more.
const ROUNDING_S: f64 = 0.25;

/// What a daemon says about a session at a moment. Daemons tell different things; what one does not tell is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Words {
    /// The daemon's own line, for people.
    pub(crate) line: String,
    /// The session is Established.
    pub(crate) established: bool,
    /// When it became so, in the daemon's own writing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<String>,
    /// How long it has been so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) uptime: Option<Duration>,
    /// How often it became so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) times_established: Option<u64>,
    /// How often it was lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) times_dropped: Option<u64>,
    /// OPEN messages received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) opens_received: Option<u64>,
    /// NOTIFICATION messages received and sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) notifications: Option<u64>,
    /// UPDATE messages (BIRD: routes) received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) updates_received: Option<u64>,
    /// Prefixes that it holds from us.
    pub(crate) prefixes_received: u64,
}

impl Words {
    /// What tells that the session was not one and the same from `before`, spoken `elapsed` ago, until these words.
    pub(crate) fn breaks_since(&self, before: &Self, elapsed: Duration) -> Vec<String> {
        let mut breaks = Vec::new();
        if !self.established {
            breaks.push(format!("not Established: {}", self.line));
        }
        if !same_moment(self.since.as_deref(), before.since.as_deref()) {
            let word = |since: &Option<String>| since.clone().unwrap_or_else(|| "never".into());
            breaks.push(format!(
                "Established since {}, before since {}",
                word(&self.since),
                word(&before.since)
            ));
        }
        for (what, now, then) in [
            (
                "times established",
                self.times_established,
                before.times_established,
            ),
            ("times dropped", self.times_dropped, before.times_dropped),
            ("OPENs received", self.opens_received, before.opens_received),
            ("NOTIFICATIONs", self.notifications, before.notifications),
        ] {
            if now != then {
                breaks.push(format!("{what}: {then:?} before, {now:?} after"));
            }
        }
        if let (Some(now), Some(then)) = (self.uptime, before.uptime)
            && now + CLOCK_SLACK < then + elapsed
        {
            breaks.push(format!(
                "up for {} s, though {} s had passed since it was up for {} s",
                now.as_secs(),
                elapsed.as_secs(),
                then.as_secs()
            ));
        }
        breaks
    }
}

/// Whether two statements name one moment, as far as a daemon tells it exactly.
fn same_moment(one: Option<&str>, other: Option<&str>) -> bool {
    if one == other {
        return true;
    }
    let moments = one.zip(other).and_then(|(one, other)| {
        let ((day, one), (other_day, other)) = (one.split_once(' ')?, other.split_once(' ')?);
        (day == other_day).then_some((seconds(one)?, seconds(other)?))
    });
    moments.is_some_and(|(one, other)| (one - other).abs() < ROUNDING_S)
}

/// Seconds since midnight of `hh:mm:ss.ffffff`.
fn seconds(time: &str) -> Option<f64> {
    time.split(':').try_fold(0.0, |sum, part| {
        Some(sum * 60.0 + part.parse::<f64>().ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(since: &str) -> Words {
        Words {
            established: true,
            since: Some(since.to_owned()),
            times_dropped: Some(0),
            uptime: Some(Duration::from_secs(100)),
            ..Words::default()
        }
    }

    #[test]
    fn a_daemons_rounding_is_no_break() {
        let (one, other) = (
            words("2026-11-21 03:26:56.140616"),
            words("2026-11-21 03:26:56.140615"),
        );
        assert!(one.breaks_since(&other, Duration::ZERO).is_empty());
    }

    #[test]
    fn another_moment_is_a_break() {
        let (one, other) = (
            words("2026-11-21 03:26:57.140615"),
            words("2026-11-21 03:26:56.140615"),
        );
        assert_eq!(one.breaks_since(&other, Duration::ZERO).len(), 1);
    }

    #[test]
    fn a_counter_that_moved_is_a_break() {
        let before = words("x");
        let after = Words {
            times_dropped: Some(1),
            ..before.clone()
        };
        assert_eq!(after.breaks_since(&before, Duration::ZERO).len(), 1);
    }

    #[test]
    fn too_short_an_uptime_is_a_break() {
        let before = words("x");
        assert!(
            before
                .breaks_since(&before, Duration::from_secs(1))
                .is_empty()
        );
        assert_eq!(
            before.breaks_since(&before, Duration::from_secs(9)).len(),
            1
        );
    }

    #[test]
    fn a_session_that_is_down_is_a_break() {
        let before = words("x");
        let after = Words {
            established: false,
            ..before.clone()
        };
        assert_eq!(after.breaks_since(&before, Duration::ZERO).len(), 1);
    }
}
