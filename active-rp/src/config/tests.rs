use std::fs;
use std::path::Path;

use clap::Parser;
use tcp_ha::link::DeviceKind;

use super::*;
use crate::cli::CommandLine;
use crate::testing::TempDir;

const GOOD: &str = r#"[node]
name = "rp1"
register = "/run/x/register"
status = "rp1.sock"
heartbeat_ms = 5
misses = 3
hold_limit_ms = 100
log = "info"

[device]
kind = "tap"
name = "rp1"

[interface]
mac = "02:00:5e:00:01:01"
addresses = ["10.99.0.1/24", "fd99::1/64"]
gateways = ["10.99.0.254"]
mtu = 1500

[bgp]
as = 65001
router_id = "10.99.0.1"
hold_time = 9
routes = "routes.txt"

[[bgp.peer]]
address = "10.99.0.2"
as = 65002

[[bgp.peer]]
address = "fd99::3"
as = 65003
passive = true
families = ["ipv6"]
"#;

fn flags(line: &str) -> Flags {
    let words = std::iter::once("active-rp").chain(line.split_whitespace());
    CommandLine::try_parse_from(words).unwrap().flags
}

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        let dir = TempDir::new();
        fs::write(dir.path().join("routes.txt"), "192.0.2.0/24\n").unwrap();
        Self(dir)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("rp.toml")
    }

    fn load(&self, text: &str, more: &str) -> Result<Config, ConfigError> {
        fs::write(self.path(), text).unwrap();
        Config::load(&flags(&format!(
            "--config {} {more}",
            self.path().display()
        )))
    }
}

/// The good file with `from` replaced: the line and text of the error.
fn mistake(from: &str, to: &str) -> (usize, String) {
    assert_eq!(GOOD.matches(from).count(), 1, "{from:?}");
    mistake_of(&GOOD.replace(from, to))
}

fn mistake_of(text: &str) -> (usize, String) {
    let files = Files::new();
    let error = files.load(text, "").unwrap_err();
    assert!(!error.to_string().contains('\n'), "{error}");
    let Place::Line { file, line } = &error.place else {
        panic!("{error}")
    };
    assert_eq!(**file, files.path());
    assert!(
        error
            .to_string()
            .starts_with(&format!("{}:{line}: ", files.path().display()))
    );
    (*line, error.what)
}

#[track_caller]
fn assert_mistake(from: &str, to: &str, line: usize, what: &str) {
    let (at, said) = mistake(from, to);
    assert!(said.contains(what), "{said:?} does not say {what:?}");
    assert_eq!(at, line, "{said}");
}

#[test]
fn a_good_file_says_everything() {
    let files = Files::new();
    let config = files.load(GOOD, "").unwrap();
    assert_eq!((config.name.as_str(), config.log.as_str()), ("rp1", "info"));
    assert_eq!(config.register, Path::new("/run/x/register"));
    assert_eq!(
        config.status,
        files.0.path().join("rp1.sock"),
        "relative to the file"
    );
    assert_eq!(config.heartbeat, Duration::from_millis(5));
    assert_eq!(
        (config.misses, config.hold_limit),
        (3, Duration::from_millis(100))
    );
    assert_eq!(
        (config.device.kind, config.device.name.as_str()),
        (DeviceKind::Tap, "rp1")
    );
    assert_eq!(config.mac.octets(), [2, 0, 0x5e, 0, 1, 1]);
    let addresses = [
        ("10.99.0.1".parse().unwrap(), 24),
        ("fd99::1".parse().unwrap(), 64),
    ];
    assert_eq!(config.addresses, addresses);
    assert_eq!(config.gateways, ["10.99.0.254".parse::<IpAddr>().unwrap()]);
    assert_eq!((config.mtu, config.bgp.peers.len()), (1500, 2));
    assert_eq!(config.routes.unwrap().text, "192.0.2.0/24\n");
}

#[test]
fn the_example_is_good() {
    let config = Files::new()
        .load(include_str!("../../example.toml"), "")
        .unwrap();
    assert_eq!(config.bgp.peers.len(), 2);
}

