//! Nodes as processes, on devices in memory.
#![allow(dead_code)] // Each test takes what it needs.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

const BOUND: Duration = Duration::from_secs(30);
/// A node that is asked all the time has no processor left to do what is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(5);
const PROGRAM: &str = env!("CARGO_BIN_EXE_active-rp");

/// What both nodes share. A death is told by the kernel, and no test here is about a hang: no node may be taken for dead because
/// other tests have the processors.
const SHARED: &str = r#"
[node]
register = "register"
heartbeat_ms = 20
misses = 100
hold_limit_ms = 10000

[device]
kind = "memory"

[interface]
mac = "02:00:5e:00:01:01"
addresses = ["10.99.0.1/24", "fd99::1/64"]

[bgp]
as = 65001
router_id = "10.99.0.1"

[[bgp.peer]]
address = "10.99.0.2"
as = 65002
"#;

/// A directory of one test.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("rp-pair-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("rp.toml"), SHARED).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running node; killed when dropped.
pub(crate) struct Rp {
    child: Child,
    socket: PathBuf,
    log: PathBuf,
}

impl Rp {
    pub(crate) fn start(dir: &Dir, name: &str) -> Self {
        Self::start_with(dir, name, &[])
    }

    pub(crate) fn start_with(dir: &Dir, name: &str, more: &[&str]) -> Self {
        let socket = dir.0.join(format!("{name}.sock"));
        let log = dir.0.join(format!("{name}.log"));
        let child = Command::new(PROGRAM)
            .arg("--config")
            .arg(dir.0.join("rp.toml"))
            .args(["--name", name, "--device", name, "--status"])
            .arg(&socket)
            .args(more)
            .stdin(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { child, socket, log }
    }

    /// What `active-rp readiness` prints.
    pub(crate) fn readiness(&self) -> String {
        let output = Command::new(PROGRAM)
            .args(["readiness", "--socket"])
            .arg(&self.socket)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What `active-rp WORDS --socket ...` prints, or its error.
    pub(crate) fn ask(&self, words: &[&str]) -> Result<Value, String> {
        let output = Command::new(PROGRAM)
            .args(words)
            .arg("--socket")
            .arg(&self.socket)
            .output()
            .unwrap();
        if output.status.success() {
            Ok(serde_json::from_slice(&output.stdout).unwrap())
        } else {
            Err(String::from_utf8(output.stderr).unwrap())
        }
    }

    /// The status, by its socket: a process for each question would keep the nodes from their work.
    fn status(&self) -> Result<Value, String> {
        let text = || {
            let mut stream = UnixStream::connect(&self.socket)?;
            stream.set_read_timeout(Some(BOUND))?;
            stream.write_all(b"status\n")?;
            stream.shutdown(Shutdown::Write)?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok(text)
        };
        let text = text().map_err(|error: std::io::Error| error.to_string())?;
        serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))
    }

    /// The first status that satisfies `condition`.
    pub(crate) fn wait_for(&self, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        let mut last = Err("never asked".to_owned());
        while begun.elapsed() < BOUND {
            last = self.status();
            match &last {
                Ok(status) if condition(status) => return status.clone(),
                _ => std::thread::sleep(LOOK_EVERY),
            }
        }
        panic!(
            "waited {BOUND:?} for {what}; last {last:?}; log:\n{}",
            self.stderr()
        );
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal of this name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let signal = format!("-{name}");
        let status = Command::new("kill").args([&signal, &pid]).status();
        assert!(status.unwrap().success());
    }

    /// Waits for its end.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(
                begun.elapsed() < BOUND,
                "does not end; log:\n{}",
                self.stderr()
            );
            std::thread::sleep(LOOK_EVERY);
        }
    }

    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Rp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
