//! Real processes on TAPs and veths: who plays which role, and what it takes them.

pub mod actor;
mod kernel;
mod node;
pub(crate) mod place;
mod relay;
pub mod role;
pub mod scale;
pub mod stack;

pub use role::{Role, play};
