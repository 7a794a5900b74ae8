//! Every mistake in the section is named.

use super::*;

const GOOD: &str = r#"
as = 65001
router_id = "10.99.0.1"
hold_time = 9
routes = "routes.txt"
[[peer]]
address = "10.99.0.2"
as = 65002
[[peer]]
address = "fd99::2"
as = 65003
passive = true
families = ["ipv6"]
"#;

fn read(text: &str) -> Result<SpeakerConfig, String> {
    let section: BgpSection = toml::from_str(text).map_err(|error| error.to_string())?;
    SpeakerConfig::try_from(&section).map_err(|error| error.to_string())
}

#[test]
fn a_good_section_is_read_with_its_defaults() {
    let config = read(GOOD).expect("a good section");
    assert_eq!(config.hold_time, Duration::from_secs(9));
    let [first, second] = &config.peers[..] else {
        panic!("{:?}", config.peers)
    };
    assert_eq!(
        (first.passive, first.connect_retry),
        (false, Duration::from_secs(10))
    );
    assert_eq!(first.families, Families::from_iter([Family::Ipv4]));
    assert_eq!((second.asn, second.passive), (65_003, true));
}

#[test]
fn mistakes_are_named() {
    for (from, to, what) in [
        ("as = 65001", "as = 0", "bgp.as is 0"),
        (
            "router_id = \"10.99.0.1\"",
            "router_id = \"0.0.0.0\"",
            "bgp.router_id",
        ),
        ("hold_time = 9", "hold_time = 2", "hold_time is 2"),
        ("hold_time = 9", "hold_times = 9", "hold_times"),
        ("as = 65002", "as = 0", "bgp.peer 10.99.0.2: as is 0"),
        ("passive = true", "passiv = true", "passiv"),
        ("[\"ipv6\"]", "[]", "bgp.peer fd99::2: families is empty"),
        ("[\"ipv6\"]", "[\"ipv4\"]", "set bgp.next_hop_ipv4"),
        ("[\"ipv6\"]", "[\"ipx\"]", "ipx"),
        (
            "passive = true",
            "local = \"10.0.0.1\"",
            "bgp.peer fd99::2: local",
        ),
        ("passive = true", "connect_retry = 0", "connect_retry is 0"),
        ("\"10.99.0.2\"", "\"fd99::2\"", "there twice"),
        ("\"fd99::2\"", "\"ff02::2\"", "not the address of a host"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let error = read(&GOOD.replace(from, to)).expect_err(to);
        assert!(error.contains(what), "{to}: {error}");
    }
}

#[test]
fn the_digest_tells_configurations_and_routes_apart() {
    let config = read(GOOD).expect("a good section");
    let same = config.digest(b"10.0.0.0/8\n");
    assert_eq!(same, config.clone().digest(b"10.0.0.0/8\n"));
    assert_ne!(same, config.digest(b"11.0.0.0/8\n"));
    let other = read(&GOOD.replace("as = 65003", "as = 65004")).expect("a good section");
    assert_ne!(same, other.digest(b"10.0.0.0/8\n"));
}

#[test]
fn the_order_of_peers_does_not_matter() {
    let config = read(GOOD).expect("a good section");
    let (head, peers) = GOOD.split_at(GOOD.find("[[peer]]").expect("peers"));
    let second = peers.rfind("[[peer]]").expect("peers");
    let turned = format!("{head}{}{}", &peers[second..], &peers[..second]);
    assert_eq!(read(&turned), Ok(config));
}
