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

#[test]
fn regenerated_octets_never_travel() {
    for scenario in [regenerated(), both()] {
        let mut world = World::new(scenario.clone());
        world.add_node();
        world.turn();
        world.add_node();
        world.turn();
        world.channel().forbidden = answers(&scenario);
        world.peer.connect(world.now_us);
        world.finish();
        assert!(
            world.channel().octets_to_standby > 90_000,
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
