//! One module a target; each has a function `run` of octets.

pub mod bgp_message;
pub mod bgp_speaker;
pub mod capture;
pub mod checker;
pub mod connection;
pub mod frames;
pub mod options;
pub mod pair;
pub mod records;
pub mod segment;

mod replicated;
