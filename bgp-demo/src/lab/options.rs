//! What the laboratory is told on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::daemons::check_sessions;
use super::error::{LabError, Result};
use super::random::Random;
use super::security::LabKey;

/// Who plays the peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PeerKind {
    /// An embedded BGP peer on the kernel's own sockets; needs no daemon.
    Kernel,
    /// BIRD 2.
    Bird,
    /// FRRouting.
    Frr,
    /// GoBGP.
    Gobgp,
    /// OpenBGPD.
    Openbgpd,
    /// Another route processor of this project, without a standby.
    Ours,
}

impl PeerKind {
    /// The word for it on the command line.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Bird => "bird",
            Self::Frr => "frr",
            Self::Gobgp => "gobgp",
            Self::Openbgpd => "openbgpd",
            Self::Ours => "ours",
        }
    }

    /// The name as people write it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel peer",
            Self::Bird => "BIRD",
            Self::Frr => "FRR",
            Self::Gobgp => "GoBGP",
            Self::Openbgpd => "OpenBGPD",
            Self::Ours => "active-rp as a peer",
        }
    }
}

/// How the active route processor is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CutKind {
    /// SIGKILL.
    Kill,
    /// SIGSTOP: the process hangs, and is ended only after the survivor has taken over.
    Hang,
    /// SIGSTOP, and SIGCONT once the survivor has taken over: the old active has to fence itself.
    Resume,
    /// SIGSTOP, and SIGCONT soon (--stall-ms): whether that is a death is for the standby to say.
    Stall,
    /// A planned switchover, asked for on the status socket.
    Switchover,
}

impl CutKind {
    /// The word in reports.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Hang => "hang",
            Self::Resume => "resume",
            Self::Stall => "stall",
            Self::Switchover => "switchover",
        }
    }
}

/// The address family of the sessions and of their routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
pub(crate) enum LabFamily {
    /// IPv4 unicast over IPv4.
    #[value(name = "4")]
    #[serde(rename = "4")]
    V4,
    /// IPv6 unicast over IPv6.
    #[value(name = "6")]
    #[serde(rename = "6")]
    V6,
}

/// How large a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TableSize {
    /// As many prefixes as the Internet's table has.
    Full,
}

/// Prefixes of a full table, IPv4 and IPv6 together.
const FULL_TABLE_ROUTES: u32 = 1_085_000;

