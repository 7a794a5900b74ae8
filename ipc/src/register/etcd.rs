//! The register across hosts: one key of etcd (3.4 or newer), changed by one transaction.
//!
//! The key's value is the entry. A swap is a transaction that writes the next entry if the key's
//! revision is still that of the expected one; it has no lease, and no clock is in it. Reads are
//! linearizable. A transaction can take effect once at most, whoever carries it out and however
//! often it is sent: so what was sent to an endpoint that did not answer is sent to the next one,
//! and a key that holds exactly what was to be written was written by this swap, or by one that
//! gives the same right to the same incarnation.
//!
//! Calls block for as long as the limits of [`EtcdConfig`] allow; a node's loop wraps this register
//! in a [`RemoteRegister`](super::RemoteRegister).

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::text::{parse, render};
use super::{CasError, Entry, Register, RegisterError, Tenure, successor};
use crate::ids::{Epoch, Incarnation};
use crate::transport::tls::Moment;

mod http;
mod message;
mod stream;
mod tls;
mod user;

pub use tls::{EtcdCertificate, EtcdTls};
pub use user::EtcdUser;

use http::{Client, Failure, Limits};
use message::{Stored, Swapped};
use user::Asker;

/// A swap of unknown outcome is sent round the endpoints so often.
const ROUNDS: usize = 2;
/// More endpoints than any etcd has members.
const ENDPOINTS_MAX: usize = 16;
const KEY_OCTETS_MAX: usize = 512;

/// Where the register is, and how long to wait for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdConfig {
    /// Members of one etcd, `https://host:port` each, or `http://host:port` each; any of them will do.
    pub endpoints: Vec<String>,
    /// What `https://` endpoints need, and others have no use for.
    pub tls: Option<EtcdTls>,
    /// Who asks, where etcd has users; its password goes to `https://` endpoints only.
    pub user: Option<EtcdUser>,
    /// The key; each pair has its own.
    pub key: String,
    /// How long an endpoint may take to be connected to.
    pub connect_timeout: Duration,
    /// How long a connected endpoint may take to answer, before the next one is asked.
    pub answer_timeout: Duration,
    /// How long a node's loop waits for a request, which goes on meanwhile.
    pub patience: Duration,
}

impl EtcdConfig {
    /// The key `/tcp-ha/register` at these endpoints; 300 ms to connect, 500 ms to answer; a loop waits 10 ms.
    #[must_use]
    pub fn new(endpoints: Vec<String>) -> Self {
        Self {
            endpoints,
            tls: None,
            user: None,
            key: "/tcp-ha/register".to_owned(),
            connect_timeout: Duration::from_millis(300),
            answer_timeout: Duration::from_millis(500),
            patience: Duration::from_millis(10),
        }
    }
}

/// An endpoint's name, and whether it was seen to belong to the cluster.
#[derive(Debug)]
struct Endpoint {
    url: String,
    verified: AtomicBool,
}

/// The register in etcd; see the module's text.
#[derive(Debug)]
pub struct EtcdRegister {
    endpoints: Vec<Endpoint>,
    key: String,
    client: Client,
    asker: Option<Asker>,
    /// The endpoint that answered last.
    preferred: AtomicUsize,
    /// The cluster of the first answer; 0 before it.
    cluster: AtomicU64,
    /// The highest epoch seen; 0 before the first.
    highest: AtomicU64,
    /// An epoch whose revision is known. It never changes: the key is never removed.
    known: Mutex<Option<(Epoch, u64)>>,
}

