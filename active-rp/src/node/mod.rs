//! A running node: answers questions, obeys signals, and ends.

use core::future::Future;
use core::time::Duration;
use std::process::ExitCode;

use serde_json::Value;
use tcp_ha::engine::auth::SecurityTable;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::config::{read_routes, read_security};
use crate::status::{Asked, Request, Wish};

/// Exit status of a node that another one has taken over from: restarted with the same command line, it joins as standby.
pub const EXIT_FENCED: u8 = 75;
/// How long a planned handover, or leaving, may take.
const LEAVE_LIMIT: Duration = Duration::from_secs(10);
/// How long the other side of a handover may take to make this node fall silent.
const FENCED_LIMIT: Duration = Duration::from_secs(5);

/// What a node can be asked and told to do.
pub trait Node: Clone + Send + Sync + 'static {
    /// What it says of itself: a JSON document.
    fn status(&self) -> impl Future<Output = Result<Value, String>> + Send;

    /// The routes that it has chosen: a JSON document as text, since it may be long.
    fn routes(&self) -> impl Future<Output = Result<String, String>> + Send;

    /// Announces or withdraws the routes of `text`, a file's content: how many there are.
    fn originate(
        &self,
        announce: bool,
        text: String,
    ) -> impl Future<Output = Result<usize, String>> + Send;

    /// Asks this of peers from now on, instead of what was asked before.
    fn set_security(&self, table: SecurityTable)
    -> impl Future<Output = Result<(), String>> + Send;

    /// Hands over to the standby, or says why not.
    fn switchover(&self) -> impl Future<Output = Result<(), String>> + Send;

    /// Changes what is protected, or says why not.
    fn wish(&self, wish: Wish) -> impl Future<Output = Result<(), String>> + Send;

    /// Whether it is active and has a standby to hand over to.
    fn has_standby(&self) -> impl Future<Output = bool> + Send;

    /// Leaves: a standby resigns, an active falls silent.
    fn stop(&self) -> impl Future<Output = ()> + Send;
}

/// How a node ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As it was told.
    Stopped,
    /// Another node speaks.
    Fenced(String),
    /// It cannot go on.
    Failed(String),
}

impl Ended {
    /// Says how on one line, and with which status to exit.
    #[must_use]
    pub fn report(&self) -> ExitCode {
        match self {
            Self::Stopped => ExitCode::SUCCESS,
            Self::Fenced(reason) => {
                eprintln!("fenced: {reason}; started again, this node joins as standby");
                ExitCode::from(EXIT_FENCED)
            }
            Self::Failed(reason) => {
                eprintln!("ended: {reason}");
                ExitCode::FAILURE
            }
        }
    }
}

/// Answers questions until the node has ended, or was told to and has left. `told` resolves for every wish to end; the second ends it
/// at once.
pub async fn attend<N: Node>(
    node: N,
    mut asked: mpsc::Receiver<Asked>,
    mut told: mpsc::Receiver<()>,
    ended: impl Future<Output = Ended>,
) -> Ended {
    tokio::pin!(ended);
    loop {
        tokio::select! {
            how = &mut ended => return how,
            Some(()) = told.recv() => break,
            Some(question) = asked.recv() => answer(&node, question),
        }
    }
    let leaving = leave(&node, ended);
    tokio::pin!(leaving);
    loop {
        tokio::select! {
            how = &mut leaving => return how,
            Some(()) = told.recv() => return Ended::Stopped,
            Some(question) = asked.recv() => answer(&node, question),
        }
    }
}

/// Nobody waits for what another one asked.
fn answer<N: Node>(node: &N, Asked { request, answer }: Asked) {
    let node = node.clone();
    tokio::spawn(async move {
        let _ = answer.send(answered(&node, request).await);
    });
}

/// The planned end: hands over where there is somebody to hand over to.
async fn leave<N: Node>(node: &N, ended: impl Future<Output = Ended>) -> Ended {
    if node.has_standby().await {
        info!("told to end: handing over first");
        match timeout(LEAVE_LIMIT, node.switchover()).await {
            Ok(Ok(())) => {
                let _ = timeout(FENCED_LIMIT, ended).await;
                info!("handed over");
                return Ended::Stopped;
            }
            Ok(Err(reason)) => warn!(reason, "not handed over: connections will be lost"),
            Err(_) => warn!("not handed over within {LEAVE_LIMIT:?}: connections will be lost"),
        }
    }
    let _ = timeout(LEAVE_LIMIT, node.stop()).await;
    Ended::Stopped
}

async fn answered<N: Node>(node: &N, request: Request) -> Result<String, String> {
    match request {
        Request::Status => node.status().await.map(|status| status.to_string()),
        Request::Routes => node.routes().await,
        Request::Switchover => {
            node.switchover().await?;
            Ok(serde_json::json!({ "switchover": "done" }).to_string())
        }
        Request::Wish(wish) => {
            node.wish(wish).await?;
            Ok(serde_json::json!({ "done": wish.to_string() }).to_string())
        }
        Request::Security { file } => {
            let read = tokio::task::spawn_blocking(move || read_security(&file)).await;
            let table = read.map_err(|error| error.to_string())??;
            let entries = table.entries().count();
            node.set_security(table).await?;
            Ok(serde_json::json!({ "security": entries }).to_string())
        }
        Request::Originate { announce, file } => {
            let path = file.clone();
            let read = tokio::task::spawn_blocking(move || read_routes(&path)).await;
            let text = read
                .map_err(|error| error.to_string())
                .and_then(|read| read)
                .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
            let routes = node
                .originate(announce, text)
                .await
                .map_err(|error| format!("{}: {error}", file.display()))?;
            let verb = if announce { "announced" } else { "withdrawn" };
            Ok(serde_json::json!({ verb: routes }).to_string())
        }
    }
}

#[cfg(test)]
mod tests;
