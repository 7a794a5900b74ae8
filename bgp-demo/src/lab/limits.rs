//! `bgp-demo limits`: how fast a hang is found, and how often a living active is taken for dead, by the settings of the heartbeat and by
//! the load of the host.

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use clap::Args;
use serde::Serialize;

use super::ERROR;
use super::error::{At, Result};
use super::inner::{self, Desk, Inner};
use super::options::PeerKind;
use super::report::{Spread, Verdict};
use super::soak::{detection_ms, spread};

/// What is measured.
#[derive(Debug, Clone, Args)]
pub(crate) struct LimitsOptions {
    /// Settings: misses x milliseconds between two heartbeats.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "3x2,3x5,5x5,3x10,5x10,3x20"
    )]
    settings: Vec<Setting>,
    /// Loads: busy threads a processor.
    #[arg(long, value_delimiter = ',', default_value = "0,1,4")]
    loads: Vec<usize>,
    /// Seconds of watching for false alarms, for each setting and load.
    #[arg(long, default_value_t = 60)]
    watch: u64,
    /// Hangs, for each setting and load.
    #[arg(long, default_value_t = 20)]
    hangs: u32,
    /// Who plays the peers.
    #[arg(long, value_enum, default_value = "bird")]
    peer: PeerKind,
    /// Where the report goes (JSON).
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// More for `bgp-demo lab`, behind `--`.
    #[arg(last = true)]
    more: Vec<String>,
}

/// A setting of the heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Setting {
    /// Heartbeats missed until the active counts as dead.
    misses: u32,
    /// Milliseconds between two.
    heartbeat_ms: u64,
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let wrong = || format!("{text}: give misses x milliseconds, as in 3x5");
        let (misses, heartbeat) = text.split_once('x').ok_or_else(wrong)?;
        Ok(Self {
            misses: misses.parse().map_err(|_| wrong())?,
            heartbeat_ms: heartbeat.parse().map_err(|_| wrong())?,
        })
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {} ms", self.misses, self.heartbeat_ms)
    }
}

/// One line of the table.
#[derive(Debug, Serialize)]
struct Row {
    setting: Setting,
    /// Busy threads beside the route processors and their peers.
    busy: usize,
    /// Seconds in which nothing was cut.
    watched_s: f64,
    /// Times that a living active was taken for dead meanwhile.
    alarms: u32,
    /// From a hang until it was noticed, milliseconds.
    detection: Spread,
    /// From a hang until the peers heard of the survivor, milliseconds.
    silence: Spread,
    /// Sessions lost.
    flaps: u64,
    /// Of the run.
    verdict: Verdict,
    /// Why it is not a pass.
    reasons: Vec<String>,
}

impl Row {
    fn of(setting: Setting, busy: usize, inner: Inner) -> Self {
        let failovers = &inner.failovers;
        Self {
            setting,
            busy,
            watched_s: inner.watched_s,
            alarms: inner.watched_alarms,
            detection: spread(failovers.iter().filter_map(detection_ms)),
            silence: spread(failovers.iter().filter_map(|it| it.last_session_ms)),
            flaps: inner.flaps,
            verdict: inner.verdict,
            reasons: inner.reasons,
        }
    }
}

/// The head of the table, and what stands below it in each column.
const HEAD: &str = "| heartbeat | busy threads | false alarms an hour (seen) | hang noticed, ms: median, p99, max | peers in silence, ms: median, p99, max | sessions lost |\n|---|---|---|---|---|---|";

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let an_hour = f64::from(self.alarms) * 3600.0 / self.watched_s.max(1.0);
        let three =
            |it: &Spread| format!("{:.1}, {:.1}, {:.1}", it.median_ms, it.p99_ms, it.max_ms);
        write!(
            f,
            "| {} | {} | {an_hour:.0} ({}) | {} | {} | {} |",
            self.setting,
            self.busy,
            self.alarms,
            three(&self.detection),
            three(&self.silence),
            self.flaps
        )
    }
}

/// Measures, and prints the table.
pub(crate) fn limits(options: LimitsOptions) -> ExitCode {
    match run(&options) {
        Ok(verdict) => {
            println!("verdict: {}", verdict.word());
            verdict.exit_code()
        }
        Err(error) => {
            eprintln!("bgp-demo limits: {error}");
            ExitCode::from(ERROR)
        }
    }
}

fn run(options: &LimitsOptions) -> Result<Verdict> {
    let desk = Desk::new(None, "limits")?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let mut rows = Vec::new();
    println!("{HEAD}");
    for setting in &options.settings {
        for load in &options.loads {
            let busy = load * processors;
            let inner = inner::run(&arguments(options, *setting, busy), desk.path())?;
            let row = Row::of(*setting, busy, inner);
            println!("{row}");
            for reason in &row.reasons {
                eprintln!("  {reason}");
            }
            rows.push(row);
        }
    }
    if let Some(file) = &options.report {
        let text = serde_json::to_string_pretty(&rows).at("report")?;
        std::fs::write(file, text + "\n").at(file.display())?;
    }
    Ok(rows
        .iter()
        .map(|row| row.verdict)
        .max()
        .unwrap_or(Verdict::Inconclusive))
}

fn arguments(options: &LimitsOptions, setting: Setting, busy: usize) -> Vec<String> {
    let line = format!(
        "--sessions 2 --churn-ms 100 --kind hang --moment-ms 400 --hold-limit-ms {} --peer {} --failovers {} --watch {} --busy {busy} \
         --heartbeat-ms {} --misses {}",
        HOLD_LIMIT_MS.max(setting.heartbeat_ms * u64::from(setting.misses) * 2),
        options.peer.word(),
        options.hangs,
        options.watch,
        setting.heartbeat_ms,
        setting.misses,
    );
    let mut arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    arguments.extend(options.more.iter().cloned());
    arguments
}

/// The hold limit of a node that is told of none.
const HOLD_LIMIT_MS: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_read_and_what_is_none_is_refused() {
        let setting: Setting = "3x5".parse().unwrap();
        assert_eq!((setting.misses, setting.heartbeat_ms), (3, 5));
        assert_eq!(setting.to_string(), "3 x 5 ms");
        for wrong in ["3", "x5", "3x", "3x5ms", "-1x5"] {
            let refused = wrong.parse::<Setting>().unwrap_err();
            assert!(refused.contains("as in 3x5"), "{refused}");
        }
    }

    #[test]
    fn a_row_tells_alarms_by_the_hour() {
        let row = Row {
            setting: Setting {
                misses: 3,
                heartbeat_ms: 5,
            },
            busy: 2,
            watched_s: 120.0,
            alarms: 3,
            detection: Spread::default(),
            silence: Spread::default(),
            flaps: 0,
            verdict: Verdict::Pass,
            reasons: Vec::new(),
        };
        assert_eq!(
            row.to_string(),
            "| 3 x 5 ms | 2 | 90 (3) | 0.0, 0.0, 0.0 | 0.0, 0.0, 0.0 | 0 |"
        );
    }
}
