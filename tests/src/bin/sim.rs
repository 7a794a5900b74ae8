//! Lives of a pair made from seeds, on all cores: `sim --seeds 1000000`.

use clap::Parser;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};
use tcp_ha_tests::sim::{self, Failure, Figures, Report};

/// A fifth of the time went into the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Seeds that a thread takes at a time.
const SEEDS_AT_A_TIME: u64 = 16;

/// How far a run is is told so often.
const PROGRESS_EVERY: Duration = Duration::from_secs(30);

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
    /// Plants a named fault, or `all` of them one after the other, and tells which seed finds it (needs the feature `planted`).
    #[arg(long)]
    planted: Option<String>,
    /// Lines of the trace that are shown of a failing seed.
    #[arg(long, default_value_t = 60)]
    lines: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(name) = &arguments.planted {
        return planted(name, &arguments);
    }
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

#[cfg(not(feature = "planted"))]
fn planted(_: &str, _: &Arguments) -> ExitCode {
    eprintln!(
        "this build has no planted faults: cargo run --release -p tcp-ha-tests --features planted --bin sim"
    );
    ExitCode::FAILURE
}

/// Looks for each fault until a seed finds it, on all cores.
#[cfg(feature = "planted")]
fn planted(name: &str, arguments: &Arguments) -> ExitCode {
    use tcp_ha_planted::Planted;
    let wanted = |fault: &&Planted| name == "all" || fault.name() == name;
    let faults: Vec<Planted> = Planted::ALL.iter().filter(wanted).copied().collect();
    if faults.is_empty() {
        eprintln!("no planted fault is called {name}: `--planted all` lists them");
        return ExitCode::FAILURE;
    }
    let next = AtomicU64::new(0);
    let found = AtomicU64::new(0);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let search = || {
        while let Some(fault) = faults.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
            let finding = find(*fault, arguments);
            found.fetch_add(u64::from(finding.is_some()), Ordering::Relaxed);
            let told = finding.unwrap_or_else(|| format!("not found in {} seeds", arguments.seeds));
            println!("{:28} {told}", fault.name());
        }
    };
    thread::scope(|scope| {
        for _ in 0..arguments.threads.unwrap_or(cores) {
            scope.spawn(search);
        }
    });
    let found = found.into_inner() as usize;
    println!("{found} of {} found", faults.len());
    if found == faults.len() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The first seed that finds a planted fault, with the step and the checker.
#[cfg(feature = "planted")]
fn find(fault: tcp_ha_planted::Planted, arguments: &Arguments) -> Option<String> {
    tcp_ha_planted::plant(Some(fault));
    let mut seeds = arguments.from..arguments.from.saturating_add(arguments.seeds);
    let failure = seeds.find_map(|seed| sim::live(seed, false).err());
    tcp_ha_planted::plant(None);
    failure.map(|failure| {
        let what: String = failure.what.chars().take(90).collect();
        format!(
            "seed {}, step {}, by [{}]: {what}",
            failure.seed, failure.step, failure.checker
        )
    })
}

/// What became of a few seeds.
struct Lived {
    seeds: u64,
    figures: Figures,
    failures: Vec<Failure>,
}

/// Lives all seeds on all cores. What fails is told at once, and now and then how far it is: a run that is ended early is not in vain.
fn run(arguments: &Arguments) -> Report {
    let began = Instant::now();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicU64::new(arguments.from);
    let end = arguments.from.saturating_add(arguments.seeds);
    let mut report = Report {
        from: arguments.from,
        figures: Figures::default(),
        violations: Vec::new(),
        took: Duration::ZERO,
    };
    let (tells, told) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..arguments.threads.unwrap_or(cores) {
            let tells = tells.clone();
            let next = &next;
            scope.spawn(move || work(next, end, &tells));
        }
        drop(tells);
        let (mut lived, mut shown) = (0, began);
        for some in told {
            lived += some.seeds;
            report.figures.add(&some.figures);
            for failure in some.failures {
                eprintln!("{failure}");
                report.violations.push((failure.seed, failure.checker));
            }
            if shown.elapsed() >= PROGRESS_EVERY {
                shown = Instant::now();
                let (seeds, wrong) = (arguments.seeds, report.violations.len());
                let rate = lived as f64 / began.elapsed().as_secs_f64();
                eprintln!("{lived} of {seeds} seeds, {wrong} violations, {rate:.0} seeds a second");
            }
        }
    });
    report.violations.sort();
    report.took = began.elapsed();
    report
}

fn work(next: &AtomicU64, end: u64, tells: &Sender<Lived>) {
    loop {
        let first = next.fetch_add(SEEDS_AT_A_TIME, Ordering::Relaxed);
        if first >= end {
            return;
        }
        let seeds = first..end.min(first + SEEDS_AT_A_TIME);
        let mut lived = Lived {
            seeds: seeds.end - seeds.start,
            figures: Figures::default(),
            failures: Vec::new(),
        };
        for seed in seeds {
            match sim::live(seed, false) {
                Ok(figures) => lived.figures.add(&figures),
                Err(failure) => lived.failures.push(*failure),
            }
        }
        if tells.send(lived).is_err() {
            return;
        }
    }
}

/// Lives a failing seed again, and tells what came before.
fn show(seed: u64, lines: usize) {
    let Err(failure) = sim::live(seed, true) else {
        eprintln!("seed {seed} passed this time: the simulation is not deterministic");
        return;
    };
    eprintln!();
    let skip = failure.trace.len().saturating_sub(lines);
    for line in &failure.trace[skip..] {
        eprintln!("  {line}");
    }
    eprintln!("{failure}");
}
