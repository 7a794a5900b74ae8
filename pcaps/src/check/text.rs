//! A report as a person reads it.

use std::fmt;

use crate::check::report::{DirectionReport, FlowReport, Report, SessionReport, Verdict};

/// Violations printed; all that are told stand in the JSON form.
const VIOLATIONS_PRINTED: usize = 20;
/// Lines printed on what could not be judged.
const UNJUDGED_PRINTED: usize = 20;

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Pass => "pass",
            Verdict::Inconclusive => "inconclusive",
            Verdict::Fail => "FAIL",
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let capture = &self.capture;
        writeln!(
            f,
            "{} packets, {} TCP segments, {} connections, {} pairs of addresses",
            capture.packets,
            capture.segments,
            self.flows.len(),
            self.sessions.len()
        )?;
        if let (Some(first), Some(last)) = (capture.first, capture.last) {
            let length = last.saturating_since(first).as_secs_f64();
            writeln!(f, "from {first} to {last}: {length:.3} s")?;
        }
        for session in &self.sessions {
            write_session(f, session)?;
            for id in &session.flows {
                if let Some(flow) = self.flows.get(id.0 as usize) {
                    write_flow(f, flow)?;
                }
            }
        }
        for violation in self.violations.iter().take(VIOLATIONS_PRINTED) {
            writeln!(f, "broken: {violation}")?;
        }
        for (rule, count) in &self.broken {
            writeln!(f, "broken {count} time(s): {rule}")?;
        }
        for line in self.unjudged.iter().take(UNJUDGED_PRINTED) {
            writeln!(f, "not judged: {line}")?;
        }
        if self.unjudged.len() > UNJUDGED_PRINTED {
            let more = self.unjudged.len() - UNJUDGED_PRINTED;
            writeln!(f, "not judged: {more} more, see the JSON form")?;
        }
        write!(f, "verdict: {}", self.verdict)
    }
}

fn write_session(f: &mut fmt::Formatter<'_>, session: &SessionReport) -> fmt::Result {
    let [one, other] = session.addresses;
    writeln!(
        f,
        "{one} - {other}: {}; SYN exchanges {}, refused {}, unanswered {}, RST {}, FIN {}, NOTIFICATION {}",
        session.verdict,
        session.syn_exchanges,
        session.refused,
        session.unanswered,
        session.resets,
        session.fins,
        session.notifications
    )
}

fn write_flow(f: &mut fmt::Formatter<'_>, flow: &FlowReport) -> fmt::Result {
    let ends = flow.ends;
    write_direction(
        f,
        &format!("{} > {}", ends.client, ends.server),
        &flow.from_client,
    )?;
    write_direction(
        f,
        &format!("{} > {}", ends.server, ends.client),
        &flow.from_server,
    )
}

fn write_direction(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    direction: &DirectionReport,
) -> fmt::Result {
    write!(
        f,
        "  {name}: {} segments, {} octets, {} sent again ({} compared)",
        direction.segments,
        direction.octets,
        direction.retransmitted_octets,
        direction.compared_octets
    )?;
    for (message, count) in &direction.bgp {
        write!(f, ", {count} {message}")?;
    }
    if let Some(longest) = direction
        .silences
        .iter()
        .max_by_key(|silence| silence.length_us)
    {
        let length_ms = longest.length_us as f64 / 1000.0;
        write!(f, ", longest silence {length_ms:.1} ms")?;
    }
    writeln!(f)
}
