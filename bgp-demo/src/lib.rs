//! A BGP-4 speaker with replicated state, and the lab that cuts it under load.

pub mod attributes;
pub mod config;
pub mod daemon;
pub mod decision;
pub mod dump;
pub mod fsm;
pub mod message;
pub mod peer;
pub mod policy;
pub mod prefix;
pub mod replica;
pub mod rib;
pub mod routes;
pub mod speaker;
pub mod status;
pub mod time;

#[cfg(test)]
mod world;
