//! A replica is its speaker's equal at every point of the feed, and sends exactly the difference when it goes live.

use std::time::Duration;

use crate::fsm::State;
use crate::prefix::Family;
use crate::speaker::{ConnId, Input, Output, Speaker};
use crate::time::Instant;
use crate::world::{World, route};

/// Everything in which a replica must agree with its speaker.
fn assert_equal(seed: u64, live: &Speaker, replica: &Speaker) {
    let machines = |speaker: &Speaker| -> Vec<_> {
        let it = speaker.sessions.iter();
        it.map(|(conn, it)| {
            (
                *conn,
                it.peer,
                it.opener,
                it.state,
                it.negotiated,
                it.closing,
                it.inbound_total,
                it.outbound_total,
            )
        })
        .collect()
    };
    assert_eq!(machines(live), machines(replica), "seed {seed}");
    for (conn, session) in &live.sessions {
        let waiting = |speaker: &Speaker| {
            speaker.sessions[conn]
                .control
                .iter()
                .cloned()
                .collect::<Vec<_>>()
        };
        if session.state != State::Established {
            assert_eq!(waiting(live), waiting(replica), "seed {seed}, {conn:?}");
        }
    }
    assert_eq!(live.originated, replica.originated, "seed {seed}");
    assert!(live.routes().eq(replica.routes()), "seed {seed}: Loc-RIB");
    for peer in &live.config.peers {
        let peer = peer.address;
        assert_eq!(
            live.routes_in(peer),
            replica.routes_in(peer),
            "seed {seed}: Adj-RIB-In of {peer}"
        );
        assert_eq!(
            live.routes_out(peer),
            replica.routes_out(peer),
            "seed {seed}: Adj-RIB-Out of {peer}"
        );
    }
    let counters = |speaker: &Speaker| {
        speaker
            .status(Instant::ZERO)
            .peers
            .into_iter()
            .map(|it| it.counters)
            .collect::<Vec<_>>()
    };
    assert_eq!(counters(live), counters(replica), "seed {seed}: counters");
}

fn churn(world: &mut World, nodes: usize) {
    let node = usize::try_from(world.random.below(nodes as u64)).unwrap_or(0);
    let number = u32::try_from(world.random.below(40)).unwrap_or(0);
    let community = u32::try_from(world.random.below(3)).unwrap_or(0);
    let (announce, withdraw) = if world.random.below(3) == 0 {
        (vec![], vec![route(number, 0).prefix])
    } else {
        (vec![route(number, community)], vec![])
    };
    world.input(node, Input::Originate { announce, withdraw });
}

fn run_some(world: &mut World, limit: u64, mut each: impl FnMut(&World)) {
    for _ in 0..world.random.below(limit) {
        world.step();
        each(world);
    }
}

#[test]
fn replica_equals_its_speaker_after_every_step() {
    for seed in 0..60 {
        let mut world = World::star(seed, Family::Ipv4, 3);
        world.follow();
        world.start();
        for round in 0..60 {
            churn(&mut world, 4);
            run_some(&mut world, 60, |world| {
                assert_equal(
                    seed,
                    &world.nodes[0].speaker,
                    world.replica.as_ref().expect("a replica"),
                );
            });
            if round % 20 == 19 {
                let open = world.open_pipes();
                if let Some(pipe) = open.first() {
                    world.cut(*pipe);
                }
                world.pass_time(Duration::from_secs(6));
            }
        }
    }
}

#[test]
fn a_survivor_tells_each_peer_what_it_should_know_and_nothing_twice() {
    for seed in 0..150 {
        let mut world = World::star(seed, Family::Ipv4, 4);
        world.follow();
        world.start();
        // Half of the seeds cut while the sessions come up, half in the middle of the churn.
        if seed % 2 == 0 {
            world.settle();
        }
        for _ in 0..30 {
            churn(&mut world, 5);
            run_some(&mut world, 40, |_| {});
        }
        let before: Vec<_> = world.nodes[1..]
            .iter()
            .map(|node| node.speaker.status(world.now).peers[0].clone())
            .collect();
        world.take_over();
        world.settle();
        for (at, before) in before.iter().enumerate() {
            let peer = &world.nodes[at + 1].speaker.status(world.now).peers[0];
            let dropped = (peer.counters.dropped, peer.counters.duplicates_in);
            assert_eq!(
                dropped,
                (before.counters.dropped, 0),
                "seed {seed}, node {}: {:?}",
                at + 1,
                peer.last_error
            );
        }
        // Whoever was still opening connections does so again.
        world.pass_time(Duration::from_secs(12));
        let survivor = &world.nodes[0].speaker;
        for node in 1..5 {
            assert_eq!(
                world.heard_from_first(node),
                survivor.routes_out(world.nodes[node].address),
                "seed {seed}, node {node}"
            );
            let told = survivor
                .status(world.now)
                .peers
                .into_iter()
                .find(|peer| peer.address == world.nodes[node].address);
            assert!(
                told.is_some_and(|peer| peer.settled && peer.state == State::Established),
                "seed {seed}, node {node}"
            );
        }
    }
}

