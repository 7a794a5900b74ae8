//! A host with BSD sockets in virtual time, and the C interface by which packetdrill drives it.
//!
//! [`sockets`] is the host: the engine, a table of descriptors, the semantics of the socket
//! calls, and bare IP packets on its only link. It has no clock and no thread. [`Settings`]
//! reads the kernel settings that a script asks for into the engine's configuration. [`abi`]
//! is what packetdrill loads with `--so_filename`; unsafe code lives there and nowhere else.

pub mod abi;
mod settings;
pub mod sockets;

pub use settings::Settings;
