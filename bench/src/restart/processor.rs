//! A route processor as the measurement sees it.

use super::ground;
use super::ours::Ours;
use super::theirs::Theirs;
use crate::tap::place::Place;
use std::io;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long any single wait may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// Who is the route processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Processor {
    /// A pair of our nodes.
    Ours,
    /// BIRD, killed and started again.
    Bird {
        /// With graceful restart.
        graceful: bool,
    },
    /// FRR's bgpd, killed and started again; zebra lives on.
    Frr {
        /// With graceful restart.
        graceful: bool,
    },
}

impl Processor {
    /// As the table has it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Processor::Ours => "ours, kill -9 of the active",
            Processor::Bird { graceful: true } => "BIRD, graceful restart",
            Processor::Bird { graceful: false } => "BIRD, restart",
            Processor::Frr { graceful: true } => "FRR, graceful restart",
            Processor::Frr { graceful: false } => "FRR, restart",
        }
    }

    /// Whether the peer keeps the routes of one that restarts.
    pub(super) const fn is_graceful(self) -> bool {
        matches!(
            self,
            Processor::Bird { graceful: true } | Processor::Frr { graceful: true }
        )
    }

    /// The segment that it needs.
    pub(super) fn ground(self) -> io::Result<Place> {
        ground::build(self != Processor::Ours)
    }

    /// Starts it.
    pub(super) fn start(self, place: &Place) -> io::Result<Box<dyn Running + Send>> {
        Ok(match self {
            Processor::Ours => Box::new(Ours::start(place)?),
            Processor::Bird { graceful } => Box::new(Theirs::bird(place, graceful)?),
            Processor::Frr { graceful } => Box::new(Theirs::frr(place, graceful)?),
        })
    }
}

/// A route processor that runs. Dropping it ends it.
pub(super) trait Running {
    /// Waits until a death could be survived as well as it can be.
    fn until_ready(&mut self) -> io::Result<()>;

    /// Kills it without warning, and at once starts it again, as a supervisor would.
    fn kill_and_start(&mut self) -> io::Result<()>;
}

/// A child that ends with its owner.
pub(super) struct Daemon(Child);

impl Daemon {
    /// Starts it; what it has to say goes to a file.
    pub(super) fn start(mut command: Command, log: &std::path::Path) -> io::Result<Daemon> {
        let program = format!("{command:?}");
        let file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?);
        let child = command.stderr(file).spawn();
        let child =
            child.map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
        Ok(Daemon(child))
    }

    /// Kills it and waits until the kernel has let go of it.
    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.0.kill()?;
        self.0.wait().map(drop)
    }

    /// Fails once it has ended.
    pub(super) fn must_run(&mut self, log: &std::path::Path) -> io::Result<()> {
        let Some(status) = self.0.try_wait()? else {
            return Ok(());
        };
        let said = std::fs::read_to_string(log).unwrap_or_default();
        let last = said.lines().rev().find(|line| !line.trim().is_empty());
        let what = format!("{}: {status}: {}", log.display(), last.unwrap_or("nothing"));
        Err(io::Error::other(what))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// Looks until there is something.
pub(super) fn until<T>(
    what: &str,
    mut look: impl FnMut() -> io::Result<Option<T>>,
) -> io::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            let what = format!("waited {} s in vain: {what}", PATIENCE.as_secs());
            return Err(io::Error::new(io::ErrorKind::TimedOut, what));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
