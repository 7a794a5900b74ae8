//! What each peer was told, read from the wire: the table it must have in the end, and every announcement that said
//! nothing new.

use std::collections::BTreeMap;

use serde::Serialize;

use pcaps::check::Observer;
use pcaps::flow::{Direction, Flow, FlowId};
use pcaps::time::Timestamp;

use super::update::{Messages, Update};
use crate::lab::churn::Announced;
use crate::lab::routes::{OUR_AS, Origin, Plan, RouteNumber};

/// Time after a cut in which UPDATEs are counted, nanoseconds.
const AFTER_CUT_NS: u64 = 1_000_000_000;
/// Examples that are told in words.
const EXAMPLES_MAX: usize = 20;

/// What was told wrongly.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ToldCounts {
    /// UPDATE messages to the peers.
    pub(crate) updates: u64,
    /// Announcements with the same attributes as the last one, without a change between.
    pub(crate) duplicates: u64,
    /// Announcements, beyond the first, of routes that never change.
    pub(crate) announced_again: u64,
    /// Withdrawals of routes that never change.
    pub(crate) withdrawn_without_cause: u64,
    /// Withdrawals of what was not announced.
    pub(crate) withdrawn_twice: u64,
    /// Prefixes that nobody has, or that go back to where they came from.
    pub(crate) foreign: u64,
    /// Announcements whose AS_PATH is not the one that it has to be.
    pub(crate) wrong_path: u64,
    /// Streams that could not be read to the end.
    pub(crate) unreadable: u64,
}

/// The observer of what is told.
#[derive(Debug)]
pub(crate) struct Told<'a> {
    plan: &'a Plan,
    cuts: &'a [Timestamp],
    flows: BTreeMap<FlowId, Messages>,
    /// The flow of each session; a new one is a new session, whose peer has forgotten everything.
    current: Vec<Option<FlowId>>,
    /// Per session and route the digest of the attributes; 0 is not announced.
    tables: Vec<Vec<u64>>,
    /// Per session a bit for each route that was ever announced.
    ever: Vec<Vec<bool>>,
    counts: ToldCounts,
    updates_after: Vec<u64>,
    examples: Vec<String>,
}

/// What was found at the end.
#[derive(Debug)]
pub(crate) struct ToldReport {
    /// Counters.
    pub(crate) counts: ToldCounts,
    /// Per cut the UPDATEs in the second after it.
    pub(crate) updates_after: Vec<u64>,
    /// Routes that a peer has to hold and was not told of.
    pub(crate) missing: u64,
    /// Routes that a peer was told of and may not hold.
    pub(crate) extra: u64,
    /// The first faults, in words.
    pub(crate) examples: Vec<String>,
}

impl<'a> Told<'a> {
    /// An observer of a run in which the active was cut at `cuts`.
    pub(crate) fn new(plan: &'a Plan, cuts: &'a [Timestamp]) -> Self {
        let sessions = plan.sessions.len();
        Self {
            plan,
            cuts,
            flows: BTreeMap::new(),
            current: vec![None; sessions],
            tables: vec![vec![0; plan.route_count()]; sessions],
            ever: vec![vec![false; plan.route_count()]; sessions],
            counts: ToldCounts::default(),
            updates_after: vec![0; cuts.len()],
            examples: Vec::new(),
        }
    }

    /// Compares what was told with what had to be told, and gives everything found.
    pub(crate) fn finish(mut self, announced: &Announced) -> ToldReport {
        let (mut missing, mut extra) = (0, 0);
        for session in 0..self.tables.len() {
            for route in (0..self.plan.route_count() as u32).map(RouteNumber) {
                let told = self.tables[session][route.0 as usize] != 0;
                let due = announced.due(self.plan, session, route);
                if told != due {
                    let what = if due {
                        "was never told"
                    } else {
                        "was not withdrawn"
                    };
                    *(if due { &mut missing } else { &mut extra }) += 1;
                    self.example(Timestamp::from_nanos(0), session, route, what);
                }
            }
        }
        ToldReport {
            counts: self.counts,
            updates_after: self.updates_after,
            missing,
            extra,
            examples: self.examples,
        }
    }

