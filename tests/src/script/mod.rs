//! Scripts in packetdrill's notation, run against a host of sockets in virtual time, in one process.
//!
//! A script says what arrives (`<`), what must leave (`>`), what the user calls, and when. Between two lines nothing else may
//! leave: a segment that no line speaks of ends the script. `tests/scripts/README.md` describes the notation and what is ours in it.
//!
//! - [`Script::parse`] reads a script; [`start`] holds what `start STATE` stands for.
//! - [`run`] plays it once as written, then again and again with a takeover before each of its lines. In all of them every
//!   checkpoint is restored into a twin, which must be equal to the original.

mod ip;
mod line;
pub mod matrix;

mod parse;
mod play;
mod settings;
mod show;
mod stage;
pub mod start;
mod watch;
mod wire;

pub use line::{Call, Comparison, Field, Icmp, Line, Opt, Options, Packet, Script, What, When};
pub use play::{Failure, run};
pub use settings::Settings;

/// Octet `offset` of every stream: what was written is known wherever it is seen.
pub fn octet(offset: u64) -> u8 {
    // Below 251.
    (offset % 251) as u8
}
