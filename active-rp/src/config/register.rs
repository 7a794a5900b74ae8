//! The `[register]` section: a register that is not in files of one host, and what may be done when a pair is out of reach.

use core::fmt;
use core::time::Duration;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tcp_ha::FenceConfig;
use tcp_ha::ipc::register::{EtcdCertificate, EtcdConfig, EtcdRegister, EtcdTls, EtcdUser};
use tcp_ha::ipc::transport::tls::About;
use toml::Spanned;
use zeroize::Zeroizing;

use super::ConfigError;
use super::place::Given;
use super::security::KeySource;

const CONNECT_MS: u64 = 300;
const ANSWER_MS: u64 = 500;
const PATIENCE_MS: u64 = 10;
const TIMEOUT_MS_MAX: u64 = 60_000;
/// A loop that waits longer misses heartbeats.
const PATIENCE_MS_MAX: u64 = 1000;
const FENCE_AFTER_S: u64 = 30;
const FENCE_TIMEOUT_S: u64 = 60;
const FENCE_S_MAX: u64 = 86_400;

/// It has no `Debug`: it may hold a password.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RegisterSection {
    pub(super) etcd: Option<Vec<Spanned<String>>>,
    pub(super) key: Option<Spanned<String>>,
    pub(super) tls: TlsSection,
    pub(super) user: Option<Spanned<String>>,
    pub(super) password: Option<Spanned<KeySource>>,
    pub(super) connect_ms: Option<Spanned<u64>>,
    pub(super) answer_ms: Option<Spanned<u64>>,
    pub(super) patience_ms: Option<Spanned<u64>>,
    pub(super) fence: Option<Spanned<Vec<String>>>,
    pub(super) fence_after_s: Option<Spanned<u64>>,
    pub(super) fence_timeout_s: Option<Spanned<u64>>,
}

/// What `https://` members need.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TlsSection {
    pub(super) ca: Option<Spanned<PathBuf>>,
    pub(super) certificate: Option<Spanned<PathBuf>>,
    pub(super) key: Option<Spanned<PathBuf>>,
}

/// The same, with their places.
#[derive(Clone, Debug, Default)]
pub(super) struct GivenTls {
    pub(super) ca: Option<Given<PathBuf>>,
    pub(super) certificate: Option<Given<PathBuf>>,
    pub(super) key: Option<Given<PathBuf>>,
}

/// A password, or why it could not be read. It is in no `Debug`.
#[derive(Clone)]
pub(super) struct Password(Result<Zeroizing<String>, String>);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

impl Password {
    /// Reads it; files are named from the directory `beside`.
    pub(super) fn read(source: &KeySource, beside: &Path) -> Self {
        Self(
            source
                .octets(beside)
                .and_then(|octets| match core::str::from_utf8(&octets) {
                    Ok("") => Err("the password is empty".to_owned()),
                    Ok(text) => Ok(Zeroizing::new(text.to_owned())),
                    Err(_) => Err("the password is not a text".to_owned()),
                }),
        )
    }
}

/// The section's settings, with their places.
#[derive(Clone, Debug, Default)]
pub(super) struct GivenRegister {
    pub(super) etcd: Option<Vec<Given<String>>>,
    pub(super) key: Option<Given<String>>,
    pub(super) tls: GivenTls,
    pub(super) user: Option<Given<String>>,
    pub(super) password: Option<Given<Password>>,
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
            tls: GivenTls {
                ca: self.tls.ca.or(other.tls.ca),
                certificate: self.tls.certificate.or(other.tls.certificate),
                key: self.tls.key.or(other.tls.key),
            },
            user: self.user.or(other.user),
            password: self.password.or(other.password),
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
        etcd.tls = self.tls.check()?;
        etcd.user = self.user()?;
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

    /// Who asks, where etcd has users.
    fn user(&self) -> Result<Option<EtcdUser>, ConfigError> {
        match (&self.user, &self.password) {
            (None, None) => Ok(None),
            (Some(user), None) => Err(user.error("user needs password")),
            (None, Some(password)) => Err(password.error("password needs user")),
            (Some(user), Some(given)) => {
                let password = given.value.0.clone();
                let password = password.map_err(|what| given.error(what))?;
                Ok(Some(EtcdUser::new(user.value.clone(), password)))
            }
        }
    }

    /// Any of the settings that are etcd's alone.
    fn first_of_etcd(&self) -> Option<Given<()>> {
        let key = self.key.clone().map(|given| given.map(drop));
        let GivenTls {
            ca,
            certificate,
            key: key_file,
        } = &self.tls;
        let file = [ca, certificate, key_file].into_iter().flatten().next();
        let file = file.cloned().map(|given| given.map(drop));
        let user = self.user.clone().map(|given| given.map(drop));
        let password = self.password.clone().map(|given| given.map(drop));
        let key = key.or(file).or(user).or(password);
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

impl GivenTls {
    /// What is needed for `https://`; `None` where nothing is given.
    fn check(&self) -> Result<Option<EtcdTls>, ConfigError> {
        let Self {
            ca,
            certificate,
            key,
        } = self;
        let own = match (certificate, key) {
            (None, None) => None,
            (Some(certificate), None) => return Err(certificate.error("certificate needs key")),
            (None, Some(key)) => return Err(key.error("key needs certificate")),
            (Some(certificate), Some(key)) => Some(EtcdCertificate {
                certificate: certificate.value.clone(),
                key: key.value.clone(),
            }),
        };
        let Some(authority) = ca else {
            return match certificate {
                Some(given) => Err(given.error("certificate needs ca, which etcd is judged by")),
                None => Ok(None),
            };
        };
        let tls = EtcdTls {
            authority: authority.value.clone(),
            own,
        };
        tls.check().map_err(|error| {
            let given = match error.about {
                About::Certificate => certificate.as_ref(),
                About::Key => key.as_ref(),
                About::Authority | About::Pair => None,
            };
            given.unwrap_or(authority).error(error.what)
        })?;
        Ok(Some(tls))
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

#[cfg(test)]
mod tests;
