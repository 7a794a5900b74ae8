use super::*;

#[test]
fn text_and_address_are_the_same_thing() {
    let mac: LinkAddress = "02:00:5e:10:0A:01".parse().unwrap();
    assert_eq!(mac, LinkAddress([2, 0, 0x5e, 0x10, 0x0a, 1]));
    assert_eq!(mac.to_string(), "02:00:5e:10:0a:01");
}

#[test]
fn bad_text_is_refused() {
    for text in [
        "",
        "02:00:5e:10:0a",
        "02:00:5e:10:0a:01:02",
        "2:0:5e:10:a:1",
        "02:00:5e:10:0a:+1",
        "é",
    ] {
        assert!(text.parse::<LinkAddress>().is_err(), "{text}");
    }
}

#[test]
fn link_local_flips_the_universal_bit() {
    let mac = LinkAddress([0x02, 0x00, 0x5e, 0x10, 0x00, 0x01]);
    assert_eq!(mac.link_local().to_string(), "fe80::5eff:fe10:1");
}

#[test]
fn groups_and_zeros_are_not_unicast() {
    assert!(LinkAddress([2, 0, 0, 0, 0, 1]).is_unicast());
    assert!(!LinkAddress::BROADCAST.is_unicast());
    assert!(!LinkAddress::UNSPECIFIED.is_unicast());
    assert!(!LinkAddress([1, 0, 0x5e, 0, 0, 1]).is_unicast());
}
