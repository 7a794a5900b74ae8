//! `bgp-demo soak`: many failovers in a row, in blocks with one kind of peer each; a session lives through all of its block.

mod report;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde::Serialize;

use super::ERROR;
use super::error::{At, LabError, Result};
use super::inner::{self, Desk};
use super::options::{CutKind, PeerKind};
use super::random::Random;
use report::{Block, SoakReport};

pub(crate) use report::{detection_ms, spread};

/// A soak.
#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct SoakOptions {
    /// Failovers.
    #[arg(long, default_value_t = 1000)]
    rounds: u32,
    /// Blocks that they are made in; each has sessions of its own, which live through it.
    #[arg(long, default_value_t = 4)]
    blocks: u32,
    /// Who plays the peers, block by block in turn.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "bird,frr")]
    peers: Vec<PeerKind>,
    /// Ways to cut, one drawn each time.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "kill,hang,resume"
    )]
    kind: Vec<CutKind>,
    /// Deaths of the standby besides, in the middle of each block, so that one active lives long.
    #[arg(long, default_value_t = 400)]
    standby_deaths: u32,
    /// The longest time from everything being ready to the cut, milliseconds.
    #[arg(long, default_value_t = 600)]
    moment_ms: u64,
    /// Milliseconds between two heartbeats.
    #[arg(long, default_value_t = 5)]
    heartbeat_ms: u64,
    /// Heartbeats missed until the active counts as dead.
    #[arg(long, default_value_t = 3)]
    misses: u32,
    /// Milliseconds until the active gives a silent standby up.
    #[arg(long, default_value_t = 100)]
    hold_limit_ms: u64,
    /// Mean milliseconds between two changes of the same peer's routes, and of our own.
    #[arg(long, default_value_t = 100)]
    churn_ms: u64,
    /// Chooses everything that is drawn; without it a new one, printed and reported.
    #[arg(long)]
    seed: Option<u64>,
    /// Where the report goes (JSON).
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Where the directories of the runs are made.
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// More for `bgp-demo lab`, behind `--`.
    #[arg(last = true)]
    more: Vec<String>,
}

/// Runs a soak and prints its summary.
pub(crate) fn soak(options: SoakOptions) -> ExitCode {
    match run(options) {
        Ok(report) => {
            println!("{report}");
            report.verdict.exit_code()
        }
        Err(error) => {
            eprintln!("bgp-demo soak: {error}");
            ExitCode::from(ERROR)
        }
    }
}

fn run(mut options: SoakOptions) -> Result<SoakReport> {
    options.check()?;
    let seed = *options.seed.get_or_insert_with(super::run::fresh_seed);
    let desk = Desk::new(options.directory.as_deref(), "soak")?;
    let began = Instant::now();
    let mut random = Random::new(seed);
    let mut report = SoakReport::new(options.clone());
    for number in 0..options.blocks {
        let plan = options.block(number, &mut random);
        eprintln!(
            "soak {seed}: block {} of {}: {} failovers with {}",
            number + 1,
            options.blocks,
            plan.failovers,
            plan.peer.name()
        );
        match inner::run(&options.arguments(&plan), desk.path()) {
            Ok(inner) => report.blocks.push(Block { plan, inner }),
            Err(error) if report.blocks.is_empty() => return Err(error),
            // What was found so far is worth its report.
            Err(error) => {
                report.reasons.push(error.to_string());
                break;
            }
        }
    }
    report.seconds = began.elapsed().as_secs_f64();
    report.conclude();
    if let Some(file) = &options.report {
        let text = serde_json::to_string_pretty(&report).at("report")?;
        std::fs::write(file, text + "\n").at(file.display())?;
    }
    Ok(report)
}

/// A block, before it is run.
#[derive(Debug, Clone, Copy, Serialize)]
struct BlockPlan {
    /// Who plays the peers.
    peer: PeerKind,
    /// Failovers.
    failovers: u32,
    /// Deaths of the standby.
    standby_deaths: u32,
    /// Its seed.
    seed: u64,
}

impl SoakOptions {
    fn check(&self) -> Result<()> {
        if self.rounds == 0 || self.blocks == 0 || self.blocks > self.rounds {
            return Err(LabError::new(format!(
                "--rounds {} --blocks {}: give at least one failover a block",
                self.rounds, self.blocks
            )));
        }
        Ok(())
    }

    fn block(&self, number: u32, random: &mut Random) -> BlockPlan {
        let share = |all: u32| all / self.blocks + u32::from(number < all % self.blocks);
        BlockPlan {
            peer: self.peers[number as usize % self.peers.len()],
            failovers: share(self.rounds),
            standby_deaths: share(self.standby_deaths),
            seed: super::run::short_seed(random),
        }
    }

    fn arguments(&self, plan: &BlockPlan) -> Vec<String> {
        let kinds: Vec<&str> = self.kind.iter().map(|kind| kind.name()).collect();
        let mut arguments: Vec<String> = vec!["--sessions".into(), "2".into()];
        let mut option = |name: &str, value: String| {
            arguments.push(name.to_owned());
            arguments.push(value);
        };
        option("--peer", plan.peer.word().to_owned());
        option("--failovers", plan.failovers.to_string());
        option("--standby-deaths", plan.standby_deaths.to_string());
        option("--seed", plan.seed.to_string());
        option("--kind", kinds.join(","));
        option("--moment-ms", self.moment_ms.to_string());
        option("--heartbeat-ms", self.heartbeat_ms.to_string());
        option("--misses", self.misses.to_string());
        option("--hold-limit-ms", self.hold_limit_ms.to_string());
        option("--churn-ms", self.churn_ms.to_string());
        if let Some(directory) = &self.directory {
            option("--directory", directory.display().to_string());
        }
        arguments.extend(self.more.iter().cloned());
        arguments
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: SoakOptions,
    }

    fn options(line: &str) -> SoakOptions {
        Line::parse_from(line.split(' ')).options
    }

    #[test]
    fn the_peers_take_turns_and_no_round_is_forgotten() {
        let options = options("soak --rounds 10 --blocks 4 --standby-deaths 3 --seed 1");
        let mut random = Random::new(1);
        let plans: Vec<BlockPlan> = (0..4).map(|it| options.block(it, &mut random)).collect();
        let peers: Vec<PeerKind> = plans.iter().map(|it| it.peer).collect();
        use PeerKind::{Bird, Frr};
        assert_eq!(peers, [Bird, Frr, Bird, Frr]);
        let sum = |number: fn(&BlockPlan) -> u32| plans.iter().map(number).sum::<u32>();
        assert_eq!(sum(|it| it.failovers), 10);
        assert_eq!(sum(|it| it.standby_deaths), 3);
        assert!(plans.windows(2).all(|two| two[0].seed != two[1].seed));
    }

    #[test]
    fn more_blocks_than_rounds_are_refused() {
        let refused = options("soak --rounds 3 --blocks 4").check().unwrap_err();
        assert!(
            refused
                .to_string()
                .contains("at least one failover a block")
        );
    }

    #[test]
    fn what_stands_behind_two_dashes_goes_to_the_laboratory() {
        let options = options("soak --kind kill,stall -- --patience 60");
        let plan = options.block(0, &mut Random::new(1));
        let line = options.arguments(&plan).join(" ");
        assert!(line.ends_with("--patience 60"), "{line}");
        assert!(line.contains("--kind kill,stall"), "{line}");
    }
}
