//! Tables against what has to be in them.

use std::collections::HashSet;

use ipnet::IpNet;
use serde::Serialize;

use crate::lab::routes::{Plan, RouteNumber};

/// Examples that are told in words.
const EXAMPLES_MAX: usize = 5;

/// How a table differs from what it has to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Differences {
    /// Routes that have to be there and are not.
    pub(crate) missing: u64,
    /// Routes that are there and must not be.
    pub(crate) extra: u64,
    /// The first of each, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) examples: Vec<String>,
}

/// Compares `table` with the routes of the run for which `due` says yes.
pub(crate) fn compare(
    plan: &Plan,
    table: &HashSet<IpNet>,
    due: impl Fn(RouteNumber) -> bool,
) -> Differences {
    let mut differences = Differences::default();
    let mut right = 0;
    for route in (0..plan.route_count() as u32).map(RouteNumber) {
        if !due(route) {
            continue;
        }
        let prefix = plan.prefix(route);
        if table.contains(&prefix) {
            right += 1;
            continue;
        }
        if differences.missing < EXAMPLES_MAX as u64 {
            differences.examples.push(format!("{prefix} is missing"));
        }
        differences.missing += 1;
    }
    differences.extra = table.len() as u64 - right;
    if differences.extra > 0 {
        let extra = table
            .iter()
            .filter(|prefix| plan.route(**prefix).is_none_or(|route| !due(route)));
        let mut extra: Vec<&IpNet> = extra.collect();
        extra.sort_unstable();
        let extra = extra.iter().take(EXAMPLES_MAX);
        differences
            .examples
            .extend(extra.map(|prefix| format!("{prefix} is extra")));
    }
    differences
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::lab::options::LabOptions;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: LabOptions,
    }

    #[test]
    fn missing_and_extra_are_told_apart() {
        let line = "lab --sessions 1 --routes-in 10 --routes-out 10";
        let plan = Plan::new(&Line::parse_from(line.split(' ')).options);
        let mut table: HashSet<IpNet> = plan.ours.all().map(|route| plan.prefix(route)).collect();
        let due = |route: RouteNumber| route.0 < 10;
        assert_eq!(compare(&plan, &table, due), Differences::default());
        table.remove(&"20.0.3.0/24".parse().unwrap());
        table.insert("64.0.0.0/24".parse().unwrap());
        table.insert("9.9.9.0/24".parse().unwrap());
        let differences = compare(&plan, &table, due);
        assert_eq!((differences.missing, differences.extra), (1, 2));
        assert_eq!(
            differences.examples,
            [
                "20.0.3.0/24 is missing",
                "9.9.9.0/24 is extra",
                "64.0.0.0/24 is extra"
            ]
        );
    }
}