#[test]
fn the_order_within_a_transaction_does_not_matter() {
    for seed in 0..100 {
        let mut world = World::star(seed, Family::Ipv4, 3);
        world.follow_in_batches();
        world.start();
        for _ in 0..30 {
            churn(&mut world, 4);
            run_some(&mut world, 40, |_| {});
            world.end_batch();
            let (live, replica) = (
                &world.nodes[0].speaker,
                world.replica.as_ref().expect("a replica"),
            );
            for peer in &live.config.peers {
                let peer = peer.address;
                assert_eq!(
                    live.routes_in(peer),
                    replica.routes_in(peer),
                    "seed {seed}: Adj-RIB-In of {peer}"
                );
                assert_eq!(
                    live.routes_out(peer),
                    replica.routes_out(peer),
                    "seed {seed}: Adj-RIB-Out of {peer}"
                );
            }
        }
        world.take_over();
        world.settle();
        for node in 1..4 {
            let peer = &world.nodes[node].speaker.status(world.now).peers[0];
            assert_eq!(
                (peer.counters.duplicates_in, peer.counters.dropped),
                (0, 0),
                "seed {seed}: {:?}",
                peer.last_error
            );
        }
    }
}

#[test]
fn a_survivor_with_nothing_new_sends_keepalives_alone() {
    let mut world = World::star(9, Family::Ipv4, 3);
    world.follow();
    world.start();
    for _ in 0..50 {
        churn(&mut world, 4);
    }
    world.settle();
    let updates = |world: &World| -> Vec<u64> {
        world.nodes[1..]
            .iter()
            .map(|node| node.speaker.status(world.now).peers[0].counters.updates_in)
            .collect()
    };
    let before = updates(&world);
    world.take_over();
    world.settle();
    assert_eq!(updates(&world), before);
}

#[test]
fn a_replica_that_joins_late_is_equal_after_the_dumps() {
    for seed in 0..60 {
        let mut world = World::star(seed, Family::Ipv4, 3);
        world.start();
        for _ in 0..30 {
            churn(&mut world, 4);
            run_some(&mut world, 60, |_| {});
        }
        world.follow();
        let mut replica = world.replica.take().expect("a replica");
        let live = &mut world.nodes[0].speaker;
        for data in live.dump_originated() {
            replica
                .replica_record(world.now, None, &data)
                .expect("a good record");
        }
        let connections: Vec<ConnId> = live.sessions.keys().copied().collect();
        for conn in connections {
            for data in live.dump(world.now, conn) {
                assert!(data.len() <= crate::dump::RECORD_OCTETS_MAX);
                replica
                    .replica_record(world.now, Some(conn), &data)
                    .expect("a good record");
            }
        }
        assert_equal(seed, live, &replica);
        world.replica = Some(replica);
        for _ in 0..10 {
            churn(&mut world, 4);
            run_some(&mut world, 60, |world| {
                assert_equal(
                    seed,
                    &world.nodes[0].speaker,
                    world.replica.as_ref().expect("a replica"),
                );
            });
        }
        world.take_over();
        world.settle();
        for node in 1..4 {
            let peer = &world.nodes[node].speaker.status(world.now).peers[0];
            assert_eq!(peer.counters.duplicates_in, 0, "seed {seed}");
        }
    }
}

#[test]
fn a_gap_in_the_feed_costs_that_connection_alone() {
    let mut world = World::star(4, Family::Ipv4, 2);
    world.follow();
    world.start();
    world.settle();
    let conn = *world.nodes[0]
        .speaker
        .sessions
        .keys()
        .next()
        .expect("a connection");
    let replica = world.replica.as_mut().expect("a replica");
    replica.replica_received(world.now, conn, 1_000_000, &[0xff; 4]);
    world.take_over();
    world.settle();
    let dropped: Vec<u64> = world.nodes[1..]
        .iter()
        .map(|node| node.speaker.status(world.now).peers[0].counters.dropped)
        .collect();
    assert_eq!(dropped.iter().sum::<u64>(), 1, "{dropped:?}");
}

#[test]
fn a_wrong_header_ends_the_session_of_the_replica_too() {
    let mut world = World::star(5, Family::Ipv4, 2);
    world.follow();
    world.start();
    world.settle();
    let (now, replica) = (world.now, world.replica.as_mut().expect("a replica"));
    let live = &mut world.nodes[0].speaker;
    let (&conn, session) = live.sessions.first_key_value().expect("a connection");
    let (offset, mut out) = (session.inbound_total, Vec::new());
    // More than a header: what stands behind it is nobody's business.
    let data = &[0; 40];
    live.handle(now, Input::Received { conn, data }, &mut out);
    let processed = |output: &Output| match *output {
        Output::Processed { total_octets, .. } => Some(total_octets - offset),
        _ => None,
    };
    let octets = out.iter().find_map(processed).expect("a header") as usize;
    replica.replica_received(now, conn, offset, &data[..octets]);
    let session = &replica.sessions[&conn];
    assert!(session.closing && session.inbound_total == offset + octets as u64);
    assert_eq!(session.state, live.sessions[&conn].state);
    let peer = live.config.peers[usize::from(session.peer.0)].address;
    assert_eq!(live.routes_in(peer), replica.routes_in(peer));
}
