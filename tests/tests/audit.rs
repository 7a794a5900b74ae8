//! Audits: a shadow that differs is found within one round, the connection goes down for that reason, is brought to the standby anew,
//! and a takeover afterwards loses nothing. One who sits on the channel makes the shadow differ.

use ipc::schema::{Version, Versions};
use std::cell::Cell;
use std::rc::Rc;
use tcp_ha::Protection;
use tcp_ha::core::record::{self, Record, SnapshotRecord};
use tcp_ha::core::{DownReason, NodeLimits};
use tcp_ha::engine::auth::{PeerKeys, PeerSecurity, SecurityTable};
use tcp_ha::engine::{Config, ConnectionId, ReceiveMode};
use tcp_ha_tests::world::{self, Forger, Scenario, World, Written};

/// The version that the pair speaks.
const VERSION: Version = Versions::SPOKEN.max;

const INTERVAL_US: u64 = 50_000;

fn scenario() -> Scenario {
    Scenario {
        octets: 100_000,
        clients: 3,
        limits: NodeLimits {
            audit_interval_us: INTERVAL_US,
            audit_connections: 2,
            ..NodeLimits::default()
        },
        ..Scenario::default()
    }
}

fn with_own_state() -> Scenario {
    Scenario {
        protection: Some(Protection {
            application_sync: true,
            ..Protection::default()
        }),
        node_state: true,
        ..scenario()
    }
}

fn written(record: &Record<'_>) -> Written {
    world::written(VERSION, record)
}

fn untouched(kind: u16, body: &[u8]) -> Vec<Written> {
    vec![(kind, body.to_vec())]
}

fn failed(world: &World) -> u64 {
    let active = world.speaker();
    let connections = active.engine().connections();
    let histories = connections.filter_map(|id| active.history(id));
    let failed = DownReason::AuditFailed;
    histories
        .chain([active.node_history()])
        .filter_map(|history| history.downs().get(&failed))
        .map(|down| down.count)
        .sum()
}

fn first_connection(world: &World) -> ConnectionId {
    let mut connections = world.speaker().engine().connections();
    connections.next().expect("a connection")
}

/// The whole of the standby's shadow was given up for it.
fn node_failed(world: &World) -> bool {
    let downs = world.speaker().downs();
    downs.contains_key(&DownReason::AuditFailed)
}

/// The channel's forger does its work once, from now on.
fn forge_once(
    world: &mut World,
    mut forge: impl FnMut(u16, &[u8]) -> Option<Vec<Written>> + 'static,
) -> Rc<Cell<bool>> {
    let done = Rc::new(Cell::new(false));
    let told = Rc::clone(&done);
    world.channel().forger = Some(Forger::new(move |kind, body| {
        if told.get() {
            return untouched(kind, body);
        }
        let forged = forge(kind, body);
        told.set(forged.is_some());
        forged.unwrap_or_else(|| untouched(kind, body))
    }));
    done
}

/// Before the next round these records come, which the active never wrote.
fn forge_before_a_round(world: &mut World, records: Vec<Written>) -> Rc<Cell<bool>> {
    forge_once(world, move |kind, body| {
        let mark = matches!(
            record::parse_as(VERSION, kind, body),
            Ok(Record::AuditMark { .. })
        );
        mark.then(|| [records.clone(), untouched(kind, body)].concat())
    })
}

/// The audit finds one mismatch within the round that follows.
fn found(world: &mut World, done: &Cell<bool>) {
    world.run_until("the forgery", |_| done.get());
    let since_us = world.now_us;
    world.run_until("the audit to find it", |world| {
        world.speaker().audits().mismatches > 0
    });
    let took_us = world.now_us - since_us;
    assert!(took_us <= 2 * INTERVAL_US, "it took {took_us} us");
}

/// The connection is whole again, and stays so over a takeover.
fn mended(world: &mut World) {
    world.peer.reads = true;
    world.run_until("ready connections", World::all_ready);
    let rounds = world.speaker().audits().rounds;
    world.run_until("two rounds in peace", |world| {
        world.speaker().audits().rounds >= rounds + 2
    });
    assert_eq!(world.speaker().audits().mismatches, 1, "mended at once");
    assert!(world.all_ready());
    world.fail_over();
    world.peer.send_more(5_000);
    world.finish();
    assert_eq!(world.takeovers, 1);
}

/// A pair whose connections are ready and have nothing under way.
fn idle(scenario: Scenario) -> World {
    let mut world = World::paired(scenario);
    world.finish();
    // The last delayed acknowledgement has come.
    world.run_for(500_000);
    world
}

#[test]
fn an_equal_shadow_is_never_accused() {
    let mut world = World::paired(with_own_state());
    world.compares = true;
    world.finish();
    world.run_for(1_000_000);
    let audits = world.speaker().audits();
    assert!(audits.rounds >= 15, "{audits:?}");
    assert!(audits.digests >= 3 * audits.rounds, "{audits:?}");
    assert!(audits.octets > 0);
    assert_eq!((audits.mismatches, audits.timeouts), (0, 0));
    let standby = world.standby_at().expect("a standby");
    let passed = world.nodes[standby].daemon.audits_passed;
    assert!(passed >= 4 * (audits.rounds - 1), "{passed} of {audits:?}");
}

