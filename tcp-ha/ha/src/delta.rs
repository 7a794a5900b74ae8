//! What changed in a connection between two batches.

use tcp_ha_engine::{
    AuthState, CongestionState, ConnectionId, ConnectionState, IdentityState, LifecycleState,
    RecvState, RttState, SendState, TimersState,
};

/// One change of one connection: each concern that differs, whole; variables of a concern change together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionDelta {
    /// The connection.
    pub id: ConnectionId,
    pub(crate) identity: Option<IdentityState>,
    pub(crate) lifecycle: Option<LifecycleState>,
    pub(crate) send: Option<SendState>,
    pub(crate) recv: Option<RecvState>,
    pub(crate) rtt: Option<RttState>,
    pub(crate) congestion: Option<CongestionState>,
    pub(crate) timers: Option<TimersState>,
    pub(crate) auth: Option<AuthState>,
}

impl ConnectionDelta {
    /// The change from `old` to `new`; `None` where they are equal.
    pub fn between(
        id: ConnectionId,
        old: &ConnectionState,
        new: &ConnectionState,
    ) -> Option<ConnectionDelta> {
        // Every concern is named, so that a new one does not compile until it travels.
        let ConnectionState {
            identity,
            lifecycle,
            send,
            recv,
            rtt,
            congestion,
            timers,
            auth,
        } = *new;
        let delta = ConnectionDelta {
            id,
            identity: (identity != old.identity).then_some(identity),
            lifecycle: (lifecycle != old.lifecycle).then_some(lifecycle),
            send: (send != old.send).then_some(send),
            recv: (recv != old.recv && !planted!(DeltaWithoutRecv)).then_some(recv),
            rtt: (rtt != old.rtt && !planted!(DeltaWithoutRtt)).then_some(rtt),
            congestion: (congestion != old.congestion && !planted!(DeltaWithoutCwnd))
                .then_some(congestion),
            timers: (timers != old.timers && !planted!(DeltaWithoutTimers)).then_some(timers),
            auth: (auth != old.auth).then_some(auth),
        };
        (old != new).then_some(delta)
    }

    /// Applies the change.
    pub fn apply(&self, state: &mut ConnectionState) {
        let ConnectionDelta {
            id: _,
            identity,
            lifecycle,
            send,
            recv,
            rtt,
            congestion,
            timers,
            auth,
        } = *self;
        let old = *state;
        *state = ConnectionState {
            identity: identity.unwrap_or(old.identity),
            lifecycle: lifecycle.unwrap_or(old.lifecycle),
            send: send.unwrap_or(old.send),
            recv: recv.unwrap_or(old.recv),
            rtt: rtt.unwrap_or(old.rtt),
            congestion: congestion.unwrap_or(old.congestion),
            timers: timers.unwrap_or(old.timers),
            auth: auth.unwrap_or(old.auth),
        };
    }
}
