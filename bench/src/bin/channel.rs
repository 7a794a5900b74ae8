//! The channel between two nodes: what TCP and TLS add to a Unix socket, and how often a living node is taken for dead.
#![forbid(unsafe_code)]

use clap::Parser;
use serde::Serialize;
use std::io;
use std::process::ExitCode;
use std::time::Duration;
use tcp_ha_bench::alarms::{self, Setting};
use tcp_ha_bench::lines::{Kind, Lines};
use tcp_ha_bench::round_trips::{self, Seats};
use tcp_ha_bench::spread::Spread;

/// Round trips and bulk over each kind of channel, in turn, in one run; with --watch, false alarms by setting and load.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Octets of a batch; its acknowledgement has 60.
    #[arg(long, value_delimiter = ',', default_value = "200,2000,20000")]
    octets: Vec<usize>,
    /// Round trips of each kind in a round.
    #[arg(long, default_value_t = 5_000)]
    trips: usize,
    /// Octets of bulk of each kind in a round.
    #[arg(long, default_value_t = 256 << 20)]
    bulk: usize,
    /// Rounds; the kinds take turns in each.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of heartbeats for each setting and load; none are watched without it.
    #[arg(long, default_value_t = 0)]
    watch: u64,
    /// Settings to watch: misses x milliseconds.
    #[arg(long, value_delimiter = ',', default_value = "3x5,5x5,3x10,3x20,5x20")]
    settings: Vec<Setting>,
    /// Loads to watch under: busy threads.
    #[arg(long, value_delimiter = ',', default_value = "0,2,8")]
    loads: Vec<usize>,
    /// Prints JSON rather than tables.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct TripRow {
    octets: usize,
    kind: Kind,
    median_us: Spread,
    p99_us: Spread,
    ratio_of_medians: f64,
}

#[derive(Serialize)]
struct BulkRow {
    kind: Kind,
    megabytes_a_second: Spread,
    ratio_of_medians: f64,
}

#[derive(Default, Serialize)]
struct Report {
    trips: Vec<TripRow>,
    bulk: Vec<BulkRow>,
    alarms: Vec<alarms::Row>,
}

fn main() -> ExitCode {
    match measure(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("channel: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> io::Result<()> {
    let lines = Lines::new()?;
    let mut report = Report::default();
    if arguments.rounds > 0 {
        for &octets in &arguments.octets {
            report.trips.extend(trips(&lines, arguments, octets)?);
        }
        report.bulk = bulk(&lines, arguments)?;
    }
    if arguments.watch > 0 {
        let watch = Duration::from_secs(arguments.watch);
        for &busy in &arguments.loads {
            let rows = alarms::watch(&lines, &arguments.settings, busy, watch)?;
            report.alarms.extend(rows);
        }
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
    }
    Ok(())
}

fn trips(lines: &Lines, arguments: &Arguments, octets: usize) -> io::Result<Vec<TripRow>> {
    let mut seen = Kind::ALL.map(|_| (Vec::new(), Vec::new()));
    for _ in 0..arguments.rounds {
        for (kind, (medians, p99s)) in Kind::ALL.into_iter().zip(&mut seen) {
            let (median, p99) =
                round_trips::there_and_back(lines, kind, octets, arguments.trips, 0, Seats::Free)?;
            medians.push(median);
            p99s.push(p99);
        }
    }
    let spread = |figures: Vec<f64>| Spread::of(figures).ok_or(io::ErrorKind::InvalidInput);
    let mut rows: Vec<TripRow> = Vec::new();
    for (kind, (medians, p99s)) in Kind::ALL.into_iter().zip(seen) {
        let median_us = spread(medians)?;
        let first = rows.first().map_or(median_us, |row| row.median_us);
        rows.push(TripRow {
            octets,
            kind,
            median_us,
            p99_us: spread(p99s)?,
            ratio_of_medians: median_us.median / first.median,
        });
    }
    Ok(rows)
}

fn bulk(lines: &Lines, arguments: &Arguments) -> io::Result<Vec<BulkRow>> {
    let mut seen = Kind::ALL.map(|_| Vec::new());
    for _ in 0..arguments.rounds {
        for (kind, rates) in Kind::ALL.into_iter().zip(&mut seen) {
            rates.push(round_trips::bulk(lines, kind, arguments.bulk)?);
        }
    }
    let mut rows: Vec<BulkRow> = Vec::new();
    for (kind, rates) in Kind::ALL.into_iter().zip(seen) {
        let rate = Spread::of(rates).ok_or(io::ErrorKind::InvalidInput)?;
        let first = rows.first().map_or(rate, |row| row.megabytes_a_second);
        rows.push(BulkRow {
            kind,
            megabytes_a_second: rate,
            ratio_of_medians: rate.median / first.median,
        });
    }
    Ok(rows)
}

fn print(report: &Report) {
    if !report.trips.is_empty() {
        println!(
            "| batch, octets | channel | there and back, us: median | p99 | ratio of medians |"
        );
        println!("|---|---|---|---|---|");
    }
    for row in &report.trips {
        println!(
            "| {} | {} | {:.1} | {:.1} | {:.2} |",
            row.octets, row.kind, row.median_us.median, row.p99_us.median, row.ratio_of_medians
        );
    }
    if !report.bulk.is_empty() {
        println!("\n| channel | bulk, MB/s | ratio of medians |\n|---|---|---|");
    }
    for row in &report.bulk {
        let rate = row.megabytes_a_second.median;
        println!("| {} | {rate:.0} | {:.2} |", row.kind, row.ratio_of_medians);
    }
    if !report.alarms.is_empty() {
        println!(
            "\n| heartbeat | busy threads | false alarms an hour (seen) | longest silence, ms |"
        );
        println!("|---|---|---|---|");
    }
    for row in &report.alarms {
        println!(
            "| {} | {} | {:.0} ({}) | {:.1} |",
            row.setting, row.busy, row.an_hour, row.alarms, row.longest_silence_ms
        );
    }
}
