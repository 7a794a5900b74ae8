//! Writes SVG by hand: a few shapes, whose colours follow the reader's light or dark background.

use std::fmt::{Display, Write as _};

/// Colours and widths by class; the second set is for dark backgrounds.
const STYLE: &str = "svg{--paper:#fff;--ink:#24292f;--faint:#d0d7de;--in:#0969da;--out:#1a7f37;--ack:#8250df;--again:#cf222e;--gap:#ffd8b5;--first:#bc4c00}\
@media(prefers-color-scheme:dark){svg{--paper:#0d1117;--ink:#e6edf3;--faint:#30363d;--in:#58a6ff;--out:#3fb950;--ack:#bc8cff;--again:#ff7b72;--gap:#4d2d12;--first:#ffa657}}\
text{font:12px sans-serif;fill:var(--ink)}.title{font-size:16px;font-weight:bold}.small{font-size:11px}\
.paper{fill:var(--paper)}.gap{fill:var(--gap)}.frame{fill:none;stroke:var(--ink)}.grid{stroke:var(--faint)}\
.in{stroke:var(--in)}.out{stroke:var(--out)}.ack{stroke:var(--ack)}.many{fill:none;stroke-width:.8;opacity:.4}\
.one{fill:none;stroke-width:2}.cut{stroke:var(--ink);stroke-width:1.5}.first{fill:var(--first)}.again{stroke:var(--again);stroke-width:1.2;fill:none}\
.last{stroke:var(--first);stroke-dasharray:4 3}.safe{stroke:var(--out);stroke-dasharray:1 3;stroke-width:2}";

/// A picture that grows.
#[derive(Debug)]
pub(super) struct Svg {
    text: String,
}

impl Svg {
    /// An empty one of this size, for people who cannot see it as well.
    pub(super) fn new(width: u32, height: u32, title: &str) -> Svg {
        let title = escaped(title);
        Svg {
            text: format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
                 role=\"img\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
                 <rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n"
            ),
        }
    }

    /// A rectangle.
    pub(super) fn rect(&mut self, class: &str, x: f64, y: f64, width: f64, height: f64) {
        let _ = writeln!(
            self.text,
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
            Place(x),
            Place(y),
            Place(width),
            Place(height)
        );
    }

    /// A straight line.
    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let _ = writeln!(
            self.text,
            "<path class=\"{class}\" d=\"M{} {}L{} {}\"/>",
            Place(from.0),
            Place(from.1),
            Place(to.0),
            Place(to.1)
        );
    }

    /// Words, which begin, end or have their middle (`start`, `end`, `middle`) at a place.
    pub(super) fn words(&mut self, class: &str, anchor: &str, at: (f64, f64), words: &str) {
        let _ = writeln!(
            self.text,
            "<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{}\" y=\"{}\">{}</text>",
            Place(at.0),
            Place(at.1),
            escaped(words)
        );
    }

    /// Words that run upwards.
    pub(super) fn words_upwards(&mut self, at: (f64, f64), words: &str) {
        let (x, y) = (Place(at.0), Place(at.1));
        let _ = writeln!(
            self.text,
            "<text text-anchor=\"middle\" transform=\"translate({x} {y}) rotate(-90)\">{}</text>",
            escaped(words)
        );
    }

    /// Steps: from each point to the right, then up or down to the next. What cannot be told apart on paper is left out.
    pub(super) fn steps(&mut self, class: &str, points: &[(f64, f64)]) {
        let mut text = String::new();
        let mut last: Option<(i64, i64)> = None;
        for &(x, y) in points {
            let (x, y) = (halves(x), halves(y));
            match last {
                None => {
                    let _ = write!(text, "M{} {}", Half(x), Half(y));
                }
                Some((_, before)) if before == y => continue,
                Some((at, before)) => {
                    if at != x {
                        let _ = write!(text, "h{}", Half(x - at));
                    }
                    let _ = write!(text, "v{}", Half(y - before));
                }
            }
            last = Some((x, y));
        }
        if let (Some((x, y)), Some(&(end, _))) = (last, points.last()) {
            let end = halves(end);
            if end != x {
                let _ = write!(text, "h{}", Half(end - x));
            }
            let _ = (
                y,
                writeln!(self.text, "<path class=\"{class}\" d=\"{text}\"/>"),
            );
        }
    }

    /// Small marks: dots where `upright` is zero, else upright strokes of that length around each point.
    pub(super) fn marks(&mut self, class: &str, points: &[(f64, f64)], upright: f64) {
        let mut places: Vec<(i64, i64)> = Vec::new();
        places.extend(points.iter().map(|&(x, y)| (halves(x), halves(y))));
        places.sort_unstable();
        places.dedup();
        if places.is_empty() {
            return;
        }
        let mut text = String::new();
        for (x, y) in places {
            let (x, y) = (Half(x), Half(y));
            let _ = if upright > 0.0 {
                let long = halves(upright);
                write!(text, "M{x} {}v{}", Half(y.0 - long / 2), Half(long))
            } else {
                // A circle of radius two.
                write!(text, "M{x} {y}m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0")
            };
        }
        let _ = writeln!(self.text, "<path class=\"{class}\" d=\"{text}\"/>");
    }

    /// The whole file.
    pub(super) fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }
}

/// Half points: nobody sees less.
fn halves(place: f64) -> i64 {
    (place * 2.0).round() as i64
}

struct Half(i64);

impl Display for Half {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, half) = (self.0 / 2, self.0 % 2 != 0);
        match (half, self.0 < 0 && whole == 0) {
            (false, _) => write!(f, "{whole}"),
            (true, false) => write!(f, "{whole}.5"),
            (true, true) => f.write_str("-.5"),
        }
    }
}

struct Place(f64);

impl Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Half(halves(self.0)).fmt(f)
    }
}

fn escaped(words: &str) -> String {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    words.replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(draw: impl FnOnce(&mut Svg)) -> String {
        let mut svg = Svg::new(10, 10, "a & b");
        draw(&mut svg);
        svg.finish()
    }

    #[test]
    fn words_cannot_end_an_element() {
        let text = drawn(|svg| svg.words("small", "start", (1.0, 2.5), "1 < 2 & 3"));
        assert!(
            text.contains("x=\"1\" y=\"2.5\">1 &lt; 2 &amp; 3</text>"),
            "{text}"
        );
        assert!(text.contains("<title>a &amp; b</title>"));
    }

    #[test]
    fn steps_leave_out_what_cannot_be_seen() {
        let points = [
            (0.0, 9.0),
            (1.0, 9.0),
            (1.1, 9.1),
            (4.0, 7.0),
            (4.0, 6.5),
            (9.0, 6.5),
        ];
        let text = drawn(|svg| svg.steps("in", &points));
        assert!(text.contains("d=\"M0 9h4v-2v-.5h5\""), "{text}");
    }

    #[test]
    fn one_place_has_one_mark() {
        let text = drawn(|svg| svg.marks("again", &[(3.0, 3.0), (3.1, 3.1), (5.0, 3.0)], 4.0));
        assert!(text.contains("d=\"M3 1v4M5 1v4\""), "{text}");
    }

    #[test]
    fn it_is_one_element_from_begin_to_end() {
        let text = drawn(|svg| {
            svg.rect("gap", 0.0, 0.0, 1.0, 1.0);
            svg.line("cut", (0.0, 0.0), (0.0, 9.0));
            svg.words_upwards((1.0, 1.0), "up");
        });
        assert!(text.starts_with("<svg ") && text.ends_with("</svg>\n"));
        assert_eq!(
            text.matches("<text").count(),
            text.matches("</text>").count()
        );
    }
}
