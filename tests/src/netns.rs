//! Network namespaces for tests: a switch with two TAPs for the pair, and a peer behind a veth. Needs root, and says so.

use ipc::register::{Entry, FileRegister, Register};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A switch namespace with a bridge and TAPs `rp0`, `rp1`, and a peer namespace with 10.99.0.2/24 on `eth0`.
///
/// Dropping it ends the processes that were started in it and removes the namespaces.
pub struct Lab {
    /// Namespace of the bridge and of the route processors.
    pub switch: String,
    /// Namespace of the peer.
    pub peer: String,
    /// A directory of its own.
    pub dir: PathBuf,
}

impl Lab {
    /// Builds it.
    ///
    /// # Panics
    /// When a command fails: no root, or no iproute2.
    pub fn new() -> Lab {
        let lab = Lab::with_offloads();
        for (namespace, device) in [(&lab.switch, "port"), (&lab.peer, "eth0")] {
            let off = [
                "-K", device, "tx", "off", "rx", "off", "tso", "off", "gso", "off", "gro", "off",
            ];
            let output = lab
                .command(namespace, "ethtool")
                .args(off)
                .output()
                .expect("ethtool: apt-get install ethtool");
            assert!(
                output.status.success(),
                "ethtool: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        lab
    }

    /// Builds it with the offloads of the peer's interface on: frames of many segments pass in both directions.
    ///
    /// # Panics
    /// When a command fails: no root, or no iproute2.
    pub fn with_offloads() -> Lab {
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let prefix = format!("tht{}-{number}", std::process::id());
        let lab = Lab {
            switch: format!("{prefix}s"),
            peer: format!("{prefix}p"),
            dir: PathBuf::from(format!("/run/{prefix}")),
        };
        std::fs::create_dir_all(lab.dir.join("register"))
            .expect("a directory under /run: run as root");
        let (switch, peer) = (&lab.switch, &lab.peer);
        ip(&format!("netns add {switch}"));
        ip(&format!("netns add {peer}"));
        for namespace in [switch, peer] {
            ip(&format!("-n {namespace} link set lo up"));
        }
        ip(&format!(
            "-n {switch} link add br0 address 02:00:00:00:0b:00 type bridge"
        ));
        ip(&format!("-n {switch} link set br0 up"));
        for (tap, mac) in [("rp0", "02:00:00:00:0a:00"), ("rp1", "02:00:00:00:0a:01")] {
            ip(&format!("-n {switch} tuntap add dev {tap} mode tap"));
            ip(&format!("-n {switch} link set {tap} address {mac}"));
            ip(&format!("-n {switch} link set {tap} master br0"));
            ip(&format!("-n {switch} link set {tap} up"));
        }
        ip(&format!(
            "link add eth0 netns {peer} type veth peer name port netns {switch}"
        ));
        ip(&format!("-n {switch} link set port master br0"));
        ip(&format!("-n {switch} link set port up"));
        ip(&format!("-n {peer} addr add 10.99.0.2/24 dev eth0"));
        ip(&format!("-n {peer} link set eth0 up"));
        lab
    }

    /// A command in a namespace.
    pub fn command(&self, namespace: &str, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).arg(program);
        command.stdin(Stdio::null());
        command
    }

    /// Directory of the register.
    pub fn register(&self) -> PathBuf {
        self.dir.join("register")
    }

    /// Starts `program` on the TAP `tap` with the arguments of the echo server; what it says goes to a file beside the register.
    pub fn node(&self, program: &Path, tap: &str, number: u32) -> Process {
        let log =
            std::fs::File::create(self.dir.join(format!("node{number}.log"))).expect("a log file");
        let mut command = self.command(&self.switch, program);
        command.arg(self.register()).arg(tap).arg("10.99.0.1/24");
        command
            .env("NO_COLOR", "1")
            .stderr(log.try_clone().expect("a second handle"))
            .stdout(log);
        Process(command.spawn().expect("the node starts"))
    }

    /// The newest entry of the register.
    ///
    /// # Panics
    /// When the register cannot be read.
    pub fn entry(&self) -> Option<Entry> {
        let register = FileRegister::open(self.register()).expect("a register");
        register.read().expect("a readable register")
    }

    /// Whether the register names a standby now.
    pub fn paired(&self) -> bool {
        self.entry().is_some_and(|entry| entry.standby.is_some())
    }

    /// What node `number` said so far.
    pub fn said(&self, number: u32) -> String {
        std::fs::read_to_string(self.dir.join(format!("node{number}.log"))).unwrap_or_default()
    }
}

impl Default for Lab {
    fn default() -> Self {
        Lab::new()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for namespace in [&self.switch, &self.peer] {
            let listed = Command::new("ip")
                .args(["netns", "pids", namespace])
                .output();
            for pid in listed
                .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
                .unwrap_or_default()
                .lines()
            {
                let _ = Command::new("kill").args(["-9", pid]).output();
            }
            let _ = Command::new("ip")
                .args(["netns", "del", namespace])
                .output();
        }
        if std::thread::panicking() {
            eprintln!("kept for a look: {}", self.dir.display());
        } else {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

/// A child that is killed when dropped.
pub struct Process(pub Child);

impl Process {
    /// Sends a signal, by name.
    pub fn signal(&self, name: &str) {
        let output = Command::new("kill")
            .args(["-s", name, &self.0.id().to_string()])
            .output()
            .expect("kill");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ip(arguments: &str) -> Output {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output();
    let output = output.expect("ip: apt-get install iproute2");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "ip {arguments}: {error}(these tests need root)"
    );
    output
}

/// Waits until `done`, looking every few milliseconds.
///
/// # Panics
/// When it takes longer than `seconds`.
pub fn wait_for(what: &str, seconds: u64, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(seconds);
    while !done() {
        assert!(Instant::now() < end, "no {what} within {seconds} s");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A program that Cargo built beside this test: `examples/echo`, `active-rp` and so on.
///
/// # Panics
/// When it was not built.
pub fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a path of this test");
    let target = test
        .parent()
        .and_then(Path::parent)
        .expect("a target directory");
    let program = target.join(name);
    assert!(
        program.exists(),
        "{} is missing: cargo build --workspace --all-targets",
        program.display()
    );
    program
}
