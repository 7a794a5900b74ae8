//! Peers that sign with another key: no session may come up, nobody may be answered, and the counters must say why.

use std::path::Path;
use std::time::{Duration, Instant};

use pcaps::packet::{Body, Packet};
use pcaps::reader::CaptureReader;
use pcaps::tcp::Flags;
use serde_json::Value;

use super::error::{At, Result};
use super::options::LabOptions;
use super::progress::Progress;
use super::stage::Stage;

/// Longer than the peers and the route processors wait between their attempts.
const WATCHED: Duration = Duration::from_secs(12);
/// How often the peers are asked meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Watches the peers try; gives what speaks against a pass.
///
/// # Errors
/// The laboratory itself failed.
pub(crate) fn watch(
    options: &LabOptions,
    directory: &Path,
    progress: &Progress,
) -> Result<Vec<String>> {
    let mut stage = Stage::raise(options, directory, progress)?;
    progress.say(&format!(
        "the peers sign with another key; watching for {} s",
        WATCHED.as_secs()
    ));
    let mut reasons = Vec::new();
    let deadline = Instant::now() + WATCHED;
    let mut document = Value::Null;
    while Instant::now() < deadline {
        super::interrupt::check()?;
        if let Some((active, _)) = stage.pair.look()? {
            document = stage.pair.slot(active).socket().document()?;
        }
        for (session, words) in stage.words()?.iter().enumerate() {
            if words.established {
                reasons.push(format!("session {session} came up: {}", words.line));
            }
        }
        if !reasons.is_empty() {
            break;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    let dropped = document["drops"]["segment: bad_signature"].as_u64();
    if dropped.unwrap_or(0) == 0 {
        reasons.push(format!(
            "no segment was dropped for its signature: {}",
            document["drops"]
        ));
    }
    let captured = stage.take_down()?;
    for tap in &captured.taps {
        for flag in ["RST", "SYN-ACK"] {
            let count = count(tap, |flags| match flag {
                "RST" => flags.has(Flags::RST),
                _ => flags.has(Flags::SYN) && flags.has(Flags::ACK),
            })?;
            if count > 0 {
                reasons.push(format!(
                    "{count} {flag} were sent to peers with another key"
                ));
            }
        }
    }
    progress.say(&format!(
        "{} segments were dropped for their signature",
        dropped.unwrap_or(0)
    ));
    Ok(reasons)
}

/// TCP segments of a capture whose control bits are as wanted.
fn count(file: &Path, wanted: impl Fn(Flags) -> bool) -> Result<usize> {
    let mut reader = CaptureReader::open(file).at(file.display())?;
    let mut count = 0;
    while let Some(record) = reader.next_record().at(file.display())? {
        let packet = Packet::parse(
            record.link_type,
            record.interface,
            record.captured,
            record.wire_len,
        );
        if let Ok(Body::Tcp(_, tcp)) = packet.map(|packet| packet.body)
            && wanted(tcp.flags)
        {
            count += 1;
        }
    }
    Ok(count)
}
