//! What happened, line by line: frames as tcpdump prints them, with LSNs and moves between.

use crate::wire;
use std::collections::VecDeque;

/// Lines that are kept.
const LINES: usize = 4_000;

/// See the module's text. Switched off it costs nothing.
#[derive(Default)]
pub struct Trace {
    /// Whether lines are written.
    pub on: bool,
    lines: VecDeque<String>,
}

impl Trace {
    /// Writes a line, which is only made when it is wanted.
    pub fn note(&mut self, now_us: u64, line: impl FnOnce() -> String) {
        if self.on {
            if self.lines.len() == LINES {
                self.lines.pop_front();
            }
            let (seconds, micros) = (now_us / 1_000_000, now_us % 1_000_000);
            self.lines
                .push_back(format!("{seconds:>3}.{micros:06} {}", line()));
        }
    }

    /// A frame on the wire.
    pub(super) fn frame(&mut self, now_us: u64, who: &str, octets: &[u8]) {
        self.note(now_us, || format!("{who} {}", told(octets)));
    }

    /// The last `count` lines.
    pub fn last(&self, count: usize) -> impl Iterator<Item = &str> {
        let skip = self.lines.len().saturating_sub(count);
        self.lines.iter().skip(skip).map(String::as_str)
    }
}

/// A frame in one line.
fn told(octets: &[u8]) -> String {
    let Some(seen) = wire::segment(octets) else {
        return match octets.get(12..14) {
            Some([0x08, 0x06]) => format!("ARP, {} octets", octets.len()),
            Some([0x86, 0xdd]) => format!("IPv6 without TCP, {} octets", octets.len()),
            _ => format!("something, {} octets", octets.len()),
        };
    };
    let flags: String = [(1, 'F'), (2, 'S'), (4, 'R'), (8, 'P'), (16, '.')]
        .into_iter()
        .filter(|(bit, _)| seen.flags & bit != 0)
        .map(|(_, letter)| letter)
        .collect();
    let stamp = seen
        .tsval
        .map_or(String::new(), |tsval| format!(", TS val {tsval}"));
    format!(
        "IP {}.{} > {}.{}: Flags [{flags}], seq {}:{}, ack {}, win {}{stamp}, length {}",
        seen.src,
        seen.src_port,
        seen.dst,
        seen.dst_port,
        seen.seq,
        seen.seq_end(),
        seen.ack,
        seen.window,
        seen.text.len()
    )
}
