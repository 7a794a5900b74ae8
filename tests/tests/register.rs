//! The register fails to answer, or to say what became of a change: nobody speaks without a right, and nobody falls silent without need.

use ipc::register::{Register, memory::UnknownOutcome};
use ipc::schema::v1::ResignCause;
use tcp_ha::core::Standing;
use tcp_ha_tests::world::{Doing, Scenario, World};

const OUTCOMES: [UnknownOutcome; 2] = [UnknownOutcome::Applied, UnknownOutcome::Lost];

fn scenario() -> Scenario {
    Scenario {
        octets: 400_000,
        per_turn: 3_000,
        ..Scenario::default()
    }
}

fn alone() -> World {
    let mut world = World::new(scenario());
    world.add_node();
    world.turn();
    world.peer.connect(world.now_us);
    world.turns(30);
    world
}

#[test]
fn a_pair_of_unknown_outcome_is_made_or_not_without_harm() {
    for outcome in OUTCOMES {
        let mut world = alone();
        world.register.hide_next_outcome(outcome);
        world.add_node();
        world.run_until("ready connections", World::all_ready);
        assert_eq!(world.active(), Some(0), "{outcome:?}");
        assert_eq!(world.takeovers, 0, "{outcome:?}");
        world.fail_over();
        world.finish();
    }
}

#[test]
fn a_pair_of_unknown_outcome_before_the_register_is_gone_costs_nothing_but_time() {
    // The standby must not take the place of an active that lives and waits, whoever reads the register first.
    for outcome in OUTCOMES {
        let mut world = alone();
        world.register.hide_next_outcome(outcome);
        world.moody.fall_silent_after_unknown();
        world.add_node();
        world.run_until("silence", |world| world.register.read().is_err());
        world.turns(5);
        let since_us = world.now_us;
        world.run_for(300_000);
        assert_eq!(
            world.frames_since(0, since_us),
            0,
            "{outcome:?}: no right to speak was known of"
        );
        world.register.set_unavailable(false);
        let since_us = world.now_us;
        world.run_until("ready connections", World::all_ready);
        assert!(world.now_us - since_us < 200_000);
        assert_eq!(world.active(), Some(0), "{outcome:?}");
        assert_eq!(world.takeovers, 0, "{outcome:?}");
        world.fail_over();
        world.finish();
    }
}

#[test]
fn an_unavailable_register_makes_no_pair_and_the_active_serves_on() {
    let mut world = alone();
    world.register.set_unavailable(true);
    let since_us = world.now_us;
    world.add_node();
    world.run_for(20_000);
    assert!(!world.is_paired());
    assert!(world.frames_since(0, since_us) > 0);
    world.register.set_unavailable(false);
    world.run_until("ready connections", World::all_ready);
    world.finish();
}

#[test]
fn going_solo_with_unknown_outcome_keeps_the_gate_shut_until_it_is_known() {
    for outcome in OUTCOMES {
        let mut world = World::paired(scenario());
        world.turns(20);
        world.register.hide_next_outcome(outcome);
        world.kill(1);
        world.turns(1);
        // Whatever became of it, the register itself cannot be asked for a while.
        world.register.set_unavailable(true);
        world.turns(5);
        let since_us = world.now_us;
        world.run_for(100_000);
        assert_eq!(world.frames_since(0, since_us), 0, "{outcome:?}");
        world.register.set_unavailable(false);
        world.finish();
        assert_eq!(world.active(), Some(0));
    }
}

#[test]
fn a_whole_pair_that_stumbles_goes_on_without_the_register() {
    let mut world = World::paired(scenario());
    world.register.set_unavailable(true);
    for _ in 0..20 {
        world.run_for(2_000);
        // Longer than a node may doubt itself, shorter than the other one doubts it.
        world.nodes[0].suspended = true;
        world.run_for(9_000);
        world.nodes[0].suspended = false;
    }
    world.finish();
    assert_eq!(world.active(), Some(0));
    assert_eq!(world.takeovers, 0);
    assert!(world.is_paired());
}

