//! What the gate owes to those who only listen: barriers for frames without state, clocks that stand still while it is shut.

use tcp_ha_tests::world::{Doing, Family, Scenario, Stranger, World};

fn hold(world: &mut World, hold: bool) {
    let channel = world.channel.as_mut().expect("a channel");
    channel.to_active.held = hold;
}

/// A pair in `family` with which everything is acknowledged, and whose peer is silent.
fn quiet(family: Family) -> World {
    let mut world = World::paired(Scenario {
        family,
        octets: 20_000,
        ..Scenario::default()
    });
    world.finish();
    world.run_for(200_000);
    world.onlooker.monotonic.resets_allowed = true;
    world
}

#[test]
fn i1_an_answer_that_changes_nothing_waits_for_an_acknowledgement_of_its_own() {
    let (mut v4, mut v6) = (Stranger::new(Family::V4), Stranger::new(Family::V6));
    let questions = [
        ("an ARP reply", Family::V4, v4.solicitation()),
        ("an echo reply", Family::V4, vec![v4.echo_request()]),
        ("a reset", Family::V4, v4.syns(1, 1)),
        ("a neighbour advertisement", Family::V6, v6.solicitation()),
        ("a reset", Family::V6, v6.syns(1, 1)),
    ];
    for (answer, family, question) in questions {
        let mut world = quiet(family);
        let at = world.active().expect("an active");
        // Whom it answers is known to it, so that there is one answer and nothing else.
        for frame in Stranger::new(family).solicitation() {
            world.inject(frame);
        }
        world.run_for(1_000);
        hold(&mut world, true);
        let since_us = world.now_us;
        for frame in question {
            world.inject(frame);
        }
        world.run_for(50_000);
        assert_eq!(
            world.frames_since(at, since_us),
            0,
            "{answer} left by an older acknowledgement"
        );
        hold(&mut world, false);
        world.run_for(1_000);
        assert_eq!(
            world.frames_since(at, since_us),
            1,
            "{answer} leaves in the end"
        );
    }
}

#[test]
fn i1_a_reset_of_the_services_own_waits_like_everything() {
    let mut world = quiet(Family::V4);
    let at = world.active().expect("an active");
    hold(&mut world, true);
    let since_us = world.now_us;
    let id = world.speaker().engine().connections().next();
    world
        .speaker_mut()
        .abort(since_us, id.expect("a connection"));
    world.run_for(50_000);
    assert_eq!(world.frames_since(at, since_us), 0, "the reset left early");
    hold(&mut world, false);
    world.run_for(1_000);
    assert_eq!(world.frames_since(at, since_us), 1);
}

#[test]
fn i2_acknowledgements_that_wait_for_a_suspended_active_open_nothing() {
    // They were written before the standby took over, and lie in the channel when the old active wakes.
    for turns in 0..12 {
        let mut world = World::paired(Scenario {
            octets: 2_000_000,
            ..Scenario::default()
        });
        let old = world.active().expect("an active");
        world.turns(10 + turns);
        world.nodes[old].suspended = true;
        world.run_until("a takeover", |world| world.takeovers == 1);
        world.turns(turns);
        let since_us = world.now_us;
        world.nodes[old].suspended = false;
        world.turns(3);
        assert_eq!(world.frames_since(old, since_us), 0);
        assert!(matches!(world.nodes[old].doing, Doing::Fenced));
        world.finish();
    }
}

#[test]
fn i8_no_timer_fires_for_time_in_which_nothing_could_be_said() {
    let mut world = World::paired(Scenario {
        octets: 300_000,
        ..Scenario::default()
    });
    world.run_for(3_000);
    world.register.set_unavailable(true);
    world.kill(1);
    world.run_for(1_000);
    let retransmits = |world: &World| -> u64 {
        let engine = world.speaker().engine();
        let infos = engine.connections().filter_map(|id| engine.connection(id));
        infos.map(|info| info.retransmits).sum()
    };
    let outstanding = |world: &World| {
        let engine = world.speaker().engine();
        let mut infos = engine.connections().filter_map(|id| engine.connection(id));
        infos.any(|info| info.snd_max > info.snd_una)
    };
    assert!(
        outstanding(&world),
        "something must wait for its acknowledgement"
    );
    let before = retransmits(&world);
    world.run_for(3_000_000);
    assert_eq!(retransmits(&world), before);
    world.register.set_unavailable(false);
    world.finish();
}

#[test]
fn i1_a_promise_to_a_third_party_waits_for_an_acknowledgement_of_its_own() {
    let mut world = quiet(Family::V4);
    hold(&mut world, true);
    world.speaker_mut().ask_backing();
    world.run_for(50_000);
    assert!(
        !world.speaker_mut().take_backed(),
        "an older acknowledgement backs nothing"
    );
    hold(&mut world, false);
    world.run_for(1_000);
    assert!(world.speaker_mut().take_backed());
    assert!(!world.speaker_mut().take_backed(), "it was asked once");
}

#[test]
fn i8_no_promise_is_made_while_nobody_knows_who_speaks() {
    let mut world = quiet(Family::V4);
    world.register.set_unavailable(true);
    world.kill(1);
    world.run_for(1_000);
    world.speaker_mut().ask_backing();
    world.run_for(300_000);
    assert!(!world.speaker_mut().take_backed());
    world.register.set_unavailable(false);
    world.run_until("the right to speak alone", |world| {
        !world.speaker().gate_is_shut()
    });
    assert!(world.speaker_mut().take_backed());
}

#[test]
fn nothing_is_sent_again_that_waits_in_the_gate() {
    let mut world = World::paired(Scenario {
        octets: 2_000_000,
        ..Scenario::default()
    });
    let sent_again = |world: &World| {
        let counters = world.speaker().engine().counters();
        (counters.retransmits, counters.tail_loss_probes)
    };
    world.run_for(20_000);
    let before = sent_again(&world);
    for _ in 0..5 {
        hold(&mut world, true);
        world.run_for(60_000);
        hold(&mut world, false);
        world.run_for(20_000);
    }
    assert_eq!(sent_again(&world), before);
    world.finish();
}
