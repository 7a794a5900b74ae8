//! Lives of a pair made from seeds, on all cores: `sim --seeds 1000000`.

use clap::Parser;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;
use tcp_ha_tests::sim::{self, Figures, Report};

/// Seeds that a thread takes at a time.
const SEEDS_AT_A_TIME: u64 = 16;

/// Failures that are shown with their trace.
const SHOWN: usize = 3;

/// Simulates pairs, peers and faults, and judges what is on the wire and in the applications.
#[derive(Parser)]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Threads; all cores unless told.
    #[arg(long)]
    threads: Option<usize>,
    /// Report as JSON.
    #[arg(long)]
    json: bool,
    /// Lines of the trace that are shown of a failing seed.
    #[arg(long, default_value_t = 60)]
    lines: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let report = run(&arguments);
    if arguments.json {
        match serde_json::to_string_pretty(&report) {
            Ok(text) => println!("{text}"),
            Err(error) => eprintln!("the report cannot be written: {error}"),
        }
    } else {
        println!("{report}");
    }
    for (seed, _) in report.violations.iter().take(SHOWN) {
        show(*seed, arguments.lines);
    }
    if report.violations.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run(arguments: &Arguments) -> Report {
    let began = Instant::now();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicU64::new(arguments.from);
    let end = arguments.from.saturating_add(arguments.seeds);
    let total = Mutex::new((Figures::default(), Vec::new()));
    thread::scope(|scope| {
        for _ in 0..arguments.threads.unwrap_or(cores) {
            scope.spawn(|| work(&next, end, &total));
        }
    });
    let (figures, mut violations) = total.into_inner().expect("no thread failed");
    violations.sort();
    Report {
        from: arguments.from,
        figures,
        violations,
        took: began.elapsed(),
    }
}

fn work(next: &AtomicU64, end: u64, total: &Mutex<(Figures, Vec<(u64, String)>)>) {
    let (mut figures, mut violations) = (Figures::default(), Vec::new());
    loop {
        let first = next.fetch_add(SEEDS_AT_A_TIME, Ordering::Relaxed);
        if first >= end {
            break;
        }
        for seed in first..end.min(first + SEEDS_AT_A_TIME) {
            match sim::live(seed, false) {
                Ok(lived) => figures.add(&lived),
                Err(failure) => violations.push((seed, failure.checker)),
            }
        }
    }
    let mut total = total.lock().expect("no thread failed");
    total.0.add(&figures);
    total.1.append(&mut violations);
}

/// Lives a failing seed again, and tells what came before.
fn show(seed: u64, lines: usize) {
    let Err(failure) = sim::live(seed, true) else {
        eprintln!("seed {seed} passed this time: the simulation is not deterministic");
        return;
    };
    eprintln!("\nseed {seed}, step {}:", failure.step);
    let skip = failure.trace.len().saturating_sub(lines);
    for line in &failure.trace[skip..] {
        eprintln!("  {line}");
    }
    eprintln!("[{}] {}", failure.checker, failure.what);
}
