//! Two hosts: a namespace for each route processor, with a port on the peers' segment, one on a segment between the two, and one on a
//! segment with three members of etcd, each in a namespace of its own.

mod etcd;
mod links;
mod register;
mod reigns;
mod report;
mod rounds;
mod silence;
mod speakers;
mod witness;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::child;
use super::error::{At, Result};
use super::network::TAPS;
use super::node::program;
use super::sandbox::RUN;

pub(crate) use etcd::Etcds;
pub(crate) use links::{Links, NAMESPACES, PEERS_DEVICE};
pub(crate) use register::History;
pub(crate) use report::{HostsReport, Limits};
pub(crate) use rounds::{HostsPlayed, play};

use witness::Witness;

/// The key of the register.
const KEY: &str = "/tcp-ha/lab/register";
/// The name that the certificates carry.
const PAIR: &str = "lab";
/// Where the nodes of the pair talk to each other.
const CHANNEL_PORT: u16 = 4711;
/// Names of the certificates.
const NODES: [&str; 2] = ["a", "b"];

/// What two hosts need besides their route processors.
#[derive(Debug)]
pub(crate) struct Hosts {
    /// The cables.
    pub(crate) links: Links,
    /// The members of etcd.
    pub(crate) etcds: Etcds,
    witness: Witness,
}

impl Hosts {
    /// Builds everything but the route processors; etcd answers when this returns.
    ///
    /// # Errors
    /// What `ip`, etcd or active-rp said.
    pub(crate) fn build(run: &Path, binaries: Option<&Path>) -> Result<Self> {
        let links = Links::build()?;
        let etcds = Etcds::start(run)?;
        let witness = Witness::start()?;
        let directory = certificates().display().to_string();
        let active_rp = program("active-rp", binaries)?.display().to_string();
        let order = ["certificates", "--pair", PAIR, "--directory", &directory];
        child::run(&active_rp, &order)?;
        for host in 0..2 {
            let directory = directory_of(host);
            std::fs::create_dir_all(&directory).at(directory.display())?;
        }
        Ok(Self {
            links,
            etcds,
            witness,
        })
    }

    /// Ends the looking at the register, and reads its history; the logs of the route processors are in `run`.
    ///
    /// # Errors
    /// As [`History::read`].
    pub(crate) fn history(&mut self, run: &Path) -> Result<History> {
        let sights = self.witness.stop()?;
        let [one, other] = TAPS.map(|name| run.join(format!("{name}.log")));
        History::read(&sights, [&one, &other])
    }
}

fn certificates() -> PathBuf {
    Path::new(RUN).join("certificates")
}

/// A host's own directory: what is in it is no other host's.
pub(crate) fn directory_of(host: usize) -> PathBuf {
    Path::new(RUN).join(NAMESPACES[host])
}

/// The sections of a node's configuration that only a host of its own needs.
pub(crate) fn sections(host: usize) -> String {
    let urls: Vec<String> = Etcds::urls()
        .iter()
        .map(|url| format!("\"{url}\""))
        .collect();
    let at = |name: &str| certificates().join(name).display().to_string();
    let mut text = format!(
        "[register]\netcd = [{}]\nkey = \"{KEY}\"\nconnect_ms = 100\nanswer_ms = 300\n\n",
        urls.join(", ")
    );
    let _ = write!(
        text,
        "[ipc]\nlisten = \"{}:{CHANNEL_PORT}\"\nconnect = [\"{}:{CHANNEL_PORT}\"]\ncertificate = \"{}\"\nkey = \"{}\"\nca = \"{}\"\n\
         pair = \"{PAIR}\"\n\n",
        Links::channel_address(host),
        Links::channel_address(1 - host),
        at(&format!("{}.crt", NODES[host])),
        at(&format!("{}.key", NODES[host])),
        at("ca.crt"),
    );
    text
}