#[test]
fn a_standby_that_resigns_lets_the_active_speak_though_the_register_is_gone() {
    let mut world = World::paired(scenario());
    world.turns(20);
    world.register.set_unavailable(true);
    let Doing::Standby(standby) = &mut world.nodes[1].doing else {
        panic!("no standby");
    };
    standby.resign(ResignCause::Asked, "it is cut off from the register");
    assert!(standby.has_resigned());
    let since_us = world.now_us;
    world.run_for(100_000);
    assert!(world.frames_since(0, since_us) > 0, "nobody can take over");
    assert!(!world.is_paired());
    world.register.set_unavailable(false);
    world.run_until("ready connections", World::all_ready);
    assert_eq!(world.active(), Some(0));
    world.fail_over();
    world.finish();
}

#[test]
fn a_standby_that_may_have_won_does_not_resign() {
    for outcome in OUTCOMES {
        let mut world = World::paired(scenario());
        world.turns(20);
        world.register.hide_next_outcome(outcome);
        world.moody.fall_silent_after_unknown();
        world.nodes[0].suspended = true;
        world.run_until("silence", |world| world.register.read().is_err());
        let Doing::Standby(standby) = &mut world.nodes[1].doing else {
            panic!("no standby");
        };
        assert!(standby.is_in_doubt());
        standby.resign(ResignCause::Asked, "it is cut off from the register");
        assert!(!standby.has_resigned());
        let since_us = world.now_us;
        world.nodes[0].suspended = false;
        world.run_for(100_000);
        let said = world.frames_since(0, since_us) + world.frames_since(1, since_us);
        assert_eq!(said, 0, "{outcome:?}");
        world.register.set_unavailable(false);
        world.finish();
    }
}

#[test]
fn an_active_that_may_have_passed_the_epoch_on_heeds_no_resignation() {
    for outcome in OUTCOMES {
        let mut world = World::paired(scenario());
        world.turns(20);
        world.register.hide_next_outcome(outcome);
        world.moody.fall_silent_after_unknown();
        world.switchover().expect("a ready pair");
        world.run_until("silence", |world| world.register.read().is_err());
        let Doing::Standby(standby) = &mut world.nodes[1].doing else {
            panic!("no standby");
        };
        standby.resign(ResignCause::Asked, "it is cut off from the register");
        let since_us = world.now_us;
        world.run_for(100_000);
        assert!(!world.is_paired());
        let said = world.frames_since(0, since_us) + world.frames_since(1, since_us);
        assert_eq!(said, 0, "{outcome:?}");
        world.register.set_unavailable(false);
        world.run_until("the register's word", |world| {
            world.active().is_some() != matches!(world.nodes[0].doing, Doing::Fenced)
        });
    }
}

#[test]
fn an_overtaken_active_that_resumes_is_silent_though_the_register_is_gone() {
    let mut world = World::paired(Scenario {
        octets: 8_000_000,
        ..Scenario::default()
    });
    world.run_for(3_000);
    world.nodes[0].suspended = true;
    world.run_until("a takeover", |world| world.takeovers > 0);
    world.register.set_unavailable(true);
    let since_us = world.now_us;
    world.nodes[0].suspended = false;
    world.run_for(200_000);
    assert_eq!(world.frames_since(0, since_us), 0);
    assert!(world.frames_since(1, since_us) > 0);
    world.register.set_unavailable(false);
    world.run_until("the fence", |world| {
        matches!(world.nodes[0].doing, Doing::Fenced)
    });
    world.finish();
}

#[test]
fn a_doubt_while_the_outcome_is_unknown_fences_nobody() {
    // The register says (active, none) in an epoch that this node has not heard of: it is its own.
    for outcome in OUTCOMES {
        let mut world = World::paired(scenario());
        world.turns(20);
        world.register.hide_next_outcome(outcome);
        world.kill(1);
        world.turns(2);
        world.nodes[0].suspended = true;
        world.run_for(30_000);
        world.nodes[0].suspended = false;
        world.turns(2);
        assert!(
            matches!(world.nodes[0].doing, Doing::Active(_)),
            "{outcome:?}: fenced by its own entry"
        );
        world.finish();
    }
}

