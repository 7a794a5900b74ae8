use super::*;

fn segment(src: IpAddr, dst: IpAddr, bytes: &[u8]) -> SegmentOut<'_> {
    SegmentOut {
        id: None,
        src,
        dst,
        dscp: 48,
        hop_limit: 64,
        bytes,
    }
}

#[test]
fn a_wrapped_segment_reads_back() {
    let bytes = [7_u8; 24];
    let pairs: [(IpAddr, IpAddr); 2] = [
        (
            Ipv4Addr::new(192, 0, 2, 1).into(),
            Ipv4Addr::new(10, 0, 0, 2).into(),
        ),
        (Ipv6Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()),
    ];
    for (src, dst) in pairs {
        let packet = wrap(&segment(src, dst, &bytes));
        let octets = &bytes[..];
        let expected = Incoming::Segment {
            src,
            dst,
            hop_limit: 64,
            octets,
        };
        assert_eq!(parse(&packet), Some(expected));
    }
}

#[test]
fn the_checksum_of_an_ipv4_header_sums_to_zero() {
    let src = Ipv4Addr::new(192, 0, 2, 1).into();
    let packet = wrap(&segment(src, src, &[]));
    assert_eq!(header_checksum(&packet[..V4_HEADER]), 0);
}

#[test]
fn an_icmp_error_names_the_connection_and_the_mtu() {
    let (src, dst): (IpAddr, IpAddr) = (
        Ipv4Addr::new(192, 0, 2, 1).into(),
        Ipv4Addr::new(10, 0, 0, 2).into(),
    );
    let tcp = [0x1f, 0x90, 0, 179, 0, 0, 1, 0];
    let mut body = vec![3, 4, 0, 0, 0, 0, 0x04, 0xb0];
    body.extend(wrap(&segment(src, dst, &tcp)));
    let expected = Incoming::Error {
        local: SocketAddr::new(src, 8_080),
        remote: SocketAddr::new(dst, 179),
        seq: 256,
        what: Unreachable::TooBig { mtu: 1_200 },
    };
    assert_eq!(parse_icmp(&body), Some(expected));
}

#[test]
fn every_prefix_of_a_packet_is_survived() {
    let src = Ipv4Addr::new(192, 0, 2, 1).into();
    let mut packet = wrap(&segment(src, src, &[1; 20]));
    packet[9] = ICMP;
    for len in 0..packet.len() {
        let _ = parse(&packet[..len]);
        let _ = parse_icmp(&packet[..len]);
        let _ = parse_icmpv6(&packet[..len]);
    }
}
