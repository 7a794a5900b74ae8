//! The finite state machine of RFC 4271 8, as a pure function: state and event in, state and actions out. Timers are actions.
//!
//! A peer has one machine without a connection, in IDLE, CONNECT or ACTIVE, and one for each connection, which begins with
//! [`Event::TcpConnected`] and ends in IDLE; two connections to one peer are two machines until collision detection ends one (RFC 4271 6.8).

#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::message::{Notification, code, subcode};

/// The states of RFC 4271 8.2.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum State {
    /// Refuses or waits to begin; for a connection: finished.
    Idle,
    /// Waits for its own connection attempt.
    Connect,
    /// Waits for the peer to connect, or for the next attempt.
    Active,
    /// OPEN sent, waits for the peer's.
    OpenSent,
    /// OPEN received, waits for a KEEPALIVE.
    OpenConfirm,
    /// Routes flow.
    Established,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "Idle",
            Self::Connect => "Connect",
            Self::Active => "Active",
            Self::OpenSent => "OpenSent",
            Self::OpenConfirm => "OpenConfirm",
            Self::Established => "Established",
        })
    }
}

/// What can happen; numbers are those of RFC 4271 8.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// ManualStart or AutomaticStart (1, 3); `passive` for those with passive TCP establishment (4, 5).
    Start {
        /// Do not connect.
        passive: bool,
    },
    /// ManualStop (2).
    Stop,
    /// ConnectRetryTimer_Expires (9).
    ConnectRetryExpires,
    /// HoldTimer_Expires (10).
    HoldExpires,
    /// KeepaliveTimer_Expires (11).
    KeepaliveExpires,
    /// Tcp_CR_Acked or TcpConnectionConfirmed (16, 17): this machine now has a connection.
    TcpConnected,
    /// TcpConnectionFails (18): the attempt failed, or the connection is gone.
    TcpFails,
    /// BGPOpen (19): acceptable.
    Open,
    /// BGPHeaderErr, BGPOpenMsgErr, UpdateMsgErr (21, 22, 28).
    Invalid(Notification),
    /// OpenCollisionDump (23).
    CollisionDump,
    /// NotifMsg, NotifMsgVerErr (24, 25).
    Notification,
    /// KeepAliveMsg (26).
    Keepalive,
    /// UpdateMsg (27); also ROUTE-REFRESH.
    Update,
}

/// What the machine wants done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Try to connect.
    Connect,
    /// Start ConnectRetryTimer.
    StartConnectRetry,
    /// Stop ConnectRetryTimer.
    StopConnectRetry,
    /// Send an OPEN, and set HoldTimer to the large value of RFC 4271 8.2.2 (4 minutes).
    SendOpen,
    /// Send a KEEPALIVE.
    SendKeepalive,
    /// Send a NOTIFICATION.
    SendNotification(Notification),
    /// Set HoldTimer and KeepaliveTimer to the negotiated values.
    StartSession,
    /// Restart HoldTimer.
    RestartHold,
    /// The session is up: exchange routes.
    Up,
    /// The session was up and is not any more: forget the peer's routes.
    Down,
    /// Close the connection, after what is to be sent.
    Close,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The state from now on.
    pub next: State,
    /// What to do.
    pub actions: Vec<Action>,
}

fn to<const N: usize>(next: State, actions: [Action; N]) -> Transition {
    Transition {
        next,
        actions: actions.into(),
    }
}

/// Leaves the session: NOTIFICATION if any, then the connection is closed.
fn leave(state: State, notification: Option<Notification>) -> Transition {
    let mut actions = Vec::with_capacity(3);
    actions.extend(notification.map(Action::SendNotification));
    if state == State::Established {
        actions.push(Action::Down);
    }
    actions.push(Action::Close);
    Transition {
        next: State::Idle,
        actions,
    }
}

/// The step that `event` causes in `state`.
#[must_use]
pub fn step(state: State, event: Event) -> Transition {
    match state {
        State::Idle | State::Connect | State::Active => without_connection(state, event),
        State::OpenSent | State::OpenConfirm | State::Established => with_connection(state, event),
    }
}

fn without_connection(state: State, event: Event) -> Transition {
    match (state, event) {
        (State::Idle, Event::Start { passive: true }) => to(State::Active, []),
        (State::Idle, Event::Start { passive: false })
        | (State::Connect | State::Active, Event::ConnectRetryExpires) => {
            to(State::Connect, [Action::StartConnectRetry, Action::Connect])
        }
        (_, Event::TcpConnected) => to(
            State::OpenSent,
            [Action::StopConnectRetry, Action::SendOpen],
        ),
        (State::Connect, Event::TcpFails) => to(State::Active, [Action::StartConnectRetry]),
        (State::Connect | State::Active, Event::Stop) => {
            to(State::Idle, [Action::StopConnectRetry])
        }
        // The rest cannot concern a machine without a connection.
        (state, _) => to(state, []),
    }
}

fn with_connection(state: State, event: Event) -> Transition {
    let cease = |subcode| Some(Notification::new(code::CEASE, subcode));
    match (state, event) {
        (state, Event::Stop) => leave(state, cease(subcode::ADMINISTRATIVE_SHUTDOWN)),
        (state, Event::CollisionDump) => leave(state, cease(subcode::COLLISION)),
        (state, Event::HoldExpires) => leave(
            state,
            Some(Notification::new(code::HOLD_TIMER, subcode::UNSPECIFIC)),
        ),
        (state, Event::Invalid(notification)) => leave(state, Some(notification)),
        // RFC 4271 6.4: a NOTIFICATION is never answered.
        (state, Event::Notification | Event::TcpFails) => leave(state, None),
        (State::OpenSent, Event::Open) => to(
            State::OpenConfirm,
            [Action::SendKeepalive, Action::StartSession],
        ),
        (State::OpenConfirm, Event::Keepalive) => {
            to(State::Established, [Action::RestartHold, Action::Up])
        }
        (State::Established, Event::Keepalive | Event::Update) => {
            to(State::Established, [Action::RestartHold])
        }
        (State::OpenConfirm | State::Established, Event::KeepaliveExpires) => {
            to(state, [Action::SendKeepalive])
        }
        (State::OpenSent, Event::Keepalive | Event::Update) => {
            unexpected(state, subcode::IN_OPEN_SENT)
        }
        (State::OpenConfirm, Event::Open | Event::Update) => {
            unexpected(state, subcode::IN_OPEN_CONFIRM)
        }
        (State::Established, Event::Open) => unexpected(state, subcode::IN_ESTABLISHED),
        // Timers that do not run here, and starts of what runs.
        (state, _) => to(state, []),
    }
}

/// RFC 4271 6.6, RFC 6608.
fn unexpected(state: State, subcode: u8) -> Transition {
    leave(state, Some(Notification::new(code::FSM, subcode)))
}
