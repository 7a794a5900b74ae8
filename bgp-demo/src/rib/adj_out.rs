//! Adj-RIB-Out: what one peer has been told.
//!
//! It is not stored. What *should* be told follows from Loc-RIB and policy; stored is only where the peer has been told something
//! else, and how far the first walk through Loc-RIB has come. So the memory of a session is that of its backlog, the difference that a takeover has to
//! send is always at hand, and nothing equal can be told twice.

mod window;

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use super::loc::{LocRib, Path};
use crate::attributes::Attributes;
use crate::prefix::{Families, Family, Prefix};

/// How far the first walk has come: prefixes beyond have been told only where the difference says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Swept {
    /// It has not begun.
    Nothing,
    /// To this prefix, which is included.
    UpTo(Prefix),
    /// It is over.
    All,
}

/// Prefixes that are to be told the same.
#[derive(Debug)]
pub struct Group {
    /// What to tell; none to withdraw.
    pub attributes: Option<Attributes>,
    /// The prefixes, all of one family; each still has to be checked when its turn comes.
    pub prefixes: VecDeque<Prefix>,
}

/// What one peer has been told, as a difference from what it should be told.
#[derive(Debug)]
pub struct AdjRibOut {
    /// What was told (none: nothing) where that is not what should be told.
    told: BTreeMap<Prefix, Option<Attributes>>,
    swept: Swept,
    /// Prefixes that are told something.
    prefixes: usize,
    /// What is to be sent next, grouped.
    plan: VecDeque<Group>,
    /// Where the next plan begins among the differences, so that each gets its turn.
    turn: Option<Prefix>,
    /// Families whose End-of-RIB has not been sent.
    pub end_of_rib_owed: Families,
}

impl AdjRibOut {
    /// Prefixes in one plan.
    const PLAN_PREFIXES: usize = 4096;

    /// Of a peer that has been told nothing yet.
    #[must_use]
    pub fn new(families: Families) -> Self {
        Self {
            told: BTreeMap::new(),
            swept: Swept::Nothing,
            prefixes: 0,
            plan: VecDeque::new(),
            turn: None,
            end_of_rib_owed: families,
        }
    }

    /// What the peer has been told for `prefix`, given what it should be told.
    #[must_use]
    pub fn told(&self, prefix: &Prefix, desired: Option<Attributes>) -> Option<Attributes> {
        match self.told.get(prefix) {
            Some(told) => told.clone(),
            None if Swept::UpTo(*prefix) <= self.swept => desired,
            None => None,
        }
    }

    /// What should be told for `prefix` changes from `old` to `new`.
    pub fn desired_changed(
        &mut self,
        prefix: Prefix,
        old: Option<Attributes>,
        new: &Option<Attributes>,
    ) {
        if let Some(told) = self.told.get(&prefix) {
            if told == new {
                self.told.remove(&prefix);
            }
        } else if Swept::UpTo(prefix) <= self.swept && old != *new {
            self.told.insert(prefix, old);
        }
        // Beyond the walk nothing has been told, and the walk will meet what is to be.
    }

    /// The peer has been told `told` for `prefix`; `desired` is what each prefix should be told.
    pub fn set_told(
        &mut self,
        prefix: Prefix,
        told: Option<Attributes>,
        loc_rib: &LocRib,
        mut desired: impl FnMut(&Prefix, Option<&Path>) -> Option<Attributes>,
    ) {
        let want = desired(&prefix, loc_rib.best(&prefix));
        if self.told(&prefix, want.clone()).is_some() {
            self.prefixes -= 1;
        }
        if Swept::UpTo(prefix) > self.swept {
            self.sweep(loc_rib, desired, usize::MAX, Some(prefix));
        }
        if told.is_some() {
            self.prefixes += 1;
        }
        if told == want {
            self.told.remove(&prefix);
        } else {
            self.told.insert(prefix, told);
        }
    }

