//! A node is driven into every readiness and to every reason for which protection goes down, and both are read back from the document
//! that operators see, with count and time.

use ipc::frame::{self, FrameHeader, FrameKind};
use ipc::schema::v1::{Hello, ResignCause};
use ipc::{Incarnation, codec};
use serde_json::Value;
use std::collections::BTreeSet;
use tcp_ha::Protection;
use tcp_ha::core::record::{self, Record};
use tcp_ha::core::shadow::ShadowBounds;
use tcp_ha::core::{DownReason, NodeLimits, Readiness};
use tcp_ha::engine::ConnectionId;
use tcp_ha::engine::auth::SecurityTable;
use tcp_ha_tests::world::{Doing, Forger, Scenario, Signing, World};

fn busy() -> Scenario {
    Scenario {
        octets: 1_000_000,
        per_turn: 2_000,
        ..Scenario::default()
    }
}

fn limited(limits: NodeLimits) -> Scenario {
    Scenario { limits, ..busy() }
}

fn with_state() -> Scenario {
    Scenario {
        protection: Some(Protection {
            application_sync: true,
            ..Protection::default()
        }),
        ..busy()
    }
}

/// An active that serves, without a standby.
fn alone(scenario: Scenario) -> World {
    let mut world = World::new(scenario);
    world.add_node();
    world.turn();
    world.peer.connect(world.now_us);
    world.turns(60);
    world
}

fn status(world: &World, at: usize) -> Value {
    serde_json::to_value(world.nodes[at].status(world.now_us)).expect("a document")
}

fn first(world: &World) -> ConnectionId {
    let mut connections = world.speaker().engine().connections();
    connections.next().expect("a connection")
}

fn lost(world: &mut World) {
    world.run_until("the loss of the standby", |world| !world.is_paired());
}

/// Where the reason is to be read.
enum Told {
    /// Of the node as a whole, this one.
    Node(usize),
    /// Of the first connection of the active.
    Connection,
}

use Told::{Connection, Node};

/// Turns until the reason is counted, of the node or of a connection.
fn until(world: &mut World, reason: DownReason) {
    world.run_until(reason.name(), |world| {
        let active = world.speaker();
        let mut histories = active
            .engine()
            .connections()
            .filter_map(|id| active.history(id))
            .chain([active.node_history()]);
        histories.any(|history| history.downs().contains_key(&reason))
    });
}

/// Drives a world to where protection is down for this reason.
fn driven_to(reason: DownReason) -> (World, Told) {
    match reason {
        DownReason::NoStandby
        | DownReason::AfterTakeover
        | DownReason::SyncAborted
        | DownReason::VersionDiffers
        | DownReason::ConfigurationDiffers
        | DownReason::SyncTimedOut => (before_the_pair(reason), Node(0)),
        DownReason::HandedOver | DownReason::Overtaken | DownReason::RegisterUnavailable => {
            (by_the_register(reason), Node(0))
        }
        DownReason::StandbyLost
        | DownReason::StandbyResigned
        | DownReason::StandbySilent
        | DownReason::Lagging
        | DownReason::LogFull
        | DownReason::ChannelGarbled
        | DownReason::RecordRefused
        | DownReason::StandbyFull
        | DownReason::ReplicaFailed
        | DownReason::StandbyDismissed
        | DownReason::AuditTimeout => (by_the_standby(reason), Node(0)),
        DownReason::ClientDisabled
        | DownReason::KeyMissing
        | DownReason::ApplicationSyncTimedOut
        | DownReason::ShareExceeded
        | DownReason::TooLarge
        | DownReason::OperatorCleared
        | DownReason::AuditFailed => (alone_of_its_kind(reason), Connection),
        DownReason::NotCarried => (not_carried(), Connection),
    }
}

/// Only a version above the first has what the first cannot carry.
#[cfg(feature = "schema-v2")]
fn not_carried() -> World {
    use ipc::schema::{Version, Versions};
    let mut world = World::new(busy());
    world.versions = Versions::SPOKEN;
    world.add_node();
    world.turn();
    world.versions = Versions::only(Version::V1);
    world.add_node();
    world.peer.connect(world.now_us);
    world.run_until("ready connections", World::all_ready);
    let (now_us, id) = (world.now_us, first(&world));
    let set = world.speaker_mut().set_trial(now_us, id, 7);
    set.expect("a live connection");
    until(&mut world, DownReason::NotCarried);
    world
}

