//! I9: each bound has a name and a defined end. What was well goes on.

use bytes::Bytes;
use tcp_ha::Protection;
use tcp_ha::core::record::{self, Record, SnapshotRecord};
use tcp_ha::core::shadow::{Shadow, ShadowBounds, ShadowError};
use tcp_ha::core::{DownReason, NodeEvent, NodeLimits, SendMode};
use tcp_ha::engine::{
    Config, ConnectionId, ConnectionState, Effects, Engine, Error, Instant, Secrets,
};
use tcp_ha_tests::world::{Family, PORT, Scenario, Stranger, World};

fn limited(limits: NodeLimits) -> Scenario {
    Scenario {
        octets: 300_000,
        limits,
        ..Scenario::default()
    }
}

#[test]
fn a_full_gate_takes_no_more_input_and_loses_no_connection() {
    let mut world = World::paired(Scenario {
        clients: 30,
        octets: 60_000,
        per_turn: 3_000,
        limits: NodeLimits {
            gate_frames: 40,
            hold_limit_us: 400_000,
            ..NodeLimits::default()
        },
        ..Scenario::default()
    });
    let at = world.active().expect("an active");
    world.channel().to_active.held = true;
    let since_us = world.now_us;
    world.run_for(250_000);
    assert_eq!(world.frames_since(at, since_us + 500), 0);
    assert!(!world.speaker().takes_input(), "no room, no input");
    assert!(
        world.speaker().counters().gate_full > 0,
        "what found no room is counted"
    );
    world.channel().to_active.held = false;
    world.finish();
    assert!(world.is_paired(), "the standby was slow, and is not lost");
}

#[test]
fn a_full_log_costs_the_standby_and_says_so() {
    let mut world = World::paired(Scenario {
        clients: 40,
        octets: 0,
        limits: NodeLimits {
            log_octets: 400_000,
            hold_limit_us: 400_000,
            ..NodeLimits::default()
        },
        ..Scenario::default()
    });
    world.channel().to_active.held = true;
    world.peer.send_more(100_000);
    let since_us = world.now_us;
    world.run_until("the end of the log", |world| !world.is_paired());
    assert_eq!(world.speaker().unprotected(), Some(DownReason::LogFull));
    assert!(
        world.now_us - since_us < 100_000,
        "before any patience ended"
    );
    world.finish();
}

#[test]
fn a_slow_standby_gets_its_snapshots_as_it_takes_them_in() {
    // More is to be sent than the log holds: it is sent piece by piece, and the log never fills.
    let mut world = World::new(Scenario {
        clients: 40,
        octets: 30_000,
        per_turn: 30_000,
        limits: NodeLimits {
            log_octets: 300_000,
            sync_octets: 50_000,
            ..NodeLimits::default()
        },
        peer_tcp: Config {
            receive_capacity: 4_000,
            ..Config::default()
        },
        ..Scenario::default()
    });
    world.add_node();
    world.turn();
    world.peer.reads = false;
    world.peer.connect(world.now_us);
    world.run_for(300_000);
    world.add_node();
    world.turns(2);
    world.channel().to_standby.held = true;
    world.run_for(60_000);
    while world.now_us < 10_000_000 && !world.all_ready() {
        assert!(
            world.speaker().has_standby(),
            "the standby was given up: {:?}",
            world.speaker().unprotected()
        );
        world.channel().to_standby.held = false;
        world.turn();
        world.channel().to_standby.held = true;
        world.turns(40);
    }
    assert!(world.all_ready());
    assert_eq!(world.speaker().counters().standby_lost, 0);
    world.channel().to_standby.held = false;
    world.turns(3);
    world.fail_over();
    world.peer.reads = true;
    world.finish();
}

#[test]
fn a_record_larger_than_a_batch_is_refused() {
    let mut world = World::paired(limited(NodeLimits::default()));
    let now_us = world.now_us;
    let huge = vec![0; 65 << 20];
    let active = world.speaker_mut();
    assert_eq!(
        active.record(now_us, None, &huge, None),
        Err(Error::OutOfRange)
    );
    world.finish();
    assert!(world.is_paired());
}

#[test]
fn a_batch_larger_than_a_batch_may_be_costs_the_standby_and_says_so() {
    let mut world = World::paired(limited(NodeLimits::default()));
    let now_us = world.now_us;
    let large = vec![0; 9 << 20];
    let active = world.speaker_mut();
    for _ in 0..8 {
        active
            .record(now_us, None, &large, None)
            .expect("a large record");
    }
    world.turns(2);
    assert_eq!(world.speaker().unprotected(), Some(DownReason::LogFull));
    world.finish();
}

