//! Speakers against each other, in virtual time.

mod errors;

use std::time::Duration;

use crate::fsm::State;
use crate::prefix::Family;
use crate::speaker::{Input, Output};
use crate::world::{World, address, prefix, route, route6};

fn states(world: &World) -> Vec<State> {
    let nodes = world.nodes.iter();
    nodes
        .flat_map(|node| {
            node.speaker
                .status(world.now)
                .peers
                .into_iter()
                .map(|peer| peer.state)
        })
        .collect()
}

fn all_established(world: &World) -> bool {
    states(world)
        .iter()
        .all(|state| *state == State::Established)
}

#[test]
fn two_speakers_that_both_connect_end_with_one_connection() {
    for seed in 0..200 {
        let mut world = World::star(seed, Family::Ipv4, 1);
        world.start();
        world.settle();
        assert!(all_established(&world), "seed {seed}: {:?}", states(&world));
        assert_eq!(world.open_pipes().len(), 1, "seed {seed}");
        for node in &world.nodes {
            let peer = &node.speaker.status(world.now).peers[0];
            assert_eq!(
                (peer.counters.established, peer.counters.dropped),
                (1, 0),
                "seed {seed}"
            );
        }
    }
}

#[test]
fn routes_pass_through_the_middle_with_its_as_in_front() {
    let mut world = World::star(7, Family::Ipv4, 3);
    world.start();
    world.input(
        1,
        Input::Originate {
            announce: vec![route(1, 5)],
            withdraw: vec![],
        },
    );
    world.settle();
    let heard = world.heard_from_first(2);
    let attributes = &heard[&route(1, 5).prefix];
    assert_eq!(
        attributes.as_path,
        crate::attributes::AsPath::from_sequence(&[65_001, 65_002])
    );
    assert_eq!(attributes.next_hop, address(0, Family::Ipv4));
    assert_eq!(&attributes.communities[..], [5]);
    assert!(
        world.heard_from_first(1).is_empty(),
        "a route goes back to nobody who gave it"
    );

    world.input(
        1,
        Input::Originate {
            announce: vec![],
            withdraw: vec![route(1, 5).prefix],
        },
    );
    world.settle();
    assert!(world.heard_from_first(2).is_empty());
}

#[test]
fn ipv6_routes_pass_over_ipv6_sessions() {
    let mut world = World::star(3, Family::Ipv6, 2);
    world.start();
    world.input(
        1,
        Input::Originate {
            announce: vec![route6(1), route6(2)],
            withdraw: vec![],
        },
    );
    world.settle();
    let heard = world.heard_from_first(2);
    assert_eq!(heard.len(), 2);
    assert_eq!(
        heard[&prefix("2001:db8:1::/48")].next_hop,
        address(0, Family::Ipv6)
    );
}

#[test]
fn sessions_live_on_keepalives() {
    let mut world = World::star(1, Family::Ipv4, 3);
    world.start();
    world.pass_time(Duration::from_secs(600));
    assert!(all_established(&world));
    let dropped = world
        .nodes
        .iter()
        .flat_map(|node| node.speaker.status(world.now).peers);
    assert_eq!(dropped.map(|peer| peer.counters.dropped).sum::<u64>(), 0);
}

#[test]
fn a_session_that_is_cut_comes_back_and_its_routes_go_meanwhile() {
    let mut world = World::star(2, Family::Ipv4, 2);
    world.start();
    world.input(
        1,
        Input::Originate {
            announce: vec![route(1, 1)],
            withdraw: vec![],
        },
    );
    world.settle();
    assert_eq!(world.heard_from_first(2).len(), 1);
    for pipe in world.open_pipes() {
        world.cut(pipe);
    }
    assert_eq!(world.nodes[0].speaker.status(world.now).prefixes, 0);
    world.pass_time(Duration::from_secs(30));
    assert!(all_established(&world));
    assert_eq!(world.heard_from_first(2).len(), 1);
}

#[test]
fn nothing_is_told_twice() {
    for seed in 0..20 {
        let mut world = World::star(seed, Family::Ipv4, 4);
        world.start();
        for _ in 0..40 {
            let node = usize::try_from(world.random.below(5)).unwrap_or(0);
            let number = u32::try_from(world.random.below(30)).unwrap_or(0);
            let community = u32::try_from(world.random.below(3)).unwrap_or(0);
            let (announce, withdraw) = if world.random.below(3) == 0 {
                (vec![], vec![route(number, 0).prefix])
            } else {
                (vec![route(number, community)], vec![])
            };
            world.input(node, Input::Originate { announce, withdraw });
            for _ in 0..world.random.below(60) {
                world.step();
            }
        }
        world.settle();
        for node in &world.nodes {
            for peer in node.speaker.status(world.now).peers {
                assert_eq!(
                    peer.counters.duplicates_in, 0,
                    "seed {seed}: {}",
                    peer.address
                );
                assert!(peer.settled, "seed {seed}: {}", peer.address);
            }
        }
    }
}

#[test]
fn a_silent_peer_is_dropped_with_a_notification() {
    let mut world = World::star(5, Family::Ipv4, 1);
    world.start();
    world.settle();
    // Only node 0's clock runs.
    for _ in 0..12 {
        world.now = world.now + Duration::from_secs(1);
        world.input(0, Input::Timer);
    }
    world.settle();
    let told = |it: &Output| matches!(it, Output::PeerDown { reason, .. } if reason.contains("hold timer expired"));
    assert!(
        world.nodes[1].log.iter().any(told),
        "{:?}",
        world.nodes[1].log
    );
}
