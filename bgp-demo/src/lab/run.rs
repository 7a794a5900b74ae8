//! A whole run, from the command line to the report.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::churn::Churn;
use super::daemons::{self, Words};
use super::error::{At, LabError, Result};
use super::hosts;
use super::options::LabOptions;
use super::progress::Progress;
use super::random::Random;
use super::report::{Report, Verdict, Versions};
use super::stage::Stage;
use super::verdict::{Found, conclude};
use super::{interrupt, refusal, rounds, sandbox};

/// Nothing may change for so long after the last change, so that late mistakes are seen.
const QUIET: Duration = Duration::from_secs(1);

/// Runs the laboratory.
///
/// # Errors
/// The laboratory itself failed; what the route processors did wrong is in the report.
pub(crate) fn run(options: LabOptions) -> Result<Report> {
    let mut options = options.spelled_out();
    options.check()?;
    if options.hosts {
        // These rounds are others.
        options.failovers = 0;
    }
    sandbox::enter(options.peer)?;
    interrupt::listen()?;
    let seed = *options.seed.get_or_insert_with(fresh_seed);
    let versions = versions(&options)?;
    let directory = make_directory(&options, seed)?;
    let progress = Progress::begin();
    progress.say(&format!(
        "seed {seed}; logs and captures in {}",
        directory.display()
    ));
    if options.story {
        tell_the_story(&options, &progress);
    }
    let report = play(&options, versions, &directory, progress)
        .inspect_err(|_| progress.say(&format!("kept: {}", directory.display())))?;
    let kept = directory.join("report.json");
    for file in options.report.iter().chain([&kept]) {
        let text = serde_json::to_string_pretty(&report).at("report")?;
        std::fs::write(file, text + "\n").at(file.display())?;
    }
    if report.verdict == Verdict::Pass && !options.keep {
        std::fs::remove_dir_all(&directory).at(directory.display())?;
    } else {
        progress.say(&format!("kept: {}", directory.display()));
    }
    Ok(report)
}

/// Runs the laboratory with peers that sign with another key: what speaks against a pass.
///
/// # Errors
/// The laboratory itself failed.
pub(crate) fn refuse(mut options: LabOptions) -> Result<Vec<String>> {
    options.check()?;
    sandbox::enter(options.peer)?;
    interrupt::listen()?;
    let seed = *options.seed.get_or_insert_with(fresh_seed);
    let directory = make_directory(&options, seed)?;
    let progress = Progress::begin();
    progress.say(&format!("logs and captures in {}", directory.display()));
    let reasons = refusal::watch(&options, &directory, &progress)?;
    if reasons.is_empty() && !options.keep {
        std::fs::remove_dir_all(&directory).at(directory.display())?;
    }
    Ok(reasons)
}

