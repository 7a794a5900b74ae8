//! A survivor of more connections than speak in one batch, and than its gate has room for.

mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use ipc::Epoch;
use ipc::register::{MemoryRegister, Register};
use ipc::session::Session;
use tcp_ha_core::{Active, NodeEvent, NodeLimits, Promotion, Readiness, Standby};
use tcp_ha_engine::{Config, ConnectionId, ConnectionOptions, Instant};
use wire::{PAIR, PEER, Wire, host, identity};

/// More than speak in one batch.
const CONNECTIONS: usize = 150;
/// Far fewer than their first words.
const GATE_FRAMES: usize = 32;
/// Opened at once: no more than may wait to be accepted.
const AT_ONCE: usize = 3;
/// Where the destination port of TCP stands in a frame with IPv4.
const PORT_AT: usize = 36;

fn limits() -> NodeLimits {
    NodeLimits {
        gate_frames: GATE_FRAMES,
        ..NodeLimits::default()
    }
}

fn open(wire: &mut Wire) {
    let mut accepted: BTreeSet<ConnectionId> = BTreeSet::new();
    while accepted.len() < CONNECTIONS {
        for _ in 0..AT_ONCE {
            let now = Instant::from_micros(wire.now_us);
            let (local, remote) = (SocketAddr::new(PEER, 0), SocketAddr::new(PAIR, 7));
            let options = ConnectionOptions::default();
            let opened = wire.peer.connect(now, local, remote, options, &mut wire.fx);
            opened.expect("a free port");
        }
        wire.settle();
        let mut events = Vec::new();
        wire.active.take_events(&mut events);
        for event in events {
            if let NodeEvent::Accepted { listener, id, .. } = event {
                wire.active.accept(listener);
                accepted.insert(id);
            }
        }
    }
}

/// A standby that holds everything, and every connection ready.
fn ready(wire: &mut Wire) -> Standby {
    let epoch = Epoch(1);
    let session = Session::respond(identity(1), epoch);
    wire.active.attach(wire.now_us, session);
    let active = identity(1).incarnation;
    let mut standby = Standby::join(identity(2), active, epoch, limits(), wire.now_us);
    for _ in 0..1_000 {
        wire.now_us += 1_000;
        wire.active.handle_timeout(wire.now_us);
        standby.handle_timeout(wire.now_us);
        wire.exchange(&mut standby);
        let held = standby.shadow().connections();
        let ready = held.filter(|(_, it)| it.readiness == Readiness::Ready);
        if ready.count() == CONNECTIONS {
            return standby;
        }
    }
    panic!("not every connection is ready");
}

fn survivor() -> (Active, u64) {
    let mut wire = Wire::new();
    open(&mut wire);
    let standby = ready(&mut wire);
    let register = MemoryRegister::new();
    let tenure = register.compare_and_swap(None, identity(2).incarnation, None);
    let promoted = standby.promote(
        tenure.expect("an empty register"),
        Arc::new(register),
        Config::default(),
        host(PAIR, 1),
        false,
        wire.now_us,
    );
    let Promotion { active, taken, .. } = promoted.expect("it was told the secrets");
    assert_eq!(taken.len(), CONNECTIONS);
    (active, wire.now_us)
}

/// Words to each peer's port, with those that may leave now.
fn listen(active: &mut Active, spoken: &mut BTreeMap<u16, usize>) {
    while let Some(frame) = active.release() {
        // What is no TCP segment announces the address.
        if let Some(&[high, low]) = frame.octets().get(PORT_AT..PORT_AT + 2)
            && frame.octets()[12..14] == [8, 0]
        {
            *spoken.entry(u16::from_be_bytes([high, low])).or_default() += 1;
        }
    }
}

#[test]
fn every_connection_speaks_though_the_gate_holds_few_frames() {
    let (mut active, now_us) = survivor();
    let mut spoken = BTreeMap::new();
    active.close_batch(now_us);
    listen(&mut active, &mut spoken);
    assert!(spoken.len() <= GATE_FRAMES, "{}", spoken.len());
    while active.speak_on(now_us) {
        active.close_batch(now_us);
        listen(&mut active, &mut spoken);
    }
    assert_eq!(spoken.len(), CONNECTIONS);
    assert!(spoken.values().all(|words| *words >= 2));
    assert_eq!(active.counters().gate_full, 0);
}

#[test]
fn every_peer_hears_of_the_survivor_before_any_hears_more() {
    let (mut active, now_us) = survivor();
    let mut spoken = BTreeMap::new();
    active.close_batch(now_us);
    listen(&mut active, &mut spoken);
    while spoken.len() < CONNECTIONS {
        assert!(active.speak_on(now_us));
        active.close_batch(now_us);
        let before = spoken.len();
        listen(&mut active, &mut spoken);
        let all = spoken.len() == CONNECTIONS;
        assert!(all || spoken.values().all(|words| *words == 1));
        assert!(spoken.len() > before);
    }
}

#[test]
fn who_does_not_ask_is_served_by_timeouts_and_takes_no_input_before() {
    let (mut active, now_us) = survivor();
    let mut spoken = BTreeMap::new();
    active.close_batch(now_us);
    listen(&mut active, &mut spoken);
    let mut turns = 0;
    while !active.takes_input() {
        assert_eq!(active.next_timeout(), Some(0));
        assert!(turns < 2 * CONNECTIONS);
        active.handle_timeout(now_us);
        active.close_batch(now_us);
        listen(&mut active, &mut spoken);
        turns += 1;
    }
    assert_eq!(spoken.len(), CONNECTIONS);
    assert!(spoken.values().all(|words| *words >= 2));
}
