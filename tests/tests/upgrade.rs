//! Nodes of version 1 and nodes of a trial version 2, which has one more field in the checkpoint and one more kind of record: they back
//! each other up both ways, and what the older version cannot carry is never called protected. Needs the feature `schema-v2`.
#![cfg(feature = "schema-v2")]

use ipc::schema::{Version, Versions};
use tcp_ha::core::{DownReason, Readiness};
use tcp_ha::engine::ConnectionId;
use tcp_ha_tests::world::{Scenario, World};

const V1: Versions = Versions::only(Version::V1);
const V2: Versions = Versions::SPOKEN;

fn scenario() -> Scenario {
    Scenario {
        octets: 60_000,
        clients: 2,
        ..Scenario::default()
    }
}

/// A pair of these versions, with connections that are ready.
fn paired(active: Versions, standby: Versions) -> World {
    let mut world = World::new(scenario());
    world.compares = true;
    world.versions = active;
    world.add_node();
    world.turn();
    world.versions = standby;
    world.add_node();
    world.peer.connect(world.now_us);
    world.run_until("ready connections", World::all_ready);
    world
}

fn connections(world: &World) -> Vec<ConnectionId> {
    world.speaker().engine().connections().collect()
}

fn trial(world: &World, id: ConnectionId) -> u32 {
    let state = world.speaker().engine().snapshot(id);
    state.expect("a live connection").lifecycle.trial
}

fn set_trial(world: &mut World, id: ConnectionId, trial: u32) {
    let now_us = world.now_us;
    let set = world.speaker_mut().set_trial(now_us, id, trial);
    set.expect("a live connection");
    world.wake_all();
}

fn agreed(world: &World) -> Version {
    let standby = world.standby().expect("a standby").version();
    assert_eq!(world.speaker().version(), standby);
    standby
}

/// The standby dies, and the active knows.
fn lose(world: &mut World, standby: usize) {
    world.kill(standby);
    world.run_until("the loss of the standby", |world| !world.is_paired());
}

/// A new standby of this version joins the survivor.
fn backed_again(world: &mut World, versions: Versions) {
    world.versions = versions;
    world.add_node();
    world.run_until("ready connections", World::all_ready);
}

#[test]
fn every_pair_of_versions_fails_over_both_ways() {
    for (first, second) in [(V1, V1), (V1, V2), (V2, V1), (V2, V2)] {
        let newest = if first == V2 && second == V2 { 2 } else { 1 };
        let mut world = paired(first, second);
        assert_eq!(agreed(&world), Version(newest));
        world.turns(10);
        world.fail_over();
        backed_again(&mut world, first);
        assert_eq!(agreed(&world), Version(newest));
        world.turns(10);
        world.fail_over();
        backed_again(&mut world, second);
        world.finish();
        assert_eq!(world.takeovers, 2);
        assert!(world.level > 0);
    }
}

#[test]
fn two_nodes_of_version_2_carry_its_field_and_its_record() {
    let mut world = paired(V2, V2);
    let ids = connections(&world);
    set_trial(&mut world, ids[0], 4_711);
    world.speaker_mut().set_trial_note(99);
    world.turns(10);
    assert!(world.all_ready());
    world.fail_over();
    assert_eq!((trial(&world, ids[0]), trial(&world, ids[1])), (4_711, 0));
    assert_eq!(world.speaker().trial_note(), 99);
    // Once more, now by a snapshot.
    backed_again(&mut world, V2);
    world.fail_over();
    assert_eq!(trial(&world, ids[0]), 4_711);
    assert_eq!(world.speaker().trial_note(), 99);
    world.finish();
}

#[test]
fn a_standby_of_version_2_takes_the_field_for_what_it_was_before() {
    let mut world = paired(V1, V2);
    let ids = connections(&world);
    world.turns(10);
    world.fail_over();
    assert!(ids.iter().all(|id| trial(&world, *id) == 0));
    assert_eq!(world.speaker().trial_note(), 0);
    world.finish();
}