impl EtcdRegister {
    /// Checks the configuration; nothing is asked yet.
    ///
    /// # Errors
    /// [`RegisterError::Unavailable`] says which part cannot be used.
    pub fn open(config: &EtcdConfig) -> Result<Self, RegisterError> {
        let unusable = |what: String| Err(RegisterError::Unavailable(what));
        let endpoints = &config.endpoints;
        if endpoints.is_empty() || endpoints.len() > ENDPOINTS_MAX {
            return unusable(format!("name 1 to {ENDPOINTS_MAX} endpoints of etcd"));
        }
        if config.key.is_empty() || config.key.len() > KEY_OCTETS_MAX {
            return unusable(format!("the key in etcd has 1 to {KEY_OCTETS_MAX} octets"));
        }
        if let Some(bad) = endpoints.iter().find(|url| scheme(url).is_none()) {
            return unusable(format!(
                "{bad:?}: an endpoint is https://HOST:PORT or http://HOST:PORT"
            ));
        }
        let with_tls = scheme(&endpoints[0]);
        if let Some(odd) = endpoints.iter().find(|url| scheme(url) != with_tls) {
            return unusable(format!(
                "{odd:?}: endpoints are all https:// or all http://"
            ));
        }
        let needed = with_tls == Some(Scheme::Https);
        match (&config.tls, &config.user) {
            (None, _) if needed => {
                return unusable(format!(
                    "{:?}: https:// needs ca, the certificate of the authority of etcd",
                    endpoints[0]
                ));
            }
            (Some(_), _) if !needed => {
                return unusable(format!(
                    "{:?}: ca, certificate and key are for https://",
                    endpoints[0]
                ));
            }
            (_, Some(_)) if !needed => {
                return unusable(format!(
                    "{:?}: a password goes to https:// only",
                    endpoints[0]
                ));
            }
            _ => {}
        }
        let limits = Limits {
            connect: config.connect_timeout,
            answer: config.answer_timeout,
        };
        let endpoint = |url: &String| Endpoint {
            url: url.trim_end_matches('/').to_owned(),
            verified: AtomicBool::new(false),
        };
        Ok(Self {
            endpoints: endpoints.iter().map(endpoint).collect(),
            key: config.key.clone(),
            client: Client::new(limits, config.tls.as_ref())
                .map_err(|error| RegisterError::Unavailable(error.what))?,
            asker: config.user.clone().map(Asker::new),
            preferred: AtomicUsize::new(0),
            cluster: AtomicU64::new(0),
            highest: AtomicU64::new(0),
            known: Mutex::new(None),
        })
    }

    /// The key and where it is, for people.
    #[must_use]
    pub fn place(&self) -> String {
        let urls: Vec<&str> = self.endpoints.iter().map(|it| it.url.as_str()).collect();
        format!("{} at {}", self.key, urls.join(", "))
    }

    /// When the certificate that this node shows to etcd ends, if it has one.
    #[must_use]
    pub fn certificate_expires(&self) -> Option<Moment> {
        self.client.expires()
    }

    /// The endpoints in the order in which they are tried.
    fn in_turn(&self) -> impl Iterator<Item = (usize, &Endpoint)> {
        let first = self.preferred.load(Ordering::Relaxed);
        let count = self.endpoints.len();
        (first..first + count).map(move |at| (at % count, &self.endpoints[at % count]))
    }

    /// Asks one endpoint; an answer of another cluster is none.
    fn post(&self, (at, endpoint): (usize, &Endpoint), what: &str, body: &Value) -> Answer {
        let path = format!("/v3/kv/{what}");
        let answer = match &self.asker {
            Some(asker) => asker.post(&self.client, &endpoint.url, &path, body)?,
            None => (self.client).post(&format!("{}{path}", endpoint.url), body, None)?,
        };
        let cluster = message::cluster(&answer)
            .map_err(|why| Failure::doubtful(format!("its answer is not etcd's: {why}")))?;
        let known = self
            .cluster
            .compare_exchange(0, cluster, Ordering::Relaxed, Ordering::Relaxed);
        if known.is_err_and(|known| known != cluster) {
            endpoint.verified.store(false, Ordering::Relaxed);
            let why = format!("belongs to another etcd (cluster {cluster:x})");
            return Err(Failure::doubtful(why));
        }
        endpoint.verified.store(true, Ordering::Relaxed);
        self.preferred.store(at, Ordering::Relaxed);
        Ok(answer)
    }

    /// Reads the key at one endpoint.
    fn range_at(&self, at: (usize, &Endpoint)) -> Result<Stored, Failure> {
        let answer = self.post(at, "range", &message::range(&self.key))?;
        message::parse_range(&answer).map_err(Failure::certain)
    }

    /// Reads the key where it can be read.
    fn stored(&self) -> Result<Stored, String> {
        let mut whys = Whys::default();
        for at in self.in_turn() {
            match self.range_at(at) {
                Ok(stored) => return Ok(stored),
                Err(failure) => whys.add(at.1, &failure.why),
            }
        }
        Err(whys.0)
    }

    /// The entry that is stored; remembers its revision.
    fn entry(&self, stored: &Stored, highest: u64) -> Result<Option<Entry>, RegisterError> {
        let corrupt = |why: String| {
            Err(RegisterError::Corrupt(format!(
                "{}: {why}; make sure that no node runs, then remove the key (etcdctl del {})",
                self.place(),
                self.key
            )))
        };
        if stored.mod_revision == 0 {
            return match highest {
                0 => Ok(None),
                _ => corrupt(format!("the key is gone, it was in epoch {highest}")),
            };
        }
        let entry = match parse(&stored.value) {
            Ok(entry) => entry,
            Err(why) => return corrupt(why),
        };
        if entry.epoch.0 < highest {
            let now = entry.epoch;
            return corrupt(format!("was in epoch {highest}, is in {now} again"));
        }
        self.remember(entry.epoch, stored.mod_revision);
        Ok(Some(entry))
    }