#[test]
fn what_has_a_default_may_be_left_out() {
    let text = GOOD
        .lines()
        .filter(|line| {
            let optional = [
                "heartbeat",
                "misses",
                "hold_limit",
                "log",
                "kind",
                "gateways",
                "mtu",
                "routes",
            ];
            !optional.iter().any(|key| line.starts_with(key))
        })
        .collect::<Vec<_>>()
        .join("\n");
    let config = Files::new().load(&text, "").unwrap();
    assert_eq!((config.heartbeat.as_millis(), config.misses), (5, 3));
    assert_eq!((config.hold_limit.as_millis(), config.mtu), (100, 1500));
    assert_eq!(
        (config.log.as_str(), config.device.kind),
        ("info", DeviceKind::Tap)
    );
    assert_eq!(config.routes, None);
}

#[test]
fn what_is_not_toml_or_unknown_names_its_line() {
    assert_mistake("name = \"rp1\"\nregister", "name = rp1\nregister", 2, "");
    assert_mistake("misses = 3", "missed = 3", 6, "missed");
    assert_mistake("[device]", "[devise]", 10, "devise");
    assert_mistake("kind = \"tap\"", "kind = \"tap\"\nspeed = 1", 12, "speed");
    assert_mistake("mtu = 1500", "mtu = \"big\"", 18, "");
    assert_mistake("mtu = 1500", "mtu = 70000", 18, "");
    assert_mistake("misses = 3", "misses = -1", 6, "");
    assert_mistake("hold_time = 9", "hold_tim = 9", 23, "hold_tim");
    assert_mistake("passive = true", "pasive = true", 33, "pasive");
    assert_mistake("families = [\"ipv6\"]", "families = [\"ipx\"]", 34, "ipx");
    assert_mistake("router_id = \"10.99.0.1\"", "router_id = \"me\"", 22, "");
    assert_mistake("misses = 3", "misses = 3\nmisses = 4", 7, "duplicate key");
}

#[test]
fn what_is_missing_names_its_section() {
    assert_mistake(
        "name = \"rp1\"\nregister",
        "register",
        1,
        "[node] needs name",
    );
    assert_mistake(
        "register = \"/run/x/register\"\n",
        "",
        1,
        "[node] needs register",
    );
    assert_mistake("status = \"rp1.sock\"\n", "", 1, "[node] needs status");
    assert_mistake(
        "name = \"rp1\"\n\n[interface]",
        "[interface]",
        10,
        "[device] needs name",
    );
    assert_mistake(
        "mac = \"02:00:5e:00:01:01\"\n",
        "",
        14,
        "[interface] needs mac",
    );
    let addresses = "addresses = [\"10.99.0.1/24\", \"fd99::1/64\"]\n";
    assert_mistake(addresses, "", 14, "[interface] needs addresses");
    assert_mistake("router_id = \"10.99.0.1\"\n", "", 20, "router_id");
    let without_bgp = GOOD.split("[bgp]").next().unwrap();
    let (line, what) = mistake_of(without_bgp);
    assert_eq!(line, 1);
    assert!(what.contains("no section [bgp]"), "{what}");
    let (line, what) = mistake_of("");
    assert_eq!(line, 1);
    assert!(what.contains("[bgp]"), "{what}");
}

#[test]
fn values_of_the_node_are_bounded() {
    assert_mistake(
        "name = \"rp1\"\nregister",
        "name = \"\"\nregister",
        2,
        "empty",
    );
    assert_mistake("heartbeat_ms = 5", "heartbeat_ms = 0", 5, "give 1 to 10000");
    assert_mistake(
        "heartbeat_ms = 5",
        "heartbeat_ms = 99999",
        5,
        "give 1 to 10000",
    );
    assert_mistake("misses = 3", "misses = 1", 6, "give 2 to 1000");
    assert_mistake(
        "hold_limit_ms = 100",
        "hold_limit_ms = 4",
        7,
        "give 5 to 60000",
    );
    assert_mistake("log = \"info\"", "log = \"a=b=c\"", 8, "log is");
    let long = format!("status = \"/{}\"", "x".repeat(120));
    assert_mistake("status = \"rp1.sock\"", &long, 4, "1 to 107");
    assert_mistake("kind = \"tap\"", "kind = \"tape\"", 11, "tape");
    let device = "name = \"rp1\"\n\n[interface]";
    assert_mistake(
        device,
        "name = \"a-name-that-is-long\"\n[interface]",
        12,
        "1 to 15 octets",
    );
}