#[cfg(not(feature = "schema-v2"))]
fn not_carried() -> World {
    unreachable!("this build speaks version 1 alone, which carries everything")
}

/// Whether a node of this build can come to it.
fn is_met(reason: DownReason) -> bool {
    reason != DownReason::NotCarried || cfg!(feature = "schema-v2")
}

fn before_the_pair(reason: DownReason) -> World {
    match reason {
        DownReason::NoStandby => alone(busy()),
        DownReason::AfterTakeover => {
            let mut world = World::paired(busy());
            let at = world.fail_over();
            // The test looks at the first node.
            world.nodes.swap_remove(0);
            assert_eq!(at, 1);
            world
        }
        DownReason::SyncAborted => {
            let mut scenario = with_state();
            scenario.limits.application_sync_us = 10_000_000;
            let mut world = alone(scenario);
            world.wishes.keeps_its_state = true;
            let standby = world.add_node();
            world.turns(20);
            world.kill(standby);
            until(&mut world, reason);
            world
        }
        DownReason::VersionDiffers => {
            let mut world = alone(busy());
            world.attach_stranger();
            let hello = hello_of_another_version(&world);
            let now_us = world.now_us;
            world.speaker_mut().ipc_received(now_us, &hello);
            world
        }
        DownReason::ConfigurationDiffers => {
            let mut world = alone(busy());
            let other = world.add_node();
            world.nodes[other].config_digest = [1; 32];
            until(&mut world, reason);
            world
        }
        _ => {
            let mut scenario = with_state();
            scenario.limits.initial_sync_us = 300_000;
            let mut world = alone(scenario);
            world.wishes.keeps_its_state = true;
            world.add_node();
            until(&mut world, reason);
            world
        }
    }
}

fn hello_of_another_version(world: &World) -> Vec<u8> {
    let from = Incarnation::from_bytes([9; 16]);
    let (mut body, mut octets) = (Vec::new(), Vec::new());
    let hello = Hello {
        version_min: 1_000,
        version_max: 1_001,
        incarnation: from,
        config_digest: [0; 32],
        heartbeat_us: 5_000,
        software: "another".to_owned(),
        heard: None,
    };
    codec::encode_into(&hello, &mut body).expect("a message");
    let header = FrameHeader {
        kind: FrameKind::Hello,
        flags: 0,
        epoch: world.speaker().epoch(),
        from,
        to: world.nodes[0].me,
    };
    frame::encode_into(&header, &[&body], &mut octets);
    octets
}

fn by_the_register(reason: DownReason) -> World {
    let mut world = World::paired(busy());
    match reason {
        DownReason::HandedOver => {
            world.switchover().expect("a ready pair");
            world.run_until("the handover", |world| world.takeovers == 1);
        }
        DownReason::Overtaken => {
            world.nodes[0].suspended = true;
            world.run_until("the takeover", |world| world.takeovers == 1);
            world.nodes[0].suspended = false;
            world.run_until("the fence", |world| {
                matches!(world.nodes[0].doing, Doing::Fenced)
            });
        }
        _ => {
            world.register.set_unavailable(true);
            world.kill(1);
            world.run_for(50_000);
        }
    }
    world
}

fn by_the_standby(reason: DownReason) -> World {
    let mut world = match reason {
        DownReason::LogFull => World::paired(Scenario {
            clients: 40,
            octets: 0,
            ..limited(NodeLimits {
                log_octets: 400_000,
                hold_limit_us: 400_000,
                ..NodeLimits::default()
            })
        }),
        DownReason::AuditTimeout => World::paired(limited(NodeLimits {
            audit_interval_us: 50_000,
            ..NodeLimits::default()
        })),
        DownReason::StandbyFull => {
            let mut world = alone(Scenario {
                clients: 2,
                ..limited(NodeLimits {
                    shadow: ShadowBounds {
                        connections: 1,
                        ..ShadowBounds::default()
                    },
                    ..NodeLimits::default()
                })
            });
            world.add_node();
            until(&mut world, reason);
            return world;
        }
        _ => World::paired(busy()),
    };
    match reason {
        DownReason::StandbyLost => world.kill(1),
        DownReason::StandbyResigned => resign(&mut world, ResignCause::Asked),
        DownReason::ReplicaFailed => resign(&mut world, ResignCause::Replica),
        DownReason::StandbySilent => {
            // Nothing is outstanding.
            world.finish();
            world.run_for(500_000);
            world.nodes[1].suspended = true;
        }
        // It hears the active, and never comes to the end of a batch.
        DownReason::Lagging => world.channel().to_standby.octets_at_a_time = 1,
        DownReason::LogFull => {
            world.channel().to_active.held = true;
            world.peer.send_more(100_000);
        }
        DownReason::ChannelGarbled => world.channel().garble_to_active(),
        DownReason::RecordRefused => {
            let forged = Record::Readiness {
                id: ConnectionId(4_711),
                readiness: Readiness::Ready,
            };
            forge_once(&mut world, &forged, false);
        }
        DownReason::StandbyDismissed => {
            let now_us = world.now_us;
            let active = world.speaker_mut();
            active.dismiss_standby(now_us).expect("there is one");
        }
        _ => drop_sweeps(&mut world),
    }
    if reason == DownReason::StandbyDismissed {
        return world;
    }
    lost(&mut world);
    until(&mut world, reason);
    world
}