    fn remember(&self, epoch: Epoch, mod_revision: u64) {
        self.highest.fetch_max(epoch.0, Ordering::Relaxed);
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((epoch, mod_revision));
    }

    /// The revision at which the key is in epoch `expected`.
    fn revision_of(&self, expected: Option<Epoch>) -> Result<u64, CasError> {
        let Some(epoch) = expected else { return Ok(0) };
        let known = *self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, mod_revision)) = known
            && known == epoch
        {
            return Ok(mod_revision);
        }
        let highest = self.highest.load(Ordering::Relaxed);
        let stored = self.stored().map_err(CasError::Unavailable)?;
        let current = self
            .entry(&stored, highest)
            .map_err(|error| CasError::Unavailable(error.to_string()))?;
        match current {
            Some(entry) if entry.epoch == epoch => Ok(stored.mod_revision),
            other => Err(CasError::Lost(other)),
        }
    }

    /// Sends the transaction round the endpoints until one tells its outcome.
    fn transact(&self, entry: &Entry, mod_revision: u64) -> Result<Swapped, CasError> {
        let body = message::swap(&self.key, mod_revision, &render(entry));
        let mut whys = Whys::default();
        let mut in_doubt = false;
        for _ in 0..ROUNDS {
            for at in self.in_turn() {
                // A transaction for one etcd is none for another, which may know the same revisions.
                if !at.1.verified.load(Ordering::Relaxed)
                    && let Err(failure) = self.range_at(at)
                {
                    whys.add(at.1, &failure.why);
                    continue;
                }
                let answer = self.post(at, "txn", &body);
                match answer {
                    Ok(answer) => match message::parse_swap(&answer) {
                        Ok(swapped) => return Ok(swapped),
                        Err(why) => {
                            in_doubt = true;
                            whys.add(at.1, &format!("its answer is not etcd's: {why}"));
                        }
                    },
                    Err(failure) => {
                        in_doubt |= failure.may_have_left;
                        whys.add(at.1, &failure.why);
                    }
                }
            }
            if !in_doubt {
                return Err(CasError::Unavailable(whys.0));
            }
        }
        Err(CasError::Unknown(whys.0))
    }
}

impl Register for EtcdRegister {
    fn read(&self) -> Result<Option<Entry>, RegisterError> {
        let highest = self.highest.load(Ordering::Relaxed);
        let stored = self.stored().map_err(RegisterError::Unavailable)?;
        self.entry(&stored, highest)
    }

    fn compare_and_swap(
        &self,
        expected: Option<Epoch>,
        active: Incarnation,
        standby: Option<Incarnation>,
    ) -> Result<Tenure, CasError> {
        let entry = successor(expected, active, standby)?;
        let highest = self.highest.load(Ordering::Relaxed);
        let mod_revision = self.revision_of(expected)?;
        match self.transact(&entry, mod_revision)? {
            Swapped::Won { mod_revision } => {
                self.remember(entry.epoch, mod_revision);
                Ok(Tenure(entry))
            }
            // The comparison has failed for good: nothing that was sent can take effect any more.
            Swapped::Lost(stored) => match self.entry(&stored, highest) {
                // Written by what was sent before its answer was lost, or by the other node to the same effect.
                Ok(Some(current)) if current == entry => Ok(Tenure(entry)),
                Ok(current) => Err(CasError::Lost(current)),
                Err(error) => Err(CasError::Unavailable(error.to_string())),
            },
        }
    }
}

type Answer = Result<Value, Failure>;

/// What each endpoint had to say, on one line; the last word of each counts.
#[derive(Default)]
struct Whys(String);

impl Whys {
    fn add(&mut self, endpoint: &Endpoint, why: &str) {
        let line = format!("{}: {why}", endpoint.url);
        if self.0.contains(&line) {
            return;
        }
        if !self.0.is_empty() {
            self.0.push_str("; ");
        }
        self.0.push_str(&line);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

/// How an endpoint is spoken to; `None`: it is none. No user, no password, no path: they would be shown in the status.
fn scheme(url: &str) -> Option<Scheme> {
    let (scheme, host) = match url.strip_prefix("https://") {
        Some(host) => (Scheme::Https, host),
        None => (Scheme::Http, url.strip_prefix("http://")?),
    };
    let host = host.trim_end_matches('/');
    let fits = !host.is_empty() && !host.contains(['/', '@', '?', '#', ' ', ',']);
    fits.then_some(scheme)
}

#[cfg(test)]
mod tests;
