//! Two processes that talk over TCP with TLS, as on two hosts: killed, hung, and with certificates that are renewed.

mod support;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Dir, Rp};

/// Where the two nodes listen.
struct Hosts {
    dir: Dir,
    ports: [u16; 2],
}

impl Hosts {
    fn new() -> Self {
        // Held both at once, so that they differ.
        let held = [(); 2].map(|()| TcpListener::bind(("127.0.0.1", 0)).unwrap());
        let ports = held.map(|listener| listener.local_addr().unwrap().port());
        let dir = Dir::new();
        let hosts = Self { dir, ports };
        hosts.certificates("first", &[]);
        hosts
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Makes certificates in a directory of this name.
    fn certificates(&self, name: &str, more: &[&Path]) {
        let output = Command::new(env!("CARGO_BIN_EXE_active-rp"))
            .args(["certificates", "--pair", "lab", "--hosts", "rp1,rp2"])
            .arg("--directory")
            .arg(self.path(name))
            .args(more)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// Starts `rp1` or `rp2` with the certificates of this directory.
    fn start(&self, name: &str, certificates: &str) -> Rp {
        let at = usize::from(name == "rp2");
        let file = |file: &str| self.path(certificates).join(file).display().to_string();
        let address = |at: usize| format!("127.0.0.1:{}", self.ports[at]);
        let words = [
            ("--ipc-listen", address(at)),
            ("--ipc-connect", address(1 - at)),
            ("--ipc-certificate", file(&format!("{name}.crt"))),
            ("--ipc-key", file(&format!("{name}.key"))),
            ("--ipc-ca", self.path("first/ca.crt").display().to_string()),
            ("--ipc-pair", "lab".to_owned()),
        ];
        let words: Vec<&str> = words
            .iter()
            .flat_map(|(flag, value)| [*flag, value.as_str()])
            .collect();
        Rp::start_with(&self.dir, name, &words)
    }
}

#[test]
fn a_killed_active_on_another_host_is_taken_over_and_joins_again() {
    let hosts = Hosts::new();
    let mut active = hosts.start("rp1", "first");
    active.wait_for("active", |status| status["role"] == "active");
    let names = ["rp1", "rp2"];
    for turn in 0..4 {
        let standby = hosts.start(names[(turn + 1) % 2], "first");
        let before = active.wait_for("protection", |status| status["protected"] == true);
        assert_eq!(before["channel"]["kind"], "tls");
        standby.wait_for("protection", |status| status["protected"] == true);
        active.kill();
        let after = standby.wait_for("takeover", |status| status["role"] == "active");
        assert!(
            after["epoch"].as_u64() > before["epoch"].as_u64(),
            "{after}"
        );
        // The kernel of a host that lives closes the channel; no robust mutex is asked.
        assert_eq!(after["takeovers"][0]["sign"], "channel", "{after}");
        active = standby;
    }
}

#[test]
fn a_hung_active_on_another_host_is_noticed_by_its_silence_and_fenced_when_it_wakes() {
    let hosts = Hosts::new();
    let mut active = hosts.start("rp1", "first");
    active.wait_for("active", |status| status["role"] == "active");
    let standby = hosts.start("rp2", "first");
    standby.wait_for("protection", |status| status["protected"] == true);
    active.signal("STOP");
    let after = standby.wait_for("takeover", |status| status["role"] == "active");
    assert_eq!(after["takeovers"][0]["sign"], "silence", "{after}");
    active.signal("CONT");
    assert_eq!(active.exit_code(), Some(75), "{}", active.stderr());
    let again = hosts.start("rp1", "first");
    again.wait_for("protection", |status| status["protected"] == true);
}

#[test]
fn certificates_are_renewed_without_losing_the_pair() {
    let hosts = Hosts::new();
    let mut first = hosts.start("rp1", "first");
    first.wait_for("active", |status| status["role"] == "active");
    let mut second = hosts.start("rp2", "first");
    first.wait_for("protection", |status| status["protected"] == true);
    hosts.certificates("second", &[Path::new("--authority"), &hosts.path("first")]);
    // The standby first; then the other, which is one by then.
    second.terminate();
    assert_eq!(second.exit_code(), Some(0));
    let second = hosts.start("rp2", "second");
    second.wait_for("protection", |status| status["protected"] == true);
    assert_eq!(first.ask(&["switchover"]).unwrap()["switchover"], "done");
    assert_eq!(first.exit_code(), Some(75));
    let first = hosts.start("rp1", "second");
    let pair = second.wait_for("protection", |status| status["protected"] == true);
    assert_eq!(pair["role"], "active");
    assert_eq!(pair["takeovers"][0]["kind"], "hand-over", "{pair}");
    first.wait_for("protection", |status| status["protected"] == true);
}

#[test]
fn a_certificate_that_ends_soon_is_warned_of() {
    let hosts = Hosts::new();
    hosts.certificates(
        "short",
        &[
            Path::new("--days"),
            Path::new("20"),
            Path::new("--authority"),
            &hosts.path("first"),
        ],
    );
    let node = hosts.start("rp1", "short");
    let status = node.wait_for("active", |status| status["role"] == "active");
    let warning = status["channel"]["warning"].as_str().unwrap();
    assert!(
        warning.contains("expires on 20") && warning.contains("renew"),
        "{status}"
    );
    assert!(status["channel"]["certificate_days_left"].as_i64() < Some(21));
    assert!(
        node.stderr().contains("the certificate expires on"),
        "{}",
        node.stderr()
    );
}
