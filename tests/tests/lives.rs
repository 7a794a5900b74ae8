//! Whole lives of connections, cut wherever: opened by either side, closed in every order, stalled, idle, many, IPv6.

use std::time::Duration;
use tcp_ha::core::Readiness;
use tcp_ha::engine::{CloseCause, Config, KeepaliveConfig, State};
use tcp_ha_tests::wire;
use tcp_ha_tests::world::{Family, Opener, Scenario, Stage, World};

/// TIME-WAIT ends soon, so that whole lives fit into a test; a lost FIN is sent again sooner.
fn short_lived() -> Config {
    Config {
        msl: Duration::from_millis(100),
        min_rto: Duration::from_millis(10),
        ..Config::default()
    }
}

fn scenario() -> Scenario {
    Scenario {
        octets: 20_000,
        per_turn: 4_000,
        pair_tcp: short_lived(),
        peer_tcp: short_lived(),
        ..Scenario::default()
    }
}

/// Who closes.
#[derive(Clone, Copy, Debug)]
enum Order {
    PeerFirst,
    PairFirst,
    AtOnce,
    /// The peer's FIN comes with its last octet, before anything was answered.
    PeerEarly,
}

const ORDERS: [Order; 4] = [
    Order::PeerFirst,
    Order::PairFirst,
    Order::AtOnce,
    Order::PeerEarly,
];

fn begin_closing(world: &mut World, order: Order) {
    match order {
        Order::PeerFirst => {
            world.peer.closes_when_done = true;
            world.wishes.closes_after_peer = true;
        }
        Order::PairFirst => {
            world.peer.closes_after_service = true;
            world.wishes.closes_when_done = true;
        }
        Order::AtOnce => {
            world.peer.closes_when_done = true;
            world.wishes.closes_when_done = true;
        }
        Order::PeerEarly => {
            world.peer.closes_when_written = true;
            world.wishes.closes_after_peer = true;
        }
    }
}

fn pair_is_empty(world: &World) -> bool {
    world.active().is_some() && world.speaker().engine().connections().count() == 0
}

#[test]
fn closing_in_any_order_survives_a_cut_after_every_turn() {
    for loss in [0, 12] {
        for order in ORDERS {
            for cut_after in 0..45 {
                let mut world = World::paired(Scenario { loss, ..scenario() });
                begin_closing(&mut world, order);
                world.turns(cut_after);
                world.fail_over();
                world.run_until("the end of both sides", |world| {
                    (world.peer.all_over() && pair_is_empty(world)) || world.peer.lost()
                });
                assert!(
                    world.peer.all_over() && world.peer.done(),
                    "{order:?}, loss {loss}, cut after {cut_after} turns: {:?}",
                    world.peer.clients
                );
            }
        }
    }
}

#[test]
fn a_closing_connection_survives_two_cuts() {
    for order in ORDERS {
        for (first, second) in (0..30).step_by(3).zip([1, 4, 2, 7, 3, 11, 5, 2, 9, 1]) {
            let mut world = World::paired(scenario());
            begin_closing(&mut world, order);
            world.turns(first);
            world.fail_over();
            world.add_node();
            world.run_until("a pair", World::is_paired);
            world.turns(second);
            world.fail_over();
            world.run_until("the end of both sides", |world| {
                (world.peer.all_over() && pair_is_empty(world)) || world.peer.lost()
            });
            assert!(
                world.peer.all_over() && world.peer.done(),
                "{order:?}, cut after {first} and {second} turns: {:?}",
                world.peer.clients
            );
        }
    }
}

