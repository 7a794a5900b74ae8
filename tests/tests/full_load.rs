//! A standby is brought up to date while bulk flows both ways at full speed: nothing stops, and peers hardly notice.

use tcp_ha::Protection;
use tcp_ha::core::{NodeLimits, Readiness};
use tcp_ha_tests::world::{Scenario, World};

/// No client waits longer than this for its next octets, in microseconds: a small part of the least timeout of a peer.
const GAP_US_MAX: u64 = 5_000;

/// Goodput is measured over this time at least: making the pair takes a round trip to the standby, in which nothing is taken in.
const WINDOW_US: u64 = 20_000;

/// At least so much of the goodput before remains during the sync, in per cent.
const GOODPUT_PER_CENT: u64 = 80;

/// Clients that send all they can, and want all of it back.
fn load(application_sync: bool) -> Scenario {
    Scenario {
        clients: 4,
        octets: 70_000_000,
        per_turn: 1_400,
        message: 700,
        node_state: application_sync,
        protection: Some(Protection {
            application_sync,
            ..Protection::default()
        }),
        limits: NodeLimits {
            // Snapshots of the connections take many batches.
            sync_octets: 2_000,
            ..NodeLimits::default()
        },
        ..Scenario::default()
    }
}

/// What the clients got.
#[derive(Debug)]
struct Goodput {
    octets: u64,
    took_us: u64,
    longest_gap_us: u64,
}

impl Goodput {
    fn per_second(&self) -> u64 {
        self.octets * 1_000_000 / self.took_us
    }

    /// Judges it by what it was before.
    fn holds_against(&self, before: &Goodput) {
        assert!(
            self.per_second() * 100 >= before.per_second() * GOODPUT_PER_CENT,
            "{self:?}, before {before:?}"
        );
        assert!(self.longest_gap_us <= GAP_US_MAX, "{self:?}");
    }
}

fn returned(world: &World) -> Vec<u64> {
    let clients = world.peer.clients.iter();
    clients.map(|client| client.returned).collect()
}

/// Turns until `done`, and at least for `us`.
fn measure(world: &mut World, us: u64, done: impl Fn(&World) -> bool) -> Goodput {
    let (begun_us, before) = (world.now_us, returned(world));
    let mut progress: Vec<(u64, u64)> = before.iter().map(|octets| (*octets, begun_us)).collect();
    let mut longest_gap_us = 0;
    while world.now_us < begun_us + us || !done(world) {
        assert!(world.now_us < begun_us + 10_000_000, "it takes too long");
        assert!(!world.peer.done(), "the load ended first");
        world.turn();
        for (seen, now) in progress.iter_mut().zip(returned(world)) {
            if now > seen.0 {
                *seen = (now, world.now_us);
            }
            longest_gap_us = longest_gap_us.max(world.now_us - seen.1);
        }
    }
    let after: u64 = returned(world).iter().sum();
    Goodput {
        octets: after - before.iter().sum::<u64>(),
        took_us: world.now_us - begun_us,
        longest_gap_us,
    }
}

/// An active alone under full load, and what the clients get.
fn alone(scenario: Scenario) -> (World, Goodput) {
    let mut world = World::new(scenario);
    world.keeps_sent = false;
    world.add_node();
    world.turn();
    world.peer.connect(world.now_us);
    // SYNs that found no room behind the ARP request come again after a second.
    world.run_until("answers for all", |world| !returned(world).contains(&0));
    let before = measure(&mut world, 100_000, |_| true);
    assert!(before.longest_gap_us <= GAP_US_MAX, "{before:?}");
    (world, before)
}

fn syncs_under_load(scenario: Scenario, late_us: u64) {
    let (mut world, before) = alone(scenario);
    world.add_node();
    world.turn();
    world.channel().to_standby.delay_us = late_us;
    world.channel().to_active.delay_us = late_us;
    let since = returned(&world);
    let during = measure(&mut world, WINDOW_US, World::all_ready);
    during.holds_against(&before);
    let during_clients = returned(&world).into_iter().zip(since);
    for (client, (now, then)) in during_clients.enumerate() {
        assert!(now > then, "client {client} stood still");
    }
    // What is ready is so: nobody misses an octet when the active dies under the same load.
    measure(&mut world, 20_000, |_| true);
    world.kill_active();
    let over = measure(&mut world, 100_000, |world| world.takeovers == 1);
    assert!(over.octets > 0, "{over:?}");
    assert!(!world.peer.lost());
}

#[test]
fn a_standby_joins_under_full_load_and_nothing_stops() {
    syncs_under_load(load(false), 0);
}

#[test]
fn a_daemon_hands_its_state_over_under_full_load_and_nothing_stops() {
    syncs_under_load(load(true), 0);
}

#[test]
fn a_late_channel_does_not_stop_the_load_either() {
    syncs_under_load(load(true), 300);
}

#[test]
fn a_standby_that_comes_back_again_and_again_stops_nothing() {
    let (mut world, before) = alone(load(false));
    for _ in 0..4 {
        let standby = world.add_node();
        let during = measure(&mut world, WINDOW_US, World::all_ready);
        during.holds_against(&before);
        world.kill(standby);
        let after = measure(&mut world, 10_000, |world| !world.is_paired());
        assert!(after.longest_gap_us <= GAP_US_MAX, "{after:?}");
    }
    assert!(!world.peer.lost());
}

#[test]
fn protection_asked_late_for_a_busy_connection_stops_none() {
    let (mut world, _) = alone(load(true));
    world.add_node();
    measure(&mut world, 0, World::all_ready);
    let before = measure(&mut world, 100_000, |_| true);
    let ids: Vec<_> = world.speaker().engine().connections().collect();
    for id in ids {
        let now_us = world.now_us;
        let protection = world.scenario.protection;
        world.speaker_mut().protect(now_us, id, None);
        world.turns(20);
        assert_eq!(world.speaker().readiness(id), Readiness::None);
        let now_us = world.now_us;
        world.speaker_mut().protect(now_us, id, protection);
        let during = measure(&mut world, WINDOW_US, World::all_ready);
        during.holds_against(&before);
    }
    world.kill_active();
    measure(&mut world, 100_000, |world| world.takeovers == 1);
    assert!(!world.peer.lost());
}

#[test]
fn a_connection_that_went_down_alone_comes_back_under_full_load() {
    let (mut world, _) = alone(load(true));
    world.add_node();
    measure(&mut world, 0, World::all_ready);
    let before = measure(&mut world, 100_000, |_| true);
    let mut connections = world.speaker().engine().connections();
    let id = connections.next().expect("a connection");
    drop(connections);
    let now_us = world.now_us;
    let cleared = world.speaker_mut().clear_protection(now_us, id);
    cleared.expect("it is protected");
    let alone = measure(&mut world, 20_000, |_| true);
    alone.holds_against(&before);
    let others = world.speaker().engine().connections();
    let ready = others.filter(|id| world.speaker().readiness(*id) == Readiness::Ready);
    assert_eq!(ready.count(), 3, "it alone is down");
    let now_us = world.now_us;
    let restored = world.speaker_mut().restore_protection(now_us, id);
    restored.expect("it was cleared");
    let during = measure(&mut world, WINDOW_US, World::all_ready);
    during.holds_against(&before);
    world.kill_active();
    measure(&mut world, 100_000, |world| world.takeovers == 1);
    assert!(!world.peer.lost());
}
