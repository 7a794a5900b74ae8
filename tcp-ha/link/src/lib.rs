//! Devices (TAP, TUN, AF_PACKET, in memory) and the host layer above them: ARP, NDISC, ICMP, neighbours.
//!
//! Two halves with a wall between them. [`host`] is pure: time comes in as an argument, frames leave as values. [`device`] talks
//! to the kernel, and transmits nothing but what the gate has released.
//!
//! ```text
//! Device::receive -> Host::handle_frame -> Inbound::Segment -> the engine
//! the engine -> Host::send_segment -> Frames -> the gate -> Device::transmit
//! ```
//!
//! Where the kernel can, frames come and go with the work of many (super-frames, checksums left to the device): see [`offload`].
//!
//! Not supported: VLAN tags, IP fragments, multicast listener reports, router discovery, redirects, duplicate address detection of
//! own addresses.

pub mod address;
pub mod device;
pub mod frame;
pub mod host;
pub mod offload;

pub use address::LinkAddress;
pub use device::{Device, DeviceConfig, DeviceError, DeviceKind, Transmitted, open};
pub use frame::{Frame, Frames, Medium};
pub use host::{
    Counters, DropReason, Host, HostConfig, HostError, Inbound, Unreachable, UnreachableCode,
};
pub use offload::{Checksum, OffloadCounters, Received, SuperFrame};
