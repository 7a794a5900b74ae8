//! The whole picture: both directions, each over the whole window and around the cut, with title and legend.

use super::Failover;
use super::panel::{Panel, Side};
use super::scale::Scale;
use super::svg::Svg;
use super::trace::{Session, Trace, Window};

const WIDTH: u32 = 1000;
const HEIGHT: u32 = 640;
/// Left and right end of the diagrams of the whole window, and of those around the cut.
const WHOLE: (f64, f64) = (64.0, 560.0);
const NEAR: (f64, f64) = (612.0, 984.0);
/// Bottom and top of the upper and of the lower diagrams.
const UPPER: (f64, f64) = (300.0, 80.0);
const LOWER: (f64, f64) = (570.0, 350.0);
/// Octets of a picture.
const OCTETS_MAX: usize = 150_000;
/// Width of a column of the finest picture.
const COLUMN: f64 = 0.5;
/// Width of a letter of the legend.
const LETTER: f64 = 6.0;
/// Parts of all courses that the vertical axis spans: a few that go much farther would make all others flat.
const SPANNED: f64 = 0.98;
/// Around the cut: so many times the time to the last session's first segment is shown after it, and a third of that before.
const NEAR_TIMES: f64 = 3.0;
/// At least so many milliseconds.
const NEAR_MIN_MS: f64 = 3.0;

/// Draws, as finely as the size allows; the trace has sessions.
pub(super) fn draw(trace: &Trace, cut: &Failover, window: Window) -> String {
    let mut column = COLUMN;
    loop {
        let text = drawn(trace, cut, window, column);
        if text.len() <= OCTETS_MAX || column > WHOLE.1 {
            return text;
        }
        column *= 2.0;
    }
}

fn drawn(trace: &Trace, cut: &Failover, window: Window, column: f64) -> String {
    let count = trace.sessions.len();
    let title = format!(
        "{count} BGP sessions, {}: silent for {:.2} ms, the last session for {:.2} ms",
        cut.kind, cut.first_ms, cut.last_ms
    );
    let mut svg = Svg::new(WIDTH, HEIGHT, &title);
    svg.words("title", "start", (16.0, 24.0), &title);
    let whole = (window.before_ns as f64 / -1e6, window.after_ns as f64 / 1e6);
    let near_ms = (cut.last_ms * NEAR_TIMES).max(NEAR_MIN_MS);
    let near = (-near_ms / 3.0, near_ms);
    let chosen = most_spoken(&trace.sessions);
    for (side, y_places) in [(Side::Inbound, UPPER), (Side::Outbound, LOWER)] {
        for (x_places, x_values) in [(WHOLE, whole), (NEAR, near)] {
            let panel = Panel {
                x: Scale {
                    values: x_values,
                    places: x_places,
                },
                y: Scale {
                    values: span(&trace.sessions, side, x_values),
                    places: y_places,
                },
                side,
                column,
            };
            panel.draw(&mut svg, &trace.sessions, chosen, cut);
        }
    }
    words(&mut svg, count);
    legend(&mut svg);
    svg.finish()
}

fn words(svg: &mut Svg, count: usize) {
    for ((bottom, top), what) in [
        (UPPER, "peers to the pair, KiB"),
        (LOWER, "pair to the peers, KiB"),
    ] {
        svg.words_upwards((16.0, (bottom + top) / 2.0), what);
        svg.words(
            "small",
            "middle",
            ((WHOLE.0 + WHOLE.1) / 2.0, bottom + 31.0),
            "milliseconds since the cut",
        );
        svg.words(
            "small",
            "middle",
            ((NEAR.0 + NEAR.1) / 2.0, bottom + 31.0),
            "the same around the cut",
        );
    }
    let how = format!(
        "Sequence numbers of {count} sessions, as octets since what each had sent at the cut: sent (thin; one session thick, with what \
         was acknowledged of it)."
    );
    svg.words("small", "start", (16.0, 44.0), &how);
}

