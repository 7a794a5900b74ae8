//! The machine against RFC 4271 8.2.2.

use super::*;

const STATES: [State; 6] = [
    State::Idle,
    State::Connect,
    State::Active,
    State::OpenSent,
    State::OpenConfirm,
    State::Established,
];

fn events() -> Vec<Event> {
    vec![
        Event::Start { passive: false },
        Event::Start { passive: true },
        Event::Stop,
        Event::ConnectRetryExpires,
        Event::HoldExpires,
        Event::KeepaliveExpires,
        Event::TcpConnected,
        Event::TcpFails,
        Event::Open,
        Event::Invalid(Notification::new(code::UPDATE, subcode::ATTRIBUTE_LIST)),
        Event::CollisionDump,
        Event::Notification,
        Event::Keepalive,
        Event::Update,
    ]
}

/// One letter for each state.
fn letter(state: State) -> char {
    match state {
        State::Idle => 'I',
        State::Connect => 'C',
        State::Active => 'A',
        State::OpenSent => 'S',
        State::OpenConfirm => 'O',
        State::Established => 'E',
    }
}

#[test]
fn transitions_are_those_of_the_rfc() {
    // Rows are states, columns the events in the order above.
    let expected = "\
CAIIIISIIIIIII
CCICCCSACCCCCC
AAICAASAAAAAAA
SSISISSIOIIIII
OOIOIOOIIIIIEI
EEIEIEEIIIIIEE";
    let found: Vec<String> = STATES
        .iter()
        .map(|state| {
            events()
                .into_iter()
                .map(|event| letter(step(*state, event).next))
                .collect()
        })
        .collect();
    assert_eq!(found.join("\n"), expected);
}

#[test]
fn leaving_established_forgets_the_routes_before_it_closes() {
    for event in events() {
        let step = step(State::Established, event.clone());
        if step.next == State::Idle {
            let tail = &step.actions[step.actions.len() - 2..];
            assert_eq!(tail, [Action::Down, Action::Close], "{event:?}");
        }
    }
}

#[test]
fn a_notification_is_never_answered() {
    for state in [State::OpenSent, State::OpenConfirm, State::Established] {
        let actions = step(state, Event::Notification).actions;
        assert!(
            !actions
                .iter()
                .any(|action| matches!(action, Action::SendNotification(_))),
            "{state}"
        );
    }
}

#[test]
fn every_connection_that_ends_is_closed() {
    for state in [State::OpenSent, State::OpenConfirm, State::Established] {
        for event in events() {
            let step = step(state, event.clone());
            assert_eq!(
                step.next == State::Idle,
                step.actions.contains(&Action::Close),
                "{state} {event:?}"
            );
        }
    }
}

#[test]
fn messages_out_of_turn_are_named_by_state() {
    let told = |state, event| match &step(state, event).actions[..] {
        [Action::SendNotification(notification), ..] => (notification.code, notification.subcode),
        other => panic!("{other:?}"),
    };
    assert_eq!(told(State::OpenSent, Event::Keepalive), (5, 1));
    assert_eq!(told(State::OpenConfirm, Event::Update), (5, 2));
    assert_eq!(told(State::Established, Event::Open), (5, 3));
    assert_eq!(told(State::Established, Event::HoldExpires), (4, 0));
}
