//! The daemon's choices: who makes inbound octets safe (`Marked`), and who keeps outbound ones (`Regenerated`).

use std::collections::HashSet;
use tcp_ha::core::SendMode;
use tcp_ha::engine::ReceiveMode;
use tcp_ha::{Protection, engine};
use tcp_ha_tests::world::{PIECE, Scenario, TWIST, World};

/// The service's own records carry its marks; messages are larger than a segment.
fn marked() -> Scenario {
    Scenario {
        octets: 90_000,
        message: 3_000,
        protection: Some(Protection {
            receive: ReceiveMode::Marked,
            ..Protection::default()
        }),
        ..Scenario::default()
    }
}

/// Only sizes travel of what the service says.
fn regenerated() -> Scenario {
    Scenario {
        octets: 90_000,
        message: 1_000,
        protection: Some(Protection {
            send: SendMode::Regenerated,
            application_sync: true,
            ..Protection::default()
        }),
        ..Scenario::default()
    }
}

fn both() -> Scenario {
    Scenario {
        protection: Some(Protection {
            receive: ReceiveMode::Marked,
            send: SendMode::Regenerated,
            application_sync: true,
        }),
        ..marked()
    }
}

/// Every piece of what the service may say.
fn answers(scenario: &Scenario) -> HashSet<Vec<u8>> {
    (0..251)
        .map(|from| {
            (from..from + PIECE as u64)
                .map(|at| scenario.octet(at) ^ TWIST)
                .collect()
        })
        .collect()
}

/// The onlooker panics when an ACK field lies beyond SAFE of the shadow, the client when an octet is answered wrongly.
fn survives_a_cut_after_every_turn(scenario: &Scenario, turns: usize, late: u32) {
    for cut_after in 0..turns {
        let mut world = World::paired(scenario.clone());
        world.wishes.supplies_late = late;
        world.turns(cut_after);
        world.kill_active();
        world.run_until("a takeover", |world| world.takeovers == 1);
        world.finish();
        let second = world.add_node();
        world.peer.send_more(30_000);
        world.run_until("a pair again", World::all_ready);
        world.turns(cut_after % 7);
        world.kill_active();
        world.run_until("a takeover", |world| world.active() == Some(second));
        world.finish();
    }
}

#[test]
fn marked_survives_a_cut_after_every_turn() {
    survives_a_cut_after_every_turn(&marked(), 60, 0);
}

#[test]
fn marked_survives_cuts_and_loss() {
    let scenario = Scenario {
        loss: 25,
        ..marked()
    };
    survives_a_cut_after_every_turn(&scenario, 40, 0);
}

#[test]
fn marked_holds_the_ack_at_safe() {
    let mut world = World::paired(Scenario {
        per_turn: 700,
        ..marked()
    });
    let mut held_back = 0;
    while !world.peer.done() {
        world.turn();
        let engine = world.speaker().engine();
        for id in engine.connections() {
            let info = engine.connection(id).expect("a connection");
            held_back += usize::from(info.safe < info.rcv_nxt);
        }
    }
    assert!(
        held_back > 20,
        "received octets waited for their mark in {held_back} turns only"
    );
    assert!(world.onlooker.backed > 30);
}

#[test]
fn an_unfinished_message_is_shipped_when_its_ack_is_due() {
    // The peer stops in the middle of a message: without an ACK it would send it again and again.
    let mut world = World::paired(Scenario {
        octets: 60_000,
        ..marked()
    });
    world.finish();
    world.run_for(100_000);
    let before = world.speaker().counters().payload_octets;
    let id = world.peer.engine().connections().next().expect("a client");
    world.peer.send_more(500);
    world.run_for(20_000);
    assert_eq!(
        world.speaker().counters().payload_octets,
        before,
        "no ACK is due yet"
    );
    world.run_for(100_000);
    assert_eq!(world.speaker().counters().payload_octets, before + 500);
    let info = world.peer.engine().connection(id).expect("a client");
    assert_eq!(info.snd_una, 60_500, "all is acknowledged");
    assert_eq!(info.retransmits, 0, "before the peer's patience ended");
    // That part of the message lives nowhere but at the standby now.
    world.kill_active();
    world.peer.send_more(2_500);
    world.finish();
    assert_eq!(world.takeovers, 1);
}

#[test]
fn regenerated_survives_a_cut_after_every_turn() {
    survives_a_cut_after_every_turn(&regenerated(), 60, 0);
}

#[test]
fn regenerated_survives_although_its_octets_come_late() {
    let scenario = Scenario {
        loss: 25,
        ..regenerated()
    };
    survives_a_cut_after_every_turn(&scenario, 40, 30);
}

#[test]
fn marked_and_regenerated_survive_together() {
    survives_a_cut_after_every_turn(&both(), 60, 3);
}

/// What the service says is recorded by nobody.
fn receive_only() -> Scenario {
    Scenario {
        octets: 2_000,
        per_turn: 200,
        protection: Some(Protection {
            application_sync: true,
            ..Protection::receive_only()
        }),
        ..Scenario::default()
    }
}