    /// Takes over what another speaker has told the peer so far, in any order, and how far its first walk has come.
    pub fn load(
        &mut self,
        mut told: Vec<(Prefix, Attributes)>,
        swept: Swept,
        loc_rib: &LocRib,
        mut desired: impl FnMut(&Prefix, Option<&Path>) -> Option<Attributes>,
    ) {
        told.sort_by_key(|(prefix, _)| *prefix);
        self.prefixes = told.len();
        self.swept = told
            .last()
            .map_or(swept, |(prefix, _)| swept.max(Swept::UpTo(*prefix)));
        let mut told = told.into_iter().peekable();
        let mut differences: Vec<(Prefix, Option<Attributes>)> = Vec::new();
        for (prefix, path) in loc_rib.iter() {
            if Swept::UpTo(prefix) > self.swept {
                break;
            }
            while let Some((gone, attributes)) = told.next_if(|(other, _)| *other < prefix) {
                differences.push((gone, Some(attributes)));
            }
            let was = told
                .next_if(|(other, _)| *other == prefix)
                .map(|(_, attributes)| attributes);
            if was != desired(&prefix, Some(path)) {
                differences.push((prefix, was));
            }
        }
        differences.extend(told.map(|(prefix, attributes)| (prefix, Some(attributes))));
        self.told = differences.into_iter().collect();
        self.plan.clear();
        self.turn = None;
    }

    /// All that the peer has been told, by prefix.
    pub fn routes(
        &self,
        loc_rib: &LocRib,
        mut desired: impl FnMut(&Prefix, Option<&Path>) -> Option<Attributes>,
    ) -> Vec<(Prefix, Attributes)> {
        let mut routes = Vec::with_capacity(self.prefixes);
        let mut push = |prefix: Prefix, told: Option<Attributes>| {
            routes.extend(told.map(|told| (prefix, told)))
        };
        let mut differences = self.told.iter().peekable();
        for (prefix, path) in loc_rib.iter() {
            if Swept::UpTo(prefix) > self.swept {
                break;
            }
            while let Some((gone, told)) = differences.next_if(|(other, _)| **other < prefix) {
                push(*gone, told.clone());
            }
            match differences.next_if(|(other, _)| **other == prefix) {
                Some((_, told)) => push(prefix, told.clone()),
                None => push(prefix, desired(&prefix, Some(path))),
            }
        }
        for (prefix, told) in differences {
            push(*prefix, told.clone());
        }
        routes
    }

