//! A small simulated world for tests across crates: one clock, the production node in both roles, a peer, a wire, a register.
#![forbid(unsafe_code)]

pub mod wire;
pub mod world;
