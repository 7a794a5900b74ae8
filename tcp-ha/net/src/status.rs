//! What a node says of itself.

mod active;
mod readiness;
mod standby;

pub use readiness::{DownStatus, LastDownStatus, ReadinessStatus};

use crate::channel_status::ChannelStatus;
use crate::event::How;
use crate::info::TcpStatus;
use ipc::register::Health;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tcp_ha_core::AuditCounters;

/// What a node does at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Speaks.
    Active,
    /// Shadows.
    Standby,
    /// Looks for an active.
    Joining,
    /// May never speak again.
    Fenced,
}

/// A node's status; times in microseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// The node's name.
    pub name: String,
    /// What it does.
    pub role: Role,
    /// Epoch of the register as the node knows it.
    pub epoch: u64,
    /// This process.
    pub incarnation: String,
    /// The other node, while there is a session with one.
    pub peer: Option<String>,
    /// Whether a death of the active would go unnoticed now. A standby says so only while it hears its active, or takes over.
    pub protected: bool,
    /// Why not.
    pub unprotected: Option<String>,
    /// How far the node's protection is, and how it went; `None` while it looks for its role.
    pub readiness: Option<ReadinessStatus>,
    /// Active: whether nothing may leave, because the register has not said who speaks.
    pub gate_shut: bool,
    /// Active: the last LSN given; standby: the last one applied.
    pub lsn_sent: u64,
    /// Active: the last LSN acknowledged; standby: the same as applied.
    pub lsn_acknowledged: u64,
    /// How long the oldest unacknowledged batch has waited.
    pub lag_us: u64,
    /// Connections in the order of their ids.
    pub connections: Vec<ConnectionStatus>,
    /// How this process became active, and when.
    pub takeover: Option<TakeoverStatus>,
    /// Active: frames, segments and packets that were dropped, by reason; reasons that never came up are left out.
    pub drops: BTreeMap<String, u64>,
    /// Active: times that another station announced an address of ours.
    pub foreign_announcements: u64,
    /// What an active counted.
    pub counters: Option<NodeCountersStatus>,
    /// The channel to the other node.
    pub channel: ChannelStatus,
    /// The register: where it is, when it last answered, and why it does not.
    pub register: Option<Health>,
}

/// One moment, by both clocks: the node counts by the one, people by the other.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The node's monotonic clock, in microseconds.
    pub mono_us: u64,
    /// Time since the Unix epoch, in microseconds.
    pub unix_us: u64,
}

impl Moment {
    /// The Unix time at which the node's clock showed `mono_us`.
    pub fn unix_at(&self, mono_us: u64) -> u64 {
        self.unix_us
            .saturating_sub(self.mono_us.saturating_sub(mono_us))
    }
}

impl Status {
    /// A node that looks for its role.
    pub fn joining(name: &str, incarnation: String) -> Status {
        Status {
            name: name.to_owned(),
            role: Role::Joining,
            epoch: 0,
            incarnation,
            peer: None,
            protected: false,
            unprotected: None,
            readiness: None,
            gate_shut: false,
            lsn_sent: 0,
            lsn_acknowledged: 0,
            lag_us: 0,
            connections: Vec::new(),
            takeover: None,
            drops: BTreeMap::new(),
            foreign_announcements: 0,
            counters: None,
            channel: ChannelStatus::default(),
            register: None,
        }
    }
}

/// One connection.
#[derive(Clone, Debug, Serialize)]
pub struct ConnectionStatus {
    /// Its id, kept over takeovers.
    pub id: u64,
    /// Our socket.
    pub local: SocketAddr,
    /// The peer's socket.
    pub remote: SocketAddr,
    /// State of RFC 9293.
    pub state: String,
    /// How far it is protected.
    pub protection: String,
    /// Why it is not, where it was asked for.
    pub reason: Option<String>,
    /// How far it is, since when, and how often it went down.
    pub readiness: ReadinessStatus,
    /// Active: how it is protected, for instance `receive logged only`; `None` where it is not.
    pub mode: Option<String>,
    /// Active: how its segments are signed, with the key ids in use; `None` where they are not.
    pub signing: Option<String>,
    /// Active: the main variables of TCP.
    pub tcp: Option<TcpStatus>,
}

/// How a node became active.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct TakeoverStatus {
    /// The way.
    pub how: How,
    /// First sign of the old active's death: `death`, `silence`, `channel` or `handover`; empty for a cold start.
    pub sign: &'static str,
    /// When it was seen, by the node's monotonic clock.
    pub seen_us: u64,
    /// From the sign to the won compare-and-swap.
    pub claim_us: u64,
    /// From there until the first frame of the takeover was ready to leave.
    pub built_us: u64,
    /// From the won compare-and-swap until every frame of the takeover was with the device.
    pub speak_us: u64,
    /// Connections that were taken over.
    pub taken: usize,
    /// Connections that were not ready.
    pub left_behind: usize,
}

/// What an active counted since it became active.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct NodeCountersStatus {
    /// Batches closed.
    pub batches: u64,
    /// Snapshots and deltas.
    pub checkpoints: u64,
    /// Octets of them.
    pub checkpoint_octets: u64,
    /// Octets of streams that were shipped.
    pub payload_octets: u64,
    /// Frames released by the gate.
    pub frames_released: u64,
    /// Frames dropped because the gate was full.
    pub gate_full: u64,
    /// Times a standby was lost.
    pub standby_lost: u64,
    /// Audits of the standby's shadow, and what they found.
    pub audits: AuditCounters,
    /// The version of the records that is spoken with the standby; the first without one.
    pub version: u16,
}
