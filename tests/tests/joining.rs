//! A standby joins: beside traffic, late, in vain, and with garbage on the channel.

use ipc::frame::{self, FrameHeader, FrameKind};
use ipc::schema::v1::{Control, Hello, ResignCause};
use ipc::{Epoch, Incarnation, codec};
use tcp_ha::Protection;
use tcp_ha::core::{DownReason, Readiness, SendMode, StandbyEnd, Standing};
use tcp_ha::engine::ReceiveMode;
use tcp_ha_tests::world::{Doing, Scenario, World};

fn with_state() -> Scenario {
    Scenario {
        octets: 420_000,
        per_turn: 3_000,
        clients: 3,
        message: 700,
        node_state: true,
        protection: Some(Protection {
            application_sync: true,
            ..Protection::default()
        }),
        ..Scenario::default()
    }
}

/// An active that serves, without a standby.
fn alone(scenario: Scenario) -> World {
    let mut world = World::new(scenario);
    world.add_node();
    world.turn();
    world.peer.connect(world.now_us);
    world
}

fn protection_reasons(world: &World) -> Vec<Readiness> {
    let active = world.speaker();
    active
        .engine()
        .connections()
        .map(|id| active.readiness(id))
        .collect()
}

#[test]
fn a_late_replica_comes_to_the_same_state_at_every_lsn() {
    for (receive, send) in [
        (ReceiveMode::Logged, SendMode::Logged),
        (ReceiveMode::Marked, SendMode::Logged),
        (ReceiveMode::Logged, SendMode::Regenerated),
        (ReceiveMode::Marked, SendMode::Regenerated),
    ] {
        for joins_after in [5, 17, 40, 61, 83] {
            let mut scenario = with_state();
            scenario.protection = Some(Protection {
                receive,
                send,
                application_sync: true,
            });
            let mut world = alone(scenario);
            world.turns(joins_after);
            world.add_node();
            let mut compared = 0;
            while !world.all_ready() {
                world.turn();
                compared += world.compare_services();
                assert!(!world.peer.done(), "ready only when all was over");
            }
            while !world.peer.done() {
                world.turn();
                compared += world.compare_services();
            }
            assert!(
                compared > 100,
                "{receive:?} {send:?}: compared {compared} times"
            );
            let standby = &world.nodes[world.standby_at().expect("a standby")].daemon;
            assert!(standby.answered_whole && standby.streams.values().all(|s| s.whole));
        }
    }
}

#[test]
fn a_replica_of_the_first_octet_needs_no_dump() {
    let mut world = World::paired(with_state());
    let mut compared = 0;
    while !world.peer.done() {
        world.turn();
        compared += world.compare_services();
    }
    assert!(compared > 100, "compared {compared} times");
    let at = world.active().expect("an active");
    assert_eq!(
        world.nodes[at].daemon.dumps, 1,
        "only what belongs to no connection was asked for"
    );
}

#[test]
fn the_dump_of_a_former_request_does_not_count_for_the_next_standby() {
    // The first standby dies after it was asked for; the daemon answers when the second is about to join.
    for answers_after in 0..12 {
        let mut world = alone(with_state());
        world.turns(30);
        world.wishes.keeps_its_state = true;
        let first = world.add_node();
        world.turns(10);
        world.kill(first);
        world.turns(2);
        world.add_node();
        world.turns(answers_after);
        world.wishes.keeps_its_state = false;
        world.run_until("ready connections", World::all_ready);
        world.compare_services();
        let standby = &world.nodes[world.standby_at().expect("a standby")].daemon;
        assert!(
            standby.answered_whole && standby.streams.values().all(|stream| stream.whole),
            "answered after {answers_after} turns: ready without the service's state"
        );
        world.fail_over();
        world.finish();
    }
}

