//! What may happen next.

use crate::bounds::{Bounds, Fault};
use crate::properties;
use crate::state::{Doing, Entry, Incarnation, Node, Swap, World};
use stateright::{Model, Property};

/// The model for stateright.
#[derive(Clone, Copy, Debug, Default)]
pub struct Protocol {
    /// Its size.
    pub bounds: Bounds,
    /// How it is wrong.
    pub fault: Option<Fault>,
}

/// Lives of a node beyond the deaths of its bounds, once the faults are over: for being fenced and for joining anew.
const SPARE_LIVES: u8 = 2;

/// How a register call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The caller learns what came of it.
    Known,
    /// The caller does not; it takes effect later, or never.
    Unknown,
}

/// One thing that happens; the number is the node's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A joining node connects to an active.
    Connect(usize, usize),
    /// A joining node begins anew.
    ColdStart(usize, Outcome),
    /// The active does something: a record and a frame.
    Write(usize),
    /// A frame leaves.
    Release(usize),
    /// The next record arrives at the standby, and an acknowledgement is under way.
    Apply(usize),
    /// An acknowledgement arrives: the active, and which one.
    Acknowledge(usize, u8, u8),
    /// The active makes the pair.
    Pair(usize, Outcome),
    /// The standby hears that it is paired.
    HearPaired(usize),
    /// The active gives its standby up, for whatever reason.
    LoseStandby(usize),
    /// The standby gives up the right to claim.
    Resign(usize),
    /// The active hears of it.
    HearResignation(usize),
    /// The active makes itself alone.
    Solo(usize, Outcome),
    /// The active passes the epoch on.
    HandOver(usize, Outcome),
    /// The standby hears of it.
    HearHandOver(usize),
    /// The standby takes the epoch, for whatever reason.
    Claim(usize, Outcome),
    /// The standby forgets everything and joins anew.
    LetGo(usize),
    /// A doubtful active, or one that slept, reads the register.
    Confirm(usize),
    /// A node dies.
    Die(usize),
    /// A dead or fenced node starts again, empty.
    Restart(usize),
    /// A swap of unknown outcome takes effect.
    TakeEffect(usize),
}

impl Protocol {
    /// Whether faults still happen and pairs are still made.
    pub(crate) fn is_young(&self, world: &World) -> bool {
        world.epoch() < self.bounds.epochs
    }

    /// The identity by which nodes know each other.
    pub(crate) fn same(&self, one: Incarnation, other: Incarnation) -> bool {
        one == other || (self.fault == Some(Fault::NameForIncarnation) && one.node == other.node)
    }

    /// A compare-and-swap whose outcome is known: true where it was won.
    pub(crate) fn swap(world: &mut World, swap: Swap) -> bool {
        if world.epoch() != swap.expected {
            return false;
        }
        let Swap {
            active, standby, ..
        } = swap;
        let epoch = swap.expected + 1;
        world.register = Some(Entry {
            epoch,
            active,
            standby,
        });
        true
    }

    /// A compare-and-swap whose outcome the caller does not learn.
    pub(crate) fn swap_unknown(world: &mut World, swap: Swap) {
        world.unknown += 1;
        world.pending.push(swap);
    }