    /// How many prefixes the peer is told something for.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.prefixes
    }

    /// Whether the peer is told nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.prefixes == 0
    }

    /// How far the first walk has come.
    #[must_use]
    pub const fn swept(&self) -> Swept {
        self.swept
    }

    /// The first walk has come at least to `swept`: whatever it met and has not been told is a difference.
    pub fn advance(
        &mut self,
        swept: Swept,
        loc_rib: &LocRib,
        desired: impl FnMut(&Prefix, Option<&Path>) -> Option<Attributes>,
    ) {
        match swept {
            Swept::Nothing => {}
            Swept::UpTo(prefix) if Swept::UpTo(prefix) <= self.swept => {}
            Swept::UpTo(prefix) => self.sweep(loc_rib, desired, usize::MAX, Some(prefix)),
            Swept::All => self.sweep(loc_rib, desired, usize::MAX, None),
        }
    }

    /// How many prefixes are told other than they should be, as far as the first walk has come.
    #[must_use]
    pub fn differences(&self) -> usize {
        self.told.len()
    }

    /// Whether there is anything to tell: a difference, an unfinished walk, an End-of-RIB.
    #[must_use]
    pub fn has_work(&self) -> bool {
        !self.told.is_empty() || self.swept != Swept::All || !self.end_of_rib_owed.is_empty()
    }

    /// Whether `prefix` is told other than it should be.
    #[must_use]
    pub fn differs(&self, prefix: &Prefix) -> bool {
        self.told.contains_key(prefix)
    }

    /// The peer is told now what it should be told: something, or with `withdrawn` nothing.
    pub fn settle(&mut self, prefix: &Prefix, withdrawn: bool) {
        if let Some(before) = self.told.remove(prefix) {
            self.prefixes += usize::from(!withdrawn);
            self.prefixes -= usize::from(before.is_some());
        }
    }

    /// The family whose End-of-RIB is due: everything else has been told.
    #[must_use]
    pub fn end_of_rib_due(&self) -> Option<Family> {
        if self.swept == Swept::All && self.told.is_empty() {
            self.end_of_rib_owed.iter().next()
        } else {
            None
        }
    }

    /// The group to tell next, after making a new plan if the last one is done; none when there is nothing to tell.
    pub fn next_group(
        &mut self,
        loc_rib: &LocRib,
        desired: &mut impl FnMut(&Prefix, Option<&Path>) -> Option<Attributes>,
    ) -> Option<&mut Group> {
        while self
            .plan
            .front()
            .is_some_and(|group| group.prefixes.is_empty())
        {
            self.plan.pop_front();
        }
        while self.plan.is_empty() {
            let waiting = self.told.len();
            if self.swept != Swept::All && waiting < Self::PLAN_PREFIXES {
                self.sweep(loc_rib, &mut *desired, Self::PLAN_PREFIXES - waiting, None);
            }
            if self.told.is_empty() {
                if self.swept == Swept::All {
                    return None;
                }
                continue;
            }
            self.make_plan(loc_rib, desired);
        }
        self.plan.front_mut()
    }

    /// Gives the front group of the plan its prefixes back.
    pub fn resume(&mut self, prefixes: VecDeque<Prefix>) {
        if let Some(group) = self.plan.front_mut() {
            group.prefixes = prefixes;
        }
    }

    /// Goes on with the first walk, for at most `steps` prefixes and not beyond `until`.
    fn sweep(
        &mut self,
        loc_rib: &LocRib,
        mut desired: impl FnMut(&Prefix, Option<&Path>) -> Option<Attributes>,
        steps: usize,
        until: Option<Prefix>,
    ) {
        let mut walk: Box<dyn Iterator<Item = (Prefix, &Path)>> = match self.swept {
            Swept::All => return,
            Swept::Nothing => Box::new(loc_rib.iter()),
            Swept::UpTo(prefix) => Box::new(loc_rib.iter_after(&prefix)),
        };
        for _ in 0..steps {
            let Some((prefix, path)) = walk.next() else {
                self.swept = until.map_or(Swept::All, |until| self.swept.max(Swept::UpTo(until)));
                return;
            };
            if until.is_some_and(|until| prefix > until) {
                break;
            }
            if desired(&prefix, Some(path)).is_some() {
                self.told.insert(prefix, None);
            }
            self.swept = Swept::UpTo(prefix);
        }
        if let Some(until) = until {
            self.swept = self.swept.max(Swept::UpTo(until));
        }
    }

    fn make_plan(
        &mut self,
        loc_rib: &LocRib,
        desired: &mut impl FnMut(&Prefix, Option<&Path>) -> Option<Attributes>,
    ) {
        let begin = self.turn.map_or(Bound::Unbounded, Bound::Excluded);
        let mut places: BTreeMap<(Option<usize>, Family), usize> = BTreeMap::new();
        let mut last = None;
        for (prefix, _) in self
            .told
            .range((begin, Bound::Unbounded))
            .take(Self::PLAN_PREFIXES)
        {
            let attributes = desired(prefix, loc_rib.best(prefix));
            let key = (
                attributes.as_ref().map(|it| Arc::as_ptr(it).addr()),
                Family::of(prefix),
            );
            let at = *places.entry(key).or_insert(self.plan.len());
            if at == self.plan.len() {
                self.plan.push_back(Group {
                    attributes,
                    prefixes: VecDeque::new(),
                });
            }
            self.plan[at].prefixes.push_back(*prefix);
            last = Some(*prefix);
        }
        self.turn = last;
    }
}
