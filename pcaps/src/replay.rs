//! Puts the engine in the place of either end of each flow of a capture, and compares what the capture proves.
//!
//! The engine gets the role, the sequence numbers and the options of the end that it replaces. It hears the other end's
//! segments at the moments of the capture; its user writes what the end sent when the end sent it, and reads as the end's
//! window tells. What the engine says goes nowhere: the capture is the network's truth. At every packet a checkpoint must
//! make an equal twin, and twins go on alone to the end of the capture as survivors of a takeover.

mod collect;
mod compose;
mod course;
mod model;
mod ranges;
mod record;
mod report;
mod signature;
mod subject;
mod text;
mod trace;
mod words;

pub use report::{Difference, EndReplay, FlowReplay, Proof, ReplayReport, Signatures};

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use crate::capture::check_capture;
use crate::check::{CheckConfig, Report, Verdict};
use crate::flow::Direction;
use crate::reader::{CaptureReader, ReadError};
use collect::Collector;
use course::Course;
use record::Record;
use tcp_ha_engine::auth::Secret;
use trace::Trace;

/// What is replayed, and how much of it is kept.
#[derive(Clone, Debug)]
pub struct ReplayConfig {
    /// TCP ports that are looked at, at either end; empty: all.
    pub ports: Vec<u16>,
    /// Interfaces that are looked at; empty: all.
    pub interfaces: Vec<u32>,
    /// The key with which MD5 signatures are verified (RFC 2385).
    pub md5_key: Option<Secret>,
    /// Octets of segments that are kept; what goes beyond is not replayed.
    pub octets_max: usize,
    /// Segments that the twins of one end may hear in all; with more, not every twin goes on alone.
    pub twin_segments_max: u64,
    /// Differences told in full; further ones are counted.
    pub differences_max: usize,
}

impl Default for ReplayConfig {
    fn default() -> Self {
        ReplayConfig {
            ports: Vec::new(),
            interfaces: Vec::new(),
            md5_key: None,
            octets_max: 512 << 20,
            twin_segments_max: 200_000,
            differences_max: 100,
        }
    }
}

/// Replays a file.
///
/// # Errors
/// It cannot be read, or is damaged.
pub fn replay_file(path: &Path, config: &ReplayConfig) -> Result<ReplayReport, ReadError> {
    let reader = CaptureReader::open(path)?;
    replay_capture(reader, config).map_err(|error| error.in_file(path))
}

/// Replays what `reader` reads.
///
/// # Errors
/// It cannot be read, or is damaged.
pub fn replay_capture<R: Read>(
    reader: CaptureReader<R>,
    config: &ReplayConfig,
) -> Result<ReplayReport, ReadError> {
    let check = CheckConfig {
        ports: config.ports.clone(),
        interfaces: config.interfaces.clone(),
        ..CheckConfig::default()
    };
    let collector = Collector::new(config.octets_max);
    let (checked, collector) = check_capture(reader, check, collector)?;
    Ok(replay(&checked, collector, config))
}

fn replay(checked: &Report, collector: Collector, config: &ReplayConfig) -> ReplayReport {
    let mut report = ReplayReport {
        verdict: Verdict::Pass,
        unjudged: unjudged(checked, &collector),
        different: BTreeMap::new(),
        differences: Vec::new(),
        packets: checked.capture.packets,
        signatures: config.md5_key.as_ref().map(|_| Signatures::default()),
        flows: Vec::new(),
    };
    for mut trace in collector.into_traces() {
        let mut records = [Direction::FromClient, Direction::FromServer].map(|own| {
            let room = config.differences_max;
            let mut record = Record::new(trace.end(own).socket, room);
            verify_signatures(&mut trace, own, config, &mut record, &mut report);
            record
        });
        let [client, server] = &mut records;
        replay_end(&trace, Direction::FromClient, config, client);
        replay_end(&trace, Direction::FromServer, config, server);
        let [client, server] = records.map(|record| settle(record, config, &mut report));
        report.flows.push(FlowReplay {
            id: trace.id,
            ends: trace.ends,
            client,
            server,
        });
    }
    let ends = report
        .flows
        .iter()
        .flat_map(|flow| [&flow.client, &flow.server]);
    let worst = ends.filter_map(|end| end.verdict).max();
    let complete = match (worst, report.unjudged.is_empty()) {
        (Some(_), true) => Verdict::Pass,
        _ => Verdict::Inconclusive,
    };
    report.verdict = worst.unwrap_or(Verdict::Inconclusive).max(complete);
    report
}

