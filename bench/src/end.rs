//! One end of a transfer: the kernel's TCP, or ours.

use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};
use tcp_ha::link::{DeviceConfig, DeviceKind};
use tcp_ha::{Begin, ListenOptions, Stack, StackConfig};
use tokio::io::AsyncWriteExt;

/// Port that servers listen on.
pub const PORT: u16 = 5_201;
/// Octets of one write and one read.
const BLOCK: usize = 64 << 10;

/// Which way the octets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From the client to the server.
    In,
    /// From the server to the client.
    Out,
}

/// What one end saw.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Octets received, or written.
    pub octets: u64,
    /// From the opening of the connection to its end.
    pub seconds: f64,
    /// CPU time of the process, user and system.
    pub cpu_seconds: f64,
}

impl Seen {
    /// Of a transfer that began then and ends now.
    pub fn since(began: Instant, octets: u64) -> Seen {
        Seen {
            octets,
            seconds: began.elapsed().as_secs_f64(),
            cpu_seconds: Seen::cpu_now(),
        }
    }

    /// CPU time of the process so far, user and system, in seconds.
    pub fn cpu_now() -> f64 {
        let clock = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        clock.tv_sec as f64 + clock.tv_nsec as f64 / 1e9
    }

    /// Megabits per second.
    pub fn megabits(&self) -> f64 {
        self.octets as f64 * 8.0 / self.seconds / 1e6
    }
}

/// The kernel's TCP as server: takes one connection and sends for `seconds`, or receives to its end.
///
/// # Errors
/// Of the socket.
pub fn kernel_serve(
    address: IpAddr,
    direction: Direction,
    congestion: &str,
    seconds: f64,
) -> io::Result<Seen> {
    let listener = TcpListener::bind((address, PORT))?;
    println!("listening");
    let (stream, _) = listener.accept()?;
    rustix::net::sockopt::set_tcp_congestion(&stream, congestion)?;
    match direction {
        Direction::In => receive(stream),
        Direction::Out => send(stream, seconds),
    }
}

/// The kernel's TCP as client.
///
/// # Errors
/// Of the socket.
pub fn kernel_connect(
    address: IpAddr,
    direction: Direction,
    congestion: &str,
    seconds: f64,
) -> io::Result<Seen> {
    let stream = TcpStream::connect(SocketAddr::new(address, PORT))?;
    rustix::net::sockopt::set_tcp_congestion(&stream, congestion)?;
    match direction {
        Direction::In => send(stream, seconds),
        Direction::Out => receive(stream),
    }
}

fn send(mut stream: TcpStream, seconds: f64) -> io::Result<Seen> {
    let (began, block) = (Instant::now(), vec![0x5a; BLOCK]);
    let mut octets = 0;
    while began.elapsed().as_secs_f64() < seconds {
        octets += stream.write(&block)? as u64;
    }
    stream.shutdown(std::net::Shutdown::Write)?;
    // The end of the other's half: all has arrived.
    let _ = stream.read(&mut [0; 1])?;
    Ok(Seen::since(began, octets))
}

fn receive(mut stream: TcpStream) -> io::Result<Seen> {
    let (began, mut block) = (Instant::now(), vec![0; BLOCK]);
    let mut octets = 0;
    loop {
        match stream.read(&mut block)? {
            0 => return Ok(Seen::since(began, octets)),
            n => octets += n as u64,
        }
    }
}

/// Our TCP as server, on the TAP `tap`, alone.
///
/// # Errors
/// The stack could not start, or the connection was lost.
pub async fn our_serve(
    address: IpAddr,
    tap: &str,
    direction: Direction,
    options: ListenOptions,
    seconds: f64,
) -> io::Result<Seen> {
    let register = std::env::temp_dir().join(format!("tcp-ha-bench-{}", std::process::id()));
    std::fs::create_dir_all(&register)?;
    let device = DeviceConfig::new(DeviceKind::Tap, tap);
    let mut config = StackConfig::new("bench", device, register.clone());
    config.begin = Begin::Active;
    config.addresses = vec![(address, 24)];
    let (stack, mut events) = Stack::start(config).await?;
    tokio::spawn(async move { while events.next().await.is_some() {} });
    let mut listener = stack.listen((address, PORT).into(), options).await?;
    println!("listening");
    let (mut stream, _) = listener.accept().await?;
    let (began, mut octets) = (Instant::now(), 0);
    match direction {
        Direction::In => {
            while let Some(chunk) = stream.read_chunk().await? {
                octets += chunk.len() as u64;
            }
        }
        Direction::Out => {
            let block = vec![0x5a; BLOCK];
            while began.elapsed().as_secs_f64() < seconds {
                octets += stream.write(&block).await? as u64;
            }
            stream.shutdown().await?;
            let _ = stream.read_chunk().await?;
        }
    }
    let seen = Seen::since(began, octets);
    drop(stream);
    // The FIN goes out and is acknowledged before the process ends.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let _ = std::fs::remove_dir_all(register);
    Ok(seen)
}
