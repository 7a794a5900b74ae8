//! The shortest way to break what must always hold.

use crate::state::World;
use crate::steps::{Protocol, Step};
use stateright::{Expectation, Model};
use std::collections::{HashSet, VecDeque};

/// The properties that do not hold in the first state, by the fewest steps, in which not all hold, and the way there.
pub fn stories(protocol: &Protocol) -> Vec<(&'static str, Vec<Step>)> {
    let properties: Vec<_> = protocol
        .properties()
        .into_iter()
        .filter(|property| matches!(property.expectation, Expectation::Always))
        .collect();
    let mut known: HashSet<World> = HashSet::new();
    // How each world was come by: the place of the world before it, and the step.
    let mut order: Vec<Option<(usize, Step)>> = Vec::new();
    let mut queue: VecDeque<(usize, World)> = VecDeque::new();
    let mut told = Vec::new();
    for world in protocol.init_states() {
        known.insert(world.clone());
        queue.push_back((order.len(), world));
        order.push(None);
    }
    let mut steps = Vec::new();
    while let Some((at, world)) = queue.pop_front() {
        for property in &properties {
            if !(property.condition)(protocol, &world) {
                told.push((property.name, way(&order, at)));
            }
        }
        if !told.is_empty() {
            break;
        }
        steps.clear();
        protocol.actions(&world, &mut steps);
        for &step in &steps {
            if let Some(next) = protocol.next_state(&world, step)
                && known.insert(next.clone())
            {
                queue.push_back((order.len(), next));
                order.push(Some((at, step)));
            }
        }
    }
    told
}

fn way(order: &[Option<(usize, Step)>], mut at: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    while let Some((before, step)) = order[at] {
        steps.push(step);
        at = before;
    }
    steps.reverse();
    steps
}
