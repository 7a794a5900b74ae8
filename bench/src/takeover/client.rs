//! The kernel's client: one process with the sockets of all sessions.

use super::clock::mono_us;
use super::play::{Load, Word, lines};
use crate::end::PORT;
use crate::percentiles::Percentiles;
use crate::tap::place::SERVER;
use crate::tap::role::{Said, say};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{JoinSet, LocalSet};

/// Connections that are being opened at the same time.
const OPENING: usize = 256;
/// Octets of a message: a KEEPALIVE's, where nothing else flows, and an UPDATE's.
const SMALL: usize = 19;
const MESSAGE: usize = 256;
/// Octets of one write of bulk.
const BLOCK: usize = 16 << 10;
/// How long answers are waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Opens all sessions and speaks on them until it is ended; after each cut it says how long they waited for an answer.
pub(super) async fn play(sessions: usize, load: Load) -> io::Result<()> {
    let begun = Instant::now();
    let streams = open(sessions).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let (cut, cuts) = watch::channel(0);
    let (answer, mut answers) = mpsc::unbounded_channel();
    let local = LocalSet::new();
    let mut talking = JoinSet::new();
    for (at, stream) in streams.into_iter().enumerate() {
        let (cuts, answer) = (cuts.clone(), answer.clone());
        talking.spawn_local_on(talk(at, sessions, stream, load, cuts, answer), &local);
    }
    say(&Said::Opened { seconds })?;
    let judged = async {
        let mut asked = lines();
        // Each line is the moment of a cut.
        while let Some(line) = asked.recv().await {
            let Ok(at_us) = line.trim().parse::<u64>() else {
                continue;
            };
            cut.send_replace(at_us);
            say(&Said::Takeover(gather(at_us, sessions, &mut answers).await))?;
        }
        std::future::pending().await
    };
    let ended = async {
        match talking.join_next().await {
            None => Ok(()),
            Some(Ok(Err(error))) => Err(error),
            Some(_) => Err(io::Error::other("a session has ended")),
        }
    };
    local
        .run_until(async {
            tokio::select! {
                judged = judged => judged,
                ended = ended => ended,
            }
        })
        .await
}

async fn open(sessions: usize) -> io::Result<Vec<TcpStream>> {
    let opening = Arc::new(Semaphore::new(OPENING));
    let mut tasks = Vec::with_capacity(sessions);
    for _ in 0..sessions {
        let opening = Arc::clone(&opening);
        tasks.push(tokio::spawn(async move {
            let _turn = opening.acquire().await.map_err(io::Error::other)?;
            TcpStream::connect(SocketAddr::new(SERVER, PORT)).await
        }));
    }
    let mut streams = Vec::with_capacity(sessions);
    for task in tasks {
        let stream = task.await.map_err(io::Error::other)??;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    Ok(streams)
}

/// How long the first answers after the cut were waited for: since the cut, or since the question where that came later.
async fn gather(
    cut_us: u64,
    sessions: usize,
    answers: &mut mpsc::UnboundedReceiver<(u64, u64)>,
) -> Word {
    let mut times = Percentiles::default();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while times.len() < sessions {
        match tokio::time::timeout_at(deadline, answers.recv()).await {
            // What is late for an earlier cut says nothing of this one.
            Ok(Some((of_us, waited_us))) if of_us == cut_us => {
                times.push(waited_us as f64 / 1e3);
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => break,
        }
    }
    Word::Answered {
        sessions: times.len(),
        p50_ms: times.at(50.0),
        max_ms: times.at(100.0),
    }
}

type Cuts = watch::Receiver<u64>;
type Answers = mpsc::UnboundedSender<(u64, u64)>;

async fn talk(
    at: usize,
    sessions: usize,
    stream: TcpStream,
    load: Load,
    cuts: Cuts,
    answers: Answers,
) -> io::Result<()> {
    match load {
        Load::Idle => wait_for_cuts(stream, cuts, answers).await,
        Load::Messages { pause_ms } => {
            let pause = Duration::from_millis(pause_ms);
            let first = pause.mul_f64(at as f64 / sessions as f64);
            tokio::time::sleep(first).await;
            converse(stream, pause, cuts, answers).await
        }
        Load::Bulk => pour(stream).await,
    }
}

/// Sends a small message with each cut, and waits for its echo.
async fn wait_for_cuts(mut stream: TcpStream, mut cuts: Cuts, answers: Answers) -> io::Result<()> {
    let mut echo = [0; SMALL];
    loop {
        let cut_us = tokio::select! {
            changed = cuts.changed() => {
                changed.map_err(io::Error::other)?;
                *cuts.borrow_and_update()
            }
            // Nothing may come unasked, and the end is one.
            read = stream.read(&mut echo) => {
                return Err(io::Error::other(format!("an idle session gave {:?}", read?)));
            }
        };
        stream.write_all(&[0x5a; SMALL]).await?;
        stream.read_exact(&mut echo).await?;
        let _ = answers.send((cut_us, mono_us().saturating_sub(cut_us)));
    }
}

/// Sends, waits for the echo, pauses.
async fn converse(
    mut stream: TcpStream,
    pause: Duration,
    mut cuts: Cuts,
    answers: Answers,
) -> io::Result<()> {
    let (message, mut echo) = ([0x5a; MESSAGE], [0; MESSAGE]);
    loop {
        let asked_us = mono_us();
        stream.write_all(&message).await?;
        stream.read_exact(&mut echo).await?;
        if cuts.has_changed().map_err(io::Error::other)? {
            let cut_us = *cuts.borrow_and_update();
            let waited_us = mono_us().saturating_sub(cut_us.max(asked_us));
            let _ = answers.send((cut_us, waited_us));
        }
        if pause.is_zero() {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(pause).await;
        }
    }
}

/// Writes without rest.
async fn pour(mut stream: TcpStream) -> io::Result<()> {
    let block = vec![0x5a; BLOCK];
    loop {
        stream.write_all(&block).await?;
        tokio::task::yield_now().await;
    }
}
