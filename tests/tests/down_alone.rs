//! A connection goes down alone, by a record: nobody promotes it, the others go on, and it comes back.

use tcp_ha::core::{DownReason, NodeLimits, Readiness};
use tcp_ha::engine::ConnectionId;
use tcp_ha_tests::world::{Scenario, World};

fn scenario() -> Scenario {
    Scenario {
        clients: 3,
        octets: 300_000,
        per_turn: 2_000,
        ..Scenario::default()
    }
}

fn first(world: &World) -> ConnectionId {
    let mut connections = world.speaker().engine().connections();
    connections.next().expect("a connection")
}

fn clear(world: &mut World, id: ConnectionId) {
    let now_us = world.now_us;
    let cleared = world.speaker_mut().clear_protection(now_us, id);
    cleared.expect("it is protected");
}

#[test]
fn a_cleared_connection_is_left_behind_and_the_others_survive_wherever_the_active_is_cut() {
    let (mut all, mut but_one) = (0, 0);
    for cut_after in 0..12 {
        let mut world = World::paired(scenario());
        world.compares = true;
        world.onlooker.monotonic.resets_allowed = true;
        world.turns(20);
        let id = first(&world);
        clear(&mut world, id);
        world.turns(cut_after);
        let survivor = world.fail_over();
        // Until the record has come, the standby has the connection as it last was, and so does the peer.
        let taken = world.speaker().engine().connections().count();
        assert_eq!(taken + world.nodes[survivor].left_behind, 3);
        match taken {
            3 => all += 1,
            2 => but_one += 1,
            _ => panic!("{taken} were taken after {cut_after} turns"),
        }
        world.run_until("all that can be answered", |world| {
            let mut clients = world.peer.clients.iter();
            clients
                .by_ref()
                .filter(|client| client.returned == 300_000)
                .count()
                >= taken
        });
    }
    assert!(all > 0 && but_one > 0, "{all} {but_one}");
}

#[test]
fn the_standby_holds_the_reason_and_nothing_else() {
    let mut world = World::paired(scenario());
    world.turns(20);
    let id = first(&world);
    clear(&mut world, id);
    world.turns(10);
    let shadow = world.standby().expect("a standby").shadow();
    let down: Vec<_> = shadow.down().collect();
    assert_eq!(down, [(id, DownReason::OperatorCleared)]);
    assert_eq!(shadow.connections().count(), 2);
    assert!(
        world.switchover().is_ok(),
        "nobody waits for what the operator gave up"
    );
}

#[test]
fn what_the_operator_cleared_stays_so_for_the_next_standby() {
    let mut world = World::paired(scenario());
    let id = first(&world);
    clear(&mut world, id);
    world.kill(1);
    world.run_until("the loss", |world| !world.is_paired());
    world.add_node();
    world.run_until("a pair", World::is_paired);
    world.run_for(50_000);
    let cleared = Readiness::Down(DownReason::OperatorCleared);
    assert_eq!(world.speaker().readiness(id), cleared);
    let (now_us, protection) = (world.now_us, world.scenario.protection);
    world.speaker_mut().protect(now_us, id, protection);
    world.turns(10);
    assert_eq!(
        world.speaker().readiness(id),
        cleared,
        "the daemon's wish waits"
    );
    let restored = world.speaker_mut().restore_protection(now_us, id);
    restored.expect("it was cleared");
    world.run_until("ready connections", World::all_ready);
    world.fail_over();
    world.finish();
}

#[test]
fn a_busy_connection_goes_down_for_its_share_and_takes_no_other_with_it() {
    let mut world = World::paired(Scenario {
        octets: 2_000,
        limits: NodeLimits {
            connection_octets: 20_000,
            hold_limit_us: 400_000,
            resync_pause_us: 100_000,
            ..NodeLimits::default()
        },
        ..scenario()
    });
    world.finish();
    let id = first(&world);
    // The standby is slow for a while, and one connection has much to record.
    world.channel().to_active.held = true;
    let now_us = world.now_us;
    // Marks of messages without octets: the replica has dealt with everything before.
    let mark = [b"M".as_slice(), &2_000_u64.to_le_bytes()].concat();
    for _ in 0..2_000 {
        let recorded = world.speaker_mut().record(now_us, Some(id), &mark, None);
        recorded.expect("a record");
    }
    world.turns(20);
    let share = Readiness::Down(DownReason::ShareExceeded);
    assert_eq!(world.speaker().readiness(id), share);
    world.channel().to_active.held = false;
    world.turns(20);
    assert!(world.is_paired(), "the node is not");
    let others = world
        .speaker()
        .engine()
        .connections()
        .filter(|it| *it != id);
    assert!(
        others
            .into_iter()
            .all(|it| world.speaker().readiness(it) == Readiness::Ready)
    );
    let since_us = world.now_us;
    world.run_until("another try", World::all_ready);
    assert!(world.now_us - since_us < 110_000, "after the first pause");
    let history = world.speaker().history(id).expect("it was asked for");
    let last = history.last_down().expect("it was down");
    assert_eq!(
        last.reason,
        DownReason::ShareExceeded,
        "to be read afterwards"
    );
}

#[test]
fn tries_that_fail_come_ever_more_seldom() {
    let mut world = World::new(Scenario {
        protection: Some(tcp_ha::Protection {
            application_sync: true,
            ..tcp_ha::Protection::default()
        }),
        limits: NodeLimits {
            application_sync_us: 5_000,
            resync_pause_us: 10_000,
            ..NodeLimits::default()
        },
        ..scenario()
    });
    world.add_node();
    world.turn();
    world.peer.connect(world.now_us);
    world.turns(40);
    world.wishes.keeps_its_state = true;
    world.add_node();
    world.run_until("a pair", World::is_paired);
    let id = first(&world);
    let fails = |world: &World| {
        let history = world.speaker().history(id).expect("it was asked for");
        let late = DownReason::ApplicationSyncTimedOut;
        history.downs().get(&late).map_or(0, |down| down.count)
    };
    let mut counts = Vec::new();
    for _ in 0..3 {
        let before = fails(&world);
        world.run_for(200_000);
        counts.push(fails(&world) - before);
    }
    assert!(counts[0] > counts[2], "{counts:?}");
    assert!(counts[2] <= 1, "{counts:?}");
    world.wishes.keeps_its_state = false;
    world.run_until("ready connections", World::all_ready);
}
