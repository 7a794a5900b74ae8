//! What must hold in every state.

use crate::state::{Active, Doing, Frame, Gate, History, Incarnation, World};
use crate::steps::Protocol;
use stateright::Property;

/// The properties, with the invariants that they state.
const PROPERTIES: [&str; 5] = [
    "I1: whoever owns the epoch holds every record behind a frame that has left",
    "I2: of one record no two stories were told",
    "I3: one speaker an epoch, by a right that the register gave",
    "I8: the gate is open without a standby only by the register's word, or the standby's who resigned",
    "no cold start beside the living",
];

pub(crate) fn all() -> Vec<Property<Protocol>> {
    vec![
        Property::always(PROPERTIES[0], |_, world| backed(world)),
        Property::always(PROPERTIES[1], |_, world| one_story(world)),
        Property::always(PROPERTIES[2], |_, world| one_speaker(world)),
        Property::always(PROPERTIES[3], |_, world| open_by_register(world)),
        Property::always(PROPERTIES[4], |_, world: &World| !world.trampled),
        Property::sometimes(
            "two nodes have told parts of one story",
            |_, world: &World| {
                world.wire.windows(2).any(|pair: &[Frame]| {
                    pair[0].lineage == pair[1].lineage && pair[0].author.node != pair[1].author.node
                })
            },
        ),
    ]
}

/// What the owner of the epoch holds, as the active or as the standby that was given the epoch.
fn owned(world: &World) -> Option<&History> {
    let owner: Incarnation = world.register?.active;
    if !world.lives(owner) {
        return None;
    }
    match &world.nodes[usize::from(owner.node)].doing {
        Doing::Active(active) => Some(&active.history),
        Doing::Standby(standby) => Some(&standby.shadow),
        _ => None,
    }
}

fn backed(world: &World) -> bool {
    let Some(history) = owned(world) else {
        return true;
    };
    world.wire.iter().all(|frame| {
        frame.lineage != history.lineage
            || history.authors.get(usize::from(frame.lsn) - 1) == Some(&frame.author)
    })
}

fn one_story(world: &World) -> bool {
    world
        .wire
        .windows(2)
        .all(|pair| (pair[0].lineage, pair[0].lsn) != (pair[1].lineage, pair[1].lsn))
}

fn one_speaker(world: &World) -> bool {
    let speakers = |world: &World| {
        let open = |node: &&crate::state::Node| match &node.doing {
            Doing::Active(active) => {
                active.gate != Gate::Shut && active.tenure.epoch == world.epoch()
            }
            _ => false,
        };
        world.nodes.iter().filter(open).count()
    };
    !world.usurped && speakers(world) <= 1
}

fn open_by_register(world: &World) -> bool {
    world.nodes.iter().all(|node| match &node.doing {
        Doing::Active(active) => active.gate != Gate::Solo || is_alone(world, active),
        _ => true,
    })
}

fn is_alone(world: &World, active: &Active) -> bool {
    let tenure = active.tenure;
    let nobody = tenure
        .standby
        .is_none_or(|standby| world.resigned.contains(&standby));
    // A swap of its own may have taken effect since: it says nothing else than that this node speaks alone.
    let stands = world.register.is_some_and(|entry| {
        entry == tenure || (entry.epoch > tenure.epoch && entry.active == tenure.active)
    });
    nobody && stands
}

/// Whether some node can speak at once.
pub(crate) fn can_speak(world: &World) -> bool {
    world.register.is_some_and(|entry| {
        world.lives(entry.active)
            && world
                .active(usize::from(entry.active.node))
                .is_some_and(|active| active.gate == Gate::Solo && is_alone(world, active))
    })
}
