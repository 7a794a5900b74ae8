//! How a standby begins where there is nobody.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use active_rp::status::{Request, client};

const BOUND: Duration = Duration::from_secs(30);

struct Standby {
    child: Child,
    dir: PathBuf,
}

impl Standby {
    fn start() -> Self {
        let dir = std::env::temp_dir().join(format!("rp-standby-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_standby-rp"))
            .args([
                "--name",
                "rp2",
                "--device",
                "rp2",
                "--device-kind",
                "memory",
            ])
            .args(["--mac", "02:00:00:00:00:01", "--address", "10.0.0.1/24"])
            .args(["--as", "65001", "--router-id", "10.0.0.1", "--register"])
            .arg(dir.join("register"))
            .arg("--status")
            .arg(dir.join("rp2.sock"))
            .stdin(Stdio::null())
            .stderr(File::create(dir.join("log")).unwrap())
            .spawn()
            .unwrap();
        Self { child, dir }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap()
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

#[test]
fn a_standby_waits_for_an_active_to_appear_and_says_so() {
    let standby = Standby::start();
    let begun = Instant::now();
    let waits = || {
        let status = client::ask(&standby.dir.join("rp2.sock"), &Request::Status).ok()?;
        let status: serde_json::Value = serde_json::from_str(&status).ok()?;
        (status["role"] == "joining" && standby.log().contains("wait")).then_some(status)
    };
    let status = loop {
        if let Some(status) = waits() {
            break status;
        }
        assert!(begun.elapsed() < BOUND, "log:\n{}", standby.log());
        std::thread::yield_now();
    };
    assert_eq!(
        (&status["epoch"], &status["protected"]),
        (&0.into(), &false.into())
    );
    let entries = fs::read_dir(standby.dir.join("register")).unwrap();
    let epochs = entries.filter(|entry| {
        entry
            .as_ref()
            .unwrap()
            .file_name()
            .to_string_lossy()
            .bytes()
            .all(|octet| octet.is_ascii_digit())
    });
    assert_eq!(epochs.count(), 0, "it has taken nothing");
}
