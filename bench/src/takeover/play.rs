//! What the processes of a takeover do, and what they say.

use super::{client, node};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::PathBuf;

/// What flows on the sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Load {
    /// Nothing; with the cut each client sends one small message.
    Idle,
    /// Each client sends a message, waits for its echo, pauses, and begins again.
    Messages {
        /// Milliseconds of a pause.
        pause_ms: u64,
    },
    /// Each client writes as fast as it can.
    Bulk,
}

/// Who somebody is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// A node of the pair.
    Node {
        /// Its device, and its name.
        tap: String,
        /// Directory of the register.
        register: PathBuf,
        /// Whether it begins as standby where nobody speaks.
        stands_by: bool,
        /// Connections that there will be.
        sessions: usize,
        /// Whether it sends back what it reads.
        echoes: bool,
        /// Memory that it holds besides, in MiB, each page of it written.
        heap_mib: usize,
    },
    /// The kernel's client of all sessions.
    Client {
        /// How many.
        sessions: usize,
        /// What flows.
        load: Load,
    },
}

/// What somebody says of a takeover.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// Node: all connections are ready to be taken over.
    AllReady,
    /// Node: how it took over, by the machine's monotonic clock.
    TookOver {
        /// When it saw the first sign, microseconds.
        seen_us: u64,
        /// From there to the won epoch.
        claim_us: u64,
        /// From there until it could say the first word.
        built_us: u64,
        /// From the won epoch until all its first words were with the device.
        speak_us: u64,
        /// Connections taken over.
        taken: usize,
        /// Connections lost.
        left_behind: usize,
    },
    /// Client: each session has had an answer since the cut.
    Answered {
        /// Sessions that had.
        sessions: usize,
        /// Median of the times since the cut, milliseconds.
        p50_ms: f64,
        /// The longest.
        max_ms: f64,
    },
}

/// Plays a part to its end.
///
/// # Errors
/// Whatever comes between.
pub fn play(part: &Part) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match part {
        Part::Node { .. } => runtime.block_on(node::play(part)),
        Part::Client { sessions, load } => runtime.block_on(client::play(*sessions, *load)),
    }
}

/// Lines of the standard input, as they come.
pub(super) fn lines() -> tokio::sync::mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
