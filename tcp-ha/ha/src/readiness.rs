//! How far a connection, or a node, is protected, as operators know it.

mod history;
mod reason;
#[cfg(test)]
mod tests;

pub use history::{DownCount, LastDown, ReadinessHistory};
pub use reason::{DownReason, Remedy};

use core::fmt;
use serde::{Deserialize, Serialize};

/// The protection of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readiness {
    /// Protection was not asked for.
    None,
    /// Waits for its snapshot to be sent.
    TcpInitialSync,
    /// The snapshot is sent; changes follow it; the standby has not acknowledged all of it.
    TcpSecondPhase,
    /// The standby holds the connection; the daemon's own state is on its way.
    ApplicationSync,
    /// A takeover goes unnoticed by the peer.
    Ready,
    /// Not protected, though it was asked for.
    Down(DownReason),
}

impl Readiness {
    /// The state's name, as the status has it; a reason has a name of its own.
    pub fn name(self) -> &'static str {
        match self {
            Readiness::None => "none",
            Readiness::TcpInitialSync => "tcp-initial-sync",
            Readiness::TcpSecondPhase => "tcp-second-phase",
            Readiness::ApplicationSync => "application-sync",
            Readiness::Ready => "ready",
            Readiness::Down(_) => "down",
        }
    }

    /// Why it is down, where it is.
    pub fn reason(self) -> Option<DownReason> {
        match self {
            Readiness::Down(reason) => Some(reason),
            _ => None,
        }
    }
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Readiness::None => f.write_str("none"),
            Readiness::TcpInitialSync => f.write_str("TCP initial sync"),
            Readiness::TcpSecondPhase => f.write_str("TCP second phase"),
            Readiness::ApplicationSync => f.write_str("application sync"),
            Readiness::Ready => f.write_str("ready"),
            Readiness::Down(reason) => write!(f, "down: {reason}"),
        }
    }
}
