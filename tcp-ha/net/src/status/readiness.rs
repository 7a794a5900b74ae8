//! Readiness as the status has it: by name, with times that people can read.

use super::Moment;
use serde::Serialize;
use std::collections::BTreeMap;
use tcp_ha_core::{Readiness, ReadinessHistory};

/// How far protection is, since when, and how often it went down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReadinessStatus {
    /// `none`, `tcp-initial-sync`, `tcp-second-phase`, `application-sync`, `ready` or `down`.
    pub state: &'static str,
    /// Name of the reason, where it is down.
    pub reason: Option<&'static str>,
    /// State and reason as a sentence.
    pub text: String,
    /// Since when, in microseconds of Unix time; `None` where nobody counts.
    pub since_unix_us: Option<u64>,
    /// When it last went down, and why; stays after it has come back.
    pub last_down: Option<LastDownStatus>,
    /// How often it went down, by the name of the reason; reasons that never came up are left out.
    pub downs: BTreeMap<&'static str, DownStatus>,
}

/// When protection last went down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastDownStatus {
    /// Name of the reason.
    pub reason: &'static str,
    /// The reason as a sentence.
    pub text: String,
    /// When, in microseconds of Unix time.
    pub at_unix_us: u64,
}

/// How often protection went down for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DownStatus {
    /// How often.
    pub count: u64,
    /// The last time, in microseconds of Unix time.
    pub last_unix_us: u64,
}

impl ReadinessStatus {
    /// Of a history, at this moment.
    pub fn of(history: &ReadinessHistory, moment: Moment) -> ReadinessStatus {
        let downs = history.downs().iter().map(|(reason, down)| {
            let told = DownStatus {
                count: down.count,
                last_unix_us: moment.unix_at(down.last_us),
            };
            (reason.name(), told)
        });
        ReadinessStatus {
            since_unix_us: Some(moment.unix_at(history.since_us())),
            last_down: history.last_down().map(|last| LastDownStatus {
                reason: last.reason.name(),
                text: last.reason.to_string(),
                at_unix_us: moment.unix_at(last.at_us),
            }),
            downs: downs.collect(),
            ..ReadinessStatus::now(history.readiness())
        }
    }

    /// Of a node or connection whose history nobody kept.
    pub fn now(readiness: Readiness) -> ReadinessStatus {
        ReadinessStatus {
            state: readiness.name(),
            reason: readiness.reason().map(|reason| reason.name()),
            text: readiness.to_string(),
            since_unix_us: None,
            last_down: None,
            downs: BTreeMap::new(),
        }
    }
}
