//! Version 1 of the checkpoints. The order of fields is their encoding, and never changes once it is released: a concern that gets a field
//! in a later version keeps its old form here.

// Where nothing has changed, the old form is the newest one.
#![cfg_attr(not(feature = "schema-v2"), allow(clippy::useless_conversion))]

use crate::delta::ConnectionDelta;
use crate::record::{SendMode, SnapshotRecord};
use serde::{Deserialize, Serialize};
use tcp_ha_engine::{
    AuthState, CongestionState, ConnectionId, ConnectionState, IdentityState, RecvState, RttState,
    SendState, TimersState,
};

#[cfg(feature = "schema-v2")]
mod lifecycle;
#[cfg(feature = "schema-v2")]
use lifecycle::Lifecycle;
#[cfg(not(feature = "schema-v2"))]
use tcp_ha_engine::LifecycleState as Lifecycle;

/// Whether this version can say everything that the checkpoint says.
#[cfg(not(feature = "schema-v2"))]
pub(super) fn carries(_: &ConnectionState) -> bool {
    true
}
#[cfg(feature = "schema-v2")]
pub(super) fn carries(state: &ConnectionState) -> bool {
    lifecycle::carries(&state.lifecycle)
}

/// A checkpoint.
#[derive(Serialize, Deserialize)]
pub(super) struct State {
    identity: IdentityState,
    lifecycle: Lifecycle,
    send: SendState,
    recv: RecvState,
    rtt: RttState,
    congestion: CongestionState,
    timers: TimersState,
    auth: AuthState,
}

impl State {
    /// What this version says of a checkpoint.
    pub(super) fn of(state: &ConnectionState) -> State {
        let ConnectionState {
            identity,
            lifecycle,
            send,
            recv,
            rtt,
            congestion,
            timers,
            auth,
        } = *state;
        State {
            identity,
            lifecycle: lifecycle.into(),
            send,
            recv,
            rtt,
            congestion,
            timers,
            auth,
        }
    }

    fn newest(self) -> ConnectionState {
        let State {
            identity,
            lifecycle,
            send,
            recv,
            rtt,
            congestion,
            timers,
            auth,
        } = self;
        ConnectionState {
            identity,
            lifecycle: lifecycle.into(),
            send,
            recv,
            rtt,
            congestion,
            timers,
            auth,
        }
    }
}

/// A connection as the standby first hears of it.
#[derive(Serialize, Deserialize)]
pub(super) struct Snapshot {
    id: ConnectionId,
    state: State,
    send_mode: SendMode,
    application_sync: bool,
}

impl Snapshot {
    pub(super) fn of(snapshot: &SnapshotRecord) -> Snapshot {
        let SnapshotRecord {
            id,
            ref state,
            send_mode,
            application_sync,
        } = *snapshot;
        Snapshot {
            id,
            state: State::of(state),
            send_mode,
            application_sync,
        }
    }

    pub(super) fn newest(self) -> SnapshotRecord {
        let Snapshot {
            id,
            state,
            send_mode,
            application_sync,
        } = self;
        SnapshotRecord {
            id,
            state: state.newest(),
            send_mode,
            application_sync,
        }
    }
}

/// What changed in a connection.
#[derive(Serialize, Deserialize)]
pub(super) struct Delta {
    id: ConnectionId,
    identity: Option<IdentityState>,
    lifecycle: Option<Lifecycle>,
    send: Option<SendState>,
    recv: Option<RecvState>,
    rtt: Option<RttState>,
    congestion: Option<CongestionState>,
    timers: Option<TimersState>,
    auth: Option<AuthState>,
}

impl Delta {
    pub(super) fn of(delta: &ConnectionDelta) -> Delta {
        let ConnectionDelta {
            id,
            identity,
            lifecycle,
            send,
            recv,
            rtt,
            congestion,
            timers,
            auth,
        } = *delta;
        Delta {
            id,
            identity,
            lifecycle: lifecycle.map(Into::into),
            send,
            recv,
            rtt,
            congestion,
            timers,
            auth,
        }
    }

    pub(super) fn newest(self) -> ConnectionDelta {
        let Delta {
            id,
            identity,
            lifecycle,
            send,
            recv,
            rtt,
            congestion,
            timers,
            auth,
        } = self;
        ConnectionDelta {
            id,
            identity,
            lifecycle: lifecycle.map(Into::into),
            send,
            recv,
            rtt,
            congestion,
            timers,
            auth,
        }
    }
}
