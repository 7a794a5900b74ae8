//! False alarms: heartbeats of a living node over the channel between hosts, judged as a standby judges them, on a loaded host.

use crate::lines::{Kind, Lines, wait};
use core::fmt;
use core::str::FromStr;
use serde::Serialize;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tcp_ha::ipc::Detector;
use tcp_ha::ipc::heartbeat::Verdict;
use tcp_ha::ipc::transport::Transport;

/// Octets of a heartbeat with its header.
const HEARTBEAT_OCTETS: usize = 80;
/// Nice value of a node's thread.
const NODE_PRIORITY: i32 = -15;

/// A setting of the heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Heartbeats missed until the other node counts as dead.
    pub misses: u32,
    /// Milliseconds between two.
    pub heartbeat_ms: u64,
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text}: give misses x milliseconds, as in 3x20");
        let (misses, heartbeat_ms) = text.split_once('x').ok_or_else(wrong)?;
        let setting = Setting {
            misses: misses.parse().map_err(|_| wrong())?,
            heartbeat_ms: heartbeat_ms.parse().map_err(|_| wrong())?,
        };
        let counts = setting.misses > 0 && setting.heartbeat_ms > 0;
        counts.then_some(setting).ok_or_else(wrong)
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {} ms", self.misses, self.heartbeat_ms)
    }
}

/// What was seen of one setting under one load.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Row {
    /// The setting.
    pub setting: Setting,
    /// Threads that did nothing but keep a processor busy.
    pub busy: usize,
    /// Times that the living node was taken for dead.
    pub alarms: u32,
    /// The same for an hour.
    pub an_hour: f64,
    /// The longest time between two heartbeats that came, in milliseconds.
    pub longest_silence_ms: f64,
}

/// Watches all settings for so long, side by side, so that each lives through the same.
///
/// # Errors
/// The channel's.
pub fn watch(
    lines: &Lines,
    settings: &[Setting],
    busy: usize,
    watch: Duration,
) -> io::Result<Vec<Row>> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut load = Vec::new();
    for _ in 0..busy {
        let stop = Arc::clone(&stop);
        load.push(thread::spawn(move || keep_busy(&stop)));
    }
    let mut judges = Vec::new();
    for &setting in settings {
        let (active, standby) = lines.open(Kind::Tls)?;
        let beating = Arc::clone(&stop);
        load.push(thread::spawn(move || beat(active, setting, &beating)));
        judges.push((
            setting,
            thread::spawn(move || judge(standby, setting, watch)),
        ));
    }
    let seen: Vec<_> = judges
        .into_iter()
        .map(|(setting, judge)| (setting, judge.join()))
        .collect();
    stop.store(true, Ordering::Relaxed);
    for thread in load {
        let _ = thread.join();
    }
    let row = |(setting, judged): (Setting, thread::Result<io::Result<(u32, Duration)>>)| {
        let (alarms, longest) = judged.map_err(|_| io::Error::other("the judge failed"))??;
        Ok(Row {
            setting,
            busy,
            alarms,
            an_hour: f64::from(alarms) * 3600.0 / watch.as_secs_f64(),
            longest_silence_ms: longest.as_secs_f64() * 1e3,
        })
    };
    seen.into_iter().map(row).collect()
}

fn keep_busy(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        core::hint::spin_loop();
    }
}

/// Where it is not permitted, the figures are those of an ordinary thread.
fn as_a_node() {
    let _ = rustix::process::setpriority_process(None, NODE_PRIORITY);
}

fn beat(mut line: Box<dyn Transport>, setting: Setting, stop: &AtomicBool) {
    as_a_node();
    let interval = Duration::from_millis(setting.heartbeat_ms);
    let mut next = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        if line.write(&[4; HEARTBEAT_OCTETS]).is_err() {
            return;
        }
        next = (next + interval).max(Instant::now());
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

fn judge(
    mut line: Box<dyn Transport>,
    setting: Setting,
    watch: Duration,
) -> io::Result<(u32, Duration)> {
    as_a_node();
    let begun = Instant::now();
    let now_us = || begun.elapsed().as_micros() as u64;
    let fresh = |now_us| Detector::new(setting.heartbeat_ms * 1_000, setting.misses, now_us);
    let (mut detector, mut alarms) = (fresh(0), 0);
    let (mut heard, mut longest) = (begun, Duration::ZERO);
    let mut buffer = [0; 4096];
    while begun.elapsed() < watch {
        match line.read(&mut buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => {
                detector.heard(now_us());
                longest = longest.max(heard.elapsed());
                heard = Instant::now();
                continue;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if detector.checked(now_us()) == Verdict::Dead {
            alarms += 1;
            detector = fresh(now_us());
        }
        let until = detector.next_check_us().saturating_sub(now_us());
        wait(line.as_ref(), false, until.max(1))?;
    }
    Ok((alarms, longest))
}