#[test]
fn offloads_are_used_unless_file_or_flag_say_no() {
    let files = Files::new();
    let offload = |text: &str, line| files.load(text, line).unwrap().device.offload;
    assert!(offload(GOOD, ""));
    assert!(!offload(GOOD, "--no-offload"));
    let off = GOOD.replacen("kind = \"tap\"", "kind = \"tap\"\noffload = false", 1);
    assert!(!offload(&off, ""));
}

#[test]
fn mistakes_of_the_interface_name_their_own_line() {
    assert_mistake("02:00:5e:00:01:01", "02:00:5e", 15, "write six octets");
    assert_mistake("02:00:5e:00:01:01", "01:00:5e:00:01:01", 15, "");
    assert_mistake("10.99.0.1/24", "10.99.0.1", 16, "ADDRESS/LENGTH");
    assert_mistake("10.99.0.1/24", "10.99.0.1/33", 16, "");
    assert_mistake("10.99.0.1/24", "10.99.0.255/24", 16, "");
    assert_mistake("\"fd99::1/64\"]", "\n\"10.99.0.1/16\"]", 17, "");
    assert_mistake("mtu = 1500", "mtu = 1000", 18, "");
    assert_mistake("[\"10.99.0.254\"]", "[\"10.98.0.254\"]", 17, "");
    assert_mistake("[\"10.99.0.254\"]", "[\"router\"]", 17, "not an address");
    let (line, what) = mistake(
        "addresses = [\"10.99.0.1/24\", \"fd99::1/64\"]",
        "addresses = []",
    );
    assert_eq!(line, 14, "{what}");
}

#[test]
fn mistakes_of_the_speaker_name_their_own_line() {
    assert_mistake("as = 65001", "as = 0", 21, "bgp.as");
    assert_mistake(
        "router_id = \"10.99.0.1\"",
        "router_id = \"0.0.0.0\"",
        22,
        "router_id",
    );
    assert_mistake("hold_time = 9", "hold_time = 2", 23, "bgp.hold_time");
    assert_mistake("routes.txt", "nowhere.txt", 24, "nowhere.txt");
    assert_mistake("as = 65003", "as = 0", 30, "bgp.peer fd99::3");
    assert_mistake(
        "as = 65002",
        "as = 65002\nconnect_retry = 0",
        26,
        "connect_retry",
    );
    assert_mistake("\"10.99.0.2\"", "\"fd99::3\"", 30, "twice");
    assert_mistake("fd99::3", "fd99::1", 30, "address of the interface");
    assert_mistake("families = [\"ipv6\"]", "families = []", 30, "families");
    assert_mistake(
        "as = 65002",
        "as = 65002\nlocal = \"10.99.0.7\"",
        26,
        "no address of the interface",
    );
    assert_mistake(", \"fd99::1/64\"", "", 30, "no address of that family");
}

#[test]
fn a_mistake_in_the_file_of_routes_names_its_own_line() {
    let files = Files::new();
    let routes = files.0.path().join("routes.txt");
    fs::write(&routes, "192.0.2.0/24\n# good so far\n192.0.2.1/24\n").unwrap();
    let error = files.load(GOOD, "").unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("{}:3: ", routes.display())),
        "{error}"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = Config::load(&flags("--config /nowhere/rp.toml")).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("/nowhere/rp.toml:1: cannot read"),
        "{error}"
    );
    let files = Files::new();
    fs::write(files.path(), b"\xff\xfe").unwrap();
    let path = files.path();
    assert!(Config::load(&flags(&format!("--config {}", path.display()))).is_err());
}

