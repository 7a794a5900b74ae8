//! Each invariant, attacked. `docs/invariants.md` says how each test was seen to fail.

use std::collections::BTreeMap;
use tcp_ha::core::{DownReason, Readiness, Standby};
use tcp_ha_tests::wire;
use tcp_ha_tests::world::{Doing, Scenario, World};

fn standby(world: &World) -> &Standby {
    let found = world
        .nodes
        .iter()
        .filter(|node| node.alive)
        .find_map(|node| match &node.doing {
            Doing::Standby(standby) => Some(standby.as_ref()),
            _ => None,
        });
    found.expect("a standby")
}

/// Frames of node `at` sent since `since_us`.
fn frames_since(world: &World, at: usize, since_us: u64) -> usize {
    world
        .sent
        .iter()
        .filter(|(sent_us, node, _)| *sent_us > since_us && *node == at)
        .count()
}

#[test]
fn i1_no_frame_leaves_before_the_standby_acknowledged() {
    let mut world = World::paired(Scenario {
        octets: 1_000_000,
        ..Scenario::default()
    });
    world.channel.as_mut().expect("a channel").to_active.held = true;
    world.run_for(500); // What was acknowledged already may still leave.
    let (at, since_us) = (world.active().expect("an active"), world.now_us);
    // Data, its ACKs and answers, an ARP request of the peer's: all that arrives must wait. Below the hold limit of 100 ms.
    world.run_for(80_000);
    assert_eq!(frames_since(&world, at, since_us), 0);
    world.channel.as_mut().expect("a channel").to_active.held = false;
    world.run_for(1_000);
    assert!(
        frames_since(&world, at, since_us) > 0,
        "the acknowledgement opens the gate"
    );
}

#[test]
fn i2_a_suspended_active_that_was_overtaken_says_nothing_on_resume() {
    let mut world = World::paired(Scenario {
        octets: 8_000_000,
        ..Scenario::default()
    });
    let old = world.active().expect("an active");
    world.run_for(3_000);
    world.nodes[old].suspended = true;
    world.run_until("a takeover", |world| {
        world
            .nodes
            .iter()
            .enumerate()
            .any(|(at, node)| at != old && matches!(node.doing, Doing::Active(_)))
    });
    world.run_for(20_000);
    assert!(!world.peer.done(), "there must be load when it resumes");
    let since_us = world.now_us;
    world.nodes[old].suspended = false; // Its queue holds what arrived at the hub's port meanwhile.
    world.run_until("the whole echo", |world| world.peer.done());
    assert_eq!(frames_since(&world, old, since_us), 0);
    assert!(matches!(world.nodes[old].doing, Doing::Fenced));
    assert!(!world.peer.lost());
}

#[test]
fn i3_one_speaker_per_epoch() {
    // Both sides declare the other dead in the same instant, over and over: whatever the order, one node speaks.
    for delay_us in (0..2_000).step_by(100) {
        let mut world = World::paired(Scenario {
            octets: 60_000,
            ..Scenario::default()
        });
        world.run_for(delay_us);
        let swaps = world.register.swaps();
        world.cut_channel();
        world.run_for(2_000);
        let speakers = world
            .nodes
            .iter()
            .filter(|node| matches!(node.doing, Doing::Active(_)))
            .count();
        assert_eq!(speakers, 1);
        assert!(world.register.swaps() > swaps, "somebody won");
        world.run_until("the whole echo", |world| world.peer.done());
    }
}

