//! Version 1 of the concerns of a checkpoint: their octets, in the order in which they are written here. Once it is released nothing here
//! ever changes: a concern that gets a field in a later version has its newer form elsewhere.
//!
//! A number takes as many octets as it needs; a position is told by its distance from one that it lies near; what is absent takes a bit.
//! A reader is total: octets that are no such concern give `None`.

mod identity;
mod lifecycle;
mod sequence;
mod timing;

pub(super) use identity::{read_identity, write_identity};
pub(super) use lifecycle::{read_auth, read_lifecycle, write_auth, write_lifecycle};
pub(super) use sequence::{read_recv, read_send, write_recv, write_send};
pub(super) use timing::{
    read_congestion, read_rtt, read_timers, write_congestion, write_rtt, write_timers,
};

use tcp_ha_engine::ConnectionState;

/// Whether this version can say everything that the checkpoint says.
#[cfg(not(feature = "schema-v2"))]
pub(super) fn carries(_: &ConnectionState) -> bool {
    true
}
#[cfg(feature = "schema-v2")]
pub(super) fn carries(state: &ConnectionState) -> bool {
    state.lifecycle.trial == lifecycle::TRIAL_DEFAULT
}
