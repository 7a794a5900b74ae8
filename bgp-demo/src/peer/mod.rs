//! A BGP peer on the kernel's own sockets: many sessions from many addresses, each with an AS of its own, for laboratories without daemons.
//!
//! Each session is a leaf [`Speaker`](crate::speaker::Speaker): it announces its routes, and counts and keeps what it is told. It is controlled in
//! process by [`KernelPeer`], or over a Unix socket by [`control`].

pub mod control;
mod session;
mod stream;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::config::{PeerConfig, SpeakerConfig};
use crate::fsm::State;
use crate::prefix::{Families, Family, Prefix};
use crate::speaker::{Counters, OriginatedRoute};

/// What the peer is started with; also its configuration file, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelPeerConfig {
    /// Whom to have sessions with.
    pub remote: IpAddr,
    /// Its AS number.
    pub remote_as: u32,
    /// The port to connect to and to listen on.
    pub port: u16,
    /// Proposed hold time in seconds.
    pub hold_time: u16,
    /// Seconds between attempts to connect.
    pub connect_retry: u16,
    /// Connect; without it the peer only listens.
    pub connect: bool,
    /// Listen; without it the peer only connects.
    pub listen: bool,
    /// The sessions.
    pub sessions: Vec<KernelSessionConfig>,
}

/// One session of the peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelSessionConfig {
    /// Its own address, which it connects from and listens on.
    pub local: IpAddr,
    /// Its own AS number.
    #[serde(rename = "as")]
    pub asn: u32,
    /// Its own BGP Identifier.
    pub router_id: Ipv4Addr,
    /// File of routes to announce; see [`crate::routes`].
    pub routes: Option<PathBuf>,
}

/// What one session has seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelSessionStatus {
    /// Its own address.
    pub local: IpAddr,
    /// Its own AS number.
    #[serde(rename = "as")]
    pub asn: u32,
    /// Its state.
    pub state: State,
    /// How long it has been up, in microseconds.
    pub uptime_us: Option<u64>,
    /// Times it came up.
    pub established: u64,
    /// Times it went down after it had come up.
    pub flaps: u64,
    /// Connections that were reset.
    pub resets: u64,
    /// NOTIFICATIONs received.
    pub notifications: u64,
    /// All counters.
    pub counters: Counters,
    /// Prefixes that it is being told.
    pub prefixes: usize,
    /// [`table_digest`] of these prefixes.
    pub digest: u64,
    /// Routes that it announces.
    pub announced: usize,
    /// It has sent everything that is to be sent.
    pub settled: bool,
    /// End-of-RIB markers received.
    pub end_of_ribs: u64,
    /// Why the last session or its beginning ended.
    pub last_error: Option<String>,
}

/// A digest of a set of prefixes that does not depend on their order: the wrapping sum of a SipHash-2-4 (key 0, 0) of each one's text.
pub fn table_digest(prefixes: impl Iterator<Item = Prefix>) -> u64 {
    use std::hash::Hasher;
    prefixes.fold(0, |sum, prefix| {
        let mut hasher = siphasher::sip::SipHasher24::new_with_keys(0, 0);
        hasher.write(prefix.to_string().as_bytes());
        sum.wrapping_add(hasher.finish())
    })
}

/// A request to one session.
#[derive(Debug)]
enum Request {
    Status(oneshot::Sender<KernelSessionStatus>),
    Table(oneshot::Sender<Vec<Prefix>>),
    Originate {
        announce: Vec<OriginatedRoute>,
        withdraw: Vec<Prefix>,
        done: oneshot::Sender<()>,
    },
    Stop(oneshot::Sender<()>),
}

/// Requests that may wait at one session.
const REQUESTS_MAX: usize = 16;

/// The running peer. Dropping it ends all sessions without a word.
#[derive(Debug)]
pub struct KernelPeer {
    sessions: Vec<mpsc::Sender<Request>>,
    tasks: tokio::task::JoinSet<()>,
}

/// What went wrong with the peer: one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelPeerError(String);

impl std::fmt::Display for KernelPeerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for KernelPeerError {}

impl KernelPeer {
    /// Starts all sessions on the current runtime.
    ///
    /// # Errors
    /// A file of routes cannot be read, or an address cannot be listened on.
    pub async fn start(config: &KernelPeerConfig) -> Result<Self, KernelPeerError> {
        let mut peer = Self {
            sessions: Vec::new(),
            tasks: tokio::task::JoinSet::new(),
        };
        for session in &config.sessions {
            let routes = match &session.routes {
                Some(path) => {
                    let wrong =
                        |what: String| KernelPeerError(format!("{}: {what}", path.display()));
                    let text =
                        std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
                    crate::routes::parse(&text).map_err(|error| wrong(error.to_string()))?
                }
                None => Vec::new(),
            };
            let listener = match config.listen {
                true => Some(stream::listen(session.local, config.port).await?),
                false => None,
            };
            let (asking, asked) = mpsc::channel(REQUESTS_MAX);
            let running = session::Running::new(
                speaker_config(config, session),
                config.port,
                routes,
                listener,
            );
            peer.tasks.spawn(running.run(asked));
            peer.sessions.push(asking);
        }
        Ok(peer)
    }

    /// What each session has seen, in the order of the configuration.
    pub async fn status(&self) -> Vec<KernelSessionStatus> {
        let mut all = Vec::with_capacity(self.sessions.len());
        for session in &self.sessions {
            all.extend(ask(session, Request::Status).await);
        }
        all
    }

    /// The prefixes that one session is being told; none for a session that is not there.
    pub async fn table(&self, session: usize) -> Option<Vec<Prefix>> {
        ask(self.sessions.get(session)?, Request::Table).await
    }

    /// One session announces and withdraws; none when it is not there.
    pub async fn originate(
        &self,
        session: usize,
        announce: Vec<OriginatedRoute>,
        withdraw: Vec<Prefix>,
    ) -> Option<()> {
        ask(self.sessions.get(session)?, |done| Request::Originate {
            announce,
            withdraw,
            done,
        })
        .await
    }

    /// Ends all sessions with NOTIFICATION Cease.
    pub async fn stop(mut self) {
        for session in &self.sessions {
            ask(session, Request::Stop).await;
        }
        self.sessions.clear();
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn ask<T>(
    session: &mpsc::Sender<Request>,
    request: impl FnOnce(oneshot::Sender<T>) -> Request,
) -> Option<T> {
    let (answer, answered) = oneshot::channel();
    session.send(request(answer)).await.ok()?;
    answered.await.ok()
}

fn speaker_config(config: &KernelPeerConfig, session: &KernelSessionConfig) -> SpeakerConfig {
    SpeakerConfig {
        asn: session.asn,
        router_id: session.router_id,
        hold_time: Duration::from_secs(config.hold_time.into()),
        next_hop_ipv4: None,
        next_hop_ipv6: None,
        peers: vec![PeerConfig {
            address: config.remote,
            asn: config.remote_as,
            passive: !config.connect,
            families: Families::from_iter([Family::of_address(config.remote)]),
            local: Some(session.local),
            connect_retry: Duration::from_secs(config.connect_retry.max(1).into()),
        }],
    }
}
