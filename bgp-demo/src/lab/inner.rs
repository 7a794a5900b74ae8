//! Runs of the laboratory inside a larger one: each in namespaces of its own, by the same program, told by its report.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::error::{At, LabError, Result};
use super::report::{Failover, Verdict};
use super::resources::Series;

/// What a larger run wants to know of an inner one.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Inner {
    /// Its verdict.
    pub(crate) verdict: Verdict,
    /// Why it is not a pass, a line each.
    pub(crate) reasons: Vec<String>,
    /// Sessions that were lost.
    pub(crate) flaps: u64,
    /// RSTs, FINs and NOTIFICATIONs.
    pub(crate) resets: u64,
    /// Routes missing in the end.
    pub(crate) missing: u64,
    /// Routes too many in the end.
    pub(crate) extra: u64,
    /// Routes told again without a change.
    pub(crate) duplicates: u64,
    /// Every failover.
    pub(crate) failovers: Vec<Failover>,
    /// Time without protection, milliseconds.
    pub(crate) unprotected_ms: f64,
    /// Changes of the active that nobody asked for.
    pub(crate) false_alarms: u32,
    /// Processes that ended without having been cut.
    pub(crate) unplanned_ends: u32,
    /// Deaths of the standby.
    pub(crate) standby_deaths: u32,
    /// Time in which nothing was cut, seconds.
    pub(crate) watched_s: f64,
    /// Changes of the active meanwhile.
    pub(crate) watched_alarms: u32,
    /// What the route processors used.
    pub(crate) resources: Vec<Series>,
    /// Slices of routes that came or went.
    pub(crate) churned_slices: u64,
    /// The wire.
    pub(crate) wire: InnerWire,
    /// Who took part.
    pub(crate) versions: InnerVersions,
    /// Length, seconds.
    pub(crate) seconds: f64,
}

/// What a larger run wants to know of an inner one's wire.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct InnerWire {
    /// Packets that were checked.
    pub(crate) packets: u64,
    /// Segments of ours that were sent again.
    pub(crate) retransmitted: u64,
}

/// Who took part in an inner run.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct InnerVersions {
    /// The peers' daemon.
    pub(crate) peer: String,
}

/// Runs `bgp-demo lab` with `arguments`; it says itself how it goes. Its report is kept in `directory` no longer than needed.
///
/// # Errors
/// It could not do its work, or left no report.
pub(crate) fn run(arguments: &[String], directory: &Path) -> Result<Inner> {
    let program = std::env::current_exe().at("this program")?;
    let file: PathBuf = directory.join("inner.json");
    let status = Command::new(program)
        .arg("lab")
        .args(arguments)
        .arg("--report")
        .arg(&file)
        // Its summary would be taken for that of the whole.
        .stdout(std::process::Stdio::null())
        .status()
        .at("bgp-demo lab")?;
    let line = || format!("bgp-demo lab {}", arguments.join(" "));
    let text = std::fs::read_to_string(&file)
        .map_err(|_| LabError::new(format!("{}: {status}, without a report", line())))?;
    std::fs::remove_file(&file).at(file.display())?;
    serde_json::from_str(&text).at(line())
}

/// A directory for the reports of inner runs; dropped, it is removed.
#[derive(Debug)]
pub(crate) struct Desk(PathBuf);

impl Desk {
    /// Makes it below `parent`, or where temporary files are.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn new(parent: Option<&Path>, name: &str) -> Result<Self> {
        let parent = parent.map_or_else(std::env::temp_dir, Path::to_owned);
        let directory = parent.join(format!("bgp-demo-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).at(directory.display())?;
        Ok(Self(directory))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