#[test]
fn a_connection_accepted_in_the_crowd_of_a_sync_is_whole_at_the_standby() {
    // A bounded amount of snapshots goes into one batch: some connections wait for theirs while they are served already.
    let mut scenario = with_state();
    scenario.clients = 60;
    scenario.octets = 7_000;
    scenario.limits.sync_octets = 300;
    let mut world = World::new(scenario);
    world.add_node();
    world.turn();
    world.add_node();
    world.peer.connect(world.now_us);
    let mut compared = 0;
    while !(world.peer.done() && world.all_ready()) {
        world.turn();
        compared += world.compare_services();
        assert!(world.now_us < 60_000_000);
    }
    assert!(compared > 100, "compared {compared} times");
    let standby = &world.nodes[world.standby_at().expect("a standby")].daemon;
    assert!(standby.streams.values().all(|stream| stream.whole));
    world.kill_active();
    world.peer.send_more(7_000);
    world.finish();
}

#[test]
fn a_standby_pairs_beside_traffic_that_never_pauses() {
    let mut scenario = with_state();
    scenario.clients = 40;
    scenario.octets = 4_200_000;
    scenario.per_turn = 200;
    let mut world = alone(scenario);
    world.turns(100);
    world.add_node();
    let since_us = world.now_us;
    world.run_until("ready connections", |world| {
        world.all_ready() || world.peer.done()
    });
    assert!(world.all_ready(), "paired only after the traffic had ended");
    // SYNs that found no room behind the ARP request come again after a second.
    assert!(world.now_us - since_us < 1_500_000);
}

#[test]
fn without_the_daemons_state_the_pair_is_made_but_nothing_is_ready() {
    let mut scenario = with_state();
    scenario.limits.application_sync_us = 30_000;
    let mut world = alone(scenario);
    world.turns(30);
    world.wishes.keeps_its_state = true;
    world.add_node();
    world.run_until("a pair", World::is_paired);
    let late = Readiness::Down(DownReason::ApplicationSyncTimedOut);
    world.run_until("the end of patience", |world| {
        protection_reasons(world) == [late; 3]
    });
    world.run_for(10_000);
    assert_eq!(
        protection_reasons(&world),
        [late; 3],
        "no ready-record without the state"
    );
    // Who takes over leaves such connections behind, rather than go on with half of a daemon.
    world.onlooker.monotonic.resets_allowed = true;
    world.kill_active();
    world.run_until("the resets", |world| world.peer.lost());
    let survivor = world.active().expect("an active");
    assert_eq!(world.nodes[survivor].left_behind, 3);
    assert_eq!(world.takeovers, 1);
}

#[test]
fn a_standby_that_dies_during_sync_harms_nobody() {
    for dies_after in 0..40 {
        let mut scenario = with_state();
        scenario.limits.sync_octets = 300;
        let mut world = alone(scenario);
        world.turns(30);
        let standby = world.add_node();
        world.turns(dies_after);
        world.kill(standby);
        world.turns(3);
        let reason = world.speaker().unprotected().expect("no standby");
        assert!(
            [
                DownReason::NoStandby,
                DownReason::SyncAborted,
                DownReason::StandbyLost
            ]
            .contains(&reason),
            "died after {dies_after} turns: {reason}"
        );
        world.add_node();
        world.run_until("ready connections", World::all_ready);
        world.fail_over();
        world.finish();
        assert_eq!(world.takeovers, 1);
    }
}

#[test]
fn an_active_that_dies_during_sync_is_not_taken_over_half_known() {
    let mut outcomes = [0, 0];
    for dies_after in 0..60 {
        let mut scenario = with_state();
        scenario.clients = 8;
        scenario.octets = 140_000;
        scenario.limits.sync_octets = 1;
        let mut world = alone(scenario);
        world.onlooker.monotonic.resets_allowed = true;
        world.turns(30);
        let standby = world.add_node();
        world.turns(dies_after);
        let ready = world.all_ready();
        world.kill_active();
        world.run_until("another active", |world| world.active() == Some(standby));
        // The standby may have had the ready-records, and the active not heard of it.
        let taken = world.takeovers == 1 && world.nodes[standby].left_behind == 0;
        assert!(taken || !ready, "died after {dies_after} turns");
        if taken {
            world.finish();
            outcomes[0] += 1;
        } else {
            // Either nothing was known, or what is not ready is left behind: the peer is told so, and can come again.
            world.run_until("the resets", |world| world.peer.lost());
            world.peer.connect(world.now_us);
            let server = world.add_node();
            world.run_until("ready connections", World::all_ready);
            assert!(world.nodes[server].alive);
            outcomes[1] += 1;
        }
    }
    assert!(outcomes[1] > 10, "{outcomes:?}");
}

