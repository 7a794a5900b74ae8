//! Every scenario, cut after each single step: the active dies, or hangs, or the channel breaks, or the standby dies. Judged by all
//! checkers of the world, and by the clients: what was ready goes on, and in the end everything has come back to everybody.

#[cfg(feature = "schema-v2")]
use ipc::schema::{Version, Versions};
use std::time::Duration;
use tcp_ha::Protection;
use tcp_ha::core::{Readiness, SendMode};
use tcp_ha::engine::{CloseCause, Config, KeepaliveConfig, ReceiveMode};
use tcp_ha_tests::world::{Opener, Says, Scenario, Signing, Stacks, Stage, World};

/// What ends the step.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Kill,
    Hang,
    Channel,
    Standby,
}

const CUTS: [Cut; 4] = [Cut::Kill, Cut::Hang, Cut::Channel, Cut::Standby];

const SIGNINGS: [Signing; 3] = [Signing::None, Signing::Md5, Signing::Ao];

/// For so long the active hangs: longer than the silence that means something.
const HANG_US: u64 = 40_000;

/// Short times, so that whole lives fit into a test.
fn tcp() -> Config {
    let millis = Duration::from_millis;
    Config {
        msl: millis(40),
        min_rto: millis(10),
        initial_rto: millis(50),
        max_rto: millis(1_000),
        send_capacity: 16_384,
        receive_capacity: 16_384,
        ..Config::default()
    }
}

fn scenario() -> Scenario {
    Scenario {
        octets: 20_000,
        per_turn: 3_000,
        pair_tcp: tcp(),
        peer_tcp: tcp(),
        ..Scenario::default()
    }
}

fn judged(mut world: World) -> World {
    world.leaps = true;
    world.compares = true;
    world
}

fn ready(scenario: Scenario) -> World {
    judged(World::paired(scenario))
}

/// Applies the cut, and lets the world come to rest.
fn cut(world: &mut World, cut: Cut) {
    let active = world.active();
    match (cut, active) {
        (Cut::Kill, Some(at)) => world.kill(at),
        (Cut::Hang, Some(at)) => {
            world.nodes[at].suspended = true;
            world.run_for(HANG_US);
            world.nodes[at].suspended = false;
        }
        (Cut::Channel, _) => world.cut_channel(),
        (Cut::Standby, _) => {
            if let Some(at) = world.standby_at() {
                world.kill(at);
            }
        }
        (Cut::Kill | Cut::Hang, None) => {}
    }
    world.wake_all();
}

/// Whoever lost a connection that nobody had promised opens another; a loss without such an excuse is a failure.
fn reopen(world: &mut World, told: &str) {
    for at in 0..world.peer.clients.len() {
        let client = &world.peer.clients[at];
        let Stage::Over(cause) = client.stage else {
            continue;
        };
        let excused = |ends| world.onlooker.monotonic.excused.contains(&ends);
        let excused = client.ends.is_some_and(excused);
        if cause == CloseCause::Normal && !excused {
            continue;
        }
        assert!(
            excused,
            "{told}: client {at} lost its connection: {cause:?}"
        );
        world.peer.begin_anew(at);
        world.peer.connect(world.now_us);
        world.wake_all();
    }
}

fn at_rest(world: &World) -> bool {
    let over = |stage| stage == Stage::Over(CloseCause::Normal);
    let clients = &world.peer.clients;
    let all_over = clients.iter().all(|client| over(client.stage));
    world.peer.done() && world.is_paired() && (all_over || world.all_ready())
}

/// Cuts `begin`'s world after each of its first `steps` steps, in each of the ways, with either TCP as the peer.
fn every_cut(name: &str, steps: usize, scenario: &Scenario, begin: impl Fn(Scenario) -> World) {
    for stacks in [Stacks::Engine, Stacks::Small] {
        let scenario = Scenario {
            stacks,
            ..scenario.clone()
        };
        let name = format!("{name}, {stacks:?}");
        cut_each_step(&name, steps, || begin(scenario.clone()));
    }
}