fn legend(svg: &mut Svg) {
    let y = 624.0;
    let mut x = 20.0;
    for (class, what) in [
        ("in one", "sent by the peers"),
        ("out one", "sent by the pair"),
        ("ack one", "acknowledged"),
        ("cut", "cut"),
        ("last", "last session's first"),
        ("safe", "protected again"),
    ] {
        svg.line(class, (x, y - 4.0), (x + 20.0, y - 4.0));
        svg.words("small", "start", (x + 25.0, y), what);
        x += 34.0 + LETTER * what.len() as f64;
    }
    svg.marks("again", &[(x + 4.0, y - 4.0)], 8.0);
    svg.words("small", "start", (x + 12.0, y), "sent again");
    x += 24.0 + LETTER * 10.0;
    svg.marks("first", &[(x + 4.0, y - 4.0)], 0.0);
    svg.words("small", "start", (x + 12.0, y), "survivor's first");
    x += 24.0 + LETTER * 16.0;
    svg.rect("gap", x, y - 10.0, 18.0, 11.0);
    svg.words("small", "start", (x + 24.0, y), "silence");
}

/// The session with the most steps in both directions.
fn most_spoken(sessions: &[Session]) -> usize {
    let spoken = |session: &Session| {
        let (to, from) = (session.inbound.sent.len(), session.outbound.sent.len());
        to.min(from)
    };
    let most = sessions.iter().enumerate();
    most.max_by_key(|(_, session)| spoken(session))
        .map_or(0, |(index, _)| index)
}

/// What most courses go through within these times.
fn span(sessions: &[Session], side: Side, times: (f64, f64)) -> (f64, f64) {
    let (mut lowest, mut highest) = (Vec::new(), Vec::new());
    for session in sessions {
        let way = side.way(session);
        let within = way
            .sent
            .iter()
            .filter(|(time, _)| (times.0..=times.1).contains(time));
        let values = || within.clone().map(|(_, value)| *value);
        lowest.extend(values().reduce(f64::min));
        highest.extend(values().reduce(f64::max));
    }
    lowest.sort_by(f64::total_cmp);
    highest.sort_by(f64::total_cmp);
    let rank = |values: &[f64], part: f64| {
        let at = (values.len().saturating_sub(1)) as f64 * part;
        values.get(at.round() as usize).copied().unwrap_or(0.0)
    };
    let (from, to) = (rank(&lowest, 1.0 - SPANNED), rank(&highest, SPANNED));
    let margin = ((to - from) * 0.05).max(64.0);
    (from.min(0.0) - margin, to.max(0.0) + margin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::trace::Way;

    fn session(step: f64) -> Session {
        let sent: Vec<_> = (-50..50)
            .filter(|time| !(0..3).contains(time))
            .map(|time| (f64::from(time), f64::from(time) * step))
            .collect();
        let way = Way {
            acknowledged: sent.clone(),
            again: vec![(3.0, 0.0)],
            sent,
        };
        Session {
            inbound: way.clone(),
            outbound: way,
            first: Some((3.0, 0.0)),
        }
    }

    fn cut() -> Failover {
        Failover {
            cut_ns: 1_000_000_000,
            kind: "kill".to_owned(),
            first_ms: 0.8,
            last_ms: 3.0,
            protected_ms: None,
        }
    }

    const WINDOW: Window = Window {
        before_ns: 50_000_000,
        after_ns: 50_000_000,
    };

    #[test]
    fn a_hundred_sessions_make_a_small_picture() {
        let trace = Trace {
            sessions: (0..100).map(|n| session(100.0 + f64::from(n))).collect(),
        };
        let text = draw(&trace, &cut(), WINDOW);
        assert!(text.len() <= OCTETS_MAX, "{} octets", text.len());
        for what in [
            "silence",
            "sent again",
            "milliseconds since the cut",
            "0.80 ms",
        ] {
            assert!(text.contains(what), "{what}");
        }
        assert!(!text.contains("NaN"));
    }

    #[test]
    fn one_session_that_runs_away_does_not_flatten_the_others() {
        let mut sessions: Vec<_> = (0..99).map(|_| session(10.0)).collect();
        sessions.push(session(1e6));
        let (_, to) = span(&sessions, Side::Inbound, (-50.0, 50.0));
        assert!(to < 1_000.0, "{to}");
    }

    #[test]
    fn silent_sessions_can_be_drawn() {
        let trace = Trace {
            sessions: vec![Session::default()],
        };
        assert!(!draw(&trace, &cut(), WINDOW).contains("NaN"));
    }
}