#[test]
fn a_mark_beyond_what_was_received_takes_nothing_along() {
    // Effect and mark are one: where the mark is refused, nothing was said and nothing recorded.
    let mut world = World::paired(limited(NodeLimits::default()));
    world.finish();
    world.turns(5);
    let id = world
        .speaker()
        .engine()
        .connections()
        .next()
        .expect("a connection");
    let (now_us, before) = (world.now_us, world.speaker().lsns().0);
    let active = world.speaker_mut();
    let said = active.engine().connection(id).expect("it").snd_end;
    let beyond = Some(300_001);
    assert_eq!(
        active.write(now_us, id, b"answer", beyond),
        Err(Error::OutOfRange)
    );
    assert_eq!(
        active.record(now_us, Some(id), b"effect", beyond),
        Err(Error::OutOfRange)
    );
    assert_eq!(active.engine().connection(id).expect("it").snd_end, said);
    world.turns(5);
    assert_eq!(world.speaker().lsns().0, before, "nothing was recorded");
    assert_eq!(
        world
            .speaker_mut()
            .record(now_us, Some(ConnectionId(4_711)), b"effect", Some(1)),
        Err(Error::UnknownConnection)
    );
}

#[test]
fn half_open_connections_have_a_budget_of_their_own_and_no_records() {
    let mut world = World::paired(Scenario {
        pair_tcp: Config {
            max_half_open: 50,
            ..Config::default()
        },
        ..limited(NodeLimits::default())
    });
    let batches = world.speaker().counters().checkpoints;
    for frame in Stranger::new(Family::V4).syns(PORT, 400) {
        world.inject(frame);
    }
    world.turns(2);
    assert_eq!(world.speaker().engine().connections().count(), 51);
    let shadowed = |world: &World| {
        world
            .standby()
            .expect("a standby")
            .shadow()
            .connections()
            .count()
    };
    assert_eq!(
        shadowed(&world),
        1,
        "half-open connections are not recorded"
    );
    assert!(world.speaker().counters().checkpoints - batches < 10);
    world.finish();
    world.fail_over();
    world.peer.send_more(10_000);
    world.finish();
}

#[test]
fn connections_that_came_by_a_cookie_are_protected_like_others() {
    let mut world = World::new(Scenario {
        clients: 3,
        pair_tcp: Config {
            max_half_open: 1,
            ..Config::default()
        },
        ..limited(NodeLimits::default())
    });
    world.add_node();
    world.turn();
    world.add_node();
    for frame in Stranger::new(Family::V4).syns(PORT, 20) {
        world.inject(frame);
    }
    world.turns(2);
    world.peer.connect(world.now_us);
    world.run_for(200_000);
    assert_eq!(world.speaker().engine().counters().cookies_taken, 3);
    world.finish();
    world.fail_over();
    world.peer.send_more(10_000);
    world.finish();
}

#[test]
fn connections_beyond_the_bound_are_not_opened() {
    let mut world = World::new(Scenario {
        clients: 12,
        octets: 5_000,
        pair_tcp: Config {
            max_connections: 8,
            ..Config::default()
        },
        ..Scenario::default()
    });
    world.add_node();
    world.turn();
    world.add_node();
    world.peer.connect(world.now_us);
    world.run_for(200_000);
    assert_eq!(world.speaker().engine().connections().count(), 8);
    assert_eq!(world.peer.returned(), 8 * 5_000);
    assert_eq!(
        world.standby().expect("one").shadow().connections().count(),
        8
    );
}

/// Checkpoints of `count` connections.
fn checkpoints(count: usize) -> Vec<(ConnectionId, ConnectionState)> {
    let world = World::paired(Scenario {
        clients: count,
        octets: 0,
        ..Scenario::default()
    });
    let engine = world.speaker().engine();
    engine
        .connections()
        .map(|id| (id, engine.snapshot(id).expect("a checkpoint")))
        .collect()
}

fn snapshot(id: ConnectionId, state: ConnectionState) -> Record<'static> {
    let Protection {
        application_sync, ..
    } = Protection::default();
    Record::Snapshot(Box::new(SnapshotRecord {
        id,
        state,
        send_mode: SendMode::Logged,
        application_sync,
    }))
}

const SMALL: ShadowBounds = ShadowBounds {
    octets: 1_000,
    connections: 3,
    neighbours: 5,
};