/// A laboratory run.
#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct LabOptions {
    /// Who plays the peers.
    #[arg(long, value_enum, default_value = "bird")]
    pub(crate) peer: PeerKind,
    /// BGP sessions.
    #[arg(long, default_value_t = 1)]
    pub(crate) sessions: usize,
    /// Routes that the peers announce, over all sessions.
    #[arg(long, default_value_t = 1000)]
    pub(crate) routes_in: u32,
    /// The peers announce a table of this size, instead of --routes-in.
    #[arg(long, value_enum)]
    pub(crate) table: Option<TableSize>,
    /// Routes that the route processor originates, to every session.
    #[arg(long, default_value_t = 1000)]
    pub(crate) routes_out: u32,
    /// How often the active is cut.
    #[arg(long, default_value_t = 3)]
    pub(crate) failovers: u32,
    /// How the active is cut; of several ways, one is drawn each time.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "kill")]
    pub(crate) kind: Vec<CutKind>,
    /// The longest time from everything being ready to the cut, milliseconds.
    #[arg(long, default_value_t = 1500)]
    pub(crate) moment_ms: u64,
    /// How long a stall lasts at most, milliseconds; at least a third of it (--kind stall).
    #[arg(long, default_value_t = 30)]
    pub(crate) stall_ms: u64,
    /// How often the standby is killed, in a row, after half of the failovers: meanwhile one active lives on.
    #[arg(long, default_value_t = 0)]
    pub(crate) standby_deaths: u32,
    /// Seconds for which nothing is cut, before the first cut: every change of the active is a false alarm.
    #[arg(long, default_value_t = 0)]
    pub(crate) watch: u64,
    /// Threads that keep a processor busy from the first cut on.
    #[arg(long, default_value_t = 0)]
    pub(crate) busy: usize,
    /// Address family.
    #[arg(long, value_enum, default_value = "4")]
    pub(crate) family: LabFamily,
    /// Key of TCP MD5 signatures (RFC 2385) on every session.
    #[arg(long, value_name = "KEY")]
    pub(crate) md5: Option<LabKey>,
    /// The key that the peers sign with, where it is another one: then no session may come up, and the run passes if none does.
    #[arg(long, value_name = "KEY")]
    pub(crate) peer_md5: Option<LabKey>,
    /// Key of TCP-AO (RFC 5925) on every session, with a change of keys at every cut; --peer ours.
    #[arg(long, value_name = "KEY")]
    pub(crate) ao: Option<LabKey>,
    /// Both sides take only segments from the same link (RFC 5082).
    #[arg(long)]
    pub(crate) ttl_security: bool,
    /// Percent of the TCP segments that the wire loses, at random, once the tables are full.
    #[arg(long, value_name = "PERCENT", default_value_t = 0)]
    pub(crate) loss: u8,
    /// Where the report goes (JSON); without it only the summary is printed.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Where the capture of the peers' wire goes (pcapng).
    #[arg(long, value_name = "FILE")]
    pub(crate) capture: Option<PathBuf>,
    /// Keep the directory with logs, configurations and captures also after a pass.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Chooses the moments of the cuts and of the churn; without it a new one, printed and reported.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Every hang ends with SIGCONT: --kind hang --resume is --kind resume.
    #[arg(long)]
    pub(crate) resume: bool,
    /// Milliseconds between two heartbeats of the route processors.
    #[arg(long, default_value_t = 10)]
    pub(crate) heartbeat_ms: u64,
    /// Heartbeats missed until the active counts as dead.
    #[arg(long, default_value_t = 5)]
    pub(crate) misses: u32,
    /// Milliseconds until the active gives a silent standby up.
    #[arg(long, default_value_t = 500)]
    pub(crate) hold_limit_ms: u64,
    /// BGP hold time of every session, seconds.
    #[arg(long, default_value_t = 30)]
    pub(crate) hold_time: u16,
    /// Mean milliseconds between two changes of the same peer's routes; 0: no churn.
    #[arg(long, default_value_t = 250)]
    pub(crate) churn_ms: u64,
    /// Routes that change at once; without it as many as the peer takes well.
    #[arg(long)]
    pub(crate) churn_routes: Option<u32>,
    /// Seconds that any single wait (for ready, for a full table, for quiet) may take.
    #[arg(long, default_value_t = 120)]
    pub(crate) patience: u64,
    /// Directory of active-rp and standby-rp; without it beside this program.
    #[arg(long, value_name = "DIR")]
    pub(crate) binaries: Option<PathBuf>,
    /// Where the run's own directory is made.
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// Log level of the route processors.
    #[arg(long, default_value = "info")]
    pub(crate) log: String,
    /// Two hosts, the register in etcd, TLS between them (--rounds and --silences instead of --failovers).
    #[arg(long)]
    pub(crate) hosts: bool,
    /// With --hosts: rounds in each of which a cable, etcd, a host or the active is cut.
    #[arg(long, default_value_t = 16)]
    pub(crate) rounds: u32,
    /// With --hosts: how often etcd goes away and the pair breaks, so that nobody may speak.
    #[arg(long, default_value_t = 4)]
    pub(crate) silences: u32,
    /// Tell what happens for somebody who sees it for the first time.
    #[arg(skip)]
    #[serde(skip)]
    pub(crate) story: bool,
}

/// Sessions that one machine can be expected to carry.
const SESSIONS_MAX: usize = 1000;
/// Routes per side; the plan has a prefix for each.
pub(crate) const ROUTES_MAX: u32 = 2_000_000;

/// The earliest moment of a cut after everything was ready.
pub(crate) const MOMENT_MIN_MS: u64 = 50;

/// Threads that one machine can be expected to bear.
const BUSY_MAX: usize = 1024;

/// Beyond it sessions come to no end.
const LOSS_MAX: u8 = 30;