/// Whether the peer has acknowledged everything that the service wrote.
fn is_quiet(world: &World) -> bool {
    let engine = world.speaker().engine();
    let mut connections = engine.connections().filter_map(|id| engine.connection(id));
    connections.all(|info| info.snd_una == info.snd_end)
}

#[test]
fn receive_only_survives_wherever_the_peer_has_what_was_said() {
    let (mut quiet, mut loud, mut lost) = (0, 0, 0);
    for cut_after in 0..60 {
        let mut world = World::paired(receive_only());
        world.finish();
        world.run_for(200_000);
        world.peer.send_more(3_000);
        world.turns(cut_after);
        let was_quiet = is_quiet(&world);
        world.onlooker.monotonic.resets_allowed = !was_quiet;
        world.kill_active();
        world.run_until("a takeover", |world| world.takeovers == 1);
        world.run_until("an end", |world| world.peer.done() || world.peer.lost());
        if world.peer.lost() {
            assert!(!was_quiet, "nothing was missing after {cut_after} turns");
            lost += 1;
            continue;
        }
        if was_quiet {
            quiet += 1;
        } else {
            loud += 1;
        }
        // The survivor protects it as it was protected before.
        world.onlooker.monotonic.resets_allowed = false;
        world.add_node();
        world.run_until("a pair again", |world| world.all_ready() && is_quiet(world));
        world.fail_over();
        world.peer.send_more(2_000);
        world.finish();
    }
    let outcomes = [quiet, loud, lost];
    assert!(outcomes.iter().all(|count| *count > 0), "{outcomes:?}");
}

#[test]
fn receive_only_ends_what_the_peer_lacks_and_says_so_in_time() {
    let mut world = World::paired(receive_only());
    world.finish();
    world.run_for(200_000);
    // What is said from now on never leaves: the acknowledgements of the standby do not come.
    world.channel().to_active.held = true;
    world.peer.send_more(1_000);
    world.run_for(5_000);
    assert!(!is_quiet(&world));
    world.onlooker.monotonic.resets_allowed = true;
    world.kill_active();
    world.run_until("a takeover", |world| world.takeovers == 1);
    let since_us = world.now_us;
    assert_eq!(
        world.speaker().engine().connections().count(),
        1,
        "the peer is asked first"
    );
    world.run_until("the reset", |world| world.peer.lost());
    let took_us = world.now_us - since_us;
    assert!((2_900_000..3_100_000).contains(&took_us), "{took_us} us");
}

#[test]
fn receive_only_leaves_behind_what_was_never_sent() {
    let mut scenario = receive_only();
    scenario.octets = 60_000;
    scenario.per_turn = 4_000;
    scenario.peer_tcp.receive_capacity = 4_000;
    let mut world = World::paired(scenario);
    world.peer.reads = false;
    world.run_for(300_000);
    assert!(!is_quiet(&world), "the peer's window is shut");
    world.onlooker.monotonic.resets_allowed = true;
    let survivor = world.fail_over();
    assert_eq!(world.nodes[survivor].left_behind, 1);
    world.peer.reads = true;
    world.run_until("the reset", |world| world.peer.lost());
}

#[test]
fn receive_only_is_told_in_the_status() {
    let world = World::paired(receive_only());
    let status = world.nodes[0].status(world.now_us);
    let connection = &status.connections[0];
    assert_eq!(connection.mode.as_deref(), Some("receive logged only"));
    assert_eq!(connection.readiness.state, "ready");
}

#[test]
fn regenerated_octets_never_travel() {
    for scenario in [regenerated(), both(), receive_only()] {
        let mut world = World::new(scenario.clone());
        world.add_node();
        world.turn();
        world.add_node();
        world.turn();
        world.channel().forbidden = answers(&scenario);
        world.peer.connect(world.now_us);
        world.finish();
        assert!(
            world.channel().octets_to_standby > scenario.octets,
            "what was received did travel"
        );
    }
}

#[test]
#[should_panic(expected = "octets of the stream on the channel")]
fn logged_octets_do_travel() {
    let mut world = World::paired(Scenario::default());
    world.channel().forbidden = answers(&Scenario::default());
    world.finish();
}

#[test]
fn a_message_is_recorded_whole_or_not_at_all() {
    // The send buffer has room for two and a half messages.
    let scenario = Scenario {
        octets: 200_000,
        message: 4_000,
        pair_tcp: engine::Config {
            send_capacity: 10_000,
            ..engine::Config::default()
        },
        ..Scenario::default()
    };
    let mut refused = 0;
    for cut_after in 0..60 {
        let mut world = World::paired(scenario.clone());
        for _ in 0..cut_after {
            world.turn();
            let standby = world.standby().expect("a standby");
            for (_, connection) in standby.shadow().connections() {
                let said = connection.state.send.end - 1;
                assert_eq!(said % 4_000, 0, "half a message is recorded");
                refused += usize::from(said - connection.state.send.una > 6_000);
            }
        }
        world.kill_active();
        world.finish();
    }
    assert!(refused > 20, "the send buffer was hardly ever full");
}
