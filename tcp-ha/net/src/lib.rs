//! The asynchronous face of a replicated TCP: [`Stack`], [`TcpListener`], [`TcpStream`], in the shape of `tokio::net`.
//!
//! The node itself (engine or shadow, gate, channel, register) runs on a thread of its own and is driven by readiness; a daemon's
//! task never holds it up. Calls travel to it through one queue, so their order holds over all streams of a stack.
#![forbid(unsafe_code)]

mod channel;
mod channel_status;
mod command;
mod config;
mod driver;
mod ending;
mod event;
mod handle;
mod info;
mod listener;
mod options;
mod stack;
mod status;
mod stream;

pub use channel::{ChannelConfig, HostsConfig};
pub use channel_status::ChannelStatus;
pub use config::{Begin, FenceConfig, StackConfig, StartError};
pub use event::{How, StackEvent, StackEvents};
pub use handle::{Full, StreamHandle};
pub use info::{TcpInfo, TcpStatus};
pub use listener::{ConnectOptions, ListenOptions, TcpListener};
pub use stack::Stack;
pub use status::{
    ConnectionStatus, DownStatus, LastDownStatus, Moment, NodeCountersStatus, ReadinessStatus,
    Role, Status, TakeoverStatus,
};
pub use stream::{OwnedReadHalf, OwnedWriteHalf, TcpStream};
pub use tcp_ha_core::{DownReason, Protection, Readiness, SendMode};
pub use tcp_ha_engine::{
    CongestionAlgorithm, ConnectionId, ConnectionInfo, ConnectionOptions, Instant, KeepaliveConfig,
    ReceiveMode, RecoveryPhase, RunningTimers, State, Tally, Unreachable,
};
