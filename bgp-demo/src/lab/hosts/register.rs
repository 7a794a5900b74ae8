//! The history of the register, as etcd keeps it: who had the right to speak, epoch by epoch.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Etcds, KEY};
use crate::lab::child::find;
use crate::lab::error::{At, LabError, Result};

/// The history is short: it is there by then.
const PATIENCE: Duration = Duration::from_secs(3);

/// Says how often the active changed, and in how many epochs.
///
/// # Errors
/// etcd does not tell.
pub(super) fn changes_of_active() -> Result<(u64, u64)> {
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
    let actives = actives(&text);
    if actives.is_empty() {
        return Err(LabError::new("the register's history is empty"));
    }
    let changes = actives.windows(2).filter(|two| two[0] != two[1]).count();
    Ok((changes as u64, actives.len() as u64))
}

/// The actives of all entries, in order.
fn actives(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("active "))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actives_are_read_in_their_order() {
        let text = "PUT\n/k\ntcp-ha register 1\nepoch 1\nactive aa\nstandby none\nchecksum 1\n\nPUT\n/k\ntcp-ha register 1\n\
                    epoch 2\nactive bb\nstandby aa\nchecksum 2\n\n";
        assert_eq!(actives(text), ["aa", "bb"]);
    }
}
