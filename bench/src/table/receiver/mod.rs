//! Speakers that take the table in and tell it on.

mod bird;
mod frr;
mod ours;

use super::process::Process;
use crate::network::ip;
use crate::tap::place::Place;
use std::io;
use std::path::{Path, PathBuf};

/// AS of the speaker.
pub(super) const SPEAKER_AS: u32 = 64_501;
/// AS of the peer that is told the table.
pub(super) const FRESH_AS: u32 = 64_503;
/// Addresses of the speaker, of the feeder, and of the peer that is told.
pub(super) const SPEAKER: &str = "10.98.0.1";
pub(super) const FEEDER: &str = "10.98.0.2";
pub(super) const FRESH: &str = "10.98.0.3";
/// The speaker's own next hop of IPv6 routes.
const SPEAKER_V6: &str = "fd98::1";

/// Who takes the table in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Our speaker.
    Ours {
        /// With a hot standby.
        protected: bool,
    },
    Bird,
    Frr,
}

impl Kind {
    /// In the order of the tables; the first is what the others are compared with.
    pub(super) const ALL: [Self; 4] = [
        Self::Bird,
        Self::Ours { protected: false },
        Self::Ours { protected: true },
        Self::Frr,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ours { protected: false } => "ours, NSR off",
            Self::Ours { protected: true } => "ours, NSR on",
            Self::Bird => "BIRD",
            Self::Frr => "FRR",
        }
    }
}

/// A running speaker.
pub(super) trait Receiver {
    /// The namespace of its peers.
    fn place(&self) -> &Place;

    /// Prefixes that it holds from the feeder, chosen ones.
    fn count(&mut self) -> io::Result<u64>;

    /// The process that does the work.
    fn process(&mut self) -> &mut Process;

    /// Waits until everything that the feeder will say is protected.
    fn until_protected(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Its standby, and the prefixes that this holds.
    fn standby(&mut self) -> Option<(&Process, io::Result<u64>)> {
        None
    }
}

/// Starts a speaker; its files are in a directory of its own.
pub(super) fn start(kind: Kind, directory: &Path) -> io::Result<Box<dyn Receiver>> {
    Ok(match kind {
        Kind::Ours { protected } => Box::new(ours::Ours::start(protected, directory)?),
        Kind::Bird => Box::new(bird::Bird::start(directory)?),
        Kind::Frr => Box::new(frr::Frr::start(directory)?),
    })
}

/// A veth with the speaker at its far end, addresses of both families at both.
fn veth() -> io::Result<Place> {
    let place = Place::with_veth(true)?;
    ip(&format!("-n {} addr add {FRESH}/24 dev eth0", place.near))?;
    for (namespace, address) in [(&place.near, "fd98::2"), (&place.far, SPEAKER_V6)] {
        ip(&format!(
            "-n {namespace} addr add {address}/64 dev eth0 nodad"
        ))?;
    }
    Ok(place)
}

/// A daemon of the system.
fn find(places: &[&str]) -> io::Result<PathBuf> {
    let found = places.iter().map(PathBuf::from).find(|path| path.is_file());
    found.ok_or_else(|| {
        let what = format!("{} is not there: scripts/packages installs it", places[0]);
        io::Error::new(io::ErrorKind::NotFound, what)
    })
}
