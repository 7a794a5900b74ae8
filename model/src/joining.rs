//! A node that looks for its role.

use crate::bounds::Fault;
use crate::state::{
    Active, Doing, Gate, Guard, History, Link, Session, Standby, Standing, Swap, World,
};
use crate::steps::{Outcome, Protocol};

impl Protocol {
    /// The joining node has read of `there` in the register, now or a while ago: any node that takes itself for the active.
    pub(crate) fn connect(&self, world: &mut World, at: usize, there: usize) -> Option<()> {
        let me = world.incarnation(at);
        let remote = world.incarnation(there);
        let active = world.active(there).filter(|active| active.link.is_none())?;
        let session = Session {
            active: remote,
            standby: me,
            sent: active.history.clone(),
            paired: None,
            handed: false,
            acks: Vec::new(),
        };
        let place = world.place(there, at);
        world.sessions[place] = Some(session);
        world.active_mut(there)?.link = Some(Link {
            session: place,
            acknowledged: 0,
        });
        world.nodes[at].doing = Doing::Standby(Standby {
            session: place,
            remote,
            epoch: 0,
            standing: Standing::Syncing,
            shadow: History::default(),
            in_doubt: false,
        });
        Some(())
    }

    /// Only where the register is empty, or all that it names are dead: who is dead stays so, and a swap tells whether the
    /// register has changed since it was read.
    pub(crate) fn cold_start(&self, world: &mut World, at: usize, outcome: Outcome) -> Option<()> {
        let me = world.incarnation(at);
        let entry = world.register;
        if entry.is_some_and(|entry| entry.active == me) {
            // One of unknown outcome has taken effect.
            return self.begin(world, at);
        }
        let alive = entry.is_some_and(|entry| {
            world.lives(entry.active) || entry.standby.is_some_and(|standby| world.lives(standby))
        });
        let careless = self.fault == Some(Fault::ColdStartBesideTheLiving) && self.is_young(world);
        if alive && !careless {
            return None;
        }
        let swap = Swap {
            expected: world.epoch(),
            active: me,
            standby: None,
        };
        if outcome == Outcome::Unknown {
            Self::swap_unknown(world, swap);
            return Some(());
        }
        Self::swap(world, swap);
        world.trampled |= alive;
        self.begin(world, at)
    }

    /// The node speaks, without connections.
    fn begin(&self, world: &mut World, at: usize) -> Option<()> {
        let me = world.incarnation(at);
        let tenure = world
            .register
            .filter(|entry| entry.active == me && entry.standby.is_none())?;
        world.lineage = tenure.epoch;
        world.wire.clear();
        world.nodes[at].doing = Doing::Active(Active {
            tenure,
            history: History {
                lineage: tenure.epoch,
                authors: Vec::new(),
            },
            released: 0,
            gate: Gate::Solo,
            guard: Guard::Solo,
            link: None,
        });
        Some(())
    }
}
