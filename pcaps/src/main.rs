//! `pcaps check FILE`: judges a capture. `pcaps replay FILE`: puts the engine in the place of its ends.
//! `pcaps convert FROM TO`: writes it as pcapng.

use std::fmt::Display;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use pcaps::capture::check_file;
use pcaps::check::{CheckConfig, Verdict};
use pcaps::reader::CaptureReader;
use pcaps::replay::{ReplayConfig, replay_file};
use pcaps::writer::convert;
use serde::Serialize;
use tcp_ha_engine::auth::Secret;

/// Exit status of a capture in which a rule is broken.
const BROKEN: u8 = 1;
/// Exit status when nothing could be judged at all.
const ERROR: u8 = 2;
/// Exit status of a capture that could not be judged in full.
const INCONCLUSIVE: u8 = 3;

/// Reads and judges captures of TCP and BGP sessions.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Judge a capture: sessions opened once and never closed, TSval and window edge never back, every octet consistent.
    ///
    /// Exit status: 0 pass, 1 a rule is broken, 2 the file cannot be read, 3 not everything could be judged.
    Check(CheckArguments),
    /// Put the engine in the place of either end of each flow, and compare what the capture proves; at every packet a
    /// checkpoint must make an equal twin, and twins go on alone.
    ///
    /// Exit status: 0 pass, 1 the engine differs, 2 the file cannot be read, 3 not everything could be judged.
    Replay(ReplayArguments),
    /// Write a capture (pcap or pcapng) as pcapng.
    Convert {
        /// The capture to read.
        from: PathBuf,
        /// The pcapng file to write.
        to: PathBuf,
    },
}

#[derive(Args)]
struct CheckArguments {
    /// A pcap or pcapng file.
    file: PathBuf,
    /// Print the whole report as JSON.
    #[arg(long)]
    json: bool,
    /// Address of the side under test; only its TSval, window edge and ISNs are judged. May be repeated.
    #[arg(long, value_name = "ADDRESS", num_args = 1..)]
    us: Vec<IpAddr>,
    /// TCP port to look at. May be repeated; default: all.
    #[arg(long = "port", value_name = "PORT")]
    ports: Vec<u16>,
    /// Interface number to look at, for captures of several places. May be repeated; default: all.
    #[arg(long = "interface", value_name = "NUMBER")]
    interfaces: Vec<u32>,
    /// Tell of times without a segment from this length on, milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 100)]
    silence_ms: u64,
}

#[derive(Args)]
struct ReplayArguments {
    /// A pcap or pcapng file.
    file: PathBuf,
    /// Print the whole report as JSON.
    #[arg(long)]
    json: bool,
    /// TCP port to look at. May be repeated; default: all.
    #[arg(long = "port", value_name = "PORT")]
    ports: Vec<u16>,
    /// Interface number to look at, for captures of several places. May be repeated; default: all.
    #[arg(long = "interface", value_name = "NUMBER")]
    interfaces: Vec<u32>,
    /// Key with which MD5 signatures are verified (RFC 2385).
    #[arg(long, value_name = "KEY")]
    md5_key: Option<String>,
    /// Segments that the twins of one end may hear in all; with more, only every n-th twin goes on alone.
    #[arg(long, value_name = "SEGMENTS", default_value_t = 200_000)]
    twin_segments: u64,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Check(arguments) => check(arguments),
        Command::Replay(arguments) => replay(arguments),
        Command::Convert { from, to } => convert_file(&from, &to),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("pcaps: {error}");
        ExitCode::from(ERROR)
    })
}

fn check(arguments: CheckArguments) -> Result<ExitCode, String> {
    let config = CheckConfig {
        us: arguments.us,
        ports: arguments.ports,
        interfaces: arguments.interfaces,
        silence_min: Duration::from_millis(arguments.silence_ms),
        ..CheckConfig::default()
    };
    let report = check_file(&arguments.file, config).map_err(|error| error.to_string())?;
    print(&report, arguments.json)?;
    Ok(status(report.verdict))
}

fn replay(arguments: ReplayArguments) -> Result<ExitCode, String> {
    let md5_key = match arguments.md5_key {
        Some(key) => {
            let key = Secret::new(key.as_bytes());
            Some(key.map_err(|error| format!("--md5-key: {error}"))?)
        }
        None => None,
    };
    let config = ReplayConfig {
        md5_key,
        ports: arguments.ports,
        interfaces: arguments.interfaces,
        twin_segments_max: arguments.twin_segments,
        ..ReplayConfig::default()
    };
    let report = replay_file(&arguments.file, &config).map_err(|error| error.to_string())?;
    print(&report, arguments.json)?;
    Ok(status(report.verdict))
}

fn status(verdict: Verdict) -> ExitCode {
    match verdict {
        Verdict::Pass => ExitCode::SUCCESS,
        Verdict::Fail => ExitCode::from(BROKEN),
        Verdict::Inconclusive => ExitCode::from(INCONCLUSIVE),
    }
}

fn print(report: &(impl Serialize + Display), json: bool) -> Result<(), String> {
    let mut text = if json {
        serde_json::to_string_pretty(report).map_err(|error| format!("report: {error}"))?
    } else {
        report.to_string()
    };
    text.push('\n');
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| format!("standard output: {error}"))
}

fn convert_file(from: &Path, to: &Path) -> Result<ExitCode, String> {
    let reader = CaptureReader::open(from).map_err(|error| error.to_string())?;
    let output = File::create(to).map_err(|error| format!("{}: {error}", to.display()))?;
    let converted = convert(reader, BufWriter::new(output))
        .map_err(|error| format!("{}: {error}", from.display()))?;
    println!("{}: {} packets", to.display(), converted.packets);
    if converted.truncated {
        eprintln!("pcaps: {}: the file ends within a packet", from.display());
    }
    if converted.dropped_by_capture > 0 {
        let dropped = converted.dropped_by_capture;
        eprintln!(
            "pcaps: {}: {dropped} packets were lost by the capture",
            from.display()
        );
    }
    Ok(ExitCode::SUCCESS)
}