#[test]
fn what_version_1_cannot_carry_is_not_called_protected() {
    let mut world = paired(V2, V1);
    let ids = connections(&world);
    set_trial(&mut world, ids[0], 7);
    world.turns(1);
    let not_carried = Readiness::Down(DownReason::NotCarried);
    assert_eq!(world.speaker().readiness(ids[0]), not_carried);
    assert_eq!(world.speaker().readiness(ids[1]), Readiness::Ready);
    let history = world.speaker().history(ids[0]).expect("it was asked for");
    assert_eq!(history.downs()[&DownReason::NotCarried].count, 1);
    world.run_for(100_000);
    let shadow = world.standby().expect("a standby").shadow();
    let held: Vec<_> = shadow.connections().map(|(id, _)| id).collect();
    assert_eq!(held, [ids[1]], "the standby knows nothing of it");
    assert!(world.switchover().is_err(), "it would be lost");
    // The other one survives; this one is excused.
    world.fail_over();
    assert_eq!(connections(&world), [ids[1]]);
}

#[test]
fn it_is_protected_again_when_it_says_nothing_new_or_the_standby_understands() {
    let mut world = paired(V2, V1);
    let ids = connections(&world);
    set_trial(&mut world, ids[0], 7);
    world.turns(5);
    assert!(!world.all_ready());
    set_trial(&mut world, ids[0], 0);
    world.run_until("ready connections", World::all_ready);
    set_trial(&mut world, ids[0], 8);
    world.turns(5);
    assert!(!world.all_ready());
    let old = world.standby_at().expect("a standby");
    lose(&mut world, old);
    backed_again(&mut world, V2);
    assert_eq!(agreed(&world), Version::V2);
    world.fail_over();
    assert_eq!(trial(&world, ids[0]), 8);
    world.finish();
}

#[test]
fn a_connection_that_version_1_cannot_carry_never_gets_there() {
    let mut world = World::new(scenario());
    world.compares = true;
    world.add_node();
    world.peer.connect(world.now_us);
    world.turns(30);
    let ids = connections(&world);
    set_trial(&mut world, ids[0], 7);
    world.versions = V1;
    world.add_node();
    world.run_until("a pair", World::is_paired);
    world.run_for(50_000);
    let not_carried = Readiness::Down(DownReason::NotCarried);
    assert_eq!(world.speaker().readiness(ids[0]), not_carried);
    assert_eq!(world.speaker().readiness(ids[1]), Readiness::Ready);
    world.finish();
}

#[test]
fn an_upgrade_goes_by_standby_switchover_and_standby() {
    let mut world = paired(V1, V1);
    let ids = connections(&world);
    let old_standby = world.standby_at().expect("a standby");
    lose(&mut world, old_standby);
    backed_again(&mut world, V2);
    assert_eq!(agreed(&world), Version::V1);
    world.switchover().expect("all are ready");
    world.run_until("the handover", |world| world.takeovers == 1);
    backed_again(&mut world, V2);
    assert_eq!(agreed(&world), Version::V2);
    set_trial(&mut world, ids[1], 5);
    world.turns(10);
    assert!(world.all_ready());
    world.fail_over();
    assert_eq!(trial(&world, ids[1]), 5);
    world.finish();
    assert_eq!(world.peer.clients.len(), 2);
}

#[test]
fn nothing_in_common_is_refused_and_shown_on_both_sides() {
    let mut world = World::new(scenario());
    world.versions = V1;
    world.add_node();
    world.turn();
    world.versions = Versions::only(Version::V2);
    let other = world.add_node();
    world.run_until("a refusal", |world| world.nodes[other].ended.is_some());
    let downs = world.speaker().downs();
    assert!(downs.contains_key(&DownReason::VersionDiffers));
    assert_eq!(
        world.speaker().unprotected(),
        Some(DownReason::VersionDiffers)
    );
    let told = world.nodes[other].told();
    assert!(
        told.contains("no version of the messages in common"),
        "{told}"
    );
    world.peer.connect(world.now_us);
    world.finish();
}
