//! The kernel's TCP as client and as service.

use super::role::{Said, say};
use crate::end::PORT;
use crate::percentiles::Percentiles;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;

/// A BGP KEEPALIVE has as many octets.
pub(super) const KEEPALIVE_OCTETS: usize = 19;
/// Connections that are being opened at the same time.
const OPENING: usize = 256;

/// Sends back what comes on one connection.
pub(super) fn echo(address: IpAddr) -> io::Result<()> {
    let listener = TcpListener::bind((address, PORT))?;
    say(&Said::Ready)?;
    let (mut stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            read => stream.write_all(&buffer[..read])?,
        }
    }
}

/// Round trips of small messages.
pub(super) fn ping(address: IpAddr, octets: usize, times: usize) -> io::Result<()> {
    let mut stream = TcpStream::connect(SocketAddr::new(address, PORT))?;
    stream.set_nodelay(true)?;
    let (message, mut answer) = (vec![0x5a; octets], vec![0; octets]);
    let mut seen = Percentiles::default();
    for at in 0..times + times / 10 {
        let begun = Instant::now();
        stream.write_all(&message)?;
        stream.read_exact(&mut answer)?;
        // The first tenth warms caches and windows.
        if at >= times / 10 {
            seen.push(begun.elapsed().as_secs_f64() * 1e6);
        }
    }
    let (p50, p99) = (seen.at(50.0), seen.at(99.0));
    say(&Said::RoundTrips { p50, p99 })
}

/// Opens connections, says how long that took, and then speaks and listens on all of them until it is ended.
pub(super) async fn sessions(address: IpAddr, sessions: usize, period_ms: u64) -> io::Result<()> {
    let begun = Instant::now();
    let opening = Arc::new(Semaphore::new(OPENING));
    let mut tasks = Vec::with_capacity(sessions);
    for _ in 0..sessions {
        let opening = Arc::clone(&opening);
        tasks.push(tokio::spawn(async move {
            let _turn = opening.acquire().await.map_err(io::Error::other)?;
            tokio::net::TcpStream::connect(SocketAddr::new(address, PORT)).await
        }));
    }
    let mut streams = Vec::with_capacity(sessions);
    for task in tasks {
        streams.push(task.await.map_err(io::Error::other)??);
    }
    let seconds = begun.elapsed().as_secs_f64();
    say(&Said::Opened { seconds })?;
    let mut talking = tokio::task::JoinSet::new();
    for (at, stream) in streams.into_iter().enumerate() {
        // They speak one after the other, not all at once.
        let first = Duration::from_millis(period_ms * at as u64 / sessions as u64);
        talking.spawn(talk(stream, Duration::from_millis(period_ms), first));
    }
    match talking.join_next().await {
        None => Ok(()),
        Some(ended) => {
            ended.map_err(io::Error::other)??;
            Err(io::Error::other("a session has ended"))
        }
    }
}

async fn talk(stream: tokio::net::TcpStream, period: Duration, first: Duration) -> io::Result<()> {
    let (mut reading, mut writing) = stream.into_split();
    let speaking = async move {
        if period.is_zero() {
            return std::future::pending::<io::Result<()>>().await;
        }
        tokio::time::sleep(first).await;
        let mut due = tokio::time::interval(period);
        loop {
            due.tick().await;
            writing.write_all(&[0x5a; KEEPALIVE_OCTETS]).await?;
        }
    };
    let listening = async move {
        let mut buffer = [0; 256];
        while reading.read(&mut buffer).await? > 0 {}
        Ok(())
    };
    tokio::select! {
        spoken = speaking => spoken,
        heard = listening => heard,
    }
}
