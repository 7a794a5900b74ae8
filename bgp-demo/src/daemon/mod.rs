//! The speaker on the replicated stack: one task owns it, drives it while this node is the active, and feeds it as the replica before that.
//!
//! Everything that the speaker says goes to the stack by calls of this one task, so the replica gets octets, marks and records in the order
//! in which they happened. Nothing waits inside the task: a stream without room is left until it has some.

mod connections;
mod drive;
mod feed;

use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tcp_ha::{Stack, StackEvents};
use tokio::sync::{mpsc, oneshot};

use crate::config::SpeakerConfig;
use crate::speaker::OriginatedRoute;
use crate::status::{RouteView, SpeakerStatus};

/// What the daemon needs to know.
#[derive(Debug, Clone)]
pub struct DaemonConfig {
    /// The speaker's configuration.
    pub speaker: SpeakerConfig,
    /// The pair's addresses: where to listen, and what to connect from.
    pub addresses: Vec<IpAddr>,
    /// The port to listen on and to connect to.
    pub port: u16,
    /// Routes to originate from the start.
    pub originate: Vec<OriginatedRoute>,
}

/// The port of BGP.
pub const BGP_PORT: u16 = 179;

/// Why the daemon ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DaemonEnded {
    /// Another node has taken over; the process should end and be started again.
    Fenced(String),
    /// It cannot go on.
    Failed(String),
}

/// The daemon's state, for operators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// The speaker; none before the node has a role.
    pub speaker: Option<SpeakerStatus>,
    /// The last takeover by this process, if there was one.
    pub promotion: Option<Promotion>,
}

/// What a takeover was for the speaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promotion {
    /// The epoch that it began.
    pub epoch: u64,
    /// Streams that were handed over.
    pub streams: usize,
    /// Sessions that were up.
    pub sessions: usize,
    /// Prefixes that peers had been told other than they should have been, as far as their first walk had come.
    pub differences: usize,
    /// UPDATEs sent since, to all peers.
    pub updates_sent: u64,
    /// How long the speaker took to go live.
    pub took: Duration,
}

/// Asks the running daemon.
#[derive(Debug, Clone)]
pub struct Daemon {
    asking: mpsc::Sender<Request>,
}

#[derive(Debug)]
enum Request {
    Status(oneshot::Sender<DaemonStatus>),
    Routes(oneshot::Sender<Vec<RouteView>>),
    Originate {
        routes: Vec<OriginatedRoute>,
        announce: bool,
        answer: oneshot::Sender<Result<usize, String>>,
    },
}

/// The daemon has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the BGP daemon has ended")
    }
}

impl std::error::Error for Gone {}

/// Requests that may wait.
const REQUESTS_MAX: usize = 16;

impl Daemon {
    /// The daemon on a stack, and the future that runs it until the node is fenced or fails. The stack's configuration must set
    /// `streams_by_event` and `node_sync`.
    pub fn start(
        config: DaemonConfig,
        stack: Stack,
        events: StackEvents,
    ) -> (Self, impl Future<Output = DaemonEnded> + Send + use<>) {
        let (asking, asked) = mpsc::channel(REQUESTS_MAX);
        let driver = drive::Driver::new(config, stack);
        (Self { asking }, driver.run(events, asked))
    }

    /// What the daemon says of itself.
    ///
    /// # Errors
    /// It has ended.
    pub async fn status(&self) -> Result<DaemonStatus, Gone> {
        let (answer, status) = oneshot::channel();
        self.ask(Request::Status(answer), status).await
    }

    /// The chosen routes.
    ///
    /// # Errors
    /// The daemon has ended.
    pub async fn routes(&self) -> Result<Vec<RouteView>, Gone> {
        let (answer, routes) = oneshot::channel();
        self.ask(Request::Routes(answer), routes).await
    }

    /// Originates, or no longer originates, these routes: how many they are. Only while this node is the active.
    ///
    /// # Errors
    /// One line that says why not.
    pub async fn originate(
        &self,
        routes: Vec<OriginatedRoute>,
        announce: bool,
    ) -> Result<usize, String> {
        let (answer, done) = oneshot::channel();
        self.ask(
            Request::Originate {
                routes,
                announce,
                answer,
            },
            done,
        )
        .await
        .map_err(|gone| gone.to_string())?
    }

    async fn ask<T>(&self, request: Request, answer: oneshot::Receiver<T>) -> Result<T, Gone> {
        self.asking.send(request).await.map_err(|_| Gone)?;
        answer.await.map_err(|_| Gone)
    }
}
