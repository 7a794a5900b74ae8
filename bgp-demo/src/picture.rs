//! `bgp-demo picture`: a failover as a picture, from the lab's capture and report: time to the right, sequence numbers upwards.

mod draw;
mod panel;
mod scale;
mod svg;
mod trace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

/// What is drawn.
#[derive(Debug, Args)]
pub(crate) struct PictureOptions {
    /// Capture of the peers' wire (pcap or pcapng), as of `lab --capture`.
    #[arg(long, value_name = "FILE")]
    capture: PathBuf,
    /// The run's report, as of `lab --report`: it says when the cut was.
    #[arg(long, value_name = "FILE")]
    report: PathBuf,
    /// Which failover of the run, the first being 1.
    #[arg(long, default_value_t = 1)]
    failover: usize,
    /// The picture (SVG).
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Milliseconds that are shown before the cut.
    #[arg(long, default_value_t = 400)]
    before_ms: u32,
    /// Milliseconds that are shown after it.
    #[arg(long, default_value_t = 1300)]
    after_ms: u32,
}

/// What the report says of the failover; times in milliseconds since the cut.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failover {
    /// The cut, nanoseconds since the Unix epoch.
    pub(crate) cut_ns: u64,
    /// How the active was cut.
    pub(crate) kind: String,
    /// The survivor's first segment.
    pub(crate) first_ms: f64,
    /// The same of the session that came last.
    pub(crate) last_ms: f64,
    /// When a new standby had everything.
    pub(crate) protected_ms: Option<f64>,
}

/// Draws.
pub(crate) fn picture(options: &PictureOptions) -> ExitCode {
    match drawn(options) {
        Ok(octets) => {
            println!("{}: {octets} octets", options.output.display());
            ExitCode::SUCCESS
        }
        Err(what) => {
            eprintln!("bgp-demo picture: {what}");
            ExitCode::FAILURE
        }
    }
}

fn drawn(options: &PictureOptions) -> Result<usize, String> {
    let at = |path: &PathBuf, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let report = &options.report;
    let text = std::fs::read_to_string(report).map_err(|error| at(report, &error))?;
    let value: Value = serde_json::from_str(&text).map_err(|error| at(report, &error))?;
    let failover = read(&value, options.failover).map_err(|error| at(report, &error))?;
    let window = trace::Window {
        before_ns: u64::from(options.before_ms) * 1_000_000,
        after_ns: u64::from(options.after_ms) * 1_000_000,
    };
    let capture = &options.capture;
    let trace = trace::read(capture, &failover, window).map_err(|error| at(capture, &error))?;
    if trace.sessions.is_empty() {
        let what = "no segment of a BGP session within the window: is it of the same run?";
        return Err(at(capture, &what));
    }
    let text = draw::draw(&trace, &failover, window);
    std::fs::write(&options.output, &text).map_err(|error| at(&options.output, &error))?;
    Ok(text.len())
}

fn read(report: &Value, number: usize) -> Result<Failover, String> {
    let failover = number
        .checked_sub(1)
        .and_then(|index| report["failovers"].get(index))
        .ok_or_else(|| format!("it has no failover {number}"))?;
    let time = |name: &str| failover[name].as_f64();
    let told = |name: &str| time(name).ok_or_else(|| format!("failover {number} has no {name}"));
    let cut_ns = failover["cut_unix_ns"].as_u64();
    Ok(Failover {
        cut_ns: cut_ns.ok_or_else(|| format!("failover {number} has no cut_unix_ns"))?,
        kind: failover["kind"].as_str().unwrap_or("cut").to_owned(),
        first_ms: told("first_segment_ms")?,
        last_ms: told("last_session_ms")?,
        protected_ms: time("protected_again_ms"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_report_tells_when_the_cut_was() {
        let report = json!({"failovers": [{"cut_unix_ns": 7, "kind": "kill", "first_segment_ms": 0.9,
            "last_session_ms": 2.5, "protected_again_ms": 80.0}]});
        let failover = read(&report, 1).unwrap();
        assert_eq!((failover.cut_ns, failover.first_ms), (7, 0.9));
        assert_eq!(read(&report, 2).unwrap_err(), "it has no failover 2");
        assert_eq!(read(&report, 0).unwrap_err(), "it has no failover 0");
    }

    #[test]
    fn a_report_without_the_moment_is_refused_by_name() {
        let report = json!({"failovers": [{"kind": "kill"}]});
        let refusal = read(&report, 1).unwrap_err();
        assert!(refusal.contains("cut_unix_ns"), "{refusal}");
    }
}
