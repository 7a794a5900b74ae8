//! Moments: `0.1`, `+0`, `*`, `+0~+.2`, `0...0.1`.

use crate::script::line::When;

/// When a line begins, and when its call returns.
pub(super) fn read(text: &str) -> Result<(When, Option<u64>), String> {
    if text == "*" {
        return Ok((When::Any, None));
    }
    let (begin, until) = match text.split_once("...") {
        Some((begin, until)) => (begin, Some(micros(until.trim_start_matches('+'))?)),
        None => (text, None),
    };
    let (relative, begin) = match begin.strip_prefix('+') {
        Some(begin) => (true, begin),
        None => (false, begin),
    };
    let when = match begin.split_once('~') {
        Some((from, to)) => {
            let to = if relative {
                to.strip_prefix('+').ok_or("a relative range is +x~+y")?
            } else {
                to
            };
            let (from, to) = (micros(from)?, micros(to)?);
            if from > to {
                return Err("a range ends before it begins".into());
            }
            if relative {
                When::AfterBetween(from, to)
            } else {
                When::AtBetween(from, to)
            }
        }
        None if relative => When::After(micros(begin)?),
        None => When::At(micros(begin)?),
    };
    Ok((when, until))
}

/// Decimal seconds, at most six places.
fn micros(text: &str) -> Result<u64, String> {
    let bad = || format!("{text} is no time: seconds, as in +0.25");
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if (whole.is_empty() && part.is_empty()) || part.len() > 6 || whole.len() > 9 {
        return Err(bad());
    }
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(part) {
        return Err(bad());
    }
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().map_err(|_| bad())?
    };
    let part: u64 = format!("{part:0<6}").parse().map_err(|_| bad())?;
    Ok(whole * 1_000_000 + part)
}