#[test]
fn i4_shadow_equals_active_at_the_same_lsn() {
    let mut world = World::paired(Scenario {
        octets: 1_000_000,
        ..Scenario::default()
    });
    world.loss = 40;
    let mut compared = 0;
    while !world.peer.done() {
        world.turn();
        let at = world.active().expect("an active");
        let Doing::Active(active) = &world.nodes[at].doing else {
            continue;
        };
        let standby = standby(&world);
        if standby.applied() != active.lsns().0 {
            continue;
        }
        compared += 1;
        let theirs: BTreeMap<_, _> = standby
            .shadow()
            .connections()
            .map(|(id, connection)| (id, connection.state))
            .collect();
        let ours: BTreeMap<_, _> = active
            .engine()
            .connections()
            .filter_map(|id| Some((id, active.engine().snapshot(id)?)))
            .collect();
        assert_eq!(ours, theirs, "at {} us", world.now_us);
    }
    assert!(compared > 100, "the nodes were level only {compared} times");
}

#[test]
fn i5_checkpoint_octets_do_not_change_with_the_payload() {
    let octets = |salt| {
        let mut world = World::paired(Scenario {
            salt,
            ..Scenario::default()
        });
        world.run_until("the whole echo", |world| world.peer.done());
        let at = world.active().expect("an active");
        let Doing::Active(active) = &world.nodes[at].doing else {
            unreachable!("it speaks")
        };
        (
            active.counters().checkpoints,
            active.counters().checkpoint_octets,
        )
    };
    let first = octets(1);
    assert!(first.0 > 10, "{first:?}");
    assert_eq!(first, octets(77));
}

#[test]
fn i6_edge_and_timestamps_go_on_over_takeovers() {
    // The world's onlooker panics when a right edge or a TSval of ours goes back, or at a reset.
    let mut world = World::paired(Scenario {
        octets: 2_000_000,
        ..Scenario::default()
    });
    for _ in 0..4 {
        world.run_for(7_300);
        let old = world.active().expect("an active");
        world.kill(old);
        world.add_node();
        world.run_until("a pair again", World::all_ready);
    }
    world.run_until("the whole echo", |world| world.peer.done());
    let stamped = world
        .sent
        .iter()
        .filter_map(|(_, _, frame)| wire::segment(frame))
        .filter(|seen| seen.tsval.is_some());
    assert!(stamped.count() > 100, "timestamps were in use");
}

#[test]
fn i7_the_peer_notices_nothing_wherever_the_active_is_cut() {
    for (salt, loss) in [(1, 0), (2, 30)] {
        for turns in 0..120 {
            let mut world = World::paired(Scenario {
                octets: 100_000,
                salt,
                ..Scenario::default()
            });
            world.loss = loss;
            (0..turns).for_each(|_| world.turn());
            let old = world.active().expect("an active");
            world.kill(old);
            world.run_until("the whole echo", |world| world.peer.done());
            assert!(!world.peer.lost(), "cut after {turns} turns");
        }
    }
}

#[test]
fn i7_holds_when_the_active_hangs_instead() {
    for turns in (0..60).step_by(3) {
        let mut world = World::paired(Scenario {
            octets: 100_000,
            ..Scenario::default()
        });
        (0..turns).for_each(|_| world.turn());
        let old = world.active().expect("an active");
        world.nodes[old].suspended = true;
        world.run_until("the whole echo", |world| world.peer.done());
        assert!(!world.peer.lost(), "hung after {turns} turns");
    }
}

#[test]
fn i8_losing_the_standby_costs_protection_only() {
    let mut world = World::paired(Scenario {
        octets: 300_000,
        ..Scenario::default()
    });
    world.run_for(3_000);
    let (old, dead) = (world.active().expect("an active"), 1);
    world.kill(dead);
    world.run_until("the whole echo", |world| world.peer.done());
    assert_eq!(world.active(), Some(old));
    assert!(!world.peer.lost());
}

#[test]
fn i8_without_the_register_the_gate_stays_shut_until_it_returns() {
    let mut world = World::paired(Scenario {
        octets: 300_000,
        ..Scenario::default()
    });
    let at = world.active().expect("an active");
    world.run_for(3_000);
    world.register.set_unavailable(true);
    world.kill(1);
    world.run_for(1_000);
    let since_us = world.now_us;
    world.run_for(3_000_000);
    assert_eq!(
        frames_since(&world, at, since_us),
        0,
        "no right to speak was had"
    );
    world.register.set_unavailable(false);
    world.run_until("the whole echo", |world| world.peer.done());
    assert!(!world.peer.lost());
}