#[test]
fn a_shadow_holds_no_more_than_its_bounds() {
    let states = checkpoints(4);
    let mut events: Vec<NodeEvent> = Vec::new();
    let mut shadow = Shadow::bounded(SMALL);
    for &(id, state) in &states[..3] {
        shadow
            .apply(snapshot(id, state), &mut events)
            .expect("within the bound");
    }
    let (id, state) = states[3];
    assert_eq!(
        shadow.apply(snapshot(id, state), &mut events),
        Err(ShadowError::TooMuch("connections"))
    );
    let id = states[0].0;
    let octets = Bytes::from_static(&[7; 600]);
    let sent = |offset| Record::Sent {
        id,
        offset,
        octets: &octets,
    };
    let received = |offset| Record::Received {
        id,
        offset,
        octets: &octets,
    };
    shadow
        .apply(sent(0), &mut events)
        .expect("within the bound");
    shadow
        .apply(received(0), &mut events)
        .expect("within the bound");
    assert_eq!(
        shadow.apply(sent(600), &mut events),
        Err(ShadowError::TooMuch("sent octets"))
    );
    assert_eq!(
        shadow.apply(received(600), &mut events),
        Err(ShadowError::TooMuch("received octets"))
    );
    for last in 0..6 {
        let applied = shadow.apply(
            Record::Neighbour {
                address: [10, 0, 0, last].into(),
                link: [2, 0, 0, 0, 0, last],
            },
            &mut events,
        );
        let expected = if last < 5 {
            Ok(())
        } else {
            Err(ShadowError::TooMuch("neighbours"))
        };
        assert_eq!(applied, expected);
    }
}

#[test]
fn records_of_another_form_are_refused_and_never_panic() {
    let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
    let mut octets = Vec::new();
    for round in 0..20_000_u64 {
        octets.clear();
        for _ in 0..round % 300 {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            octets.push(dice as u8);
        }
        let mut shadow = Shadow::bounded(SMALL);
        let mut events = Vec::new();
        if let Ok(record) = record::parse((round % 12) as u16, &octets) {
            let _ = shadow.apply(record, &mut events);
            let _ = shadow.end_batch(&mut events);
        }
    }
}

#[test]
fn checkpoints_damaged_anywhere_are_refused_or_harmless() {
    let (id, state) = checkpoints(1)[0];
    let mut batch = ipc::BatchBuilder::new();
    snapshot(id, state).write(&mut batch);
    let whole = batch.to_bytes(ipc::Lsn(1), 0);
    let whole = ipc::OwnedBatch::parse(whole).expect("a batch");
    let first = whole.records().next().expect("a record");
    let (kind, body) = (first.kind, first.body.to_vec());
    for at in 0..body.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut damaged = body.clone();
            damaged[at] ^= flip;
            let Ok(record) = record::parse(kind, &damaged) else {
                continue;
            };
            let mut shadow = Shadow::bounded(SMALL);
            let mut events = Vec::new();
            if shadow.apply(record, &mut events).is_err() || shadow.end_batch(&mut events).is_err()
            {
                continue;
            }
            // What a shadow takes in, an engine refuses or takes up; neither panics, then or later.
            let mut engine =
                Engine::new(Config::default(), Secrets::from_bytes(&[3; Secrets::LEN]));
            let now = Instant::from_micros(1_000_000);
            for (id, connection) in shadow.connections() {
                let restored = engine.restore(now, id, &connection.state, &[], Some(&[]));
                let mut fx = Effects::default();
                if restored.is_ok() {
                    let _ = engine.resume(now, id, 1_000, &mut fx);
                    engine.handle_timeout(Instant::from_micros(90_000_000), &mut fx);
                }
            }
        }
    }
}

#[test]
fn a_mark_that_was_passed_already_takes_its_answer_along() {
    // A daemon whose reader marks by reading on may answer later, with an older mark.
    let mut world = World::paired(limited(NodeLimits::default()));
    world.finish();
    let ids: Vec<ConnectionId> = world.speaker().engine().connections().collect();
    let now_us = world.now_us;
    let active = world.speaker_mut();
    let said = active.engine().connection(ids[0]).expect("it").snd_end;
    active
        .write(now_us, ids[0], b"late", Some(100))
        .expect("the answer goes out");
    active
        .record(now_us, Some(ids[0]), b"late", Some(100))
        .expect("the record is taken");
    assert_eq!(
        active.engine().connection(ids[0]).expect("it").snd_end,
        said + 4
    );
}
