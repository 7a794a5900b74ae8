//! One of our nodes, with a service on top.

use super::kernel::KEEPALIVE_OCTETS;
use super::role::{Mode, NodeRole, Said, Service, say};
use crate::end::{Direction, PORT, Seen};
use bytes::Bytes;
use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tcp_ha::core::NodeLimits;
use tcp_ha::link::{DeviceConfig, DeviceKind};
use tcp_ha::{
    Begin, CongestionAlgorithm, ListenOptions, Protection, Readiness, ReceiveMode, SendMode, Stack,
    StackConfig, StackEvent, StackEvents, TcpStream,
};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

/// Octets of one write.
const BLOCK_OCTETS: usize = 64 << 10;
/// Octets of the daemon's own record by which it marks what it has consumed.
const MARK_OCTETS: usize = 16;
/// Time between two looks at the status.
const LOOK: Duration = Duration::from_millis(20);
/// The FIN goes out and is acknowledged before the process ends.
const PARTING: Duration = Duration::from_millis(200);
/// Length of the addresses' prefix.
const PREFIX: u8 = 24;

/// Plays the role to its end; a standby has none.
pub(super) async fn play(role: &NodeRole) -> io::Result<()> {
    if role.stands_by {
        say(&now())?;
    }
    let (stack, events) = start(role).await?;
    let (ready, mut readied) = mpsc::unbounded_channel();
    tokio::spawn(hear(events, ready));
    if role.stands_by {
        return std::future::pending().await;
    }
    let mut listener = stack
        .listen((role.address, PORT).into(), options(role.mode))
        .await?;
    while role.waits_for_standby && !stack.status().await?.protected {
        tokio::time::sleep(LOOK).await;
    }
    say(&Said::Ready)?;
    match role.service {
        Service::Bulk { direction, seconds } => {
            let (stream, _) = listener.accept().await?;
            let seen = bulk(stream, direction, role.mode, seconds).await?;
            tokio::time::sleep(PARTING).await;
            say(&Said::Seen(seen))
        }
        Service::Echo => {
            let (stream, _) = listener.accept().await?;
            echo(stream).await
        }
        Service::Keepalives {
            period_ms,
            sessions,
        } => {
            tokio::spawn(async move {
                let mut count = 0;
                while readied.recv().await.is_some() {
                    count += 1;
                    if count == sessions {
                        count = 0;
                        let _ = say(&now());
                    }
                }
            });
            for at in 0.. {
                let (stream, _) = listener.accept().await?;
                let period = Duration::from_millis(period_ms);
                let first =
                    Duration::from_millis(period_ms * (at % sessions as u64) / sessions as u64);
                tokio::spawn(talk(stream, period, first));
            }
            Ok(())
        }
    }
}

fn now() -> Said {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let unix_us = since.map_or(0, |since| since.as_micros() as u64);
    Said::At { unix_us }
}

async fn start(role: &NodeRole) -> io::Result<(Stack, StackEvents)> {
    let mut device = DeviceConfig::new(DeviceKind::Tap, role.tap.clone());
    device.offload = role.offload;
    let mut config = StackConfig::new(&role.tap, device, role.register.clone());
    config.begin = if role.stands_by {
        Begin::Standby
    } else {
        Begin::Active
    };
    config.addresses = vec![(role.address, PREFIX)];
    // What is measured is the cost of a pair; a busy machine must not end it.
    config.limits = NodeLimits {
        heartbeat_us: 20_000,
        misses: 100,
        hold_limit_us: 2_000_000,
        ..NodeLimits::default()
    };
    config.tcp.answer_unknown = true;
    Ok(Stack::start(config).await?)
}

fn options(mode: Mode) -> ListenOptions {
    let protection = match mode {
        Mode::None => None,
        Mode::Logged => Some(Protection::default()),
        Mode::Consuming => Some(Protection {
            receive: ReceiveMode::Marked,
            send: SendMode::Regenerated,
            application_sync: false,
        }),
    };
    let mut options = ListenOptions {
        protection,
        backlog: 4096,
        ..ListenOptions::default()
    };
    options.connection.congestion = CongestionAlgorithm::Cubic;
    options.connection.nodelay = true;
    options
}

/// Passes on which connections are ready.
async fn hear(mut events: StackEvents, ready: mpsc::UnboundedSender<()>) {
    while let Some(event) = events.next().await {
        match event {
            StackEvent::Protection {
                readiness: Readiness::Ready,
                ..
            } => {
                let _ = ready.send(());
            }
            StackEvent::Fenced { reason } | StackEvent::Ended { reason } => {
                eprintln!("the node is silent: {reason}");
                std::process::exit(75);
            }
            _ => {}
        }
    }
}

async fn bulk(
    mut stream: TcpStream,
    direction: Direction,
    mode: Mode,
    seconds: f64,
) -> io::Result<Seen> {
    let handle = stream.handle();
    let (began, used, mut octets) = (Instant::now(), Seen::cpu_now(), 0);
    match direction {
        Direction::In => {
            if mode == Mode::Consuming {
                handle.mark_explicitly();
            }
            while let Some(chunk) = stream.read_chunk().await? {
                octets += chunk.len() as u64;
                if mode == Mode::Consuming {
                    let mark = Bytes::from_static(&[0x11; MARK_OCTETS]);
                    handle.record(mark, Some(stream.offset()));
                }
            }
        }
        Direction::Out => {
            let block = vec![0x5a; BLOCK_OCTETS];
            while began.elapsed().as_secs_f64() < seconds {
                octets += stream.write(&block).await? as u64;
            }
            stream.shutdown().await?;
            let _ = stream.read_chunk().await?;
        }
    }
    let mut seen = Seen::since(began, octets);
    seen.cpu_seconds -= used;
    Ok(seen)
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let handle = stream.handle();
    handle.mark_explicitly();
    while let Some(chunk) = stream.read_chunk().await? {
        handle.write_message(chunk, Some(stream.offset())).await?;
    }
    Ok(())
}

async fn talk(stream: TcpStream, period: Duration, first: Duration) -> io::Result<()> {
    let handle = stream.handle();
    let (mut reading, _writing) = stream.into_split();
    let speaking = async move {
        if period.is_zero() {
            return std::future::pending::<io::Result<()>>().await;
        }
        tokio::time::sleep(first).await;
        let mut due = tokio::time::interval(period);
        loop {
            due.tick().await;
            let message = Bytes::from_static(&[0x5a; KEEPALIVE_OCTETS]);
            handle.write_message(message, None).await?;
        }
    };
    let listening = async move {
        while reading.read_chunk().await?.is_some() {}
        Ok(())
    };
    tokio::select! {
        spoken = speaking => spoken,
        heard = listening => heard,
    }
}