impl LabOptions {
    /// Refuses what cannot be run.
    ///
    /// # Errors
    /// Which option is wrong, and what it may be.
    pub(crate) fn check(&self) -> Result<()> {
        if self.sessions == 0 || self.sessions > SESSIONS_MAX {
            return Err(LabError::new(format!(
                "--sessions {}: give 1 to {SESSIONS_MAX}",
                self.sessions
            )));
        }
        check_sessions(self.peer, self.sessions)?;
        for (name, value) in [
            ("--routes-in", self.routes_in),
            ("--routes-out", self.routes_out),
        ] {
            if value > ROUTES_MAX {
                return Err(LabError::new(format!(
                    "{name} {value}: give at most {ROUTES_MAX}"
                )));
            }
        }
        if self.hold_time < 3 {
            return Err(LabError::new(format!(
                "--hold-time {}: give at least 3 (RFC 4271 4.2)",
                self.hold_time
            )));
        }
        super::security::check(self)?;
        if self.loss > LOSS_MAX {
            return Err(LabError::new(format!(
                "--loss {}: give at most {LOSS_MAX}",
                self.loss
            )));
        }
        if self.resume && !self.kind.contains(&CutKind::Hang) {
            return Err(LabError::new("--resume belongs to --kind hang"));
        }
        if self.moment_ms < MOMENT_MIN_MS {
            return Err(LabError::new(format!(
                "--moment-ms {}: give at least {MOMENT_MIN_MS}",
                self.moment_ms
            )));
        }
        if self.busy > BUSY_MAX {
            return Err(LabError::new(format!(
                "--busy {}: give at most {BUSY_MAX}",
                self.busy
            )));
        }
        Ok(())
    }

    /// The same run with what one option says of others.
    #[must_use]
    pub(crate) fn spelled_out(self) -> Self {
        match self.table {
            None => self,
            Some(TableSize::Full) => Self {
                routes_in: FULL_TABLE_ROUTES,
                ..self
            },
        }
    }

    /// The ways to cut, in words.
    pub(crate) fn kinds(&self) -> String {
        let names: Vec<&str> = self.kind.iter().map(|kind| kind.name()).collect();
        names.join(", ")
    }

    /// The way of the next cut.
    pub(crate) fn draw_kind(&self, random: &mut Random) -> CutKind {
        let drawn = match self.kind.as_slice() {
            [] => CutKind::Kill,
            [only] => *only,
            several => several[random.below(several.len() as u64) as usize],
        };
        match drawn {
            CutKind::Hang if self.resume => CutKind::Resume,
            drawn => drawn,
        }
    }

    /// How long a single wait may take.
    pub(crate) const fn patience(&self) -> Duration {
        Duration::from_secs(self.patience)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: LabOptions,
    }

    fn refusal(line: &str) -> String {
        let options = Line::parse_from(line.split(' ')).options;
        options.check().unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_be_run_is_refused_with_what_can() {
        for (line, word) in [
            ("lab --sessions 0", "1 to 1000"),
            ("lab --peer gobgp --sessions 99", "--peer kernel takes more"),
            ("lab --routes-in 3000000", "at most 2000000"),
            ("lab --hold-time 2", "at least 3"),
            ("lab --resume", "--kind hang"),
            ("lab --peer kernel --md5 k", "bird, frr, gobgp and ours"),
            ("lab --peer bird --ao k", "--peer ours"),
            ("lab --peer gobgp --ttl-security", "bird, frr and ours"),
            ("lab --loss 31", "at most 30"),
            ("lab --moment-ms 49", "at least 50"),
            ("lab --busy 5000", "at most 1024"),
        ] {
            let refusal = refusal(line);
            assert!(refusal.contains(word), "{line}: {refusal}");
        }
    }

    #[test]
    fn of_several_kinds_each_is_drawn_and_the_same_by_the_same_seed() {
        let options = |line: &str| Line::parse_from(line.split(' ')).options;
        let mixed = options("lab --kind kill,hang,resume");
        let draw = |seed| {
            let mut random = Random::new(seed);
            (0..50)
                .map(|_| mixed.draw_kind(&mut random))
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        for kind in [CutKind::Kill, CutKind::Hang, CutKind::Resume] {
            assert!(draw(1).contains(&kind), "{kind:?}");
        }
        let resumed = options("lab --kind hang --resume");
        assert_eq!(resumed.draw_kind(&mut Random::new(1)), CutKind::Resume);
    }

    #[test]
    fn a_full_table_is_a_number_of_routes() {
        let options = |line: &str| Line::parse_from(line.split(' ')).options.spelled_out();
        assert_eq!(options("lab --table full").routes_in, FULL_TABLE_ROUTES);
        assert_eq!(options("lab --table full").check(), Ok(()));
        assert_eq!(options("lab --routes-in 7").routes_in, 7);
    }

    #[test]
    fn many_sessions_of_the_kernel_peer_are_not_refused() {
        let line = "lab --peer kernel --sessions 200 --routes-in 20000 --routes-out 20000";
        assert_eq!(Line::parse_from(line.split(' ')).options.check(), Ok(()));
    }
}
