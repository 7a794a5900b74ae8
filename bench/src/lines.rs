//! Channels of each kind, both ends in this process.

use core::fmt;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;
use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use tcp_ha::ipc::certificates::{self, Order};
use tcp_ha::ipc::transport::tcp::TcpTransport;
use tcp_ha::ipc::transport::tls::{Bound, Credentials, Dial};
use tcp_ha::ipc::transport::{TlsListener, Transport, UnixTransport};

/// A kind of channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A Unix socket.
    Unix,
    /// TCP over the loopback, without protection.
    Tcp,
    /// The same with TLS 1.3.
    Tls,
}

impl Kind {
    /// All of them; the first is what the others are compared with.
    pub const ALL: [Kind; 3] = [Kind::Unix, Kind::Tcp, Kind::Tls];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Unix => "Unix socket",
            Kind::Tcp => "TCP",
            Kind::Tls => "TCP with TLS",
        })
    }
}

/// Two ends.
pub type Ends = (Box<dyn Transport>, Box<dyn Transport>);

/// Makes channels; its certificates go with it.
pub struct Lines {
    directory: PathBuf,
    credentials: [Credentials; 2],
}

impl Lines {
    /// With certificates of its own.
    ///
    /// # Errors
    /// There is no room for them.
    pub fn new() -> io::Result<Lines> {
        let directory = std::env::temp_dir().join(format!("tcp-ha-lines-{}", std::process::id()));
        let pair = "bench".parse().map_err(io::Error::other)?;
        let order = Order::new(pair, &directory);
        certificates::make(&order).map_err(io::Error::other)?;
        let load = |node| Credentials::load(&order.files(node), &order.pair);
        let credentials = [load("a"), load("b")].map(|loaded| loaded.map_err(io::Error::other));
        let [first, second] = credentials;
        Ok(Lines {
            directory,
            credentials: [first?, second?],
        })
    }

    /// A channel of this kind.
    ///
    /// # Errors
    /// The system's.
    pub fn open(&self, kind: Kind) -> io::Result<Ends> {
        match kind {
            Kind::Unix => {
                let (near, far) = UnixStream::pair()?;
                let (near, far) = (
                    UnixTransport::from_stream(near)?,
                    UnixTransport::from_stream(far)?,
                );
                Ok((Box::new(near), Box::new(far)))
            }
            Kind::Tcp => {
                let listener = TcpListener::bind(("127.0.0.1", 0))?;
                let near = TcpStream::connect(listener.local_addr()?)?;
                let (far, _) = listener.accept()?;
                let (near, far) = (
                    TcpTransport::from_stream(near)?,
                    TcpTransport::from_stream(far)?,
                );
                Ok((Box::new(near), Box::new(far)))
            }
            Kind::Tls => self.open_tls(),
        }
    }

    fn open_tls(&self) -> io::Result<Ends> {
        let bound = Bound::bind(([127, 0, 0, 1], 0).into())?;
        let [first, second] = &self.credentials;
        let listener = TlsListener::start(&bound, first.clone(), Arc::default())?;
        let mut dial = Dial::start(listener.address(), second).map_err(io::Error::other)?;
        let near = loop {
            if let Some(near) = dial.advance().map_err(io::Error::other)? {
                break near;
            }
            std::thread::yield_now();
        };
        let far = loop {
            match listener.accept() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
                other => break other?,
            }
        };
        Ok((Box::new(near), Box::new(far)))
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Waits until the channel can be read, or written as well, for at most so many microseconds.
///
/// # Errors
/// The system's.
pub fn wait(line: &dyn Transport, room: bool, limit_us: u64) -> io::Result<()> {
    let Some(fd) = line.fd() else { return Ok(()) };
    let wanted = if room {
        PollFlags::IN | PollFlags::OUT
    } else {
        PollFlags::IN
    };
    let limit = Timespec {
        tv_sec: (limit_us / 1_000_000) as i64,
        tv_nsec: (limit_us % 1_000_000 * 1_000) as i64,
    };
    match poll(&mut [PollFd::from_borrowed_fd(fd, wanted)], Some(&limit)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
