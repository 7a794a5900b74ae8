//! The node that speaks: configuration, status socket, BGP speaker on a replicated stack.

pub mod cli;
pub mod config;
pub mod node;
pub mod status;

#[cfg(test)]
mod testing;