fn cut_each_step(name: &str, steps: usize, begin: impl Fn() -> World) {
    for way in CUTS {
        for after in 0..steps {
            let told = format!("{name}, {way:?} after {after} steps");
            let mut world = begin();
            world.turns(after);
            cut(&mut world, way);
            world.peer.reads = true;
            world.wishes.pauses = false;
            world.wake_all();
            let end_us = world.now_us + 20_000_000;
            while !at_rest(&world) {
                assert!(
                    world.now_us < end_us,
                    "{told}: no rest: {:?}",
                    world.peer.clients
                );
                if world.nodes_running() < 2 {
                    world.add_node();
                }
                world.give_up_forgotten();
                world.turn();
                reopen(&mut world, &told);
            }
        }
    }
}

#[test]
fn a_handshake_that_the_peer_begins() {
    for signing in SIGNINGS {
        let scenario = Scenario {
            signing,
            ..scenario()
        };
        every_cut(
            &format!("peer opens, {signing:?}"),
            25,
            &scenario,
            |scenario| {
                let mut world = judged(World::paired_idle(scenario));
                world.peer.connect(world.now_us);
                world.wake_all();
                world
            },
        );
    }
}

#[test]
fn a_handshake_that_the_pair_begins() {
    for signing in SIGNINGS {
        let scenario = Scenario {
            signing,
            opener: Opener::Pair,
            ..scenario()
        };
        every_cut(
            &format!("pair opens, {signing:?}"),
            25,
            &scenario,
            |scenario| judged(World::paired_idle(scenario)),
        );
    }
}

/// All ways of protection.
fn modes() -> impl Iterator<Item = Protection> {
    let sends = [SendMode::Logged, SendMode::Regenerated];
    let receives = [ReceiveMode::Logged, ReceiveMode::Marked];
    let pairs = receives.map(|receive| sends.map(|send| (receive, send)));
    pairs
        .into_iter()
        .flatten()
        .map(|(receive, send)| Protection {
            receive,
            send,
            application_sync: true,
        })
}

#[test]
fn bulk_in_and_out_and_both_ways_in_every_mode() {
    for says in [Says::Twisted, Says::Little, Says::Much] {
        for protection in modes() {
            let scenario = Scenario {
                message: 1_000,
                says,
                protection: Some(protection),
                ..scenario()
            };
            let name = format!("bulk, {says:?}, {protection:?}");
            every_cut(&name, 40, &scenario, ready);
        }
    }
}

#[test]
fn bulk_in_while_acknowledgements_wait_for_marks() {
    let protection = Protection {
        receive: ReceiveMode::Marked,
        send: SendMode::Regenerated,
        application_sync: true,
    };
    for patience_ms in [1, 20] {
        let scenario = Scenario {
            message: 1_000,
            protection: Some(protection),
            pair_tcp: Config {
                mark_patience: Duration::from_millis(patience_ms),
                ..tcp()
            },
            ..scenario()
        };
        every_cut(&format!("patience {patience_ms} ms"), 40, &scenario, ready);
    }
}

#[test]
fn bulk_through_loss() {
    for says in [Says::Twisted, Says::Little, Says::Much] {
        let scenario = Scenario {
            loss: 10,
            says,
            ..scenario()
        };
        every_cut(&format!("loss, {says:?}"), 60, &scenario, ready);
    }
}

#[test]
fn signed_bulk_past_the_end_of_sequence_space() {
    for signing in [Signing::Md5, Signing::Ao] {
        let scenario = Scenario {
            signing,
            wraps: true,
            ..scenario()
        };
        every_cut(&format!("{signing:?}"), 60, &scenario, ready);
    }
}

#[test]
fn keys_that_are_renewed_under_way() {
    let scenario = Scenario {
        signing: Signing::Ao,
        wraps: true,
        clients: 2,
        ..scenario()
    };
    every_cut("renewed keys", 40, &scenario, |scenario| {
        let mut world = ready(scenario);
        world.turns(8);
        assert!(world.renew_keys());
        world
    });
}

#[test]
fn a_shut_window_on_either_side() {
    every_cut("peer stops reading", 50, &scenario(), |scenario| {
        let mut world = ready(scenario);
        world.peer.reads = false;
        world
    });
    every_cut("service stops reading", 50, &scenario(), |scenario| {
        let mut world = ready(scenario);
        world.wishes.pauses = true;
        world
    });
}

/// Who closes first, and when.
const ORDERS: [&str; 5] = ["peer", "pair", "both at once", "peer early", "pair early"];

