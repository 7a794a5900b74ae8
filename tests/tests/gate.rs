//! What the gate owes to those who only listen: barriers for frames without state, clocks that stand still while it is shut.

use tcp_ha_tests::world::{Scenario, World};

/// Who has 10.0.0.1? Tell 10.0.0.2.
const ARP_REQUEST: [u8; 42] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 2, 8, 6, // Ethernet
    0, 1, 8, 0, 6, 4, 0, 1, // request
    2, 0, 0, 0, 0, 2, 10, 0, 0, 2, // sender
    0, 0, 0, 0, 0, 0, 10, 0, 0, 1, // target
];

fn hold(world: &mut World, hold: bool) {
    let channel = world.channel.as_mut().expect("a channel");
    channel.hold_acknowledgements = hold;
}

#[test]
fn i1_an_answer_that_changes_nothing_waits_for_an_acknowledgement_of_its_own() {
    let mut world = World::paired(Scenario {
        octets: 20_000,
        ..Scenario::default()
    });
    world.finish();
    world.run_for(200_000); // Everything is acknowledged; the peers are silent.
    hold(&mut world, true);
    let (at, since_us) = (world.active().expect("an active"), world.now_us);
    world.inject(ARP_REQUEST.to_vec());
    world.run_for(50_000);
    assert_eq!(
        world.frames_since(at, since_us),
        0,
        "an older acknowledgement let it go"
    );
    hold(&mut world, false);
    world.run_for(1_000);
    assert_eq!(
        world.frames_since(at, since_us),
        1,
        "the answer leaves in the end"
    );
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
