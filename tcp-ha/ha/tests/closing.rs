//! A standby that joins while a connection is being closed: positions behind a FIN have no octets.

mod wire;

use tcp_ha_core::NodeEvent;
use tcp_ha_engine::{ConnectionId, Instant, State};
use wire::Wire;

fn assert_taken_in(wire: &mut Wire, ours: ConnectionId, state: State) {
    let snapshot = wire.active.engine().snapshot(ours).expect("a connection");
    assert_eq!(snapshot.lifecycle.state, state);
    let standby = wire.join();
    let mut shadows = standby.shadow().connections();
    let (_, shadow) = shadows.find(|(id, _)| *id == ours).expect("a shadow");
    assert_eq!(shadow.state, snapshot);
}

#[test]
fn a_connection_that_we_closed_first_is_taken_in() {
    let mut wire = Wire::new();
    let (ours, _) = wire.connect();
    wire.active.close(wire.now_us, ours);
    wire.settle();
    assert_taken_in(&mut wire, ours, State::FinWait2);
}

#[test]
fn a_connection_that_the_peer_closed_first_is_taken_in() {
    let mut wire = Wire::new();
    let (ours, theirs) = wire.connect();
    wire.active
        .processed(wire.now_us, ours, 32)
        .expect("octets that came");
    let now = Instant::from_micros(wire.now_us);
    wire.peer
        .close(now, theirs, &mut wire.fx)
        .expect("an open connection");
    wire.settle();
    assert_taken_in(&mut wire, ours, State::CloseWait);
}

#[test]
fn a_connection_in_time_wait_is_taken_in() {
    let mut wire = Wire::new();
    let (ours, theirs) = wire.connect();
    wire.active
        .processed(wire.now_us, ours, 32)
        .expect("octets that came");
    wire.active.close(wire.now_us, ours);
    wire.settle();
    let now = Instant::from_micros(wire.now_us);
    wire.peer
        .close(now, theirs, &mut wire.fx)
        .expect("an open connection");
    wire.settle();
    assert_taken_in(&mut wire, ours, State::TimeWait);
}

#[test]
fn a_connection_that_is_deleted_leaves_the_shadow_too() {
    let mut wire = Wire::new();
    let (ours, _) = wire.connect();
    let mut standby = wire.join();
    assert_eq!(standby.shadow().connections().count(), 1);
    wire.active.abort(wire.now_us, ours);
    wire.exchange(&mut standby);
    assert!(wire.active.engine().connection(ours).is_none());
    assert_eq!(standby.shadow().connections().count(), 0);
}

#[test]
fn a_replica_hears_what_was_dealt_with_before_the_user_went_and_no_more() {
    let mut wire = Wire::new();
    let (ours, theirs) = wire.connect();
    let mut standby = wire.join();
    let mut events = Vec::new();
    standby.take_events(&mut events);
    events.clear();
    // In one batch: part of what came is dealt with, the user goes.
    wire.active
        .processed(wire.now_us, ours, 16)
        .expect("octets that came");
    wire.active.abandon(wire.now_us, ours);
    wire.exchange(&mut standby);
    let now = Instant::from_micros(wire.now_us);
    wire.peer
        .send(now, theirs, &[9; 64], &mut wire.fx)
        .expect("room");
    wire.settle();
    wire.exchange(&mut standby);
    standby.take_events(&mut events);
    let heard = events.iter().filter_map(|event| match event {
        NodeEvent::ReplicaReceived { offset, data, .. } => Some((*offset, data.len())),
        _ => None,
    });
    assert_eq!(heard.collect::<Vec<_>>(), [(0, 16)]);
    let closed = |event: &NodeEvent| matches!(event, NodeEvent::ReplicaClosed { .. });
    assert_eq!(events.iter().filter(|event| closed(event)).count(), 1);
}