fn resign(world: &mut World, cause: ResignCause) {
    let Doing::Standby(standby) = &mut world.nodes[1].doing else {
        unreachable!("it shadows")
    };
    standby.resign(cause, "for the test");
}

type Written = (u16, Vec<u8>);

fn written(record: &Record<'_>) -> Written {
    let mut batch = ipc::BatchBuilder::new();
    record.write(&mut batch);
    let batch = ipc::OwnedBatch::parse(batch.to_bytes(ipc::Lsn(1), 0)).expect("a batch");
    let first = batch.records().next().expect("a record");
    (first.kind, first.body.to_vec())
}

/// One record that the active never wrote comes before the next one, or before the next audit.
fn forge_once(world: &mut World, record: &Record<'_>, before_an_audit: bool) {
    let mut forged = Some(written(record));
    world.channel().forger = Some(Forger::new(move |kind, body| {
        let mark = matches!(record::parse(kind, body), Ok(Record::AuditMark { .. }));
        let own = [(kind, body.to_vec())];
        let due = mark || !before_an_audit;
        let added = if due { forged.take() } else { None };
        added.into_iter().chain(own).collect()
    }));
}

fn drop_sweeps(world: &mut World) {
    world.channel().forger = Some(Forger::new(|kind, body| match record::parse(kind, body) {
        Ok(Record::AuditSweep { .. }) => Vec::new(),
        _ => vec![(kind, body.to_vec())],
    }));
}

fn alone_of_its_kind(reason: DownReason) -> World {
    let mut world = match reason {
        DownReason::ApplicationSyncTimedOut => {
            let mut scenario = with_state();
            scenario.limits.application_sync_us = 30_000;
            let mut world = alone(scenario);
            world.wishes.keeps_its_state = true;
            world.add_node();
            world
        }
        DownReason::TooLarge => {
            let mut scenario = limited(NodeLimits {
                connection_octets: 10_000,
                ..NodeLimits::default()
            });
            scenario.peer_tcp.receive_capacity = 4_000;
            let mut world = alone(scenario);
            // What is said to a peer that does not read stays with the pair.
            world.peer.reads = false;
            world.run_for(300_000);
            world.add_node();
            world
        }
        DownReason::ShareExceeded => World::paired(limited(NodeLimits {
            connection_octets: 40_000,
            ..NodeLimits::default()
        })),
        DownReason::KeyMissing => World::paired(Scenario {
            signing: Signing::Md5,
            ..busy()
        }),
        DownReason::AuditFailed => World::paired(limited(NodeLimits {
            audit_interval_us: 50_000,
            ..NodeLimits::default()
        })),
        _ => World::paired(busy()),
    };
    let (now_us, id) = (world.now_us, first(&world));
    match reason {
        DownReason::ClientDisabled => world.speaker_mut().protect(now_us, id, None),
        DownReason::OperatorCleared => {
            let cleared = world.speaker_mut().clear_protection(now_us, id);
            cleared.expect("it is protected");
        }
        DownReason::KeyMissing => world.speaker_mut().set_security(SecurityTable::default()),
        DownReason::ShareExceeded => {
            world.channel().to_active.held = true;
            world.peer.send_more(1_000_000);
        }
        DownReason::AuditFailed => forge_once(&mut world, &Record::Deleted { id }, true),
        _ => {}
    }
    until(&mut world, reason);
    world
}

