//! What changed in a connection between two batches.

use tcp_ha_engine::{
    AuthState, CongestionState, ConnectionId, ConnectionState, IdentityState, LifecycleState,
    RecvState, RttState, SendState, TimersState, Touched,
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
        let touched = Touched {
            identity: new.identity != old.identity,
            rtt: new.rtt != old.rtt,
        };
        Baseline::of(old).delta(id, new, touched)
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

/// What a change is found against: a checkpoint without those parts that are marked where they change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Baseline {
    pub(crate) lifecycle: LifecycleState,
    pub(crate) send: SendState,
    pub(crate) recv: RecvState,
    congestion: CongestionState,
    timers: TimersState,
    auth: AuthState,
}

impl Baseline {
    /// What later changes of `state` are found against.
    pub(crate) fn of(state: &ConnectionState) -> Baseline {
        // Every concern is named, so that a new one does not compile until it travels.
        let ConnectionState {
            identity: _,
            lifecycle,
            send,
            recv,
            rtt: _,
            congestion,
            timers,
            auth,
        } = *state;
        Baseline {
            lifecycle,
            send,
            recv,
            congestion,
            timers,
            auth,
        }
    }

    /// The change from here to `new`; `None` where there is none.
    pub(crate) fn delta(
        &self,
        id: ConnectionId,
        new: &ConnectionState,
        touched: Touched,
    ) -> Option<ConnectionDelta> {
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
        let changed = [
            touched.identity,
            lifecycle != self.lifecycle,
            send != self.send,
            recv != self.recv,
            touched.rtt,
            congestion != self.congestion,
            timers != self.timers,
            auth != self.auth,
        ];
        changed.contains(&true).then(|| ConnectionDelta {
            id,
            identity: changed[0].then_some(identity),
            lifecycle: changed[1].then_some(lifecycle),
            send: changed[2].then_some(send),
            recv: (changed[3] && !planted!(DeltaWithoutRecv)).then_some(recv),
            rtt: (changed[4] && !planted!(DeltaWithoutRtt)).then_some(rtt),
            congestion: (changed[5] && !planted!(DeltaWithoutCwnd)).then_some(congestion),
            timers: (changed[6] && !planted!(DeltaWithoutTimers)).then_some(timers),
            auth: changed[7].then_some(auth),
        })
    }
}
