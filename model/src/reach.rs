//! "Some node can always speak again": from every state that can be reached, a state can be reached in which one may.
//!
//! A checker of invariants cannot say this, so the whole graph is laid out, and walked backwards from the good states.

use crate::properties::can_speak;
use crate::state::World;
use crate::steps::Protocol;
use core::hash::{Hash, Hasher};
use stateright::Model;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;

/// What the walk found.
#[derive(Debug)]
pub struct Reached {
    /// States in all.
    pub states: usize,
    /// States in which a node can speak at once.
    pub speaking: usize,
    /// States from which none ever can.
    pub stuck: usize,
    /// One of those.
    pub example: Option<World>,
}

/// Lays out the graph of `protocol`, up to `limit` states; `None` where it has more.
pub fn reach(protocol: &Protocol, limit: usize) -> Option<Reached> {
    let mut number: HashMap<u64, u32> = HashMap::new();
    let mut edges: Vec<(u32, u32)> = Vec::new();
    let mut good: Vec<bool> = Vec::new();
    let mut open: Vec<(u32, World)> = Vec::new();
    let mut note = |world: World, open: &mut Vec<(u32, World)>, good: &mut Vec<bool>| {
        let next = number.len() as u32;
        *number.entry(fingerprint(&world)).or_insert_with(|| {
            good.push(can_speak(&world));
            open.push((next, world));
            next
        })
    };
    for world in protocol.init_states() {
        note(world, &mut open, &mut good);
    }
    let mut actions = Vec::new();
    while let Some((from, world)) = open.pop() {
        actions.clear();
        protocol.actions(&world, &mut actions);
        for &action in &actions {
            if let Some(next) = protocol.next_state(&world, action) {
                let to = note(next, &mut open, &mut good);
                edges.push((to, from));
            }
        }
        if good.len() > limit {
            return None;
        }
    }
    let speaking = good.iter().filter(|good| **good).count();
    walk_back(&mut edges, &mut good);
    let stuck = good.iter().filter(|good| !**good).count();
    let example = good.iter().position(|good| !good);
    Some(Reached {
        states: good.len(),
        speaking,
        stuck,
        example: example.and_then(|at| find(protocol, at, good.len())),
    })
}

/// Marks every state from which a marked one can be reached.
fn walk_back(edges: &mut [(u32, u32)], good: &mut [bool]) {
    edges.sort_unstable();
    let mut open: Vec<u32> = (0..good.len() as u32)
        .filter(|&state| good[state as usize])
        .collect();
    while let Some(to) = open.pop() {
        let begin = edges.partition_point(|edge| edge.0 < to);
        for &(_, from) in edges[begin..].iter().take_while(|edge| edge.0 == to) {
            if !std::mem::replace(&mut good[from as usize], true) {
                open.push(from);
            }
        }
    }
}

/// The state with this number: the graph is laid out again in the same order.
fn find(protocol: &Protocol, wanted: usize, states: usize) -> Option<World> {
    let mut seen = std::collections::HashSet::with_capacity(states);
    let mut open: Vec<World> = Vec::new();
    for world in protocol.init_states() {
        seen.insert(fingerprint(&world));
        open.push(world);
    }
    let mut actions = Vec::new();
    while let Some(world) = open.pop() {
        actions.clear();
        protocol.actions(&world, &mut actions);
        for &action in &actions {
            let next = protocol.next_state(&world, action);
            if let Some(next) = next.filter(|next| seen.insert(fingerprint(next))) {
                if seen.len() == wanted + 1 {
                    return Some(next);
                }
                open.push(next);
            }
        }
    }
    None
}

fn fingerprint(world: &World) -> u64 {
    let mut hasher = DefaultHasher::new();
    world.hash(&mut hasher);
    hasher.finish()
}
