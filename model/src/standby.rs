//! A node that shadows.

use crate::bounds::Fault;
use crate::state::{Active, Doing, Gate, Guard, Standby, Standing, Swap, World, insert};
use crate::steps::{Outcome, Protocol};

fn standby(world: &World, at: usize) -> Option<&Standby> {
    match &world.nodes[at].doing {
        Doing::Standby(standby) => Some(standby),
        _ => None,
    }
}

impl Protocol {
    /// The next record that was sent arrives; its acknowledgement is under way, in the epoch that the standby knows.
    pub(crate) fn apply(&self, world: &mut World, at: usize) -> Option<()> {
        let Doing::Standby(standby) = &mut world.nodes[at].doing else {
            return None;
        };
        let session = world.sessions[standby.session].as_mut()?;
        let next = standby.shadow.authors.len();
        let author = *session.sent.authors.get(next)?;
        standby.shadow.lineage = session.sent.lineage;
        standby.shadow.authors.push(author);
        // Who may own the epoch already backs nobody else's words in the one before.
        if !standby.in_doubt {
            acknowledge(&mut session.acks, standby.epoch, standby.shadow.last());
        }
        Some(())
    }

    pub(crate) fn hear_paired(&self, world: &mut World, at: usize) -> Option<()> {
        let Doing::Standby(standby) = &mut world.nodes[at].doing else {
            return None;
        };
        let session = world.sessions[standby.session].as_mut()?;
        let epoch = session.paired.filter(|&epoch| epoch > standby.epoch)?;
        standby.epoch = epoch;
        standby.standing = Standing::Paired;
        // An empty history has a lineage too, and it was told before.
        standby.shadow.lineage = session.sent.lineage;
        if !standby.in_doubt {
            acknowledge(&mut session.acks, epoch, standby.shadow.last());
        }
        Some(())
    }

    pub(crate) fn hear_hand_over(&self, world: &mut World, at: usize) -> Option<()> {
        let Doing::Standby(standby) = &mut world.nodes[at].doing else {
            return None;
        };
        let session = world.sessions[standby.session].as_ref()?;
        if !session.handed || standby.standing == Standing::HandedOver {
            return None;
        }
        standby.standing = Standing::HandedOver;
        Some(())
    }

    /// After any sign of the active's death, true or false. The register alone decides.
    pub(crate) fn claim(&self, world: &mut World, at: usize, outcome: Outcome) -> Option<()> {
        let me = world.incarnation(at);
        let entry = world.register?;
        let standby = standby(world, at)?;
        if entry.active == me {
            return (outcome == Outcome::Known)
                .then(|| self.promote(world, at))
                .flatten();
        }
        let named = entry.standby.is_some_and(|named| self.same(named, me));
        if !self.same(entry.active, standby.remote) || !named {
            return None;
        }
        let swap = Swap {
            expected: entry.epoch,
            active: me,
            standby: None,
        };
        match outcome {
            Outcome::Unknown => {
                Self::swap_unknown(world, swap);
                if self.fault == Some(Fault::ActOnUnknown) {
                    return self.speak(world, at, entry.epoch + 1);
                }
                if let Doing::Standby(standby) = &mut world.nodes[at].doing {
                    standby.in_doubt = true;
                }
                Some(())
            }
            Outcome::Known => {
                Self::swap(world, swap);
                self.promote(world, at)
            }
        }
    }

    fn promote(&self, world: &mut World, at: usize) -> Option<()> {
        let epoch = world.register?.epoch;
        self.speak(world, at, epoch)
    }

    fn speak(&self, world: &mut World, at: usize, epoch: u8) -> Option<()> {
        let me = world.incarnation(at);
        let history = standby(world, at)?.shadow.clone();
        world.nodes[at].doing = Doing::Active(Active {
            tenure: crate::state::Entry {
                epoch,
                active: me,
                standby: None,
            },
            released: history.last(),
            history,
            gate: Gate::Solo,
            guard: Guard::Solo,
            link: None,
        });
        Some(())
    }

    /// The active is to go on without it: the right to claim is given up, and the shadow with it.
    pub(crate) fn resign(&self, world: &mut World, at: usize) -> Option<()> {
        let me = world.incarnation(at);
        let standby = standby(world, at)?;
        let careless = self.fault == Some(Fault::ResignInDoubt);
        let may = standby.standing == Standing::Paired && (!standby.in_doubt || careless);
        if !may || !self.is_young(world) {
            return None;
        }
        insert(&mut world.resigned, me);
        self.begin_life(world, at)
    }

    /// A broken channel, a lost claim, a record that cannot be applied, an operator: the shadow is gone, and the name with it.
    pub(crate) fn let_go(&self, world: &mut World, at: usize) -> Option<()> {
        standby(world, at)?;
        if self.fault == Some(Fault::KeepNameWithoutShadow) {
            world.nodes[at].doing = Doing::Joining;
            return Some(());
        }
        self.begin_life(world, at)
    }
}

/// The furthest acknowledgement of each epoch says all that the earlier ones say.
fn acknowledge(acks: &mut Vec<(u8, u8)>, epoch: u8, lsn: u8) {
    acks.retain(|&(of, _)| of != epoch);
    insert(acks, (epoch, lsn));
}
