//! The C interface: `packetdrill_interface_init` fills a table of functions, each of which is
//! a call on one host under test.
//!
//! The text that is given to `--so_flags` is a list of `name=value` parted by commas:
//! `settings=FILE` names a file of sysctl lines that is read when the first socket is made
//! (so after a script's own commands), `v4=ADDRESS` and `v6=ADDRESS` the host's addresses,
//! `mtu=OCTETS` the largest packet of its link.
#![allow(unsafe_code)]

mod calls;
mod flags;
mod instance;
#[cfg(feature = "interpose")]
mod interpose;
mod memory;
mod messages;
mod network;
mod options;
mod table;
mod tcp_info;

pub use table::{Interface, packetdrill_interface_init};

#[cfg(test)]
mod tests;