#[test]
fn i9_a_standby_that_falls_silent_is_given_up_at_the_hold_limit() {
    let mut world = World::paired(Scenario {
        octets: 300_000,
        ..Scenario::default()
    });
    world.channel.as_mut().expect("a channel").to_active.held = true;
    let (at, since_us) = (world.active().expect("an active"), world.now_us);
    let unprotected = |world: &World| match &world.nodes[at].doing {
        Doing::Active(active) => active.unprotected().is_some(),
        _ => false,
    };
    world.run_until("the end of patience", unprotected);
    let waited_us = world.now_us - since_us;
    assert!(
        (50_000..150_000).contains(&waited_us),
        "waited {waited_us} us"
    );
    world.run_until("the whole echo", |world| world.peer.done());
}

#[test]
fn a_tenth_failover_is_like_the_first() {
    let mut world = World::paired(Scenario {
        octets: 3_000_000,
        ..Scenario::default()
    });
    for round in 0..10 {
        world.run_for(5_000);
        let old = world.active().expect("an active");
        world.kill(old);
        world.add_node();
        world.run_until("a pair again", World::all_ready);
        assert!(!world.peer.lost(), "round {round}");
    }
    world.run_until("the whole echo", |world| world.peer.done());
}

#[test]
fn a_planned_handover_goes_unnoticed_and_is_refused_without_a_ready_pair() {
    let mut world = World::paired(Scenario {
        octets: 500_000,
        ..Scenario::default()
    });
    world.run_for(5_000);
    let old = world.active().expect("an active");
    world.switchover().expect("all is ready");
    world.run_until("the other node speaks", |world| {
        world.active().is_some_and(|at| at != old)
    });
    assert!(matches!(world.nodes[old].doing, Doing::Fenced));
    let refused = world.switchover().expect_err("nobody stands by");
    assert!(
        refused.to_string().starts_with("no standby is paired"),
        "{refused}"
    );
    world.run_until("the whole echo", |world| world.peer.done());
}

#[test]
fn protection_asked_for_late_covers_what_came_before() {
    let mut world = World::paired(Scenario {
        octets: 400_000,
        ..Scenario::default()
    });
    world.run_for(4_000);
    let (at, now_us) = (world.active().expect("an active"), world.now_us);
    let Doing::Active(active) = &mut world.nodes[at].doing else {
        unreachable!("it speaks")
    };
    let id = active.engine().connections().next().expect("a connection");
    active.protect(now_us, id, None);
    world.run_for(2_000);
    let now_us = world.now_us;
    let Doing::Active(active) = &mut world.nodes[at].doing else {
        unreachable!("it speaks")
    };
    assert_eq!(active.readiness(id), Readiness::None);
    active.protect(now_us, id, Some(tcp_ha::Protection::default()));
    world.run_until("a ready connection", World::all_ready);
    world.kill(at);
    world.run_until("the whole echo", |world| world.peer.done());
}

#[test]
fn every_loss_of_a_standby_is_counted_with_its_reason_and_time() {
    let mut world = World::paired(Scenario {
        octets: 300_000,
        ..Scenario::default()
    });
    for losses in 1..=3 {
        world.run_until("a standby", |world| world.standby_at().is_some());
        world.run_until("a pair", World::is_paired);
        let standby = world.standby_at().expect("a standby");
        world.kill(standby);
        let died_us = world.now_us;
        world.run_until("the loss of it", |world| !world.is_paired());
        let downs = world.speaker().downs();
        let lost = downs[&DownReason::StandbyLost];
        // It began without any.
        assert_eq!((downs.len(), lost.count), (2, losses));
        assert!((died_us..=world.now_us).contains(&lost.last_us));
        world.add_node();
    }
}
