//! Snapshot, delta, shadow and takeover of TCP connections, and the two roles of a node that tie them to the gate.
//!
//! Pure: no clock, no socket, no thread. Local monotonic time comes in as microseconds, frames and octets leave as values.
#![forbid(unsafe_code)]

/// Whether a named fault is planted here: never, without the feature `planted`.
#[cfg(not(feature = "planted"))]
macro_rules! planted {
    ($fault:ident) => {
        false
    };
}

/// Whether a named fault is planted here.
#[cfg(feature = "planted")]
macro_rules! planted {
    ($fault:ident) => {
        tcp_ha_planted::is_on(tcp_ha_planted::Planted::$fault)
    };
}

pub mod active;
pub mod audit;
pub mod clock;
pub mod delta;
pub mod event;
pub mod octets;
pub mod readiness;
pub mod record;
pub mod schema;
pub mod shadow;
pub mod standby;
pub mod takeover;

pub use active::{
    Active, ActiveParts, Fenced, Listening, NodeCounters, NodeLimits, Octets, Protection,
    StreamStart, SwitchoverRefused, WishRefused,
};
pub use audit::{AuditCounters, Digest};
pub use clock::Clock;
pub use event::NodeEvent;
pub use readiness::{DownCount, DownReason, LastDown, Readiness, ReadinessHistory, Remedy};
pub use record::SendMode;
pub use standby::{Claim, Promotion, Standby, StandbyEnd, Standing};
