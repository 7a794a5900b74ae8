//! Control of a peer in another process, over a Unix socket: one JSON line asks, one JSON line answers.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use super::{KernelPeer, KernelPeerConfig, KernelPeerError, KernelSessionStatus};
use crate::prefix::Prefix;
use crate::routes;

/// The longest question: a slice of routes of one session.
const QUESTION_OCTETS_MAX: u64 = 64 << 20;

/// How long an answer may take.
const ANSWER_TIME: Duration = Duration::from_secs(60);

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// What each session has seen.
    Status,
    /// The prefixes that one session is being told.
    Table {
        /// Its place in the configuration.
        session: usize,
    },
    /// One session announces the routes of this text, see [`crate::routes`].
    Announce {
        /// Its place in the configuration.
        session: usize,
        /// The routes.
        routes: String,
    },
    /// One session withdraws the prefixes of the routes of this text.
    Withdraw {
        /// Its place in the configuration.
        session: usize,
        /// The routes.
        routes: String,
    },
    /// End all sessions with NOTIFICATION Cease, then the process.
    Stop,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// To `Status`.
    Status(Vec<KernelSessionStatus>),
    /// To `Table`.
    Table(Vec<Prefix>),
    /// It is done.
    Done,
    /// It cannot be done: why.
    Error(String),
}

/// Asks the peer that listens on `socket`.
///
/// # Errors
/// Nobody answers there, or the answer is [`Answer::Error`].
pub fn ask(socket: &Path, question: &Question) -> Result<Answer, KernelPeerError> {
    let wrong =
        |what: String| KernelPeerError(format!("kernel peer at {}: {what}", socket.display()));
    let exchange = || -> std::io::Result<String> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(ANSWER_TIME))?;
        let mut line = serde_json::to_string(question)?;
        line.push('\n');
        stream.write_all(line.as_bytes())?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer)?;
        Ok(answer)
    };
    let answer = exchange().map_err(|error| wrong(error.to_string()))?;
    match serde_json::from_str(&answer).map_err(|error| wrong(error.to_string()))? {
        Answer::Error(what) => Err(wrong(what)),
        answer => Ok(answer),
    }
}

/// Runs a peer that is controlled over `socket`, until it is told to stop.
///
/// # Errors
/// It cannot be started; one line says why.
pub async fn run(config: &KernelPeerConfig, socket: &Path) -> Result<(), KernelPeerError> {
    // The socket of a run that was killed.
    let _ = std::fs::remove_file(socket);
    let listener = UnixListener::bind(socket).map_err(|error| {
        KernelPeerError(format!("cannot listen on {}: {error}", socket.display()))
    })?;
    let peer = KernelPeer::start(config).await?;
    loop {
        // Descriptors may be short for the moment; the next one may succeed.
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let (from, mut to) = stream.into_split();
        let mut line = String::new();
        let mut from = tokio::io::BufReader::new(from.take(QUESTION_OCTETS_MAX));
        if from.read_line(&mut line).await.is_err() {
            continue;
        }
        let question = serde_json::from_str(&line);
        let stop = matches!(question, Ok(Question::Stop));
        let answer = match question {
            Ok(question) => answer(&peer, question).await,
            Err(error) => Answer::Error(format!("question not understood: {error}")),
        };
        if let Ok(mut text) = serde_json::to_string(&answer) {
            text.push('\n');
            // Who asked may have gone.
            let _ = to.write_all(text.as_bytes()).await;
        }
        if stop {
            break;
        }
    }
    peer.stop().await;
    let _ = std::fs::remove_file(socket);
    Ok(())
}

/// Runs [`run`] on a runtime of its own, with the configuration from a JSON file: the whole of a peer's process.
///
/// # Errors
/// The file cannot be read, or the peer not started; one line says why.
pub fn run_process(config: &Path, socket: &Path) -> Result<(), KernelPeerError> {
    let wrong = |what: String| KernelPeerError(format!("{}: {what}", config.display()));
    let text = std::fs::read_to_string(config).map_err(|error| wrong(error.to_string()))?;
    let config: KernelPeerConfig =
        serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime =
        runtime.map_err(|error| KernelPeerError(format!("cannot start threads: {error}")))?;
    runtime.block_on(run(&config, socket))
}

async fn answer(peer: &KernelPeer, question: Question) -> Answer {
    let missing = |session: usize| Answer::Error(format!("there is no session {session}"));
    match question {
        Question::Status => Answer::Status(peer.status().await),
        Question::Table { session } => peer
            .table(session)
            .await
            .map_or_else(|| missing(session), Answer::Table),
        Question::Announce { session, routes } => match routes::parse(&routes) {
            Ok(routes) => peer
                .originate(session, routes, Vec::new())
                .await
                .map_or_else(|| missing(session), |()| Answer::Done),
            Err(error) => Answer::Error(error.to_string()),
        },
        Question::Withdraw { session, routes } => match routes::parse(&routes) {
            Ok(routes) => {
                let prefixes = routes.into_iter().map(|route| route.prefix).collect();
                peer.originate(session, Vec::new(), prefixes)
                    .await
                    .map_or_else(|| missing(session), |()| Answer::Done)
            }
            Err(error) => Answer::Error(error.to_string()),
        },
        Question::Stop => Answer::Done,
    }
}
