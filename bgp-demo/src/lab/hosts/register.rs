//! The history of the register, as etcd keeps it: who had the right to speak, epoch by epoch.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::reigns::Reign;
use super::witness::Sights;
use super::{Etcds, KEY};
use crate::lab::child::find;
use crate::lab::error::{At, LabError, Result};

/// The history is short: it is there by then.
const PATIENCE: Duration = Duration::from_secs(3);

/// The history, with the host of each active and what was seen of the times.
#[derive(Debug)]
pub(crate) struct History {
    /// Entries.
    pub(super) epochs: u64,
    /// Epochs in a row of the same host.
    pub(super) reigns: Vec<Reign>,
}

impl History {
    /// Reads the history, while etcd still runs; `logs` are those of the hosts' route processors, which tell the names that they took.
    ///
    /// # Errors
    /// etcd does not tell, a log cannot be read, or an active is in none.
    pub(super) fn read(sights: &Sights, logs: [&Path; 2]) -> Result<Self> {
        let text = watch()?;
        let entries = entries(&text);
        if entries.is_empty() {
            return Err(LabError::new("the register's history is empty"));
        }
        let mut logged = [String::new(), String::new()];
        for (text, log) in logged.iter_mut().zip(logs) {
            *text = std::fs::read_to_string(log).at(log.display())?;
        }
        let names = [names(&logged[0]), names(&logged[1])];
        let mut reigns: Vec<Reign> = Vec::new();
        for (epoch, active) in &entries {
            let host = names.iter().position(|names| names.contains(active));
            let host = host.ok_or_else(|| {
                LabError::new(format!(
                    "epoch {epoch}: the active {active} is in the log of neither host (--log info tells the names)"
                ))
            })?;
            if reigns.last().is_none_or(|reign| reign.host != host) {
                let (epoch, began) = (*epoch, sights.began(*epoch));
                reigns.push(Reign { host, epoch, began });
            }
        }
        let epochs = entries.len() as u64;
        Ok(Self { epochs, reigns })
    }
}

/// All entries that the key ever had, as etcdctl writes them.
fn watch() -> Result<String> {
    let mut child = Command::new(find("timeout")?)
        .arg(PATIENCE.as_secs().to_string())
        .args([
            "ip",
            "netns",
            "exec",
            "e0",
            "env",
            "ETCDCTL_API=3",
            "etcdctl",
        ])
        .args(["--endpoints", &Etcds::urls()[0], "watch", "--rev=1", KEY])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .at("etcdctl watch")?;
    let mut text = String::new();
    if let Some(mut output) = child.stdout.take() {
        output.read_to_string(&mut text).at("etcdctl watch")?;
    }
    let _ = child.wait();
    Ok(text)
}

/// Epoch and active of all entries, in order.
fn entries(text: &str) -> Vec<(u64, &str)> {
    let mut epoch = 0;
    let mut entries = Vec::new();
    for line in text.lines() {
        if let Some(number) = line.strip_prefix("epoch ") {
            epoch = number.parse().unwrap_or(0);
        } else if let Some(active) = line.strip_prefix("active ") {
            entries.push((epoch, active));
        }
    }
    entries
}

/// The names that a log tells of.
fn names(log: &str) -> HashSet<&str> {
    let fields = log.split_ascii_whitespace();
    fields
        .filter_map(|field| field.strip_prefix("incarnation="))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_and_actives_are_read_in_their_order() {
        let text = "PUT\n/k\ntcp-ha register 1\nepoch 1\nactive aa\nstandby none\nchecksum 1\n\nPUT\n/k\ntcp-ha register 1\n\
                    epoch 2\nactive bb\nstandby aa\nchecksum 2\n\n";
        assert_eq!(entries(text), [(1, "aa"), (2, "bb")]);
    }

    #[test]
    fn a_log_tells_every_name_that_its_host_took() {
        let log = "12:00 INFO node starts name=\"rp0\" incarnation=aa\n12:01 INFO a new name incarnation=bb\n12:02 INFO active\n";
        assert_eq!(names(log), HashSet::from(["aa", "bb"]));
    }
}