    fn actions_of(&self, world: &World, at: usize, actions: &mut Vec<Step>) {
        let outcomes = |actions: &mut Vec<Step>, step: fn(usize, Outcome) -> Step| {
            actions.push(step(at, Outcome::Known));
            if world.unknown < self.bounds.unknown && self.is_young(world) {
                actions.push(step(at, Outcome::Unknown));
            }
        };
        match &world.nodes[at].doing {
            Doing::Dead | Doing::Fenced => actions.push(Step::Restart(at)),
            Doing::Joining => {
                let others = (0..world.nodes.len()).filter(|&there| there != at);
                actions.extend(others.map(|there| Step::Connect(at, there)));
                outcomes(actions, Step::ColdStart);
            }
            Doing::Standby(_) => {
                actions.extend([
                    Step::Apply(at),
                    Step::HearPaired(at),
                    Step::HearHandOver(at),
                    Step::LetGo(at),
                    Step::Resign(at),
                ]);
                outcomes(actions, Step::Claim);
            }
            Doing::Active(active) => {
                actions.extend([
                    Step::Write(at),
                    Step::Release(at),
                    Step::LoseStandby(at),
                    Step::HearResignation(at),
                    Step::Confirm(at),
                ]);
                if let Some(session) = active.link.and_then(|link| world.session(link.session)) {
                    let acks = session.acks.iter();
                    actions.extend(acks.map(|&(epoch, lsn)| Step::Acknowledge(at, epoch, lsn)));
                }
                outcomes(actions, Step::Pair);
                outcomes(actions, Step::Solo);
                outcomes(actions, Step::HandOver);
            }
        }
        let alive = !matches!(world.nodes[at].doing, Doing::Dead | Doing::Fenced);
        if alive && world.deaths < self.bounds.deaths && self.is_young(world) {
            actions.push(Step::Die(at));
        }
    }

    /// The world after `step`; `None` where it cannot happen.
    fn step(&self, last: &World, step: Step) -> Option<World> {
        let mut world = last.clone();
        let done = match step {
            Step::Connect(at, there) => self.connect(&mut world, at, there),
            Step::ColdStart(at, outcome) => self.cold_start(&mut world, at, outcome),
            Step::Write(at) => self.write(&mut world, at),
            Step::Release(at) => self.release(&mut world, at),
            Step::Apply(at) => self.apply(&mut world, at),
            Step::Acknowledge(at, epoch, lsn) => self.acknowledge(&mut world, at, epoch, lsn),
            Step::Pair(at, outcome) => self.pair(&mut world, at, outcome),
            Step::HearPaired(at) => self.hear_paired(&mut world, at),
            Step::LoseStandby(at) => self.lose_standby(&mut world, at),
            Step::Resign(at) => self.resign(&mut world, at),
            Step::HearResignation(at) => self.hear_resignation(&mut world, at),
            Step::Solo(at, outcome) => self.solo(&mut world, at, outcome),
            Step::HandOver(at, outcome) => self.hand_over(&mut world, at, outcome),
            Step::HearHandOver(at) => self.hear_hand_over(&mut world, at),
            Step::Claim(at, outcome) => self.claim(&mut world, at, outcome),
            Step::LetGo(at) => self.let_go(&mut world, at),
            Step::Confirm(at) => self.confirm(&mut world, at),
            Step::Die(at) => {
                world.deaths += 1;
                world.nodes[at].doing = Doing::Dead;
                Some(())
            }
            Step::Restart(at) => self.begin_life(&mut world, at),
            Step::TakeEffect(which) => {
                let swap = world.pending.remove(which);
                Self::swap(&mut world, swap).then_some(())
            }
        };
        done?;
        world.settle();
        if world == *last {
            return None;
        }
        // A fault is told as a story, in which nodes keep their numbers.
        Some(match self.fault {
            None => world.in_order(),
            Some(_) => world,
        })
    }

    /// A new name, and nothing else.
    pub(crate) fn begin_life(&self, world: &mut World, at: usize) -> Option<()> {
        let life = world.nodes[at].life + 1;
        let spare = if self.is_young(world) { 0 } else { SPARE_LIVES };
        if life > self.bounds.deaths + spare {
            return None;
        }
        world.nodes[at] = Node {
            life,
            doing: Doing::Joining,
        };
        Some(())
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.bounds.nodes)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Step>) {
        for at in 0..world.nodes.len() {
            self.actions_of(world, at, actions);
        }
        actions.extend((0..world.pending.len()).map(Step::TakeEffect));
    }

    fn next_state(&self, last: &World, step: Step) -> Option<World> {
        self.step(last, step)
    }

    fn properties(&self) -> Vec<Property<Protocol>> {
        properties::all()
    }
}
