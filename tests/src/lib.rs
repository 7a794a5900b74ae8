//! What tests across crates share: a small simulated world (one clock, the production node in both roles, a peer, a wire, a register), and
//! real namespaces with real processes.
#![forbid(unsafe_code)]

pub mod netns;
pub mod script;
pub mod sim;
pub mod small;
mod text;
pub mod wire;
pub mod world;
