//! A user-space TCP whose connections outlive the machine they run on.
//!
//! An active node sends *events* (sequence variables, window sizes, timers) to a standby, which keeps an equivalent connection. No frame leaves before the
//! standby has acknowledged the state behind it. When the active dies, the standby takes the register's next epoch, and speaks:
//! the peers see no reset and lose no octet.
//!
//! A daemon links this crate, starts a [`Stack`], and uses [`TcpListener`] and [`TcpStream`] as it would use those of `tokio::net`.
//! ```no_run
//! use std::time::Duration;
//! use tcp_ha::link::{DeviceConfig, DeviceKind};
//! use tcp_ha::{CongestionAlgorithm, ConnectionOptions, KeepaliveConfig, ListenOptions, Stack, StackConfig};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # async fn serve() -> std::io::Result<()> {
//! let device = DeviceConfig::new(DeviceKind::Tap, "rp0");
//! let mut config = StackConfig::new("a", device, "/run/rp".into());
//! config.addresses = vec![([10, 0, 0, 1].into(), 24)];
//! let (stack, _events) = Stack::start(config).await?;
//!
//! let connection = ConnectionOptions {
//!     nodelay: true,
//!     keepalive: Some(KeepaliveConfig { idle: Duration::from_secs(60), ..KeepaliveConfig::default() }),
//!     congestion: CongestionAlgorithm::Reno,
//!     ..ConnectionOptions::default()
//! };
//! let options = ListenOptions { connection, ..ListenOptions::default() };
//! let mut listener = stack.listen(([10, 0, 0, 1], 7).into(), options).await?;
//! let (mut stream, _peer) = listener.accept().await?;
//! let octet = stream.read_u8().await?;
//! stream.write_u8(octet).await?;
//! # Ok(())
//! # }
//! ```
//!
//! The layers below are re-exported for those who build their own node, simulator or analyser.
#![forbid(unsafe_code)]

pub use ipc;
pub use tcp_ha_core as core;
pub use tcp_ha_engine as engine;
pub use tcp_ha_link as link;
pub use tcp_ha_net::*;
