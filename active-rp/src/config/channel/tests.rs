use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use clap::Parser;
use core::time::Duration;
use tcp_ha::ipc::certificates::{self, Order};

use super::*;
use crate::cli::CommandLine;
use crate::config::Config;
use crate::testing::TempDir;

const REST: &str = r#"
[device]
name = "rp1"
[interface]
mac = "02:00:5e:00:01:01"
addresses = ["10.99.0.1/24", "fd99::1/64"]
[bgp]
as = 65001
router_id = "10.99.0.1"
[[bgp.peer]]
address = "10.99.0.2"
as = 65002
[node]
name = "rp1"
register = "/run/x/register"
status = "rp1.sock"
"#;

const IPC: &str = r#"[ipc]
listen = "192.0.2.1:4711"
connect = "192.0.2.2:4711"
certificate = "a.crt"
key = "a.key"
ca = "ca.crt"
pair = "lab"
"#;

/// A directory with the certificates of the pair `lab`.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        let dir = TempDir::new();
        let order = Order::new("lab".parse().unwrap(), dir.path());
        certificates::make(&order).unwrap();
        Self(dir)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn load(&self, ipc: &str, more: &str) -> Result<Config, ConfigError> {
        let path = self.path("rp.toml");
        fs::write(&path, format!("{ipc}{REST}")).unwrap();
        let line = format!("active-rp --config {} {more}", path.display());
        Config::load(
            &CommandLine::try_parse_from(line.split(' ').filter(|word| !word.is_empty()))
                .unwrap()
                .flags,
        )
    }

    /// The good section with `from` replaced is a mistake in this line.
    #[track_caller]
    fn assert_mistake(&self, from: &str, to: &str, line: usize, what: &str) {
        assert_eq!(IPC.matches(from).count(), 1, "{from:?}");
        let error = self
            .load(&IPC.replace(from, to), "")
            .unwrap_err()
            .to_string();
        let place = format!("{}:{line}: ", self.path("rp.toml").display());
        assert!(error.starts_with(&place), "{error}");
        assert!(error.contains(what) && !error.contains('\n'), "{error}");
    }
}

fn hosts(config: Config) -> HostsConfig {
    match config.channel {
        ChannelConfig::Hosts(hosts) => hosts,
        ChannelConfig::Host => panic!("on one host"),
    }
}

#[test]
fn without_the_section_both_nodes_are_on_one_host() {
    let config = Files::new().load("", "").unwrap();
    assert!(config.channel.is_of_one_host());
    assert_eq!(config.heartbeat, Duration::from_millis(5));
}

#[test]
fn a_whole_section_says_how_to_reach_the_other_host() {
    let config = Files::new().load(IPC, "").unwrap();
    assert_eq!(
        (config.heartbeat, config.misses),
        (Duration::from_millis(20), 3)
    );
    assert!(config.hold_limit > config.heartbeat * config.misses);
    let hosts = hosts(config);
    assert_eq!(hosts.listen, "192.0.2.1:4711".parse().unwrap());
    assert_eq!(hosts.connect, ["192.0.2.2:4711".parse().unwrap()]);
    assert_eq!(hosts.credentials.pair().as_str(), "lab");
}

#[test]
fn what_is_configured_stands_over_the_default_of_the_channel() {
    let config = Files::new()
        .load(IPC, "--heartbeat-ms 7 --hold-limit-ms 300")
        .unwrap();
    assert_eq!(config.heartbeat, Duration::from_millis(7));
    assert_eq!(config.hold_limit, Duration::from_millis(300));
}

