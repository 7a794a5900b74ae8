//! How far a connection is protected, as operators know it.

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

/// Why a connection is not protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DownReason {
    /// No standby has joined yet.
    NoStandby,
    /// The channel to the standby broke or the standby ended.
    StandbyLost,
    /// The standby gave up its role for this epoch.
    StandbyResigned,
    /// The standby did not acknowledge within the hold limit.
    Lagging,
    /// More was outstanding than the log may hold.
    LogFull,
    /// The standby speaks no version of the records that this node speaks.
    VersionDiffers,
    /// The standby's configuration differs from this node's.
    ConfigurationDiffers,
    /// The standby was lost while it was being brought up to date.
    SyncAborted,
    /// The daemon withdrew its request.
    ClientDisabled,
    /// The node was handed over or taken over; the survivor has no standby yet.
    AfterTakeover,
    /// The connection signs its segments, and its key was taken away.
    KeyMissing,
}

/// How often protection went down for one reason, and when it last did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DownCount {
    /// How often.
    pub count: u64,
    /// The last time, in microseconds of the node's monotonic clock.
    pub last_us: u64,
}

impl fmt::Display for DownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DownReason::NoStandby => "no standby has joined",
            DownReason::StandbyLost => "standby lost",
            DownReason::StandbyResigned => "standby resigned",
            DownReason::Lagging => "standby lagging beyond the hold limit",
            DownReason::LogFull => "log full",
            DownReason::VersionDiffers => "no version of the records in common",
            DownReason::ConfigurationDiffers => "the standby's configuration differs",
            DownReason::SyncAborted => "sync aborted",
            DownReason::ClientDisabled => "client disabled",
            DownReason::KeyMissing => "the key of the connection is missing",
            DownReason::AfterTakeover => "took over, no new standby yet",
        })
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