#[test]
fn another_configuration_is_refused_with_the_reason_on_both_sides() {
    let mut world = alone(with_state());
    world.turns(30);
    let other = world.add_node();
    world.nodes[other].config_digest = [1; 32];
    world.run_until("the refusal", |world| world.nodes[other].ended.is_some());
    let end = world.nodes[other].ended.clone().expect("an end");
    assert_eq!(
        end.to_string(),
        "the active refused this standby: configurations differ"
    );
    assert_eq!(
        world.speaker().unprotected(),
        Some(DownReason::ConfigurationDiffers)
    );
    world.kill(other);
    world.add_node();
    world.run_until("ready connections", World::all_ready);
    world.finish();
}

/// The Hello of a standby `from` to the active, as octets.
fn hello(world: &World, from: Incarnation, versions: (u16, u16), epoch: Epoch) -> Vec<u8> {
    let body = Hello {
        version_min: versions.0,
        version_max: versions.1,
        incarnation: from,
        config_digest: [0; 32],
        heartbeat_us: 5_000,
        software: "another".to_owned(),
        heard: None,
    };
    let to = world.nodes[world.active().expect("an active")].me;
    message(FrameKind::Hello, epoch, from, to, &body)
}

fn message(
    kind: FrameKind,
    epoch: Epoch,
    from: Incarnation,
    to: Incarnation,
    body: &impl serde::Serialize,
) -> Vec<u8> {
    let (mut octets, mut frame) = (Vec::new(), Vec::new());
    codec::encode_into(body, &mut octets).expect("a message");
    let flags = 0;
    let header = FrameHeader {
        kind,
        flags,
        epoch,
        from,
        to,
    };
    frame::encode_into(&header, &[&octets], &mut frame);
    frame
}

/// A channel by which something strange joins the active.
fn stranger(world: &mut World, octets: &[u8]) -> Option<DownReason> {
    world.attach_stranger();
    let now_us = world.now_us;
    world.speaker_mut().ipc_received(now_us, octets);
    world.turns(2);
    world.speaker().unprotected()
}

#[test]
fn another_version_is_refused_with_the_reason() {
    let mut world = alone(with_state());
    world.turns(30);
    let epoch = world.speaker().epoch();
    let octets = hello(
        &world,
        Incarnation::from_bytes([9; 16]),
        (1_000, 1_001),
        epoch,
    );
    let reason = stranger(&mut world, &octets);
    assert_eq!(reason, Some(DownReason::VersionDiffers));
    world.finish();
}

#[test]
fn garbage_instead_of_a_hello_is_dropped() {
    let mut world = alone(with_state());
    world.turns(30);
    stranger(&mut world, b"GET / HTTP/1.1\r\nHost: example.net\r\n\r\n");
    assert!(!world.speaker().has_standby());
    // One that never says anything goes in the end.
    stranger(&mut world, b"");
    assert!(world.speaker().has_standby());
    world.run_until("the end of patience", |world| {
        !world.speaker().has_standby()
    });
    world.add_node();
    world.run_until("ready connections", World::all_ready);
    world.finish();
}

#[test]
fn garbage_from_the_standby_costs_protection_only() {
    for after in 0..12 {
        let mut world = World::paired(with_state());
        let at = world.active().expect("an active");
        world.turns(10 + after);
        if after % 2 == 0 {
            world.channel().garble_to_active();
        } else {
            world.channel().inject_to_active(&[0x5a; 64]);
        }
        world.run_until("the loss of the standby", |world| !world.is_paired());
        world.run_until("ready connections", World::all_ready);
        assert_eq!(world.active(), Some(at));
        assert_eq!(world.takeovers, 0, "the active went on");
        world.fail_over();
        world.finish();
    }
}