#[test]
fn every_reason_is_told_with_its_count_and_its_time() {
    for reason in DownReason::ALL.into_iter().filter(|it| is_met(*it)) {
        let (world, told) = driven_to(reason);
        let (document, scope) = match told {
            Node(at) => (status(&world, at), "the node"),
            Connection => {
                let at = world.active().expect("an active");
                let connections = status(&world, at)["connections"].take();
                (connections[0].clone(), "a connection")
            }
        };
        let readiness = &document["readiness"];
        let name = reason.name();
        let counted = &readiness["downs"][name];
        assert!(
            counted["count"].as_u64() >= Some(1),
            "{name} of {scope}: {readiness:#}"
        );
        let last_us = counted["last_unix_us"].as_u64().expect("a time");
        assert!(
            (1_000_000..=world.now_us).contains(&last_us),
            "{name}: {last_us}"
        );
        let last = &readiness["last_down"];
        assert_eq!(last["reason"], name, "{scope}: {readiness:#}");
        assert_eq!(last["text"], reason.to_string());
        assert_eq!(last["at_unix_us"], last_us);
    }
}

/// What the connections of the active say of themselves.
fn states(world: &World, at: usize) -> BTreeSet<String> {
    let document = status(world, at);
    let connections = document["connections"].as_array().expect("a list");
    connections
        .iter()
        .chain([&document])
        .filter_map(|it| it["readiness"]["state"].as_str().map(str::to_owned))
        .collect()
}

#[test]
fn every_readiness_is_told_on_the_way() {
    let mut scenario = with_state();
    scenario.clients = 12;
    scenario.limits.sync_octets = 300;
    let mut world = alone(scenario);
    world.wishes.keeps_its_state = true;
    world.add_node();
    let mut seen = BTreeSet::new();
    while !world.all_ready() {
        world.turn();
        seen.extend(states(&world, 0));
        if seen.contains("application-sync") {
            world.wishes.keeps_its_state = false;
        }
    }
    let id = first(&world);
    let now_us = world.now_us;
    let cleared = world.speaker_mut().clear_protection(now_us, id);
    cleared.expect("it is protected");
    seen.extend(states(&world, 0));
    let unprotected = Scenario {
        protection: None,
        ..busy()
    };
    seen.extend(states(&alone(unprotected), 0));
    let all = [
        "application-sync",
        "down",
        "none",
        "ready",
        "tcp-initial-sync",
        "tcp-second-phase",
    ];
    assert_eq!(seen, all.map(str::to_owned).into());
}

#[test]
fn the_standby_tells_how_far_it_is() {
    let mut scenario = busy();
    scenario.clients = 12;
    scenario.limits.sync_octets = 300;
    let mut world = alone(scenario);
    let standby = world.add_node();
    let mut seen = BTreeSet::new();
    while !world.all_ready() {
        world.turn();
        seen.extend(states(&world, standby));
    }
    let all = ["none", "ready", "tcp-initial-sync", "tcp-second-phase"];
    assert_eq!(seen, all.map(str::to_owned).into());
}

/// The rows of the page's table of reasons, as cells.
fn documented() -> Vec<Vec<String>> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/readiness.md");
    let text = std::fs::read_to_string(page).expect("the page can be read");
    let reasons = text.split("## The reasons").nth(1).expect("a chapter");
    let reasons = reasons.split("\n## ").next().expect("its text");
    let rows = reasons.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells = row.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    })
    .collect()
}

#[test]
fn the_page_has_every_reason_with_its_sentence_and_what_ends_it() {
    let rows = documented();
    let told: Vec<[&str; 3]> = rows
        .iter()
        .map(|row| [row[0].trim_matches('`'), row[2].as_str(), row[4].as_str()])
        .collect();
    let texts = DownReason::ALL.map(|reason| {
        let (text, remedy) = (reason.to_string(), reason.remedy().to_string());
        (reason.name(), text, remedy)
    });
    let expected: Vec<[&str; 3]> = texts
        .iter()
        .map(|(name, text, remedy)| [*name, text.as_str(), remedy.as_str()])
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn the_page_has_the_bounds_by_name() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/readiness.md");
    let text = std::fs::read_to_string(page).expect("the page can be read");
    let limits = format!("{:?}", NodeLimits::default());
    let bounds = text.split("## Bounds").nth(1).expect("a chapter");
    for row in bounds.lines().filter(|line| line.starts_with("| `")) {
        let names = row.split('|').nth(1).expect("a cell");
        for name in names.split('`').skip(1).step_by(2) {
            assert!(limits.contains(&format!("{name}: ")), "no bound {name}");
        }
    }
}