#[test]
fn a_survivor_in_time_wait_answers_a_fin_that_comes_again() {
    // The pair closed first; its last ACK is lost with the node that sent it.
    let mut world = World::paired(Scenario {
        pair_tcp: Config {
            msl: Duration::from_secs(5),
            ..Config::default()
        },
        ..scenario()
    });
    begin_closing(&mut world, Order::PairFirst);
    let in_time_wait = |world: &World| {
        let engine = world.speaker().engine();
        let mut infos = engine.connections().filter_map(|id| engine.connection(id));
        infos.any(|info| info.state == State::TimeWait)
    };
    world.run_until("TIME-WAIT", in_time_wait);
    // The ACK waits in the gate; nothing that is said from here on arrives.
    world.loss = 1;
    world.turns(3);
    assert!(!world.peer.all_over(), "the last ACK was to be lost");
    world.fail_over();
    world.loss = 0;
    assert!(in_time_wait(&world), "TIME-WAIT is a state like others");
    world.run_until("the end of the peer", |world| {
        world.peer.all_over() || world.peer.lost()
    });
    assert!(world.peer.all_over(), "{:?}", world.peer.clients);
}

#[test]
fn a_handshake_cut_at_any_turn_ends_in_service() {
    let (mut unnoticed, mut again) = (0, 0);
    for opener in [Opener::Peer, Opener::Pair] {
        for cut_after in 0..25 {
            let mut world = World::paired_idle(Scenario {
                opener,
                ..scenario()
            });
            world.onlooker.monotonic.resets_allowed = true;
            world.peer.connect(world.now_us);
            world.turns(cut_after);
            let ready = world.all_ready();
            world.fail_over();
            for _ in 0..4 {
                world.run_until("an answer or an end", |world| {
                    world.peer.done() || world.peer.lost()
                });
                if world.peer.done() {
                    break;
                }
                assert!(!ready, "{opener:?}, cut after {cut_after} turns: a reset");
                again += 1;
                world.peer.connect(world.now_us);
            }
            assert!(world.peer.done(), "{opener:?}, cut after {cut_after} turns");
            unnoticed += usize::from(ready);
        }
    }
    assert!(unnoticed > 20 && again > 2, "{unnoticed}, {again}");
}

#[test]
fn a_connection_that_we_opened_survives_a_cut_after_every_turn() {
    for loss in [0, 20] {
        for cut_after in 0..40 {
            let mut world = World::paired_idle(Scenario {
                opener: Opener::Pair,
                octets: 60_000,
                loss,
                ..scenario()
            });
            world.run_until("a ready connection", World::all_ready);
            world.turns(cut_after);
            world.fail_over();
            world.finish();
            world.add_node();
            world.peer.send_more(20_000);
            world.run_until("ready connections", World::all_ready);
            world.fail_over();
            world.finish();
        }
    }
}

/// The peer takes nothing; both send buffers fill up.
fn stalled(cut_after: usize) -> World {
    let small = |capacity| Config {
        receive_capacity: capacity,
        send_capacity: capacity,
        ..Config::default()
    };
    let mut world = World::paired(Scenario {
        octets: 150_000,
        pair_tcp: small(30_000),
        peer_tcp: small(16_000),
        ..Scenario::default()
    });
    world.peer.reads = false;
    world.turns(cut_after);
    world
}

#[test]
fn a_peer_that_stops_reading_is_waited_for_over_a_cut() {
    for cut_after in (0..60).chain((60..6_000).step_by(450)) {
        let mut world = stalled(cut_after);
        world.fail_over();
        world.run_for(700_000);
        assert!(!world.peer.lost(), "cut after {cut_after} turns");
        let answered = world.peer.returned();
        world.peer.reads = true;
        let since_us = world.now_us;
        world.finish();
        assert!(world.peer.returned() > answered);
        assert!(
            world.now_us - since_us < 5_000_000,
            "cut after {cut_after} turns: stalled for {} us",
            world.now_us - since_us
        );
    }
}

#[test]
fn a_peer_that_reads_again_while_the_active_dies_is_not_stalled() {
    // Its window update may be lost with the dead node: the survivor's first words ask for another.
    for cut_after in 0..8 {
        let mut world = stalled(3_000);
        world.peer.reads = true;
        world.turns(cut_after);
        world.kill_active();
        world.finish();
    }
}

