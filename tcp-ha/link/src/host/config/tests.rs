use super::*;

fn refusal(change: impl FnOnce(&mut HostConfig)) -> Result<(), HostError> {
    let mut config = HostConfig::ethernet(LinkAddress([2, 0, 0, 0, 0, 1]));
    config.addresses = vec![
        ("10.0.0.1".parse().unwrap(), 24),
        ("fd00::1".parse().unwrap(), 64),
    ];
    change(&mut config);
    config.check()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_sound_description_is_taken() {
    assert_eq!(refusal(|_| {}), Ok(()));
    assert_eq!(
        refusal(|c| c.gateways = vec![ip("10.0.0.9"), ip("fe80::1")]),
        Ok(())
    );
    assert_eq!(
        refusal(|c| c.addresses = vec![(ip("10.0.0.0"), 31)]),
        Ok(())
    );
    assert_eq!(
        refusal(|c| c.addresses = vec![(ip("10.0.0.255"), 32)]),
        Ok(())
    );
}

#[test]
fn each_fault_is_named() {
    use HostError as E;
    let group = LinkAddress([3, 0, 0, 0, 0, 1]);
    for (found, expected) in [
        (refusal(|c| c.mac = group), E::BadLinkAddress(group)),
        (refusal(|c| c.addresses.clear()), E::NoAddress),
        (
            refusal(|c| c.addresses[0].1 = 33),
            E::BadPrefix(ip("10.0.0.1"), 33),
        ),
        (
            refusal(|c| c.addresses[1].1 = 129),
            E::BadPrefix(ip("fd00::1"), 129),
        ),
        (
            refusal(|c| c.addresses[0].0 = ip("224.0.0.1")),
            E::BadAddress(ip("224.0.0.1")),
        ),
        (
            refusal(|c| c.addresses[0].0 = ip("10.0.0.255")),
            E::BadAddress(ip("10.0.0.255")),
        ),
        (
            refusal(|c| c.addresses[0].0 = ip("10.0.0.0")),
            E::BadAddress(ip("10.0.0.0")),
        ),
        (
            refusal(|c| c.addresses[1].0 = ip("ff02::1")),
            E::BadAddress(ip("ff02::1")),
        ),
        (
            refusal(|c| c.addresses[1] = c.addresses[0]),
            E::Duplicate(ip("10.0.0.1")),
        ),
        (refusal(|c| c.mtu = 1279), E::MtuTooSmall(1279, 1280)),
        (refusal(|c| c.max_neighbours = 0), E::NoNeighbours),
        (
            refusal(|c| c.gateways = vec![ip("10.0.1.1")]),
            E::GatewayOffLink(ip("10.0.1.1")),
        ),
        (
            refusal(|c| c.gateways = vec![ip("10.0.0.1")]),
            E::GatewayIsOurs(ip("10.0.0.1")),
        ),
    ] {
        assert_eq!(found, Err(expected));
        assert!(!expected.to_string().contains('\n'));
    }
}

#[test]
fn a_prefix_of_zero_holds_everything() {
    assert!(in_subnet(ip("10.0.0.1"), 0, ip("192.0.2.1")));
    assert!(in_subnet(ip("fd00::1"), 0, ip("2001:db8::1")));
    assert!(!in_subnet(ip("10.0.0.1"), 0, ip("2001:db8::1")));
    assert!(!in_subnet(ip("10.0.0.1"), 32, ip("10.0.0.2")));
}
