//! The peers: real daemons, each started headless in a namespace of its own and asked only through its own tools.

mod bird;
mod bird_control;
mod frr;
mod frr_vty;
mod gobgp;
mod kernel;
mod mrt;
mod openbgpd;
mod ours;
mod words;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use super::error::{LabError, Result};
use super::options::PeerKind;
use super::routes::Plan;
use super::sandbox;
use super::security::LabKey;

pub(crate) use words::Words;

/// A peer daemon that speaks for one or more sessions.
pub(crate) trait Daemon: Send {
    /// Sessions that it speaks for.
    fn sessions(&self) -> &[usize];

    /// Fails when the daemon does not run any more.
    fn must_run(&mut self) -> Result<()>;

    /// What the daemon says about each of its sessions.
    fn words(&mut self) -> Result<Vec<(usize, Words)>>;

    /// The prefixes that the daemon holds from us on a session.
    fn table(&mut self, session: usize) -> Result<HashSet<IpNet>>;

    /// Announces a slice of a session's routes, or withdraws it.
    fn change(&mut self, session: usize, slice: usize, announced: bool) -> Result<()>;

    /// Wants the first or the second of its TCP-AO keys from now on, where it has any.
    fn prefer_key(&mut self, _key: u8) -> Result<()> {
        Ok(())
    }
}

/// Where a daemon lives.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Its network namespace.
    pub(crate) namespace: String,
    /// Its configuration and logs, which outlive the run when it is kept.
    pub(crate) directory: PathBuf,
    /// Its sockets: short paths that every user may walk.
    pub(crate) sockets: PathBuf,
    /// The sessions that it speaks for.
    pub(crate) sessions: Vec<usize>,
}

/// Instances of a daemon at most; each speaks for one session, since none lets several of its own addresses have sessions
/// with the same neighbour.
const fn instances_max(peer: PeerKind) -> usize {
    match peer {
        PeerKind::Bird => 250,
        _ => 32,
    }
}

/// Refuses more sessions than the daemons of `peer` can carry.
///
/// # Errors
/// How many they can carry.
pub(crate) fn check_sessions(peer: PeerKind, sessions: usize) -> Result<()> {
    if peer == PeerKind::Kernel || sessions <= instances_max(peer) {
        return Ok(());
    }
    Err(LabError::new(format!(
        "--sessions {sessions}: {} runs one daemon per session here, at most {}; --peer kernel takes more",
        peer.name(),
        instances_max(peer)
    )))
}

impl Place {
    /// The places of a run's daemons, with every session in one.
    ///
    /// # Errors
    /// A directory cannot be made.
    pub(crate) fn all(peer: PeerKind, sessions: usize, run: &Path) -> Result<Vec<Self>> {
        let count = match peer {
            // One for each way of opening.
            PeerKind::Kernel => sessions.min(2),
            _ => sessions,
        };
        (0..count)
            .map(|index| {
                let namespace = format!("p{}", index + 1);
                let place = Self {
                    directory: run.join(&namespace),
                    sockets: Path::new(sandbox::RUN).join(&namespace),
                    sessions: (index..sessions).step_by(count).collect(),
                    namespace,
                };
                for directory in [&place.directory, &place.sockets] {
                    std::fs::create_dir_all(directory).map_err(|error| {
                        LabError::new(format!("{}: {error}", directory.display()))
                    })?;
                }
                Ok(place)
            })
            .collect()
    }

    fn socket(&self, name: &str) -> PathBuf {
        self.sockets.join(name)
    }

    /// The one session of a daemon that speaks for no more.
    fn only_session(&self) -> usize {
        self.sessions[0]
    }
}

/// What every daemon's configuration is made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms<'a> {
    /// Addresses and routes.
    pub(crate) plan: &'a Plan,
    /// BGP hold time, seconds.
    pub(crate) hold_time: u16,
    /// Key of TCP MD5 signatures.
    pub(crate) md5: Option<&'a LabKey>,
    /// Key of TCP-AO.
    pub(crate) ao: Option<&'a LabKey>,
    /// Take segments from the same link alone.
    pub(crate) ttl_security: bool,
    /// Where active-rp is, if not beside this program.
    pub(crate) binaries: Option<&'a Path>,
}

impl Terms<'_> {
    /// A third of the hold time (RFC 4271 10).
    const fn keepalive_time(&self) -> u16 {
        self.hold_time / 3
    }
}

/// Starts the daemon of a place, its routes loaded.
///
/// # Errors
/// It is missing, refuses its configuration, or does not take its routes.
pub(crate) fn start(peer: PeerKind, place: Place, terms: Terms<'_>) -> Result<Box<dyn Daemon>> {
    Ok(match peer {
        PeerKind::Bird => Box::new(bird::Bird::start(place, terms)?),
        PeerKind::Frr => Box::new(frr::Frr::start(place, terms)?),
        PeerKind::Gobgp => Box::new(gobgp::Gobgp::start(place, terms)?),
        PeerKind::Openbgpd => Box::new(openbgpd::Openbgpd::start(place, terms)?),
        PeerKind::Ours => Box::new(ours::Ours::start(place, terms)?),
        PeerKind::Kernel => Box::new(kernel::Kernel::start(place, terms)?),
    })
}

/// The version of the daemon, in its own words.
///
/// # Errors
/// It is missing.
pub(crate) fn version(peer: PeerKind) -> Result<String> {
    match peer {
        PeerKind::Bird => bird::version(),
        PeerKind::Frr => frr::version(),
        PeerKind::Gobgp => gobgp::version(),
        PeerKind::Openbgpd => openbgpd::version(),
        PeerKind::Kernel | PeerKind::Ours => Ok(format!("bgp-demo {}", env!("CARGO_PKG_VERSION"))),
    }
}

#[cfg(test)]
mod tests;