#[test]
fn a_service_that_stops_reading_stops_the_peer_over_a_cut() {
    for cut_after in (0..40).chain((40..4_000).step_by(600)) {
        let capacity = 20_000;
        let mut world = World::paired(Scenario {
            octets: 150_000,
            pair_tcp: Config {
                receive_capacity: capacity,
                ..Config::default()
            },
            ..Scenario::default()
        });
        world.wishes.pauses = true;
        world.turns(cut_after);
        world.fail_over();
        world.run_for(300_000);
        let engine = world.speaker().engine();
        for id in engine.connections() {
            let info = engine.connection(id).expect("a connection");
            assert!(info.rcv_nxt - info.read <= 2 * capacity as u64);
            assert!(info.rcv_nxt - info.read > capacity as u64 / 2);
        }
        world.wishes.pauses = false;
        world.finish();
    }
}

fn kept_alive() -> Scenario {
    Scenario {
        octets: 5_000,
        keepalive: Some(KeepaliveConfig {
            idle: Duration::from_millis(100),
            interval: Duration::from_millis(50),
            probes: 3,
        }),
        ..Scenario::default()
    }
}

#[test]
fn an_idle_connection_that_is_kept_alive_survives_a_cut() {
    for cut_after in (0..2_400).step_by(60) {
        let mut world = World::paired(kept_alive());
        world.finish();
        world.turns(cut_after);
        world.fail_over();
        let since_us = world.now_us;
        world.run_for(500_000);
        let survivor = world.active().expect("an active");
        let probes = world.frames_since(survivor, since_us);
        assert!(
            (3..20).contains(&probes),
            "{probes} segments in half a second of silence"
        );
        world.peer.send_more(5_000);
        world.finish();
    }
}

#[test]
fn a_survivor_notices_that_the_peer_is_gone() {
    let mut world = World::paired(kept_alive());
    world.finish();
    world.peer_lives = false;
    world.turns(20);
    world.fail_over();
    let since_us = world.now_us;
    world.onlooker.monotonic.resets_allowed = true;
    world.run_until("the end of the connection", pair_is_empty);
    assert!(world.now_us - since_us < 400_000);
}

#[test]
fn an_ipv6_pair_and_peer_survive_a_cut_after_every_turn() {
    for loss in [0, 30] {
        for cut_after in 0..50 {
            let mut world = World::paired(Scenario {
                family: Family::V6,
                octets: 100_000,
                loss,
                ..Scenario::default()
            });
            world.turns(cut_after);
            world.fail_over();
            world.finish();
            assert!(world.onlooker.backed as usize > cut_after / 4);
        }
    }
}

#[test]
fn two_hundred_connections_survive_cuts_and_loss() {
    let mut world = World::paired(Scenario {
        clients: 200,
        octets: 12_000,
        per_turn: 300,
        loss: 50,
        ..Scenario::default()
    });
    for _ in 0..3 {
        world.turns(23);
        world.fail_over();
        world.add_node();
        world.peer.send_more(6_000);
        world.run_until("ready connections", World::all_ready);
    }
    world.finish();
    assert_eq!(world.takeovers, 3);
    assert_eq!(world.peer.returned(), 200 * 30_000);
}

#[test]
fn a_reused_four_tuple_goes_on_behind_its_former_life() {
    // The onlooker panics when an ISN goes back; the former life ended on another node than the next begins on.
    let mut world = World::paired_idle(scenario());
    for _ in 0..3 {
        world.peer.connect_from(world.now_us, 0, 40_000);
        begin_closing(&mut world, Order::PeerFirst);
        world.run_until("the end of both sides", |world| {
            world.peer.all_over() && pair_is_empty(world)
        });
        world.fail_over();
        world.add_node();
        world.run_until("a pair", World::is_paired);
    }
    let isns = world
        .sent
        .iter()
        .filter_map(|(_, _, frame)| wire::segment(frame))
        .filter(|seen| seen.syn());
    assert_eq!(isns.count(), 3);
}

