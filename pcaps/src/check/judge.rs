//! Where broken rules are written down.

use std::collections::BTreeMap;

use crate::check::config::CheckConfig;
use crate::check::violation::{Rule, Violation};
use crate::flow::{Direction, Flow};
use crate::time::Timestamp;

/// Violations of one rule in one flow that are told in full, so that one flow cannot crowd out the others.
const TOLD_PER_FLOW_AND_RULE: u64 = 16;

/// Where and when something was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) time: Timestamp,
    pub(super) packet: u64,
    pub(super) direction: Direction,
}

/// Broken rules so far.
#[derive(Debug, Default)]
pub(super) struct Judge {
    pub(super) broken: BTreeMap<Rule, u64>,
    pub(super) violations: Vec<Violation>,
}

/// Broken rules of one flow, by rule.
pub(super) type BrokenInFlow = BTreeMap<Rule, u64>;

impl Judge {
    /// Writes a broken rule down; gives it back for the observer, unless it lies outside the judged time.
    pub(super) fn broken(
        &mut self,
        config: &CheckConfig,
        flow: &Flow,
        in_flow: &mut BrokenInFlow,
        rule: Rule,
        place: Place,
        detail: String,
    ) -> Option<Violation> {
        if rule.is_of_lifecycle() && !judged_time(config, place.time) {
            return None;
        }
        *self.broken.entry(rule).or_default() += 1;
        let count = in_flow.entry(rule).or_default();
        *count += 1;
        let violation = Violation {
            rule,
            time: place.time,
            packet: place.packet,
            flow: flow.id,
            source: flow.source(place.direction),
            destination: flow.destination(place.direction),
            detail,
        };
        if *count <= TOLD_PER_FLOW_AND_RULE && self.violations.len() < config.violations_max {
            self.violations.push(violation.clone());
        }
        Some(violation)
    }
}

fn judged_time(config: &CheckConfig, time: Timestamp) -> bool {
    config.judge_from.is_none_or(|from| time >= from)
        && config.judge_until.is_none_or(|until| time <= until)
}
