//! A route processor of a pair: configuration, status socket, BGP speaker on a replicated stack.
//!
//! Both binaries, `active-rp` and `standby-rp`, run the same node, which reads the register and joins. They differ in how they begin
//! where the register is empty.

pub mod cli;
pub mod config;
pub mod node;
pub mod run;
pub mod speaker;
pub mod status;

pub use tcp_ha::Begin;

#[cfg(test)]
mod testing;
