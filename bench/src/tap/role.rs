//! What a process of a measurement does; it is told in one argument, and answers in lines of JSON.

use super::{kernel, node, relay};
use crate::end::{Direction, kernel_connect, kernel_serve};
use crate::table::{self, PeerRole};
use crate::takeover;
use serde::{Deserialize, Serialize};
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

/// Congestion control of every sender.
pub(super) const CONGESTION: &str = "cubic";

/// How connections are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Not at all.
    None,
    /// Octets recorded both ways.
    Logged,
    /// The daemon marks what it has consumed, and could say again what it said.
    Consuming,
}

/// What a service does with its connections.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// Reads one to its end, or sends on it for so many seconds.
    Bulk {
        /// Which way.
        direction: Direction,
        /// How long.
        seconds: f64,
    },
    /// Sends back what comes on one.
    Echo,
    /// Reads them all, and sends a small message on each once in this many milliseconds.
    Keepalives {
        /// Time between two; 0: none.
        period_ms: u64,
        /// How many connections there will be.
        sessions: usize,
    },
}

/// What a kernel's client does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// See [`Service::Bulk`].
    Bulk {
        /// Which way.
        direction: Direction,
        /// How long.
        seconds: f64,
    },
    /// Sends a message of so many octets and waits for it to come back, so many times.
    Ping {
        /// Octets of a message.
        octets: usize,
        /// How many.
        times: usize,
    },
    /// Opens so many connections, and then reads them and sends on each a small message once in this many milliseconds.
    Sessions {
        /// How many.
        sessions: usize,
        /// Time between two messages; 0: none.
        period_ms: u64,
    },
}

/// One of our nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeRole {
    /// Its name, and that of its device.
    pub tap: String,
    /// Whether it uses the offloads of its device.
    pub offload: bool,
    /// Directory of the register.
    pub register: PathBuf,
    /// The pair's address.
    pub address: IpAddr,
    /// Whether it shadows.
    pub stands_by: bool,
    /// Whether it waits for a standby before it serves.
    pub waits_for_standby: bool,
    /// How its connections are protected.
    pub mode: Mode,
    /// What it does with them.
    pub service: Service,
}

/// See the module's text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// One of our nodes.
    Node(NodeRole),
    /// A service on the kernel's TCP.
    KernelServer {
        /// Where it listens.
        address: IpAddr,
        /// What it does.
        service: Service,
    },
    /// A client on the kernel's TCP.
    KernelClient {
        /// Where the service is.
        address: IpAddr,
        /// What it wants.
        request: Request,
    },
    /// Copies frames between two TAPs that it makes.
    Relay {
        /// Their names.
        taps: [String; 2],
        /// Whether frames may stand for many segments.
        offload: bool,
    },
    /// Somebody in a takeover.
    Takeover(takeover::Part),
    /// A BGP peer that tells a table, or is told one.
    TablePeer(PeerRole),
}

/// What a process has to say, a line each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// Others may begin.
    Ready,
    /// A transfer is over.
    Seen(crate::end::Seen),
    /// Round trips, in microseconds.
    RoundTrips {
        /// Median.
        p50: f64,
        /// 99th percentile.
        p99: f64,
    },
    /// All sessions are there, this long after the first was begun.
    Opened {
        /// Seconds.
        seconds: f64,
    },
    /// The standby's node starts, all connections are ready, or whatever else a role waits for happens, at this time.
    At {
        /// Microseconds since the Unix epoch.
        unix_us: u64,
    },
    /// Something about a takeover.
    Takeover(takeover::Word),
}

/// Says something to who started this process.
pub(crate) fn say(said: &Said) -> io::Result<()> {
    println!("{}", serde_json::to_string(said)?);
    Ok(())
}

/// Plays a role to its end.
///
/// # Errors
/// Whatever comes between.
pub fn play(role: &Role) -> io::Result<()> {
    // In a process group of its own, it would outlive a run that is broken off.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    match role {
        Role::Node(role) => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(node::play(role))
        }
        Role::KernelServer { address, service } => match *service {
            Service::Bulk { direction, seconds } => say(&Said::Seen(kernel_serve(
                *address, direction, CONGESTION, seconds,
            )?)),
            Service::Echo => kernel::echo(*address),
            Service::Keepalives { .. } => {
                Err(io::Error::other("the kernel keeps no sessions here"))
            }
        },
        Role::KernelClient { address, request } => match *request {
            Request::Bulk { direction, seconds } => say(&Said::Seen(kernel_connect(
                *address, direction, CONGESTION, seconds,
            )?)),
            Request::Ping { octets, times } => kernel::ping(*address, octets, times),
            Request::Sessions {
                sessions,
                period_ms,
            } => {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                runtime.block_on(kernel::sessions(*address, sessions, period_ms))
            }
        },
        Role::Relay { taps, offload } => relay::relay(taps, *offload),
        Role::Takeover(part) => takeover::play(part),
        Role::TablePeer(role) => table::play(role),
    }
}