#[test]
fn a_takeover_of_unknown_outcome_says_nothing_until_it_is_known() {
    for outcome in OUTCOMES {
        let mut world = World::paired(scenario());
        world.turns(20);
        world.register.hide_next_outcome(outcome);
        world.kill(0);
        world.finish();
        assert_eq!(world.active(), Some(1), "{outcome:?}");
        assert_eq!(world.takeovers, 1);
    }
}

#[test]
fn a_takeover_without_the_register_waits_for_it() {
    let mut world = World::paired(scenario());
    world.turns(20);
    world.register.set_unavailable(true);
    world.kill(0);
    world.run_for(100_000);
    assert_eq!(world.active(), None, "no right to speak was had");
    world.register.set_unavailable(false);
    world.finish();
    assert_eq!(world.takeovers, 1);
}

#[test]
fn a_handover_of_unknown_outcome_ends_with_one_speaker() {
    for outcome in OUTCOMES {
        let mut world = World::paired(scenario());
        world.turns(20);
        world.register.hide_next_outcome(outcome);
        world.switchover().expect("all is ready");
        world.run_until("the other node speaks", |world| world.active() == Some(1));
        assert!(matches!(world.nodes[0].doing, Doing::Fenced));
        world.finish();
    }
}

#[test]
fn a_handover_of_unknown_outcome_does_not_leave_a_speaker_whose_standby_is_its_only_right() {
    // The register may name the standby active already. If that one dies then, the sessions still go on at the old node.
    for outcome in OUTCOMES {
        let mut world = World::paired(scenario());
        world.turns(20);
        world.register.hide_next_outcome(outcome);
        world.switchover().expect("all is ready");
        world.turns(2);
        world.register.set_unavailable(true);
        world.run_for(50_000);
        world.register.set_unavailable(false);
        world.run_until("a speaker", |world| {
            world
                .register
                .read()
                .ok()
                .flatten()
                .map(|entry| entry.active)
                == world.active().map(|at| world.nodes[at].me)
        });
        world.finish();
        assert!(!world.peer.lost());
    }
}

#[test]
fn both_sides_that_see_a_broken_channel_swap_once() {
    for after in 0..20 {
        let mut world = World::paired(scenario());
        world.turns(after);
        world.cut_channel();
        world.run_until("ready connections", |world| {
            world.standby().map(|standby| standby.standing()) == Some(Standing::Paired)
        });
        let speakers = world
            .nodes
            .iter()
            .filter(|node| matches!(node.doing, Doing::Active(_)));
        assert_eq!(speakers.count(), 1);
        world.finish();
    }
}

#[test]
fn a_standby_that_joins_anew_while_the_register_is_away_is_not_taken_for_the_one_it_names() {
    let mut world = alone();
    world.add_node();
    world.run_until("ready connections", World::all_ready);
    world.register.set_unavailable(true);
    // It gives up what it holds; the active cannot make itself alone yet.
    world.channel().garble_to_standby();
    world.run_until("the loss of the standby", |world| {
        !world.speaker().has_standby()
    });
    world.register.set_unavailable(false);
    for _ in 0..60 {
        world.turn();
        let entry = world.register.read().ok().flatten();
        let named = entry.and_then(|entry| entry.standby);
        let empty = world.nodes.iter().any(|node| match &node.doing {
            Doing::Standby(standby) => {
                Some(node.me) == named && standby.standing() == Standing::Syncing
            }
            _ => false,
        });
        assert!(
            !empty || world.is_paired(),
            "the register names a standby that holds nothing"
        );
    }
    world.run_until("ready connections", World::all_ready);
    world.fail_over();
    world.finish();
}
