//! Reads, writes and checks captures of TCP and BGP sessions.
//!
//! [`check::Checker`] is an independent view of TCP: it judges from the wire alone.

pub mod check;
pub mod flow;
pub mod link_type;
pub mod packet;
pub mod seq;
pub mod tcp;
pub mod time;