#[test]
fn flags_override_the_file() {
    let files = Files::new();
    let more = "--name rp2 --device rp2 --mtu 1400 --heartbeat-ms 10 --address 10.0.0.1/8 \
                --gateway 10.0.0.9 --as 65009 --hold-time 30 --peer 10.0.0.2,as=7";
    let config = files.load(GOOD, more).unwrap();
    assert_eq!(
        (config.name.as_str(), config.device.name.as_str()),
        ("rp2", "rp2")
    );
    assert_eq!((config.mtu, config.heartbeat.as_millis()), (1400, 10));
    assert_eq!(config.addresses, [("10.0.0.1".parse().unwrap(), 8)]);
    assert_eq!(
        (config.bgp.asn, config.bgp.hold_time.as_secs()),
        (65009, 30)
    );
    assert_eq!((config.bgp.peers.len(), config.bgp.peers[0].asn), (1, 7));
    assert_eq!(
        config.register,
        Path::new("/run/x/register"),
        "the rest is the file's"
    );
}

#[test]
fn flags_alone_are_enough() {
    let config = Config::load(&flags(
        "--name rp1 --register /run/x --status /run/rp1.sock --device rp0 --mac 02:00:00:00:00:01 \
         --address 10.0.0.1/24 --address fd00::1/64 --as 65001 --router-id 10.0.0.1 \
         --peer 10.0.0.2,as=65002,passive,local=10.0.0.1 --peer fd00::2,as=65003,families=ipv6",
    ))
    .unwrap();
    assert_eq!((config.name.as_str(), config.bgp.peers.len()), ("rp1", 2));
    let peer = &config.bgp.peers[0];
    assert!(peer.passive && peer.local == Some("10.0.0.1".parse().unwrap()));
}

#[test]
fn a_mistake_on_the_command_line_names_its_flag() {
    let said = |line: &str| Config::load(&flags(line)).unwrap_err().to_string();
    assert!(said("").starts_with("--as: "));
    assert!(said("--as 1 --router-id 1.1.1.1").starts_with("--name: "));
    let files = Files::new();
    let flag = |more: &str| files.load(GOOD, more).unwrap_err().to_string();
    assert!(flag("--mtu 100").starts_with("--mtu: "));
    assert!(flag("--mac here").starts_with("--mac: "));
    assert!(flag("--hold-time 1").starts_with("--hold-time: "));
    assert!(flag("--address 10.0.0.1").starts_with("--address: "));
    assert!(flag("--peer 10.99.0.1,as=1").starts_with("--peer: "));
}

#[test]
fn a_peer_flag_is_checked() {
    for text in [
        "",
        "here,as=1",
        "10.0.0.1",
        "10.0.0.1,as=x",
        "10.0.0.1,as=1,speed=2",
        "10.0.0.1,as=1,families=ipx",
    ] {
        assert!(text.parse::<PeerFlag>().is_err(), "{text}");
    }
}

#[test]
fn the_digest_leaves_out_what_is_a_node_s_own() {
    let files = Files::new();
    let digest = |config: Config| config.digest();
    let good = digest(files.load(GOOD, "").unwrap());
    let own = "--name other --register /run/y --status other.sock --log debug --device tap9 \
               --device-kind packet --no-offload";
    assert_eq!(digest(files.load(GOOD, own).unwrap()), good);
}

#[test]
fn the_digest_holds_what_both_must_share() {
    let files = Files::new();
    let mut digests = vec![files.load(GOOD, "").unwrap().digest()];
    for more in [
        "--heartbeat-ms 6",
        "--misses 4",
        "--hold-limit-ms 200",
        "--mac 02:00:5e:00:01:02",
        "--address 10.99.0.1/16 --address fd99::1/64",
        "--gateway 10.99.0.253",
        "--mtu 1400",
        "--as 65009",
        "--router-id 10.99.0.9",
        "--hold-time 10",
        "--peer 10.99.0.2,as=65002",
    ] {
        digests.push(files.load(GOOD, more).unwrap().digest());
    }
    fs::write(files.0.path().join("routes.txt"), "198.51.100.0/24\n").unwrap();
    digests.push(files.load(GOOD, "").unwrap().digest());
    let count = digests.len();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), count, "each of them changes it");
}