#[test]
fn several_others_are_a_list() {
    let several = r#"["192.0.2.2:4711", "[2001:db8::2]:4711"]"#;
    let text = IPC.replace(r#""192.0.2.2:4711""#, several);
    let hosts = hosts(Files::new().load(&text, "").unwrap());
    assert_eq!(hosts.connect.len(), 2);
    assert!(hosts.connect[1].is_ipv6());
}

#[test]
fn flags_say_it_all_and_override_the_file() {
    let files = Files::new();
    let path = |name| files.path(name).display().to_string();
    let line = format!(
        "--ipc-listen 192.0.2.9:1 --ipc-connect 192.0.2.2:1 --ipc-connect 192.0.2.3:1 \
         --ipc-certificate {} --ipc-key {} --ipc-ca {} --ipc-pair lab",
        path("b.crt"),
        path("b.key"),
        path("ca.crt")
    );
    for section in ["", IPC] {
        let hosts = hosts(files.load(section, &line).unwrap());
        assert_eq!(hosts.listen.to_string(), "192.0.2.9:1");
        assert_eq!(hosts.connect.len(), 2);
    }
}

#[test]
fn each_missing_key_is_named() {
    let files = Files::new();
    for key in ["listen", "connect", "certificate", "key", "ca", "pair"] {
        let text: String = IPC
            .lines()
            .filter(|line| !line.starts_with(&format!("{key} = ")))
            .map(|line| format!("{line}\n"))
            .collect();
        let error = files.load(&text, "").unwrap_err().to_string();
        assert!(error.contains(&format!(":1: [ipc] needs {key}")), "{error}");
    }
    let error = files.load("[ipc]\n", "").unwrap_err().to_string();
    assert!(error.contains(":1: [ipc] needs listen"), "{error}");
}

#[test]
fn addresses_that_cannot_be_are_mistakes_of_their_lines() {
    let files = Files::new();
    let listen = |to, what| files.assert_mistake(r#""192.0.2.1:4711""#, to, 2, what);
    listen(r#""rp1:4711""#, "is not ADDRESS:PORT");
    listen(r#""192.0.2.1""#, "is not ADDRESS:PORT");
    listen(r#""192.0.2.1:0""#, "port 0");
    listen(r#""10.99.0.1:4711""#, "an address of the interface");
    listen(r#""[fd99::1]:4711""#, "an address of the interface");
    listen("4711", "expected");
    let connect = |to, what| files.assert_mistake(r#""192.0.2.2:4711""#, to, 3, what);
    connect(r#""192.0.2.1:4711""#, "listens there itself");
    connect(r#""0.0.0.0:4711""#, "nobody can be reached");
    connect(
        r#"["192.0.2.2:4711", "10.99.0.1:4711"]"#,
        "an address of the interface",
    );
    connect("[4711]", "connect is an address or a list of them");
    connect("4711", "connect is an address or a list of them");
    let error = files
        .load(&IPC.replace(r#""192.0.2.2:4711""#, "[]"), "")
        .unwrap_err();
    assert!(error.what.contains("connect names nobody"), "{error}");
}

#[test]
fn files_that_cannot_be_used_are_mistakes_of_their_lines() {
    let files = Files::new();
    files.assert_mistake("\"a.crt\"", "\"gone.crt\"", 4, "gone.crt: cannot read it");
    files.assert_mistake("a.key", "gone.key", 5, "gone.key: cannot read it");
    files.assert_mistake("ca.crt", "gone.crt", 6, "gone.crt: cannot read it");
    files.assert_mistake("a.key", "b.key", 5, "not the key of the certificate");
    files.assert_mistake("\"a.crt\"", "\"a.key\"", 4, "no certificate in it");
    files.assert_mistake("\"lab\"", "\"field\"", 7, "not of the pair field");
    files.assert_mistake("\"lab\"", "\"the lab\"", 7, "letters, digits");
    fs::set_permissions(files.path("a.key"), Permissions::from_mode(0o644)).unwrap();
    files.assert_mistake("[ipc]", "[ipc] ", 5, "chmod 600");
}

#[test]
fn a_certificate_of_another_authority_is_a_mistake_of_its_line() {
    let (files, others) = (Files::new(), Files::new());
    fs::copy(others.path("ca.crt"), files.path("other.crt")).unwrap();
    files.assert_mistake("ca.crt", "other.crt", 4, "not issued by the authority");
}