#[test]
fn an_outbound_octet_that_changed_is_found() {
    // The peer does not read: what is said to it stays unacknowledged.
    let mut world = World::paired(Scenario {
        peer_tcp: Config {
            receive_capacity: 16_384,
            ..Config::default()
        },
        ..scenario()
    });
    world.peer.reads = false;
    let done = forge_once(&mut world, |kind, body| {
        let Ok(Record::Sent { id, offset, octets }) = record::parse_as(VERSION, kind, body) else {
            return None;
        };
        if offset < 16_384 {
            return None;
        }
        let mut spoiled = octets.to_vec();
        spoiled[0] ^= 1;
        let octets = spoiled.as_slice();
        Some(vec![written(&Record::Sent { id, offset, octets })])
    });
    found(&mut world, &done);
    assert_eq!(failed(&world), 1);
    mended(&mut world);
}

#[test]
fn an_inbound_octet_that_changed_is_found() {
    // The service does not read: what came stays with the pair.
    let mut world = World::paired(scenario());
    world.wishes.pauses = true;
    let done = forge_once(&mut world, |kind, body| {
        let Ok(Record::Received { id, offset, octets }) = record::parse_as(VERSION, kind, body)
        else {
            return None;
        };
        if offset < 20_000 {
            return None;
        }
        let mut spoiled = octets.to_vec();
        spoiled[0] ^= 1;
        let octets = spoiled.as_slice();
        Some(vec![written(&Record::Received { id, offset, octets })])
    });
    found(&mut world, &done);
    assert_eq!(failed(&world), 1);
    world.wishes.pauses = false;
    mended(&mut world);
}

#[test]
fn a_field_that_did_not_come_is_found() {
    let mut world = idle(scenario());
    let done = forge_once(&mut world, |kind, body| {
        matches!(record::parse_as(VERSION, kind, body), Ok(Record::Delta(_))).then(Vec::new)
    });
    let (now_us, id) = (world.now_us, first_connection(&world));
    let active = world.speaker_mut();
    let changed = active.change_options(now_us, id, |options| options.dscp ^= 8);
    changed.expect("a live connection");
    world.wake_all();
    found(&mut world, &done);
    assert_eq!(failed(&world), 1);
    mended(&mut world);
}

#[test]
fn a_connection_that_was_forgotten_is_found() {
    let mut world = idle(with_own_state());
    let id = first_connection(&world);
    let done = forge_before_a_round(&mut world, vec![written(&Record::Deleted { id })]);
    found(&mut world, &done);
    assert_eq!(failed(&world), 1);
    mended(&mut world);
}

#[test]
fn a_connection_too_many_is_found_and_goes() {
    let mut world = idle(scenario());
    let shadow = world.standby().expect("a standby").shadow();
    let (_, first) = shadow.connections().next().expect("a connection");
    let mut state = first.state;
    state.identity.tuple.remote.set_port(9);
    let id = ConnectionId(999);
    let snapshot = SnapshotRecord {
        id,
        state,
        send_mode: first.send_mode,
        application_sync: false,
    };
    let extra = written(&Record::Snapshot(Box::new(snapshot)));
    let done = forge_before_a_round(&mut world, vec![extra]);
    found(&mut world, &done);
    world.turns(3);
    let shadow = world.standby().expect("a standby").shadow();
    assert!(shadow.connections().all(|(held, _)| held != id));
    assert_eq!(
        failed(&world),
        0,
        "no connection of the active is concerned"
    );
    mended(&mut world);
}

#[test]
fn keys_that_differ_end_the_standbys_role() {
    let mut world = idle(scenario());
    let mut table = SecurityTable::default();
    let security = PeerSecurity {
        keys: PeerKeys::None,
        ttl_security: Some(1),
    };
    let prefix = "10.0.0.2".parse().expect("a prefix");
    table.set(prefix, security).expect("room");
    let done = forge_before_a_round(&mut world, vec![written(&Record::Security(table))]);
    found(&mut world, &done);
    assert!(node_failed(&world));
    mended(&mut world);
}

#[test]
fn a_replica_that_made_something_else_of_a_message_is_found() {
    let mut world = World::paired(Scenario {
        message: 1_000,
        protection: Some(Protection {
            receive: ReceiveMode::Marked,
            application_sync: true,
            ..Protection::default()
        }),
        ..with_own_state()
    });
    let done = forge_once(&mut world, |kind, body| {
        let Ok(Record::Application {
            id: Some(id),
            octets,
        }) = record::parse_as(VERSION, kind, body)
        else {
            return None;
        };
        let mut spoiled = octets.to_vec();
        *spoiled.last_mut()? ^= 1;
        let octets = spoiled.as_slice();
        let id = Some(id);
        Some(vec![written(&Record::Application { id, octets })])
    });
    found(&mut world, &done);
    assert_eq!(failed(&world), 1);
    mended(&mut world);
}

