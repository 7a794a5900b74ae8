//! One diagram: a direction within a span of time, all sessions thin and one of them thick.

use super::Failover;
use super::scale::{Scale, label};
use super::svg::Svg;
use super::trace::{Point, Session, Way};

/// About so many values at an axis.
const TICKS_X: usize = 6;
const TICKS_Y: usize = 5;
/// Length of a mark of what was sent again.
const MARK: f64 = 7.0;
/// Octets of a KiB.
const KIB: f64 = 1024.0;

/// Which direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// From the peers to the pair.
    Inbound,
    /// From the pair to the peers.
    Outbound,
}

impl Side {
    pub(super) fn way(self, session: &Session) -> &Way {
        match self {
            Side::Inbound => &session.inbound,
            Side::Outbound => &session.outbound,
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Side::Inbound => "in",
            Side::Outbound => "out",
        }
    }
}

/// A diagram's place and what it spans.
#[derive(Debug, Clone, Copy)]
pub(super) struct Panel {
    /// Milliseconds since the cut.
    pub(super) x: Scale,
    /// Octets since what had been sent at the cut.
    pub(super) y: Scale,
    /// The direction.
    pub(super) side: Side,
    /// Width of a column in which a thin course has one step at most.
    pub(super) column: f64,
}

impl Panel {
    /// Draws it; `chosen` is the session that stands out.
    pub(super) fn draw(&self, svg: &mut Svg, sessions: &[Session], chosen: usize, cut: &Failover) {
        let (left, right) = self.x.places;
        let (bottom, top) = self.y.places;
        self.silence(svg, cut);
        self.axes(svg);
        for (index, session) in sessions.iter().enumerate() {
            if index != chosen {
                let class = format!("{} many", self.side.class());
                let course = self.course(&self.side.way(session).sent);
                svg.steps(&class, &thinned(course, self.column));
            }
        }
        let again = sessions.iter().flat_map(|it| &self.side.way(it).again);
        svg.marks("again", &self.places(again), MARK);
        if let Some(session) = sessions.get(chosen) {
            let way = self.side.way(session);
            svg.steps("ack one", &self.course(&way.acknowledged));
            let class = format!("{} one", self.side.class());
            svg.steps(&class, &self.course(&way.sent));
        }
        if self.side == Side::Outbound {
            let first = sessions.iter().filter_map(|it| it.first.as_ref());
            svg.marks("first", &self.places(first), 0.0);
        }
        let at = self.x.place(0.0);
        svg.line("cut", (at, bottom), (at, top));
        for (class, time) in [("last", Some(cut.last_ms)), ("safe", cut.protected_ms)] {
            if let Some(time) = time.filter(|time| self.x.has(*time)) {
                let at = self.x.place(time);
                svg.line(class, (at, bottom), (at, top));
            }
        }
        svg.rect("frame", left, top, right - left, bottom - top);
    }

    fn silence(&self, svg: &mut Svg, cut: &Failover) {
        let (from, to) = (self.x.place(0.0), self.x.place(cut.first_ms));
        let (bottom, top) = self.y.places;
        // Narrower than that nobody sees it.
        svg.rect("gap", from, top, (to - from).max(1.0), bottom - top);
    }

    fn axes(&self, svg: &mut Svg) {
        let (left, right) = self.x.places;
        let (bottom, top) = self.y.places;
        for value in self.x.ticks(TICKS_X) {
            let at = self.x.place(value);
            svg.line("grid", (at, bottom), (at, top));
            svg.words("small", "middle", (at, bottom + 15.0), &label(value));
        }
        let kib = Scale {
            values: (self.y.values.0 / KIB, self.y.values.1 / KIB),
            ..self.y
        };
        for value in kib.ticks(TICKS_Y) {
            let at = kib.place(value);
            svg.line("grid", (left, at), (right, at));
            svg.words("small", "end", (left - 6.0, at + 4.0), &label(value));
        }
    }

    /// The part of a course that the diagram spans, from its left end to its right one.
    fn course(&self, points: &[Point]) -> Vec<(f64, f64)> {
        let (from, to) = self.x.values;
        let before = points.iter().take_while(|(time, _)| *time < from).last();
        let begin = before.or(points.first()).map(|(_, value)| (from, *value));
        let within = points.iter().copied().filter(|(time, _)| self.x.has(*time));
        let mut course: Vec<Point> = begin.into_iter().chain(within).collect();
        if let Some(&(_, last)) = course.last() {
            course.push((to, last));
        }
        let place = |(time, value): Point| (self.x.place(time), self.y.place(value));
        course.into_iter().map(place).collect()
    }

    fn places<'a>(&self, points: impl Iterator<Item = &'a Point>) -> Vec<(f64, f64)> {
        points
            .filter(|(time, value)| self.x.has(*time) && self.y.has(*value))
            .map(|(time, value)| (self.x.place(*time), self.y.place(*value)))
            .collect()
    }
}

/// The first point, and the last of each column.
fn thinned(points: Vec<(f64, f64)>, column: f64) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::with_capacity(points.len());
    let number = |x: f64| (x / column) as i64;
    for point in points {
        match kept.as_mut_slice() {
            [_, .., last] if number(last.0) == number(point.0) => *last = point,
            _ => kept.push(point),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_keeps_its_last_point() {
        let points = vec![(0.0, 1.0), (1.0, 2.0), (1.9, 3.0), (2.0, 4.0), (9.0, 5.0)];
        let kept = [(0.0, 1.0), (1.9, 3.0), (2.0, 4.0), (9.0, 5.0)];
        assert_eq!(thinned(points, 2.0), kept);
    }
}
