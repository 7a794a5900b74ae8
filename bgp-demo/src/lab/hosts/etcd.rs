//! Three members of etcd, killed, stopped and started again.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use super::links::{Links, MEMBERS};
use crate::lab::child::{self, Child, find, wait_until};
use crate::lab::error::Result;
use crate::lab::sandbox::RUN;

/// How long etcd may take to answer again.
const PATIENCE: Duration = Duration::from_secs(30);
const CLIENT_PORT: u16 = 2379;
const PEER_PORT: u16 = 2380;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Etcds {
    members: [Option<Child>; 3],
    logs: PathBuf,
}

fn url(member: usize, port: u16) -> String {
    format!("http://{}:{port}", Links::member_address(member))
}

impl Etcds {
    /// Where the members listen for clients.
    pub(super) fn urls() -> [String; 3] {
        [0, 1, 2].map(|member| url(member, CLIENT_PORT))
    }

    /// Starts all; returns when they answer.
    pub(super) fn start(run: &Path) -> Result<Self> {
        let mut etcds = Self {
            members: [None, None, None],
            logs: run.to_owned(),
        };
        etcds.start_missing()?;
        etcds.wait_until_all_answer()?;
        Ok(etcds)
    }

    fn spawn(&self, member: usize) -> Result<Child> {
        let namespace = MEMBERS[member];
        let peers: Vec<String> = (0..MEMBERS.len())
            .map(|peer| format!("{}={}", MEMBERS[peer], url(peer, PEER_PORT)))
            .collect();
        let mut command = Command::new(find("ip")?);
        command
            .args(["netns", "exec", namespace])
            .arg(find("etcd")?)
            .args(["--name", namespace])
            .arg("--data-dir")
            .arg(Path::new(RUN).join(namespace))
            .args(["--listen-client-urls", &url(member, CLIENT_PORT)])
            .args(["--advertise-client-urls", &url(member, CLIENT_PORT)])
            .args(["--listen-peer-urls", &url(member, PEER_PORT)])
            .args(["--initial-advertise-peer-urls", &url(member, PEER_PORT)])
            .args(["--initial-cluster", &peers.join(",")])
            .args(["--heartbeat-interval", "50", "--election-timeout", "500"]);
        let log = self.logs.join(format!("etcd-{namespace}.log"));
        Child::spawn(&format!("etcd in {namespace}"), &mut command, &log)
    }

    /// Kills a member.
    pub(crate) fn kill(&mut self, member: usize) {
        if let Some(mut child) = self.members[member].take() {
            child.kill();
        }
    }

    /// Kills all.
    pub(crate) fn kill_all(&mut self) {
        for child in self.members.iter_mut().flatten() {
            child.signal(Signal::KILL);
        }
        for member in 0..MEMBERS.len() {
            self.kill(member);
        }
    }

    /// Sends all a signal.
    pub(crate) fn signal_all(&mut self, signal: Signal) {
        for child in self.members.iter_mut().flatten() {
            child.signal(signal);
        }
    }

    /// Starts those that do not run, with their data.
    pub(crate) fn start_missing(&mut self) -> Result<()> {
        for member in 0..MEMBERS.len() {
            if self.members[member].is_none() {
                self.members[member] = Some(self.spawn(member)?);
            }
        }
        Ok(())
    }

    /// Waits until every member takes part.
    ///
    /// # Errors
    /// One has ended, or they do not come to an agreement.
    pub(crate) fn wait_until_all_answer(&mut self) -> Result<()> {
        wait_until("etcd", PATIENCE, || {
            for child in self.members.iter_mut().flatten() {
                child.must_run()?;
            }
            let answers = |url: &String| ctl(url, &["get", "/"]).is_ok();
            Ok(Self::urls().iter().all(answers).then_some(()))
        })
    }

    /// Which member leads.
    ///
    /// # Errors
    /// None does.
    pub(crate) fn leader(&self) -> Result<usize> {
        wait_until("a leader of etcd", PATIENCE, || {
            let leads = |url: &String| ctl(url, &["endpoint", "status"]).is_ok_and(|it| leads(&it));
            Ok(Self::urls().iter().position(leads))
        })
    }
}

/// Whether a line of `etcdctl endpoint status` tells of a leader.
fn leads(line: &str) -> bool {
    // Endpoint, id, version, size, leader, learner, term, index, applied, errors.
    line.split(", ").nth(4) == Some("true")
}

/// Asks one member with `etcdctl`, from the first host's management side.
pub(super) fn ctl(url: &str, arguments: &[&str]) -> Result<String> {
    let fixed = [
        "netns",
        "exec",
        "e0",
        "env",
        "ETCDCTL_API=3",
        "etcdctl",
        "--dial-timeout",
        "1s",
        "--command-timeout",
        "1s",
        "--endpoints",
        url,
    ];
    child::run("ip", &[&fixed[..], arguments].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leader_is_read_from_etcdctls_line() {
        let line = |leader| {
            format!(
                "http://10.98.0.21:2379, 8e9e05c52164694d, 3.4.23, 20 kB, {leader}, false, 2, 4, 4, \n"
            )
        };
        assert!(leads(&line("true")));
        assert!(!leads(&line("false")));
        assert!(!leads(""));
    }
}
