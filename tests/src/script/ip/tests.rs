use super::*;

fn ends(v4: bool) -> (SocketAddr, SocketAddr) {
    let ends = if v4 {
        ("192.0.2.1:8080", "192.0.2.2:40001")
    } else {
        ("[2001:db8::1]:8080", "[2001:db8::2]:40001")
    };
    (ends.0.parse().unwrap(), ends.1.parse().unwrap())
}

#[test]
fn a_wrapped_segment_reads_back() {
    for v4 in [true, false] {
        let (local, remote) = ends(v4);
        let packet = wrap(local.ip(), remote.ip(), TCP, 64, &[7; 20]).unwrap();
        assert_eq!(unwrap(&packet), Ok((local.ip(), remote.ip(), &[7; 20][..])));
    }
}

#[test]
fn a_damaged_header_is_told() {
    for v4 in [true, false] {
        let (local, remote) = ends(v4);
        let packet = wrap(local.ip(), remote.ip(), TCP, 64, &[7; 20]).unwrap();
        for len in 0..packet.len() {
            unwrap(&packet[..len]).unwrap_err();
        }
    }
    let (local, remote) = ends(true);
    let mut packet = wrap(local.ip(), remote.ip(), TCP, 64, &[7; 20]).unwrap();
    packet[15] ^= 1;
    unwrap(&packet).unwrap_err();
}

#[test]
fn an_error_is_summed_and_quotes_the_segment() {
    let icmp = Icmp {
        kind: "frag_needed".into(),
        mtu: Some(1_200),
        seq: 0,
    };
    let (local, remote) = ends(true);
    let packet = error(&icmp, 0x0102_0304, local, remote).unwrap();
    let message = &packet[V4_HEADER..];
    assert_eq!(ones_complement(&[message]), 0);
    assert_eq!((message[0], message[1]), (3, 4));
    assert_eq!(message[6..8], 1_200_u16.to_be_bytes());
    let quoted = unwrap(&message[8..]).unwrap().2;
    assert_eq!(quoted, [0x1f, 0x90, 0x9c, 0x41, 1, 2, 3, 4]);
    let (local, remote) = ends(false);
    let packet = error(&icmp, 1, local, remote).unwrap();
    let message = &packet[V6_HEADER..];
    assert_eq!(checksum(remote.ip(), local.ip(), ICMPV6, message), 0);
    assert_eq!(message[4..8], 1_200_u32.to_be_bytes());
}

#[test]
fn an_error_that_the_family_has_not_is_told() {
    let icmp = |kind: &str, mtu| Icmp {
        kind: kind.into(),
        mtu,
        seq: 0,
    };
    let (local, remote) = ends(false);
    let said = error(&icmp("source_quench", None), 1, local, remote).unwrap_err();
    assert_eq!(said, "ICMP source_quench is not known here over IPv6");
    let (local, remote) = ends(true);
    error(&icmp("port_unreachable", Some(1)), 1, local, remote).unwrap_err();
}