fn closing(scenario: Scenario, order: &str) -> World {
    let mut world = ready(scenario);
    match order {
        "peer" => {
            world.peer.closes_when_done = true;
            world.wishes.closes_after_peer = true;
        }
        "pair" => {
            world.peer.closes_after_service = true;
            world.wishes.closes_when_done = true;
        }
        "both at once" => {
            world.peer.closes_when_done = true;
            world.wishes.closes_when_done = true;
        }
        "peer early" => {
            world.peer.closes_when_written = true;
            world.wishes.closes_after_peer = true;
        }
        _ => {
            world.peer.closes_when_written = true;
            world.wishes.closes_when_done = true;
        }
    }
    world
}

#[test]
fn closing_in_every_order() {
    for order in ORDERS {
        for loss in [0, 8] {
            let scenario = Scenario { loss, ..scenario() };
            let name = format!("{order} closes, loss {loss}");
            every_cut(&name, 45, &scenario, |scenario| closing(scenario, order));
        }
    }
}

#[test]
fn keepalive_of_an_idle_connection() {
    let scenario = Scenario {
        octets: 2_000,
        keepalive: Some(KeepaliveConfig {
            idle: Duration::from_millis(20),
            interval: Duration::from_millis(10),
            probes: 200,
        }),
        ..scenario()
    };
    every_cut("keepalive", 40, &scenario, |scenario| {
        let mut world = ready(scenario);
        world.finish();
        world
    });
}

#[test]
fn protection_asked_for_late() {
    every_cut("late", 30, &scenario(), |scenario| {
        let mut world = ready(scenario);
        let now_us = world.now_us;
        let active = world.speaker_mut();
        let id = active.engine().connections().next().expect("a connection");
        active.protect(now_us, id, None);
        world.turns(6);
        let now_us = world.now_us;
        let active = world.speaker_mut();
        assert_eq!(active.readiness(id), Readiness::None);
        active.protect(now_us, id, Some(Protection::default()));
        world.wake_all();
        world
    });
}

#[test]
fn the_initial_sync_and_a_resync() {
    for says in [Says::Twisted, Says::Little, Says::Much] {
        let scenario = Scenario { says, ..scenario() };
        every_cut(
            &format!("initial sync, {says:?}"),
            30,
            &scenario,
            |scenario| {
                let mut world = judged(World::new(scenario));
                world.add_node();
                world.turn();
                world.peer.connect(world.now_us);
                world.wake_all();
                world.turns(12);
                world.add_node();
                world
            },
        );
        every_cut(&format!("resync, {says:?}"), 30, &scenario, |scenario| {
            let mut world = ready(scenario);
            world.turns(5);
            let standby = world.standby_at().expect("a standby");
            world.kill(standby);
            world.add_node();
            world
        });
    }
}

#[test]
fn a_second_failover() {
    for signing in SIGNINGS {
        let scenario = Scenario {
            signing,
            wraps: true,
            ..scenario()
        };
        every_cut(&format!("second, {signing:?}"), 40, &scenario, |scenario| {
            let mut world = ready(scenario);
            world.turns(5);
            world.fail_over();
            world.add_node();
            world
        });
    }
}

/// A pair of version 1 whose standby is replaced by one of a trial version 2.
#[cfg(feature = "schema-v2")]
fn half_upgraded(scenario: Scenario) -> World {
    let mut world = World::new(scenario);
    world.versions = Versions::only(Version::V1);
    world.add_node();
    world.turn();
    world.versions = Versions::SPOKEN;
    world.add_node();
    world.peer.connect(world.now_us);
    world.run_until("ready connections", World::all_ready);
    judged(world)
}

#[cfg(feature = "schema-v2")]
#[test]
fn an_upgrade_of_the_records_version() {
    let scenario = scenario();
    every_cut("old and new", 30, &scenario, half_upgraded);
    every_cut("the new one takes over", 40, &scenario, |scenario| {
        let mut world = half_upgraded(scenario);
        world.turns(5);
        world.switchover().expect("all are ready");
        world.wake_all();
        world
    });
    every_cut("new and new", 40, &scenario, |scenario| {
        let mut world = half_upgraded(scenario);
        world.turns(5);
        world.switchover().expect("all are ready");
        world.wake_all();
        world.run_until("the handover", |world| world.takeovers == 1);
        world.add_node();
        world
    });
    every_cut("an old one comes back", 40, &scenario, |scenario| {
        let mut world = half_upgraded(scenario);
        world.turns(5);
        world.fail_over();
        world.versions = Versions::only(Version::V1);
        world.add_node();
        world
    });
}
