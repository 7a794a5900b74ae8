//! Records: what is damaged is refused and nothing panics.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::speaker::Input;
use crate::world::{World, route};

/// A speaker with sessions and routes, and all its records.
fn recorded() -> (World, Vec<(ConnId, Vec<Bytes>)>) {
    let mut world = World::star(1, Family::Ipv4, 2);
    world.start();
    for node in 0..3_u32 {
        let announce = (0..50)
            .map(|number| route(node * 100 + number, number % 3))
            .collect();
        world.input(
            node as usize,
            Input::Originate {
                announce,
                withdraw: vec![],
            },
        );
    }
    world.settle();
    let live = &mut world.nodes[0].speaker;
    let connections: Vec<ConnId> = live.sessions.keys().copied().collect();
    let records = connections
        .into_iter()
        .map(|conn| (conn, live.dump(world.now, conn)))
        .collect();
    (world, records)
}

#[test]
fn records_that_are_cut_short_are_refused() {
    let (world, dumps) = recorded();
    for (conn, records) in dumps {
        let mut replica = Speaker::new_replica(world.nodes[0].speaker.config.clone());
        let begin = &records[0];
        for octets in 0..begin.len() {
            let cut = replica.replica_record(world.now, Some(conn), &begin[..octets]);
            assert!(cut.is_err(), "{octets} of {}", begin.len());
        }
        replica
            .replica_record(world.now, Some(conn), begin)
            .expect("a good record");
        for record in &records[1..records.len() - 1] {
            assert!(
                replica
                    .replica_record(world.now, Some(conn), &record[..record.len() - 1])
                    .is_err()
            );
        }
    }
}

#[test]
fn a_session_whose_dump_is_half_done_is_not_taken_over() {
    let (world, dumps) = recorded();
    let mut replica = Speaker::new_replica(world.nodes[0].speaker.config.clone());
    let (conn, records) = &dumps[0];
    for record in &records[..records.len() - 1] {
        replica
            .replica_record(world.now, Some(*conn), record)
            .expect("a good record");
    }
    assert!(!replica.sessions[conn].can_go_on());
}

#[test]
fn routes_without_a_dump_around_them_are_refused() {
    let (world, dumps) = recorded();
    let mut replica = Speaker::new_replica(world.nodes[0].speaker.config.clone());
    let (conn, records) = &dumps[0];
    let error = replica
        .replica_record(world.now, Some(*conn), &records[1])
        .expect_err("no dump");
    assert!(error.to_string().contains("outside of a dump"), "{error}");
    assert!(
        replica
            .replica_record(world.now, None, &records[0])
            .is_err()
    );
}

#[test]
fn a_session_keeps_its_age_in_a_dump() {
    let (mut world, _) = recorded();
    let conn = *world.nodes[0]
        .speaker
        .sessions
        .keys()
        .next()
        .expect("a connection");
    world.pass_time(std::time::Duration::from_secs(100));
    let mut replica = Speaker::new_replica(world.nodes[0].speaker.config.clone());
    let elsewhere = crate::time::Instant::from_micros(1 << 50);
    for record in world.nodes[0].speaker.dump(world.now, conn) {
        replica
            .replica_record(elsewhere, Some(conn), &record)
            .expect("a good record");
    }
    let age = |speaker: &Speaker, now| {
        speaker
            .status(now)
            .peers
            .iter()
            .find_map(|it| it.connection.is_some().then_some(it.uptime_us))
    };
    assert_eq!(
        age(&replica, elsewhere),
        age(&world.nodes[0].speaker, world.now)
    );
    assert!(
        age(&replica, elsewhere)
            .flatten()
            .is_some_and(|micros| micros >= 100_000_000)
    );
}

proptest! {
    #[test]
    fn random_records_never_panic(kind in 0..12_u8, body in vec(any::<u8>(), 0..200), of_conn in any::<bool>()) {
        let config = crate::world::config(0, 65_001, Family::Ipv4, &[(1, 65_002, false)]);
        let mut replica = Speaker::new_replica(config);
        let record = [&[kind], &body[..]].concat();
        let _ = replica.replica_record(Instant::ZERO, of_conn.then_some(ConnId(1)), &record);
        let _ = replica.replica_record(Instant::ZERO, of_conn.then_some(ConnId(1)), &record);
        replica.promote(Instant::ZERO, &[], &mut Vec::new());
    }
}
