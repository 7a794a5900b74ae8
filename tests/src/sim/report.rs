//! What many lives amount to.

use super::fault::Faults;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// Sums over lives.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// Lives.
    pub seeds: u64,
    /// Turns of nodes and peers.
    pub steps: u64,
    /// Simulated time, in microseconds.
    pub simulated_us: u64,
    /// Nodes that became active from a shadow.
    pub takeovers: u64,
    /// Nodes that began without connections.
    pub cold_starts: u64,
    /// Client connections that ended with good reason and were opened again.
    pub reopened: u64,
    /// Segments that were found backed.
    pub backed: u64,
    /// Connections that were found equal in shadow and active.
    pub level: u64,
    /// Segments that the small TCP has judged.
    pub judged: u64,
    /// What was met.
    pub faults: Faults,
}

impl Figures {
    /// Takes another's figures in.
    pub fn add(&mut self, other: &Figures) {
        let Figures {
            seeds,
            steps,
            simulated_us,
            takeovers,
            cold_starts,
            reopened,
            backed,
            level,
            judged,
            faults,
        } = other;
        self.seeds += seeds;
        self.steps += steps;
        self.simulated_us += simulated_us;
        self.takeovers += takeovers;
        self.cold_starts += cold_starts;
        self.reopened += reopened;
        self.backed += backed;
        self.level += level;
        self.judged += judged;
        self.faults.add(faults);
    }
}

/// The report of a run over many seeds.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// First seed.
    pub from: u64,
    /// What the lives amount to.
    pub figures: Figures,
    /// Seeds in which a checker found something, with its name.
    pub violations: Vec<(u64, String)>,
    /// Time that it took.
    pub took: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = &self.figures;
        let seconds = self.took.as_secs_f64().max(1e-3);
        writeln!(
            f,
            "{} seeds from {} in {seconds:.1} s ({:.0} a second): {} steps, {} simulated seconds",
            figures.seeds,
            self.from,
            figures.seeds as f64 / seconds,
            figures.steps,
            figures.simulated_us / 1_000_000
        )?;
        writeln!(
            f,
            "{} takeovers, {} cold starts, {} connections opened again",
            figures.takeovers, figures.cold_starts, figures.reopened
        )?;
        writeln!(
            f,
            "{} segments found backed, {} checkpoints found level, {} segments judged by the small TCP",
            figures.backed, figures.level, figures.judged
        )?;
        for (fault, count) in &figures.faults.0 {
            writeln!(f, "{count:>12} {fault:?}")?;
        }
        write!(f, "{} violations", self.violations.len())
    }
}
