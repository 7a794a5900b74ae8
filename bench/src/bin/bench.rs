//! Everything that is measured, side by side in one run.
#![forbid(unsafe_code)]

use clap::{Parser, Subcommand, ValueEnum};
use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use tcp_ha_bench::report::{Goals, Report, Section};
use tcp_ha_bench::tap::{self, scale, stack};
use tcp_ha_bench::{checkpoint, gate, restart, table, takeover};

/// One round of the gate.
const GATE_WATCH: Duration = Duration::from_secs(2);

/// Rest of many sessions, watched.
const SESSIONS_WATCH: Duration = Duration::from_secs(10);

/// Measures side by side, in one run and with rounds in turn; prints tables, writes JSON and the same tables as Markdown beside it.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    play: Option<Play>,
    /// What to measure; everything without it.
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// Rounds of what is compared.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Sessions where many are measured.
    #[arg(long, default_value_t = 10_000)]
    sessions: usize,
    /// Length of a bulk transfer.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Of takeovers, those whose title has these words; of bulk over a TAP, those servers, and before a colon the direction:
    /// `received:unprotected`.
    #[arg(long, value_name = "WORDS")]
    only: Option<String>,
    /// The report.
    #[arg(long, default_value = "target/bench.json")]
    report: PathBuf,
}

/// What this program starts of itself, in namespaces.
#[derive(Subcommand)]
enum Play {
    #[command(hide = true)]
    Role { role: String },
}

/// A part of the measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Octets, records and time of checkpoints.
    Checkpoint,
    /// What the gate adds, by channel and load.
    Gate,
    /// Memory of a session.
    Memory,
    /// Ten thousand sessions on real nodes.
    Sessions,
    /// Bulk over a TAP, beside smoltcp and the kernel.
    Stack,
    /// Small messages over a TAP.
    Small,
    /// Kills and hangs under many sessions, from the cut to the first words.
    Takeover,
    /// Other route processors killed and started again, beside ours.
    Restart,
    /// The BGP speaker alone, with a full table.
    Speaker,
    /// A full BGP table in and out, beside BIRD and FRR.
    Table,
}

impl Part {
    fn measure(self, arguments: &Arguments) -> io::Result<Vec<Section>> {
        Ok(match self {
            Part::Checkpoint => vec![
                checkpoint::octets(20)?,
                checkpoint::connection(1_000)?,
                checkpoint::time(arguments.rounds)?,
            ],
            Part::Gate => gate::delays(arguments.rounds, GATE_WATCH)?,
            Part::Memory => vec![memory()?],
            Part::Sessions => vec![scale::sessions(
                arguments.sessions,
                SESSIONS_WATCH,
                arguments.rounds,
            )?],
            Part::Stack => stack::bulk(
                arguments.rounds,
                arguments.seconds,
                arguments.only.as_deref(),
            )?,
            Part::Small => vec![stack::small(arguments.rounds)?],
            Part::Restart => vec![restart::restarts(arguments.rounds)?],
            Part::Takeover => {
                let only = arguments.only.as_deref();
                takeover::takeovers(arguments.sessions, arguments.rounds, only)?
            }
            Part::Speaker => table::alone(arguments.rounds)?,
            Part::Table => table::full(arguments.rounds)?,
        })
    }
}

/// In a process of its own, since its allocator counts.
fn memory() -> io::Result<Section> {
    let output = Command::new(stack::example("heap")?)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("heap: {}", output.status)));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.play {
        Some(Play::Role { role }) => serde_json::from_str(role)
            .map_err(io::Error::from)
            .and_then(|role| tap::play(&role)),
        None => measure(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> io::Result<()> {
    let mut report = Report::here();
    let parts = match arguments.parts.as_slice() {
        [] => Part::value_variants(),
        parts => parts,
    };
    for part in parts {
        let begun = Instant::now();
        let sections = part.measure(arguments);
        let sections =
            sections.map_err(|error| io::Error::new(error.kind(), format!("{part:?}: {error}")))?;
        for section in sections {
            println!("{section}");
            report.sections.push(section);
        }
        eprintln!("{part:?}: {:.0} s", begun.elapsed().as_secs_f64());
        // What follows may fail: what was measured is kept.
        report.write(&arguments.report)?;
    }
    println!("{}", Goals(&report.sections));
    Ok(())
}
