//! A pure TCP: no clock, no socket, no thread, no async.
//!
//! The caller brings segments, user calls and the time; the engine answers with values in
//! [`Effects`]: segments to transmit and events for the user. The order of one round is
//! always the same: any number of `handle_*` and user calls with one `now`, then read
//! [`Effects`], then [`Engine::take_dirty`] and [`Engine::snapshot`] for replication.
//!
//! Sequence *positions* inside the engine are 64 bits wide: the SYN is position 0 and the
//! first octet is position 1. *Stream offsets* of the public interface are 64 bits wide too,
//! and the first octet is offset 0.
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

mod arrival;
mod assembler;
pub mod auth;
mod calls;
mod checkpoint;
mod checksum;
mod config;
mod congestion;
mod connection;
mod cookie;
mod counters;
mod demux;
mod departures;
mod effects;
mod engine;
mod error;
mod four_tuple;
mod ids;
mod info;
mod keyed_hash;
pub mod options;
mod orphan;
mod output;
mod outstanding;
mod path_mtu;
mod prr;
mod push;
mod rack;
mod rate_limit;
mod recovery;
mod recv;
mod recv_buffer;
mod restore;
mod resume;
mod ring;
mod rtt;
mod scoreboard;
mod secrets;
pub mod segment;
mod send;
mod send_buffer;
mod seq;
mod spare;
mod spurious;
mod state;
mod tail_loss;
mod tally;
mod time;
mod timer_queue;
mod timers;
mod tracked;
mod unreachable;

pub use auth::AuthState;
pub use checkpoint::{
    CongestionState, ConnectionState, IdentityState, LifecycleState, RecvState, RttState,
    SendState, TimersState, Touched,
};
pub use config::{Config, CongestionAlgorithm, ConnectionOptions, KeepaliveConfig, ReceiveMode};
pub use counters::{Counters, DropReason};
pub use effects::{CloseCause, Effects, Event, HEADROOM, SegmentBuffer, SegmentOut};
pub use engine::{Arrival, Engine};
pub use error::{Error, RestoreError};
pub use four_tuple::FourTuple;
pub use ids::{ConnectionId, ListenerId};
pub use info::{ConnectionInfo, RunningTimers};
pub use recovery::Phase as RecoveryPhase;
pub use secrets::Secrets;
pub use seq::SeqNum;
pub use state::{Opener, State};
pub use tally::Tally;
pub use time::Instant;
pub use unreachable::Unreachable;
