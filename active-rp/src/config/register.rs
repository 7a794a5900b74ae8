//! The `[register]` section: a register that is not in files of one host, and what may be done when a pair is out of reach.

use core::time::Duration;

use serde::Deserialize;
use tcp_ha::FenceConfig;
use tcp_ha::ipc::register::{EtcdConfig, EtcdRegister};
use toml::Spanned;

use super::ConfigError;
use super::place::Given;

const CONNECT_MS: u64 = 300;
const ANSWER_MS: u64 = 500;
const PATIENCE_MS: u64 = 10;
const TIMEOUT_MS_MAX: u64 = 60_000;
/// A loop that waits longer misses heartbeats.
const PATIENCE_MS_MAX: u64 = 1000;
const FENCE_AFTER_S: u64 = 30;
const FENCE_TIMEOUT_S: u64 = 60;
const FENCE_S_MAX: u64 = 86_400;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RegisterSection {
    pub(super) etcd: Option<Vec<Spanned<String>>>,
    pub(super) key: Option<Spanned<String>>,
    pub(super) connect_ms: Option<Spanned<u64>>,
    pub(super) answer_ms: Option<Spanned<u64>>,
    pub(super) patience_ms: Option<Spanned<u64>>,
    pub(super) fence: Option<Spanned<Vec<String>>>,
    pub(super) fence_after_s: Option<Spanned<u64>>,
    pub(super) fence_timeout_s: Option<Spanned<u64>>,
}

/// The section's settings, with their places.
#[derive(Clone, Debug, Default)]
pub(super) struct GivenRegister {
    pub(super) etcd: Option<Vec<Given<String>>>,
    pub(super) key: Option<Given<String>>,
    pub(super) connect_ms: Option<Given<u64>>,
    pub(super) answer_ms: Option<Given<u64>>,
    pub(super) patience_ms: Option<Given<u64>>,
    pub(super) fence: Option<Given<Vec<String>>>,
    pub(super) fence_after_s: Option<Given<u64>>,
    pub(super) fence_timeout_s: Option<Given<u64>>,
    pub(super) dead_epoch: Option<Given<u64>>,
}

impl GivenRegister {
    /// These settings, and `other`'s where there are none.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            etcd: self.etcd.or(other.etcd),
            key: self.key.or(other.key),
            connect_ms: self.connect_ms.or(other.connect_ms),
            answer_ms: self.answer_ms.or(other.answer_ms),
            patience_ms: self.patience_ms.or(other.patience_ms),
            fence: self.fence.or(other.fence),
            fence_after_s: self.fence_after_s.or(other.fence_after_s),
            fence_timeout_s: self.fence_timeout_s.or(other.fence_timeout_s),
            dead_epoch: self.dead_epoch.or(other.dead_epoch),
        }
    }

    /// Where the register is, where it is not in files.
    pub(super) fn etcd(&self) -> Result<Option<EtcdConfig>, ConfigError> {
        let Some(urls) = &self.etcd else {
            return match self.first_of_etcd() {
                Some(given) => Err(given.error("belongs to etcd = [...], which is missing")),
                None => Ok(None),
            };
        };
        let mut etcd = EtcdConfig::new(urls.iter().map(|url| url.value.clone()).collect());
        if let Some(key) = &self.key {
            etcd.key.clone_from(&key.value);
        }
        etcd.connect_timeout = millis(&self.connect_ms, CONNECT_MS, TIMEOUT_MS_MAX)?;
        etcd.answer_timeout = millis(&self.answer_ms, ANSWER_MS, TIMEOUT_MS_MAX)?;
        etcd.patience = millis(&self.patience_ms, PATIENCE_MS, PATIENCE_MS_MAX)?;
        match (EtcdRegister::open(&etcd), urls.first()) {
            (Err(error), Some(first)) => {
                let named = |url: &&Given<String>| error.to_string().contains(&url.value);
                let at = urls.iter().find(named).unwrap_or(first);
                Err(at.error(error.to_string()))
            }
            _ => Ok(Some(etcd)),
        }
    }

    /// Any of the settings that are etcd's alone.
    fn first_of_etcd(&self) -> Option<Given<()>> {
        let key = self.key.clone().map(|given| given.map(drop));
        let numbers = [&self.connect_ms, &self.answer_ms, &self.patience_ms];
        let number = numbers.into_iter().flatten().next();
        let fence = self.fence.clone().map(|given| given.map(drop));
        key.or(number.cloned().map(|given| given.map(drop)))
            .or(fence)
    }

    /// The fencing command, if there is one.
    pub(super) fn fence(&self) -> Result<Option<FenceConfig>, ConfigError> {
        let Some(command) = &self.fence else {
            return Ok(None);
        };
        if command.value.first().is_none_or(String::is_empty) {
            return Err(command.error("fence is a program and its arguments"));
        }
        Ok(Some(FenceConfig {
            command: command.value.clone(),
            after: seconds(&self.fence_after_s, FENCE_AFTER_S)?,
            timeout: seconds(&self.fence_timeout_s, FENCE_TIMEOUT_S)?,
        }))
    }
}

fn millis(given: &Option<Given<u64>>, default: u64, most: u64) -> Result<Duration, ConfigError> {
    bounded(given, default, most, "milliseconds").map(Duration::from_millis)
}

fn seconds(given: &Option<Given<u64>>, default: u64) -> Result<Duration, ConfigError> {
    bounded(given, default, FENCE_S_MAX, "seconds").map(Duration::from_secs)
}

fn bounded(
    given: &Option<Given<u64>>,
    default: u64,
    most: u64,
    unit: &str,
) -> Result<u64, ConfigError> {
    match given {
        None => Ok(default),
        Some(given) if (1..=most).contains(&given.value) => Ok(given.value),
        Some(given) => Err(given.error(format!("{}: give 1 to {most} {unit}", given.value))),
    }
}
