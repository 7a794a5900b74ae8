//! A user-space TCP whose connections outlive the machine they run on.
//!
//! An active node sends *events* (sequence variables, window sizes, timers) to a standby, which keeps an equivalent connection. No frame leaves before the
//! standby has acknowledged the state behind it. When the active dies, the standby takes the register's next epoch, and speaks:
//! the peers see no reset and lose no octet.
//!
//! A daemon links this crate, starts a [`Stack`], and uses [`TcpListener`] and [`TcpStream`] as it would use those of `tokio::net`.
//! The layers below are re-exported for those who build their own node, simulator or analyser.
#![forbid(unsafe_code)]

pub use ipc;
pub use tcp_ha_core as core;
pub use tcp_ha_engine as engine;
pub use tcp_ha_link as link;
pub use tcp_ha_net::*;