#[test]
fn a_reused_four_tuple_has_newer_timestamps_than_its_former_life_had_after_takeovers() {
    // The onlooker panics when a TSval goes back: each takeover has moved those of the open connection a second ahead.
    let mut world = World::paired_idle(scenario());
    world.peer.connect_from(world.now_us, 0, 40_000);
    for _ in 0..3 {
        world.run_until("ready connections", World::all_ready);
        world.fail_over();
        world.add_node();
    }
    begin_closing(&mut world, Order::PeerFirst);
    let over = |world: &World| world.peer.all_over() && pair_is_empty(world);
    world.run_until("the end of both sides", over);
    world.peer.connect_from(world.now_us, 0, 40_000);
    world.run_until("the end of both sides", over);
}

#[test]
fn a_survivor_whose_cable_was_out_is_found_by_peers_of_a_switch_that_keeps_its_table() {
    let mut world = World::paired(scenario());
    world.finish();
    world.segment.learned = Some(Default::default());
    world.peer.send_more(1_000);
    world.finish();
    let survivor = world.standby_at().expect("a standby");
    world.segment.unplugged.insert(survivor);
    world.fail_over();
    world.leaps = true;
    world.run_for(30_000_000);
    world.segment.plug_all();
    // Nothing was on the way and nobody is kept alive: the survivor has nothing else to say.
    let pair = [2, 0, 0, 0, 0, 1];
    let port = |world: &World| world.segment.learned.as_ref()?.get(&pair).copied();
    assert_ne!(port(&world), Some(survivor));
    let since_us = world.now_us;
    world.run_until("an announcement", |world| port(world) == Some(survivor));
    let took_us = world.now_us - since_us;
    assert!(took_us < 6_000_000, "found after {took_us} us");
    world.peer.send_more(1_000);
    world.finish();
}

#[test]
fn the_first_words_of_a_survivor_stand_at_snd_max() {
    for cut_after in 0..40 {
        let mut world = World::paired(Scenario::default());
        world.turns(cut_after);
        let old = world.active().expect("an active");
        let survivor = world.fail_over();
        world.turns(2);
        let segments = |at: usize| {
            world
                .sent
                .iter()
                .filter(move |(_, node, _)| *node == at)
                .filter_map(|(_, _, frame)| wire::segment(frame))
        };
        let max = segments(old).map(|seen| seen.seq_end()).reduce(|max, end| {
            if wire::distance(max, end) > 0 {
                end
            } else {
                max
            }
        });
        let max = max.expect("the old node said something");
        let first = segments(survivor).next().expect("first words");
        // What the dead node had recorded but not said yet counts as said.
        assert!(
            wire::distance(max, first.seq) >= 0,
            "cut after {cut_after} turns: first words at {} before {max}",
            first.seq
        );
        assert!(first.text.is_empty() && first.has_ack());
        world.finish();
    }
}

#[test]
fn an_aborting_peer_leaves_nothing_behind_on_either_node() {
    for cut_after in 0..12 {
        let mut world = World::paired(scenario());
        world.turns(4);
        let now_us = world.now_us;
        world.peer.abort(now_us);
        world.turns(cut_after);
        world.onlooker.monotonic.resets_allowed = true;
        world.fail_over();
        world.run_until("an empty engine", pair_is_empty);
        let causes = world.peer.clients.iter().map(|client| client.stage);
        assert!(
            causes
                .into_iter()
                .all(|stage| stage == Stage::Over(CloseCause::Aborted))
        );
    }
}

#[test]
fn an_unprotected_connection_is_left_behind_and_its_peer_told() {
    let mut world = World::paired_idle(Scenario {
        protection: None,
        ..Scenario::default()
    });
    world.onlooker.monotonic.resets_allowed = true;
    world.peer.connect(world.now_us);
    world.turns(10);
    let engine = world.speaker().engine();
    let id = engine.connections().next().expect("a connection");
    assert_eq!(world.speaker().readiness(id), Readiness::None);
    world.switchover().expect("nothing is protected");
    world.run_until("the reset", |world| world.peer.lost());
    assert_eq!(
        world.peer.clients[0].stage,
        Stage::Over(CloseCause::ResetByPeer)
    );
}