    fn example(&mut self, time: Timestamp, session: usize, route: RouteNumber, what: &str) {
        if self.examples.len() < EXAMPLES_MAX {
            let prefix = self.plan.prefix(route);
            self.examples
                .push(format!("{time}: session {session}: {prefix} {what}"));
        }
    }

    fn update(&mut self, session: usize, time: Timestamp, body: &[u8]) {
        let Ok(update) = Update::parse(body) else {
            self.counts.unreadable += 1;
            return;
        };
        self.counts.updates += 1;
        let cut = self.cuts.partition_point(|cut| *cut <= time);
        if let Some(last) = cut.checked_sub(1)
            && time.as_nanos() - self.cuts[last].as_nanos() < AFTER_CUT_NS
        {
            self.updates_after[last] += 1;
        }
        for prefix in &update.withdrawn {
            match self.plan.route(*prefix) {
                Some(route) => self.withdrawn(session, time, route),
                None => self.counts.foreign += 1,
            }
        }
        for prefix in &update.announced {
            match self.plan.route(*prefix) {
                Some(route) => self.announced(session, time, route, &update),
                None => self.counts.foreign += 1,
            }
        }
    }

    fn withdrawn(&mut self, session: usize, time: Timestamp, route: RouteNumber) {
        let entry = &mut self.tables[session][route.0 as usize];
        if *entry == 0 {
            self.counts.withdrawn_twice += 1;
            return;
        }
        *entry = 0;
        if self.plan.slice_of(route).is_none() {
            self.counts.withdrawn_without_cause += 1;
            self.example(time, session, route, "never changes and was withdrawn");
        }
    }

    fn announced(&mut self, session: usize, time: Timestamp, route: RouteNumber, update: &Update) {
        let origin = self.plan.origin(route);
        let path_is_right = match origin {
            Origin::Ours => update.as_path == [OUR_AS],
            Origin::Session(from) if from == session => {
                self.counts.foreign += 1;
                self.example(time, session, route, "went back to where it came from");
                true
            }
            Origin::Session(from) => update.as_path == [OUR_AS, self.plan.sessions[from].asn],
        };
        if !path_is_right {
            self.counts.wrong_path += 1;
            let what = format!("has the AS_PATH {:?}", update.as_path);
            self.example(time, session, route, &what);
        }
        let index = route.0 as usize;
        if self.tables[session][index] == update.attributes {
            self.counts.duplicates += 1;
            self.example(time, session, route, "was announced twice");
        } else if self.ever[session][index] && self.plan.slice_of(route).is_none() {
            self.counts.announced_again += 1;
            self.example(
                time,
                session,
                route,
                "never changes and was announced again",
            );
        }
        self.tables[session][index] = update.attributes;
        self.ever[session][index] = true;
    }
}

impl Observer for Told<'_> {
    fn on_octets(&mut self, flow: &Flow, direction: Direction, time: Timestamp, octets: &[u8]) {
        if flow.ours != Some(direction) {
            return;
        }
        let peer = flow.destination(direction).ip();
        let Some(session) = self.plan.session_of(peer) else {
            return;
        };
        if self.current[session] != Some(flow.id) {
            self.current[session] = Some(flow.id);
            self.tables[session].fill(0);
            self.ever[session].fill(false);
        }
        let mut messages = self.flows.remove(&flow.id).unwrap_or_default();
        let mut bodies = Vec::new();
        let read = messages.take(octets, |body| bodies.push(body.to_vec()));
        for body in bodies {
            self.update(session, time, &body);
        }
        if read.is_err() {
            self.counts.unreadable += 1;
            messages = Messages::default();
        }
        self.flows.insert(flow.id, messages);
    }
}

#[cfg(test)]
mod tests;