#[test]
fn state_of_no_connection_that_differs_ends_the_standbys_role() {
    let mut world = idle(with_own_state());
    let octets = 4_711_u64.to_le_bytes();
    let record = Record::Application {
        id: None,
        octets: &octets,
    };
    let done = forge_before_a_round(&mut world, vec![written(&record)]);
    found(&mut world, &done);
    assert!(node_failed(&world));
    mended(&mut world);
}

#[test]
fn a_round_that_was_not_compared_in_full_ends_the_standbys_role() {
    let mut world = idle(scenario());
    let done = forge_once(&mut world, |kind, body| {
        let Ok(Record::Audit { id, .. }) = record::parse_as(VERSION, kind, body) else {
            return None;
        };
        (id.0 > 0).then(Vec::new)
    });
    world.run_until("the forgery", |_| done.get());
    world.run_until("the end of the role", node_failed);
    world.run_until("ready connections", World::all_ready);
    world.fail_over();
    world.peer.send_more(5_000);
    world.finish();
}

/// Before every round these records come, which the active never wrote.
fn forge_before_each_round(world: &mut World, records: Vec<Written>) {
    world.channel().forger = Some(Forger::new(move |kind, body| {
        let read = record::parse_as(VERSION, kind, body);
        if !matches!(read, Ok(Record::AuditMark { .. })) {
            return untouched(kind, body);
        }
        [records.clone(), untouched(kind, body)].concat()
    }));
}

#[test]
fn a_shadow_that_differs_at_every_audit_is_begun_anew_ever_more_seldom() {
    let mut world = idle(scenario());
    let mut table = SecurityTable::default();
    let security = PeerSecurity {
        keys: PeerKeys::None,
        ttl_security: Some(1),
    };
    let prefix = "10.0.0.2".parse().expect("a prefix");
    table.set(prefix, security).expect("room");
    let record = written(&Record::Security(table));
    let pause_us = world.scenario.limits.resync_pause_us;
    let mut last_us = 0;
    for pauses in [0, 0, 1, 2, 4, 8] {
        world.run_until("ready connections", World::all_ready);
        let waited_us = world.now_us - last_us;
        if last_us > 0 {
            let longest_us = pauses * pause_us + 500_000;
            let waits = pauses * pause_us..longest_us;
            assert!(
                waits.contains(&waited_us),
                "{waited_us} us, {pauses} pauses"
            );
        }
        // Each standby has a channel of its own.
        let lost = world.speaker().counters().standby_lost;
        forge_before_a_round(&mut world, vec![record.clone()]);
        world.run_until("the audit to find it", |world| {
            world.speaker().counters().standby_lost > lost
        });
        assert!(node_failed(&world));
        last_us = world.now_us;
    }
    // Once nobody forges any more all is well again, after the last pause at the latest.
    world.run_until("ready connections", World::all_ready);
    world.fail_over();
    world.peer.send_more(5_000);
    world.finish();
}

#[test]
fn a_connection_that_differs_at_every_audit_is_brought_anew_ever_more_seldom() {
    let mut world = idle(scenario());
    let id = first_connection(&world);
    forge_before_each_round(&mut world, vec![written(&Record::Deleted { id })]);
    // With a first pause of 1 s it is tried after 1, 3, 7, 15 and 31 s.
    world.run_for(40_000_000);
    let found = world.speaker().audits().mismatches;
    assert_eq!(found, 6);
    assert!(!node_failed(&world), "the others stay protected");
}

#[test]
fn an_audit_that_is_not_answered_ends_the_standbys_role() {
    let mut world = idle(scenario());
    let done = forge_once(&mut world, |kind, body| {
        matches!(
            record::parse_as(VERSION, kind, body),
            Ok(Record::AuditSweep { .. })
        )
        .then(Vec::new)
    });
    world.run_until("the forgery", |_| done.get());
    let since_us = world.now_us;
    world.run_until("the end of patience", |world| {
        let downs = world.speaker().downs();
        downs.contains_key(&DownReason::AuditTimeout)
    });
    let hold_limit_us = world.scenario.limits.hold_limit_us;
    let took_us = world.now_us - since_us;
    assert!((10 * hold_limit_us..11 * hold_limit_us).contains(&took_us));
    assert_eq!(world.speaker().audits().timeouts, 1);
    world.run_until("ready connections", World::all_ready);
}

#[test]
fn a_handover_never_goes_over_a_connection_that_was_found_to_differ() {
    let mut world = idle(scenario());
    let id = first_connection(&world);
    let done = forge_before_a_round(&mut world, vec![written(&Record::Deleted { id })]);
    world.run_until("the forgery", |_| done.get());
    let asked = world.switchover();
    world.run_until("ready connections", World::all_ready);
    assert!(asked.is_err() || world.takeovers == 0);
    assert_eq!(world.takeovers, 0);
    world.finish();
}
