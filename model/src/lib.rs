//! The protocol by which two nodes share the right to speak, as a model small enough to be checked to exhaustion: gate,
//! register, pairing, solo, takeover, handover, cold start, with a third node that joins, deaths, restarts, messages that are
//! lost, late or come twice, and register calls whose outcome is not known.
//!
//! What the model keeps of the production code: who holds which records, what has left through the gate, what the register
//! says, and what each node believes. What it leaves out: octets, connections, time. A node may do at any moment what the
//! code does when a timer or a sign of death tells it to, so every false alarm is in the model.
#![forbid(unsafe_code)]

mod active;
mod bounds;
mod joining;
mod properties;
mod reach;
mod standby;
mod state;
mod steps;
mod story;
mod symmetry;

pub use bounds::{Bounds, Fault};
pub use reach::{Reached, reach};
pub use state::World;
pub use steps::{Outcome, Protocol, Step};
pub use story::stories;
