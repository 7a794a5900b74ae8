//! Takeovers of real nodes on TAPs of one bridge, under a kernel's client with many sockets: from the cut of the active to what the
//! survivor says first.

mod client;
mod clock;
mod course;
mod node;
mod play;
mod stage;
mod table;
pub(crate) mod wire;

pub use play::{Part, Word, play};
pub use table::takeovers;
