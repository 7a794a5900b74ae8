//! A peer on the kernel's TCP that tells a table, or is told one, and does nothing else that could take time.

use super::told::Told;
use crate::tap::role::{Said, say};
use bgp_demo::message::{Open, encode_keepalive, encode_open};
use bgp_demo::prefix::{Families, Family};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket, sockopt};
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Hold time of the sessions in seconds; no measurement takes a third of it, so no KEEPALIVE is due.
const HOLD_TIME: u16 = 600;
/// Octets of one read and of one write.
const BLOCK_OCTETS: usize = 256 << 10;
/// How long a speaker may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);
/// Time between two attempts to connect.
const RETRY: Duration = Duration::from_millis(20);

/// What the peer does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PeerRole {
    /// Address to connect from; also its BGP identifier.
    pub local: Ipv4Addr,
    /// The speaker.
    pub remote: IpAddr,
    /// Own AS number.
    pub asn: u32,
    /// Messages to send once it is told to by a line on its standard input.
    pub tells: Option<PathBuf>,
    /// Says when so many prefixes have been announced to it.
    pub expects: Option<u64>,
}

/// Plays the peer until it is ended from outside. It says [`Said::At`] when its session is up, and again when it has heard what it expects.
///
/// # Errors
/// Of the socket, or the session ended.
pub fn play(role: &PeerRole) -> io::Result<()> {
    let mut stream = dial(role)?;
    let octets = role.tells.as_ref().map(std::fs::read).transpose()?;
    let families: Families = Family::ALL.into_iter().collect();
    stream.write_all(&encode_open(&Open {
        asn: role.asn,
        hold_time: HOLD_TIME,
        identifier: role.local,
        families,
        four_octet_as: true,
    }))?;
    let mut told = Told::default();
    let mut block = vec![0; BLOCK_OCTETS];
    let mut answered = false;
    while told.keepalives == 0 {
        let octets = stream.read(&mut block)?;
        if octets == 0 {
            return Err(ended());
        }
        told.take(&block[..octets])?;
        if told.opens > 0 && !answered {
            answered = true;
            stream.write_all(&encode_keepalive())?;
        }
    }
    say(&now())?;
    let hearing = stream.try_clone()?;
    let expects = role.expects;
    let hears = thread::spawn(move || hear(hearing, told, block, expects));
    if let Some(octets) = octets {
        io::stdin().read_line(&mut String::new())?;
        say(&now())?;
        for block in octets.chunks(BLOCK_OCTETS) {
            stream.write_all(block)?;
        }
    }
    hears
        .join()
        .map_err(|_| io::Error::other("the reader failed"))?
}

fn hear(
    mut stream: TcpStream,
    mut told: Told,
    mut block: Vec<u8>,
    mut expects: Option<u64>,
) -> io::Result<()> {
    loop {
        if expects.is_some_and(|expected| told.prefixes >= expected) {
            expects = None;
            say(&now())?;
        }
        match stream.read(&mut block)? {
            0 => return Err(ended()),
            octets => told.take(&block[..octets])?,
        }
    }
}

fn ended() -> io::Error {
    io::Error::other("the speaker has closed the session")
}

fn now() -> Said {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Said::At {
        unix_us: since.map_or(0, |since| since.as_micros() as u64),
    }
}

fn dial(role: &PeerRole) -> io::Result<TcpStream> {
    let (local, remote) = (
        SocketAddr::new(role.local.into(), 0),
        SocketAddr::new(role.remote, super::BGP_PORT),
    );
    let began = Instant::now();
    loop {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        bind(&socket, &local)?;
        match connect(&socket, &remote) {
            Ok(()) => {
                sockopt::set_tcp_nodelay(&socket, true)?;
                return Ok(TcpStream::from(socket));
            }
            Err(error) if began.elapsed() > PATIENCE => {
                let what = format!("{remote}: {error}");
                return Err(io::Error::new(io::Error::from(error).kind(), what));
            }
            Err(_) => thread::sleep(RETRY),
        }
    }
}
