//! etcd on loopback, with its data in a directory that goes away.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, kill_process};

use super::eventually;

/// A port on which nobody listens.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// What a member shows and by what it judges, where it speaks TLS to clients; it asks them for certificates.
#[derive(Clone)]
pub(crate) struct ServerTls {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) trusted: PathBuf,
}

/// One member.
pub(crate) struct Etcd {
    client: u16,
    tls: Option<ServerTls>,
    arguments: Vec<String>,
    dir: PathBuf,
    child: Option<Child>,
}

impl Etcd {
    /// A cluster of one; returns when it answers.
    pub(crate) fn start() -> Self {
        Cluster::start(1).0.remove(0)
    }

    /// The same with TLS.
    pub(crate) fn start_with(tls: ServerTls) -> Self {
        Cluster::start_with(1, Some(&tls)).0.remove(0)
    }

    fn run(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.dir.join("log"))
            .unwrap();
        // Killed with the thread of the test, however that ends.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "etcd"])
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("setpriv (package util-linux) runs");
        self.child = Some(child);
    }

    fn wait_until_it_answers(&mut self) {
        eventually("etcd to answer", || {
            if let Some(status) = self.child.as_mut().unwrap().try_wait().unwrap() {
                let log = fs::read_to_string(self.dir.join("log")).unwrap();
                panic!("etcd ended, {status} (package etcd-server; scripts/packages): {log}");
            }
            self.ctl(&["get", "/"])
        });
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.client))
    }

    fn signal(&self, signal: Signal) {
        if let Some(child) = &self.child {
            kill_process(Pid::from_child(child), signal).unwrap();
        }
    }

    /// It hangs: none of its threads runs any more when this returns.
    pub(crate) fn stop(&self) {
        self.signal(Signal::STOP);
        let threads = format!("/proc/{}/task", self.child.as_ref().expect("it runs").id());
        let stands = |stat: String| {
            stat.rsplit_once(") ")
                .is_some_and(|(_, rest)| rest.starts_with('T'))
        };
        eventually("etcd to stop", || {
            let mut threads = std::fs::read_dir(&threads).unwrap();
            let stat =
                |thread: std::fs::DirEntry| std::fs::read_to_string(thread.path().join("stat"));
            threads
                .all(|thread| stat(thread.unwrap()).is_ok_and(stands))
                .then_some(())
        });
    }

    /// It goes on.
    pub(crate) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again with its data.
    pub(crate) fn restart_unasked(&mut self) {
        self.run();
    }

    /// The same; returns when it answers.
    pub(crate) fn restart(&mut self) {
        self.run();
        self.wait_until_it_answers();
    }

    /// What `etcdctl` says; `None` when it fails.
    pub(crate) fn ctl(&self, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new("etcdctl");
        command.env("ETCDCTL_API", "3").args([
            "--endpoints",
            &self.url(),
            "--command-timeout",
            "2s",
        ]);
        if let Some(tls) = &self.tls {
            // What the member shows may be wrong on purpose.
            command.args(["--insecure-transport=false", "--insecure-skip-tls-verify"]);
            command.arg("--cert").arg(&tls.certificate);
            command.arg("--key").arg(&tls.key);
        }
        let run = command
            .args(arguments)
            .output()
            .expect("etcdctl (package etcd-client; scripts/packages) runs");
        let text = String::from_utf8(run.stdout).unwrap();
        run.status.success().then_some(text)
    }

    pub(crate) fn put(&self, key: &str, value: &str) {
        self.ctl(&["put", key, "--", value]).expect("etcdctl put");
    }

    pub(crate) fn delete(&self, key: &str) {
        self.ctl(&["del", key]).expect("etcdctl del");
    }

    pub(crate) fn value(&self, key: &str) -> String {
        let text = self.ctl(&["get", "--print-value-only", key]);
        // It ends the value with a line of its own.
        let text = text.expect("etcdctl get");
        text.strip_suffix('\n').unwrap_or(&text).to_owned()
    }

    fn is_leader(&self) -> bool {
        let status = self.ctl(&["endpoint", "status", "--write-out", "fields"]);
        let status = status.unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.rsplit(' ').next().map(str::to_owned))
        };
        field("\"MemberID\"").is_some() && field("\"MemberID\"") == field("\"Leader\"")
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Several members.
pub(crate) struct Cluster(Vec<Etcd>);

impl Cluster {
    /// Returns when each of `members` answers.
    pub(crate) fn start(members: usize) -> Self {
        Self::start_with(members, None)
    }

    fn start_with(members: usize, tls: Option<&ServerTls>) -> Self {
        let ports: Vec<(u16, u16)> = (0..members).map(|_| (free_port(), free_port())).collect();
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let peers: Vec<String> = ports
            .iter()
            .enumerate()
            .map(|(at, (_, peer))| format!("m{at}={}", url(*peer)))
            .collect();
        // Unlike any other of this process, or of another.
        static CLUSTERS: AtomicU32 = AtomicU32::new(0);
        let number = CLUSTERS.fetch_add(1, Ordering::Relaxed);
        let token = format!("{}-{number}", std::process::id());
        let mut cluster = Self(Vec::new());
        for (at, (client, peer)) in ports.iter().enumerate() {
            let dir = std::env::temp_dir().join(format!("tcp-ha-etcd-{token}-{at}"));
            fs::create_dir(&dir).unwrap();
            let data = dir.join("data").display().to_string();
            let (name, peer_url) = (format!("m{at}"), url(*peer));
            let client_url = match tls {
                Some(_) => url(*client).replace("http:", "https:"),
                None => url(*client),
            };
            let arguments = [
                ("--name", name.as_str()),
                ("--data-dir", &data),
                ("--listen-client-urls", &client_url),
                ("--advertise-client-urls", &client_url),
                ("--listen-peer-urls", &peer_url),
                ("--initial-advertise-peer-urls", &peer_url),
                ("--initial-cluster", &peers.join(",")),
                ("--initial-cluster-token", &token),
            ];
            let arguments = arguments.iter().flat_map(|(name, value)| [*name, *value]);
            let mut arguments: Vec<String> = arguments.map(str::to_owned).collect();
            if let Some(tls) = tls {
                arguments.push("--client-cert-auth".to_owned());
                arguments.push(format!("--cert-file={}", tls.certificate.display()));
                arguments.push(format!("--key-file={}", tls.key.display()));
                arguments.push(format!("--trusted-ca-file={}", tls.trusted.display()));
            }
            let mut etcd = Etcd {
                client: *client,
                tls: tls.cloned(),
                arguments,
                dir,
                child: None,
            };
            etcd.run();
            cluster.0.push(etcd);
        }
        for etcd in &mut cluster.0 {
            etcd.wait_until_it_answers();
        }
        cluster
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.0.iter().map(Etcd::url).collect()
    }

    pub(crate) fn member(&mut self, at: usize) -> &mut Etcd {
        &mut self.0[at]
    }

    /// Which member leads; waits for an election.
    pub(crate) fn leader(&self) -> usize {
        eventually("a leader", || {
            let leads = |it: &Etcd| it.child.is_some() && it.is_leader();
            self.0.iter().position(leads)
        })
    }

    pub(crate) fn a_follower(&self) -> usize {
        (self.leader() + 1) % self.0.len()
    }
}