/// What the capture as a whole lacks.
fn unjudged(checked: &Report, collector: &Collector) -> Vec<String> {
    let counts = &checked.capture;
    let mut lines = Vec::new();
    for (reason, count) in &counts.skipped {
        lines.push(format!("{count} packet(s): {reason}"));
    }
    if counts.untracked > 0 {
        lines.push(format!("{} segment(s) of too many flows", counts.untracked));
    }
    if counts.dropped_by_capture > 0 {
        let dropped = counts.dropped_by_capture;
        lines.push(format!("{dropped} packet(s) were lost by the capture"));
    }
    if counts.truncated {
        lines.push("the file ends within a packet".to_owned());
    }
    if collector.left_out > 0 {
        let left_out = collector.left_out;
        lines.push(format!(
            "{left_out} segment(s) at the end: the capture is too large"
        ));
    }
    lines
}

/// Why there is nothing to put the engine in the place of.
fn nothing_to_replace(trace: &Trace, own: Direction) -> Option<&'static str> {
    use crate::tcp::Flags;
    let speaks = |direction: Direction| {
        trace
            .heard
            .iter()
            .any(|heard| heard.direction == direction && !heard.flags.has(Flags::RST))
    };
    if trace.end(own).segments == 0 {
        Some("nothing that this end sent was captured")
    } else if !speaks(own) {
        Some("this end only sent RSTs")
    } else if trace.end(own.reverse()).segments == 0 {
        Some("nothing that the other end sent was captured")
    } else {
        None
    }
}

/// Verifies what an end signed, where there is a key.
fn verify_signatures(
    trace: &mut Trace,
    own: Direction,
    config: &ReplayConfig,
    record: &mut Record,
    report: &mut ReplayReport,
) {
    match (&config.md5_key, &mut report.signatures) {
        (Some(key), Some(signatures)) => {
            signatures.add(signature::verify(trace, own, key, record));
        }
        _ => {
            let signed = |heard: &&trace::Heard| heard.options.md5 && heard.direction == own;
            let count = trace.heard.iter().filter(signed).count() as u64;
            if count > 0 {
                record.lacks("MD5 signatures, since there is no key", count);
            }
        }
    }
}

fn replay_end(trace: &Trace, own: Direction, config: &ReplayConfig, record: &mut Record) {
    if let Some(reason) = nothing_to_replace(trace, own) {
        record.never(reason);
        return;
    }
    match Course::open(trace, own) {
        Ok((course, next)) => {
            let other_speaks = nothing_to_replace(trace, own.reverse()).is_none();
            if trace.shift(own).is_none() && other_speaks {
                record.lacks(
                    "windows: the capture lacks a SYN and with it their scale",
                    1,
                );
            }
            follow(trace, course, next, config, record);
        }
        Err(reason) => record.never(&format!("the engine cannot take its place: {reason}")),
    }
}

/// Adds the record of an end to the whole.
fn settle(mut record: Record, config: &ReplayConfig, report: &mut ReplayReport) -> EndReplay {
    for (&proof, &count) in &record.different {
        *report.different.entry(proof).or_default() += count;
    }
    let room = config
        .differences_max
        .saturating_sub(report.differences.len());
    record.differences.truncate(room);
    report.differences.append(&mut record.differences);
    record.finish()
}

/// The first engine to the end of the capture, with a twin at every packet.
fn follow<'t>(
    trace: &'t Trace,
    mut course: Course<'t>,
    next: usize,
    config: &ReplayConfig,
    record: &mut Record,
) {
    let segments = (trace.heard.len() - next) as u64;
    let steps = segments * segments / 2;
    let every = steps.div_ceil(config.twin_segments_max.max(1)).max(1);
    record.report.alone_every = every;
    for (index, heard) in trace.heard.iter().enumerate().skip(next) {
        course.step(heard, record);
        if course.is_over() {
            break;
        }
        if !course.is_live() {
            continue;
        }
        let twin = course.twin();
        course.compare_twin(&twin, record);
        let Ok(twin) = twin else { continue };
        record.report.twins += 1;
        if (index as u64).is_multiple_of(every) {
            record.report.twins_alone += 1;
            record.quiet = true;
            go_on_alone(trace, twin, index + 1, record);
            record.quiet = false;
        }
    }
    course.finish(record);
}

fn go_on_alone(trace: &Trace, mut twin: Course<'_>, next: usize, record: &mut Record) {
    twin.take_over(record);
    for heard in &trace.heard[next..] {
        twin.step(heard, record);
        if twin.is_over() {
            return;
        }
    }
    twin.finish(record);
}
