//! Nodes that differ in nothing but their number make worlds that differ in nothing that matters.

use crate::state::{
    Active, Doing, Entry, History, Incarnation, Node, Session, Standby, Swap, World,
};
use core::hash::{Hash, Hasher};
use std::collections::hash_map::DefaultHasher;

impl World {
    /// The same world with its nodes in an order that depends on what they do, not on their numbers.
    pub(crate) fn in_order(self) -> World {
        let mut order: Vec<(u64, usize)> = (0..self.nodes.len())
            .map(|at| (self.likeness(at), at))
            .collect();
        order.sort_unstable();
        if order.iter().enumerate().all(|(new, (_, old))| new == *old) {
            return self;
        }
        let mut to = vec![0; order.len()];
        for (new, (_, old)) in order.iter().enumerate() {
            to[*old] = new as u8;
        }
        self.renumbered(&to)
    }

    /// A number of what node `at` is, that does not change when the nodes are numbered anew.
    fn likeness(&self, at: usize) -> u64 {
        let mut hasher = DefaultHasher::new();
        let node = &self.nodes[at];
        node.life.hash(&mut hasher);
        let is = |who: Incarnation| usize::from(who.node) == at;
        if let Some(entry) = self.register {
            (is(entry.active), entry.standby.map(is)).hash(&mut hasher);
        }
        for frame in &self.wire {
            (is(frame.author), frame.lsn).hash(&mut hasher);
        }
        match &node.doing {
            Doing::Dead => 0.hash(&mut hasher),
            Doing::Joining => 1.hash(&mut hasher),
            Doing::Fenced => 2.hash(&mut hasher),
            Doing::Standby(standby) => {
                let authors: Vec<bool> =
                    standby.shadow.authors.iter().map(|who| is(*who)).collect();
                (3, authors, standby.epoch, standby.standing).hash(&mut hasher);
                standby.in_doubt.hash(&mut hasher);
            }
            Doing::Active(active) => {
                let authors: Vec<bool> =
                    active.history.authors.iter().map(|who| is(*who)).collect();
                let link = active.link.map(|link| link.acknowledged);
                (4, authors, active.history.lineage, link).hash(&mut hasher);
                (
                    active.released,
                    active.gate,
                    active.guard,
                    active.tenure.epoch,
                )
                    .hash(&mut hasher);
            }
        }
        hasher.finish()
    }

    /// The same world, node `n` being called `to[n]`.
    fn renumbered(self, to: &[u8]) -> World {
        let all = self.nodes.len();
        let place = |old: usize| usize::from(to[old / all]) * all + usize::from(to[old % all]);
        let who = |who: Incarnation| Incarnation {
            node: to[usize::from(who.node)],
            life: who.life,
        };
        let entry = |entry: Entry| Entry {
            epoch: entry.epoch,
            active: who(entry.active),
            standby: entry.standby.map(who),
        };
        let history = |history: History| History {
            lineage: history.lineage,
            authors: history.authors.into_iter().map(who).collect(),
        };
        let mut sessions = vec![None; self.sessions.len()];
        for (old, session) in self.sessions.into_iter().enumerate() {
            sessions[place(old)] = session.map(|session| Session {
                active: who(session.active),
                standby: who(session.standby),
                sent: history(session.sent),
                ..session
            });
        }
        let mut nodes: Vec<Option<Node>> = vec![None; all];
        for (old, node) in self.nodes.into_iter().enumerate() {
            let doing = match node.doing {
                Doing::Standby(standby) => Doing::Standby(Standby {
                    session: place(standby.session),
                    remote: who(standby.remote),
                    shadow: history(standby.shadow),
                    ..standby
                }),
                Doing::Active(active) => Doing::Active(Active {
                    tenure: entry(active.tenure),
                    history: history(active.history),
                    link: active.link.map(|mut link| {
                        link.session = place(link.session);
                        link
                    }),
                    ..active
                }),
                idle => idle,
            };
            nodes[usize::from(to[old])] = Some(Node {
                life: node.life,
                doing,
            });
        }
        let mut wire = self.wire;
        for frame in &mut wire {
            frame.author = who(frame.author);
        }
        wire.sort_unstable();
        let pending = self.pending.into_iter().map(|swap| Swap {
            expected: swap.expected,
            active: who(swap.active),
            standby: swap.standby.map(who),
        });
        let mut pending: Vec<Swap> = pending.collect();
        pending.sort_unstable();
        let mut resigned: Vec<Incarnation> = self.resigned.into_iter().map(who).collect();
        resigned.sort_unstable();
        World {
            nodes: nodes.into_iter().flatten().collect(),
            register: self.register.map(entry),
            pending,
            resigned,
            sessions,
            wire,
            ..self
        }
    }
}