#[test]
fn garbage_to_the_standby_costs_protection_only() {
    for after in 0..12 {
        let mut world = World::paired(with_state());
        let at = world.active().expect("an active");
        world.turns(10 + after);
        if after % 2 == 0 {
            world.channel().garble_to_standby();
        } else {
            world.channel().inject_to_standby(&[0x5a; 64]);
        }
        world.run_until("the loss of the standby", |world| !world.is_paired());
        let ended = world.nodes[1].ended.clone().expect("the standby gave up");
        assert!(matches!(ended, StandbyEnd::Garbled(_)), "{ended}");
        world.run_until("ready connections", World::all_ready);
        assert_eq!(world.active(), Some(at));
        assert_eq!(
            world.takeovers, 0,
            "a standby that cannot read takes nothing over"
        );
        world.fail_over();
        world.finish();
    }
}

#[test]
fn a_record_that_contradicts_the_shadow_makes_the_standby_give_up() {
    let mut world = World::paired(with_state());
    let (active, standby) = (world.nodes[0].me, world.nodes[1].me);
    world.turns(10);
    // A well-formed batch in the right place that speaks of a connection nobody announced.
    let mut batch = ipc::BatchBuilder::new();
    tcp_ha::core::record::Record::Readiness {
        id: tcp_ha::engine::ConnectionId(4_711),
        readiness: Readiness::Ready,
    }
    .write(&mut batch);
    let lsn = world.standby().expect("a standby").applied().next();
    let octets = batch.to_bytes(lsn, world.now_us);
    let header = FrameHeader {
        kind: FrameKind::Batch,
        flags: 0,
        epoch: world.speaker().epoch(),
        from: active,
        to: standby,
    };
    let mut frame = Vec::new();
    frame::encode_into(&header, &[&octets], &mut frame);
    world.channel().inject_to_standby(&frame);
    world.run_until("the loss of the standby", |world| !world.is_paired());
    let ended = world.nodes[1].ended.clone().expect("the standby gave up");
    assert!(
        ended
            .to_string()
            .contains("record of connection c4711, which no snapshot announced"),
        "{ended}"
    );
    assert_eq!(world.takeovers, 0);
    world.run_until("ready connections", World::all_ready);
    world.finish();
}

#[test]
fn a_standby_that_resigns_is_not_waited_for() {
    let mut world = World::paired(with_state());
    world.turns(10);
    let Doing::Standby(standby) = &mut world.nodes[1].doing else {
        unreachable!("it shadows")
    };
    standby.resign(ResignCause::Asked, "maintenance");
    world.turns(2);
    let since_us = world.now_us;
    assert_eq!(
        world.speaker().unprotected(),
        Some(DownReason::StandbyResigned)
    );
    world.run_for(2_000);
    assert!(
        world.frames_since(0, since_us) > 0,
        "the active serves alone at once"
    );
    world.finish();
}

#[test]
fn a_standby_that_lost_its_shadow_takes_nothing_over_by_its_old_name() {
    // The register still names it: the active hangs and has not noticed.
    let mut world = World::paired(with_state());
    world.onlooker.monotonic.resets_allowed = true;
    world.turns(10);
    world.nodes[0].suspended = true;
    world.channel().inject_to_standby(&[0x5a; 64]);
    world.run_for(3_000_000);
    assert_eq!(world.takeovers, 0, "it has nothing to go on with");
    world.nodes[0].suspended = false;
    world.run_until("the loss of the standby", |world| !world.is_paired());
    world.run_until("ready connections", World::all_ready);
    assert_eq!(
        world.standby().map(|s| s.standing()),
        Some(Standing::Paired)
    );
    world.finish();
}

#[test]
fn controls_of_a_stranger_do_nothing() {
    // Right form, wrong incarnation: neither side listens.
    let mut world = World::paired(with_state());
    let epoch = world.speaker().epoch();
    let stranger = Incarnation::from_bytes([9; 16]);
    let (active, standby) = (world.nodes[0].me, world.nodes[1].me);
    let goodbye = Control::Goodbye {
        reason: "nobody asked".to_owned(),
    };
    let to_active = message(FrameKind::Control, epoch, stranger, active, &goodbye);
    let to_standby = message(
        FrameKind::Control,
        epoch,
        stranger,
        standby,
        &Control::HandOver {
            epoch: epoch.next(),
        },
    );
    world.channel().inject_to_active(&to_active);
    world.channel().inject_to_standby(&to_standby);
    world.turns(20);
    assert!(world.all_ready());
    world.finish();
}
