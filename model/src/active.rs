//! A node that speaks.

use crate::bounds::Fault;
use crate::state::{Active, Doing, Entry, Frame, Gate, Guard, Swap, World};
use crate::steps::{Outcome, Protocol};

impl Active {
    /// Whether the standby holds everything, and nothing is queued.
    fn is_drained(&self) -> bool {
        let acknowledged = self.link.map(|link| link.acknowledged);
        acknowledged == Some(self.history.last()) && self.released == self.history.last()
    }
}

impl Protocol {
    pub(crate) fn write(&self, world: &mut World, at: usize) -> Option<()> {
        let me = world.incarnation(at);
        let most = self.bounds.messages;
        let active = world.active_mut(at)?;
        // A shut gate takes no input.
        if active.gate == Gate::Shut || active.history.last() >= most {
            return None;
        }
        active.history.authors.push(me);
        if let Some(link) = active.link
            && let Some(session) = &mut world.sessions[link.session]
        {
            session.sent.authors.push(me);
        }
        Some(())
    }

    pub(crate) fn release(&self, world: &mut World, at: usize) -> Option<()> {
        let me = world.incarnation(at);
        let active = world.active_mut(at)?;
        let lsn = active.released + 1;
        let waits = lsn <= active.history.last();
        let open = match active.gate {
            Gate::Shut => false,
            Gate::Solo => true,
            Gate::Paired { acknowledged } => lsn <= acknowledged,
        };
        if !open || !waits {
            return None;
        }
        active.released = lsn;
        let frame = Frame {
            lineage: active.history.lineage,
            lsn,
            author: me,
        };
        let tenure = active.tenure;
        world.transmit(frame, tenure);
        Some(())
    }

    /// The log takes what its session says; the gate only what is said in the epoch of the pair.
    pub(crate) fn acknowledge(
        &self,
        world: &mut World,
        at: usize,
        epoch: u8,
        lsn: u8,
    ) -> Option<()> {
        let active = world.active_mut(at)?;
        let link = active.link.as_mut()?;
        link.acknowledged = link.acknowledged.max(lsn);
        if let Gate::Paired { acknowledged } = &mut active.gate
            && active.tenure.epoch == epoch
        {
            *acknowledged = (*acknowledged).max(lsn);
        }
        Some(())
    }

    pub(crate) fn pair(&self, world: &mut World, at: usize, outcome: Outcome) -> Option<()> {
        let young = self.is_young(world);
        let me = world.incarnation(at);
        let active = world.active(at)?;
        let drained = active.is_drained() || self.fault == Some(Fault::PairUndrained);
        if active.guard != Guard::Solo || !drained || !young {
            return None;
        }
        let standby = world.session(active.link?.session)?.standby;
        let swap = Swap {
            expected: active.tenure.epoch,
            active: me,
            standby: Some(standby),
        };
        if outcome == Outcome::Unknown {
            Self::swap_unknown(world, swap);
            if self.fault == Some(Fault::ActOnUnknown) {
                return self.enter_pair(world, at, swap);
            }
            let active = world.active_mut(at)?;
            active.gate = Gate::Shut;
            active.guard = Guard::Breaking { given: true };
            return Some(());
        }
        if !Self::swap(world, swap) {
            if !self.same(world.register?.active, me) {
                return self.fence(world, at);
            }
            // A swap made before the standby of that time resigned has taken effect since.
            let active = world.active_mut(at)?;
            active.gate = Gate::Shut;
            active.guard = Guard::Breaking { given: false };
            return Some(());
        }
        self.enter_pair(world, at, swap)
    }

    fn enter_pair(&self, world: &mut World, at: usize, swap: Swap) -> Option<()> {
        let tenure = Entry {
            epoch: swap.expected + 1,
            active: swap.active,
            standby: swap.standby,
        };
        let active = world.active_mut(at)?;
        active.tenure = tenure;
        active.gate = Gate::Paired { acknowledged: 0 };
        active.guard = Guard::Paired;
        let place = active.link?.session;
        world.sessions[place].as_mut()?.paired = Some(tenure.epoch);
        Some(())
    }

