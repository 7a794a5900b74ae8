//! Counts the instructions of the hot paths, and fails where one costs more than it did.
#![forbid(unsafe_code)]

use clap::{Parser, Subcommand};
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use tcp_ha_bench::instructions::{Counts, count};
use tcp_ha_bench::paths::Path;

/// Instructions of each hot path under callgrind, compared with those of a file.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    play: Option<Play>,
    /// What was counted before.
    #[arg(long, default_value = "bench/instructions.txt")]
    file: PathBuf,
    /// Writes what is counted now into the file, instead of comparing.
    #[arg(long)]
    renew: bool,
}

/// What this program starts of itself, under valgrind.
#[derive(Subcommand)]
enum Play {
    #[command(hide = true)]
    Walk { path: String },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.play {
        Some(Play::Walk { path }) => walk(path),
        None => compare(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

fn walk(name: &str) -> io::Result<()> {
    let path = Path::named(name);
    let path = path.ok_or_else(|| io::Error::other(format!("no path is called {name}")))?;
    println!("{}", path.walk()?);
    Ok(())
}

fn compare(arguments: &Arguments) -> io::Result<()> {
    let file = &arguments.file;
    let named = |error: String| io::Error::other(format!("{}: {error}", file.display()));
    let now = count()?;
    if arguments.renew {
        return std::fs::write(file, now.to_text()).map_err(|error| named(error.to_string()));
    }
    let text = std::fs::read_to_string(file).map_err(|error| named(error.to_string()))?;
    let before = Counts::from_text(&text).map_err(named)?;
    println!("instructions a unit, by {}", now.compiler);
    if now.compiler != before.compiler {
        println!(
            "compared with counts by {}: more is let pass",
            before.compiler
        );
    }
    for (name, count) in &now.paths {
        let was = before.paths.get(name).copied().unwrap_or(f64::NAN);
        let change = (count / was - 1.0) * 100.0;
        println!("{name:>17} {count:>10.1} {was:>10.1} {change:>+6.1} %");
    }
    let excess = now.excess_over(&before);
    if excess.is_empty() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{}; where that is meant: target/release/instructions --renew writes {}",
        excess.join("; "),
        file.display()
    )))
}
