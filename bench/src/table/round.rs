//! One round: a speaker starts, takes the table in, tells it on, and is ended.

use super::peer::PeerRole;
use super::receiver::{self, FEEDER, FRESH, FRESH_AS, Kind, Receiver, SPEAKER};
use super::updates::{FEEDER_AS, Updates};
use crate::tap::actor::Actor;
use crate::tap::role::{Role, Said};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Figures of a round: see [`super::FIGURES`]; then of a standby its time, its processor time and its memory.
pub(super) const FIGURES: usize = 8;
/// Time between two questions; each costs the speaker some microseconds.
const LOOK: Duration = Duration::from_millis(10);
/// How long a table may take.
const PATIENCE: Duration = Duration::from_secs(180);
const MIB: f64 = 1024.0 * 1024.0;

/// The files of a measurement; they go with it.
pub(super) struct Files {
    directory: PathBuf,
    prefixes: u64,
}

impl Files {
    /// Writes the UPDATEs down once, so that no feeder has to make them.
    pub(super) fn new(updates: &Updates) -> io::Result<Files> {
        let directory = std::env::temp_dir().join(format!("bench-table-{}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        let files = Files {
            directory,
            prefixes: updates.prefixes as u64,
        };
        std::fs::write(files.table(), &updates.octets)?;
        Ok(files)
    }

    fn table(&self) -> PathBuf {
        self.directory.join("table.bgp")
    }

    /// An empty directory for a speaker.
    fn fresh(&self) -> io::Result<PathBuf> {
        let directory = self.directory.join("speaker");
        match std::fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::fs::create_dir_all(directory.join("register"))?;
        Ok(directory)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// See [`FIGURES`].
pub(super) fn play(kind: Kind, files: &Files) -> io::Result<[f64; FIGURES]> {
    let directory = files.fresh()?;
    let mut speaker = receiver::start(kind, &directory)?;
    let mut feeder = peer(
        speaker.as_ref(),
        FEEDER,
        FEEDER_AS,
        Some(&files.table()),
        None,
    )?;
    at(&mut feeder)?;
    speaker.until_protected()?;
    let used = speaker.process().cpu_seconds()?;
    let standby_used = standby_used(speaker.as_mut())?;
    feeder.tell("go")?;
    let began_us = at(&mut feeder)?;
    let in_seconds = until_all(speaker.as_mut(), files.prefixes, began_us, |it| it.count())?;
    let in_used = speaker.process().cpu_seconds()? - used;
    let mut standby = [0.0; 3];
    if standby_used.is_some() {
        let count = |it: &mut dyn Receiver| it.standby().map_or(Ok(0), |(_, count)| count);
        standby[0] = until_all(speaker.as_mut(), files.prefixes, began_us, count)?;
    }
    let used_after = self::standby_used(speaker.as_mut())?;
    standby[1] = used_after.unwrap_or(0.0) - standby_used.unwrap_or(0.0);
    let used = speaker.process().cpu_seconds()?;
    let mut fresh = peer(
        speaker.as_ref(),
        FRESH,
        FRESH_AS,
        None,
        Some(files.prefixes),
    )?;
    let began_us = at(&mut fresh)?;
    let out_seconds = at(&mut fresh)?.saturating_sub(began_us) as f64 / 1e6;
    let out_used = speaker.process().cpu_seconds()? - used;
    if let Some((process, _)) = speaker.standby() {
        standby[2] = process.resident()? / MIB;
    }
    let resident = speaker.process().resident()? / MIB;
    Ok([
        in_seconds,
        in_used,
        out_seconds,
        out_used,
        resident,
        standby[0],
        standby[1],
        standby[2],
    ])
}

fn standby_used(speaker: &mut dyn Receiver) -> io::Result<Option<f64>> {
    speaker
        .standby()
        .map(|(process, _)| process.cpu_seconds())
        .transpose()
}

fn peer(
    speaker: &dyn Receiver,
    local: &str,
    asn: u32,
    tells: Option<&Path>,
    expects: Option<u64>,
) -> io::Result<Actor> {
    let wrong = |_| io::Error::other("no address");
    let role = PeerRole {
        local: local.parse().map_err(wrong)?,
        remote: SPEAKER.parse().map_err(wrong)?,
        asn,
        tells: tells.map(Path::to_path_buf),
        expects,
    };
    Actor::start(&speaker.place().near, &Role::TablePeer(role))
}

/// When it says that something has happened.
fn at(peer: &mut Actor) -> io::Result<u64> {
    loop {
        if let Said::At { unix_us } = peer.hear()? {
            return Ok(unix_us);
        }
    }
}

/// Seconds from then until `count` finds them all.
fn until_all(
    speaker: &mut dyn Receiver,
    prefixes: u64,
    began_us: u64,
    mut count: impl FnMut(&mut dyn Receiver) -> io::Result<u64>,
) -> io::Result<f64> {
    let looking = Instant::now();
    loop {
        let seen = count(speaker)?;
        if seen >= prefixes {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let now_us = now.map_or(0, |now| now.as_micros() as u64);
            return Ok(now_us.saturating_sub(began_us) as f64 / 1e6);
        }
        if looking.elapsed() > PATIENCE {
            let what = format!("{seen} of {prefixes} prefixes came");
            return Err(io::Error::other(what));
        }
        thread::sleep(LOOK);
    }
}
