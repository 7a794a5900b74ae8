//! Reads, writes and checks captures of TCP and BGP sessions.
//!
//! [`check::Checker`] is an independent view of TCP: it judges from the wire alone. [`capture::check_file`] puts a
//! file through it; [`check::Observer`] lets others see what it sees.
//!
//! [`replay::replay_file`] puts the engine of this project in the place of either end of each flow, and compares what
//! the capture proves. Nothing but that module knows the engine.

pub mod bgp;
pub mod capture;
pub mod check;
pub mod craft;
pub mod flow;
pub mod link_type;
pub mod packet;
pub mod reader;
pub mod replay;
pub mod seq;
pub mod stream;
pub mod tcp;
pub mod time;
pub mod writer;