fn play(
    options: &LabOptions,
    versions: Versions,
    directory: &Path,
    progress: Progress,
) -> Result<Report> {
    let seed = options.seed.unwrap_or(0);
    let mut stage = Stage::build(options, directory, &progress)?;
    let before = stage.words()?;
    let spoken = Instant::now();
    say_words(&progress, "the peers before the first cut", &before);
    let mut churn = None;
    if options.churn_ms > 0 {
        let mean = Duration::from_millis(options.churn_ms);
        let (plan, announced) = (&stage.plan, &stage.announced);
        let nodes = stage.pair.sockets();
        churn = Some(Churn::start(
            plan,
            announced,
            &stage.daemons,
            nodes,
            mean,
            seed,
            directory,
        )?);
    }
    let mut played = rounds::Played::default();
    let mut with_hosts = None;
    if options.hosts {
        let mut hosts = hosts::play(options, &mut stage, churn.as_mut(), seed, &progress)?;
        played.reasons.append(&mut hosts.reasons);
        with_hosts = Some(hosts);
    } else {
        played = rounds::play(options, &mut stage, churn.as_mut(), seed, &progress)?;
    }
    let changes = churn.map_or(Ok(0), Churn::stop)?;
    progress.say(&format!(
        "{changes} slices of routes came or went meanwhile; waiting for quiet"
    ));
    if let Err(error) = stage.wait_full() {
        interrupt::check()?;
        played.reasons.push(error.to_string());
    }
    stage.pair.rest(QUIET)?;
    let elapsed = spoken.elapsed();
    let after = stage.words()?;
    say_words(&progress, "the peers after the last cut", &after);
    let tables = stage.tables()?;
    let our_table = stage.our_full_table()?;
    let noticed = stage.pair.noticed();
    let panics = stage.pair.panics();
    let hosts = stage.hosts.as_mut();
    let history = hosts.map(|it| it.history(directory)).transpose()?;
    let (plan, announced) = (stage.plan.clone(), std::sync::Arc::clone(&stage.announced));
    let captured = stage.take_down()?;
    progress.say("judging the capture");
    let report = conclude(Found {
        options,
        versions,
        plan: &plan,
        announced: &announced,
        played,
        before,
        after,
        elapsed,
        tables,
        our_table,
        noticed,
        changes,
        captured: &captured,
        panics,
        hosts: with_hosts.zip(history),
        length: progress.elapsed(),
    })?;
    if let Some(target) = &options.capture {
        convert(&captured.wire, target)?;
    }
    Ok(report)
}

fn tell_the_story(options: &LabOptions, progress: &Progress) {
    let peer = options.peer.name();
    for line in [
        "two route processors (active-rp, standby-rp) share one address and one AS".to_owned(),
        format!(
            "{} BGP sessions with {peer}, which knows nothing of them and speaks plain BGP: no graceful restart needed",
            options.sessions
        ),
        format!(
            "{} routes in, {} routes out; everything on {peer}'s wire is captured and judged in the end",
            options.routes_in, options.routes_out
        ),
    ] {
        progress.say(&line);
    }
}

/// Lines of peers that are said; the rest is in the report.
const WORDS_MAX: usize = 4;

fn say_words(progress: &Progress, what: &str, words: &[Words]) {
    progress.say(&format!("{what}:"));
    for words in words.iter().take(WORDS_MAX) {
        eprintln!("             {}", words.line);
    }
    if words.len() > WORDS_MAX {
        eprintln!("             ... and {} more", words.len() - WORDS_MAX);
    }
}

fn convert(from: &Path, to: &Path) -> Result<()> {
    let reader = pcaps::reader::CaptureReader::open(from).at(from.display())?;
    let target = std::fs::File::create(to).at(to.display())?;
    pcaps::writer::convert(reader, std::io::BufWriter::new(target))
        .map(drop)
        .at(to.display())
}

fn versions(options: &LabOptions) -> Result<Versions> {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").at("kernel version")?;
    Ok(Versions {
        lab: env!("CARGO_PKG_VERSION"),
        peer: daemons::version(options.peer)?,
        kernel: kernel.trim().to_owned(),
    })
}

/// A seed that no run had before.
pub(crate) fn fresh_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanos = now.map_or(0, |now| now.as_nanos() as u64);
    short_seed(&mut Random::new(nanos))
}

/// A seed that is short enough to be typed.
pub(crate) fn short_seed(random: &mut Random) -> u64 {
    random.below(1_000_000_000)
}

fn make_directory(options: &LabOptions, seed: u64) -> Result<PathBuf> {
    let parent = options.directory.clone().unwrap_or_else(std::env::temp_dir);
    let parent = std::path::absolute(&parent).at(parent.display())?;
    for number in 0..1000 {
        let directory = parent.join(match number {
            0 => format!("bgp-demo-lab-{seed}"),
            number => format!("bgp-demo-lab-{seed}.{number}"),
        });
        match std::fs::create_dir(&directory) {
            Ok(()) => return Ok(directory),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).at(directory.display()),
        }
    }
    Err(LabError::new(format!(
        "{}: too many directories of runs with the seed {seed}; remove some",
        parent.display()
    )))
}
