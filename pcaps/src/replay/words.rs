//! A report as a person reads it.

use std::fmt;
use std::net::SocketAddr;

use super::report::{EndReplay, ReplayReport};

/// Differences printed; all that are told stand in the JSON form.
const DIFFERENCES_PRINTED: usize = 20;

impl fmt::Display for ReplayReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} packets, {} connections",
            self.packets,
            self.flows.len()
        )?;
        for flow in &self.flows {
            writeln!(f, "{} > {}", flow.ends.client, flow.ends.server)?;
            write_end(f, flow.ends.client, &flow.client)?;
            write_end(f, flow.ends.server, &flow.server)?;
        }
        if let Some(signatures) = &self.signatures {
            writeln!(
                f,
                "MD5 signatures: {} right, {} wrong, {} missing, {} cut by the capture",
                signatures.right, signatures.wrong, signatures.missing, signatures.cut
            )?;
        }
        for difference in self.differences.iter().take(DIFFERENCES_PRINTED) {
            writeln!(f, "different: {difference}")?;
        }
        for (proof, count) in &self.different {
            writeln!(f, "different {count} time(s): {proof}")?;
        }
        for line in &self.unjudged {
            writeln!(f, "not judged: {line}")?;
        }
        write!(f, "verdict: {}", self.verdict)
    }
}

fn write_end(f: &mut fmt::Formatter<'_>, end: SocketAddr, replay: &EndReplay) -> fmt::Result {
    let Some(verdict) = replay.verdict else {
        let reason = replay.unjudged.first().map_or("", String::as_str);
        return writeln!(f, "  {end}: not replaced: {reason}");
    };
    let comparisons: u64 = replay.compared.values().sum();
    writeln!(
        f,
        "  {end}: {verdict}; {comparisons} comparisons, {} octets in, sent again {} ({} in the capture), {} timeouts, {}",
        replay.received,
        replay.engine_again,
        replay.captured_again,
        replay.timeouts,
        replay.last_state
    )?;
    let every = match replay.alone_every {
        1 => "all".to_owned(),
        every => format!("one in {every}"),
    };
    writeln!(
        f,
        "    {} equal twins, {} of which went on alone ({every})",
        replay.twins, replay.twins_alone
    )?;
    for line in &replay.unjudged {
        writeln!(f, "    not judged: {line}")?;
    }
    Ok(())
}