    pub(crate) fn lose_standby(&self, world: &mut World, at: usize) -> Option<()> {
        let careless = self.fault == Some(Fault::OpenBeforeSwap);
        let active = world.active_mut(at)?;
        active.link.take()?;
        match active.guard {
            Guard::Paired => {
                active.guard = Guard::Breaking { given: false };
                active.gate = if careless { Gate::Solo } else { Gate::Shut };
            }
            Guard::Doubting => active.guard = Guard::Breaking { given: true },
            Guard::Solo | Guard::Breaking { .. } => {}
        }
        Some(())
    }

    /// The standby that the register names has resigned: it is lost, and nobody can claim.
    pub(crate) fn hear_resignation(&self, world: &mut World, at: usize) -> Option<()> {
        let active = world.active(at)?;
        let standby = active.tenure.standby?;
        let session = active.link.and_then(|link| world.session(link.session));
        let another = session.is_some_and(|session| session.standby != standby);
        if another || !world.resigned.contains(&standby) {
            return None;
        }
        self.lose_standby(world, at);
        let heedless = self.fault == Some(Fault::HeedResignationInDoubt);
        let active = world.active_mut(at)?;
        match active.guard {
            Guard::Breaking { given } if !given || heedless => {
                active.guard = Guard::Solo;
                active.gate = Gate::Solo;
                Some(())
            }
            _ => None,
        }
    }

    /// Reads the register, then swaps: two moments.
    pub(crate) fn solo(&self, world: &mut World, at: usize, outcome: Outcome) -> Option<()> {
        let me = world.incarnation(at);
        let active = world.active(at)?;
        if !matches!(active.guard, Guard::Breaking { .. }) {
            return None;
        }
        let attached = active.link.and_then(|link| world.session(link.session));
        let attached = attached.map(|session| session.standby);
        let entry = world.register?;
        if !self.same(entry.active, me) {
            return self.fence(world, at);
        }
        if attached.is_some() && entry.standby == attached {
            let swap = Swap {
                expected: entry.epoch - 1,
                active: me,
                standby: attached,
            };
            return self.enter_pair(world, at, swap);
        }
        let swap = Swap {
            expected: entry.epoch,
            active: me,
            standby: None,
        };
        match outcome {
            Outcome::Unknown => {
                Self::swap_unknown(world, swap);
                if self.fault != Some(Fault::ActOnUnknown) {
                    return Some(());
                }
            }
            Outcome::Known => {
                if !Self::swap(world, swap) {
                    return self.fence(world, at);
                }
            }
        }
        let active = world.active_mut(at)?;
        active.tenure = Entry {
            epoch: swap.expected + 1,
            active: me,
            standby: None,
        };
        active.gate = Gate::Solo;
        active.guard = Guard::Solo;
        Some(())
    }

    /// A planned handover, and the end of one of unknown outcome.
    pub(crate) fn hand_over(&self, world: &mut World, at: usize, outcome: Outcome) -> Option<()> {
        let young = self.is_young(world);
        let me = world.incarnation(at);
        let active = world.active(at)?;
        let (epoch, standby) = (active.tenure.epoch, active.tenure.standby?);
        let expected = match active.guard {
            Guard::Paired if active.is_drained() && young => epoch,
            Guard::Doubting => {
                let entry = world.register?;
                if entry.active == standby {
                    return self.handed_over(world, at);
                }
                if entry.active != me {
                    return self.fence(world, at);
                }
                entry.epoch
            }
            _ => return None,
        };
        let swap = Swap {
            expected,
            active: standby,
            standby: None,
        };
        if outcome == Outcome::Unknown {
            Self::swap_unknown(world, swap);
            let active = world.active_mut(at)?;
            active.gate = Gate::Shut;
            active.guard = Guard::Doubting;
            return Some(());
        }
        if !Self::swap(world, swap) {
            return self.fence(world, at);
        }
        self.handed_over(world, at)
    }

    fn handed_over(&self, world: &mut World, at: usize) -> Option<()> {
        if let Some(link) = world.active(at)?.link
            && let Some(session) = &mut world.sessions[link.session]
        {
            session.handed = true;
        }
        self.fence(world, at)
    }

    pub(crate) fn confirm(&self, world: &mut World, at: usize) -> Option<()> {
        let me = world.incarnation(at);
        if self.same(world.register?.active, me) {
            return None;
        }
        world.active(at)?;
        self.fence(world, at)
    }

    pub(crate) fn fence(&self, world: &mut World, at: usize) -> Option<()> {
        world.nodes[at].doing = Doing::Fenced;
        Some(())
    }
}
