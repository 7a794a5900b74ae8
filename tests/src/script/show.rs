//! Segments as text, as packetdrill and tcpdump write them.

use super::line::{Opt, Options, Packet};
use super::parse::LETTERS;
use core::fmt;

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters: String = ["S", "F", "R", "P", "U", "E", "W", "."]
            .into_iter()
            .filter(|letter| {
                let bit = LETTERS.find(letter);
                bit.is_some_and(|bit| self.flags & 1 << bit != 0)
            })
            .collect();
        f.write_str(if letters.is_empty() { "-" } else { &letters })?;
        write!(
            f,
            " {}:{}({})",
            self.seq,
            self.seq.wrapping_add(self.len),
            self.len
        )?;
        let fields = [
            ("ack", self.ack),
            ("win", self.win.map(u32::from)),
            ("urg", self.urg.map(u32::from)),
            ("ttl", self.ttl.map(u32::from)),
            ("doff", self.data_offset.map(u32::from)),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                write!(f, " {name} {value}")?;
            }
        }
        match &self.options {
            Options::Any => f.write_str(" <...>"),
            Options::Exactly(options) if options.is_empty() => Ok(()),
            Options::Exactly(options) => {
                let options: Vec<String> = options.iter().map(ToString::to_string).collect();
                write!(f, " <{}>", options.join(","))
            }
        }
    }
}

impl fmt::Display for Opt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Opt::End => f.write_str("eol"),
            Opt::Nop => f.write_str("nop"),
            Opt::Mss(mss) => write!(f, "mss {mss}"),
            Opt::Wscale(shift) => write!(f, "wscale {shift}"),
            Opt::SackOk => f.write_str("sackOK"),
            Opt::Timestamps(value, echo) => write!(f, "TS val {value} ecr {echo}"),
            Opt::Sack(blocks) => {
                f.write_str("sack")?;
                for (left, right) in blocks {
                    write!(f, " {left}:{right}")?;
                }
                Ok(())
            }
            Opt::Other(kind, _, body) => {
                write!(f, "kind {kind}")?;
                for octet in body {
                    write!(f, " {octet:02x}")?;
                }
                Ok(())
            }
        }
    }
}

/// Microseconds as seconds.
pub(super) fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}
