//! What a world is made of.

/// One life of a route processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Incarnation {
    /// The route processor.
    pub(crate) node: u8,
    /// Which of its lives.
    pub(crate) life: u8,
}

/// What the register says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// Number of this entry.
    pub(crate) epoch: u8,
    /// Who may speak.
    pub(crate) active: Incarnation,
    /// Who must have acknowledged before.
    pub(crate) standby: Option<Incarnation>,
}

/// A compare-and-swap on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Swap {
    pub(crate) expected: u8,
    pub(crate) active: Incarnation,
    pub(crate) standby: Option<Incarnation>,
}

/// The records that a node holds: who wrote each, from LSN 1 on. A cold start begins a lineage of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct History {
    pub(crate) lineage: u8,
    pub(crate) authors: Vec<Incarnation>,
}

impl History {
    pub(crate) fn last(&self) -> u8 {
        self.authors.len() as u8
    }
}

/// A frame that has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Frame {
    pub(crate) lineage: u8,
    pub(crate) lsn: u8,
    pub(crate) author: Incarnation,
}

/// A channel between an active and a standby. What was sent may arrive at any time, or never.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Session {
    pub(crate) active: Incarnation,
    pub(crate) standby: Incarnation,
    pub(crate) sent: History,
    /// Told to be paired in this epoch.
    pub(crate) paired: Option<u8>,
    /// Told that the epoch was passed on.
    pub(crate) handed: bool,
    /// Acknowledgements under way: the furthest of each epoch.
    pub(crate) acks: Vec<(u8, u8)>,
}

/// Where a standby stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Standing {
    Syncing,
    Paired,
    HandedOver,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Standby {
    pub(crate) session: usize,
    pub(crate) remote: Incarnation,
    pub(crate) epoch: u8,
    pub(crate) standing: Standing,
    pub(crate) shadow: History,
    /// A claim of unknown outcome was made.
    pub(crate) in_doubt: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Gate {
    Shut,
    Solo,
    Paired { acknowledged: u8 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Guard {
    Solo,
    Paired,
    /// The standby is lost; `given`: the register may give a standby more than was known when it was lost.
    Breaking {
        given: bool,
    },
    Doubting,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Active {
    pub(crate) tenure: Entry,
    pub(crate) history: History,
    /// Frames up to this LSN have left, or were another's to send; those behind it wait in the gate.
    pub(crate) released: u8,
    pub(crate) gate: Gate,
    pub(crate) guard: Guard,
    pub(crate) link: Option<Link>,
}

/// The active's end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    pub(crate) session: usize,
    /// The log is acknowledged up to here.
    pub(crate) acknowledged: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Doing {
    Dead,
    Joining,
    Standby(Standby),
    Active(Active),
    Fenced,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    pub(crate) life: u8,
    pub(crate) doing: Doing,
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub(crate) nodes: Vec<Node>,
    /// The entry that stands.
    pub(crate) register: Option<Entry>,
    /// Swaps of unknown outcome that may still take effect.
    pub(crate) pending: Vec<Swap>,
    /// Standbys that have given up the right to claim, for ever, though an entry may name them.
    pub(crate) resigned: Vec<Incarnation>,
    /// By active and standby; see [`World::place`].
    pub(crate) sessions: Vec<Option<Session>>,
    /// Frames of the present lineage that have left.
    pub(crate) wire: Vec<Frame>,
    /// Epoch of the last cold start.
    pub(crate) lineage: u8,
    /// A frame left by a right that the register never gave.
    pub(crate) usurped: bool,
    /// A cold start happened beside a living owner of the epoch.
    pub(crate) trampled: bool,
    pub(crate) deaths: u8,
    pub(crate) unknown: u8,
}

impl World {
    /// Nothing has happened; every node but the last runs, the last comes when it likes.
    pub(crate) fn new(nodes: u8) -> World {
        let node = Node {
            life: 0,
            doing: Doing::Joining,
        };
        World {
            nodes: vec![node; usize::from(nodes)],
            register: None,
            pending: Vec::new(),
            resigned: Vec::new(),
            sessions: vec![None; usize::from(nodes).pow(2)],
            wire: Vec::new(),
            lineage: 0,
            usurped: false,
            trampled: false,
            deaths: 0,
            unknown: 0,
        }
    }

    /// Where the session of two nodes is kept: an active takes one standby at a time, and a standby joins one active.
    pub(crate) fn place(&self, active: usize, standby: usize) -> usize {
        active * self.nodes.len() + standby
    }

    /// Number of the entry that stands.
    pub(crate) fn epoch(&self) -> u8 {
        self.register.map_or(0, |entry| entry.epoch)
    }

    pub(crate) fn incarnation(&self, at: usize) -> Incarnation {
        Incarnation {
            node: at as u8,
            life: self.nodes[at].life,
        }
    }

    pub(crate) fn lives(&self, who: Incarnation) -> bool {
        let node = &self.nodes[usize::from(who.node)];
        node.life == who.life && !matches!(node.doing, Doing::Dead | Doing::Fenced)
    }

    pub(crate) fn active(&self, at: usize) -> Option<&Active> {
        match &self.nodes[at].doing {
            Doing::Active(active) => Some(active),
            _ => None,
        }
    }

    pub(crate) fn active_mut(&mut self, at: usize) -> Option<&mut Active> {
        match &mut self.nodes[at].doing {
            Doing::Active(active) => Some(active),
            _ => None,
        }
    }

    pub(crate) fn session(&self, place: usize) -> Option<&Session> {
        self.sessions.get(place).and_then(Option::as_ref)
    }

    /// A frame leaves by the right of `tenure`. Those of connections that a cold start has ended concern nobody.
    pub(crate) fn transmit(&mut self, frame: Frame, tenure: Entry) {
        let newest = self.epoch();
        self.usurped |=
            tenure.epoch > newest || (tenure.epoch == newest && self.register != Some(tenure));
        if frame.lineage == self.lineage {
            insert(&mut self.wire, frame);
        }
    }

    /// Forgets what cannot matter any more, so that equal worlds are one state.
    pub(crate) fn settle(&mut self) {
        let epoch = self.epoch();
        self.pending.retain(|swap| swap.expected == epoch);
        self.pending.sort_unstable();
        self.pending.dedup();
        let named = |who: &Incarnation| {
            let entries = self.register.into_iter();
            let tenures = (0..self.nodes.len()).filter_map(|at| self.active(at));
            let mut entries = entries.chain(tenures.map(|active| active.tenure));
            entries.any(|entry| entry.standby == Some(*who))
        };
        let resigned = self.resigned.iter().copied().filter(named).collect();
        self.resigned = resigned;
        for place in 0..self.sessions.len() {
            let held = self.nodes.iter().any(|node| match &node.doing {
                Doing::Standby(standby) => standby.session == place,
                Doing::Active(active) => active.link.is_some_and(|link| link.session == place),
                _ => false,
            });
            if !held {
                self.sessions[place] = None;
            }
        }
    }
}

/// Keeps `set` sorted and without repetition.
pub(crate) fn insert<T: Ord>(set: &mut Vec<T>, item: T) {
    if let Err(place) = set.binary_search(&item) {
        set.insert(place, item);
    }
}
