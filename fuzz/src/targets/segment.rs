//! The segment parser (RFC 9293 3.1).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tcp_ha_engine::options::{MAX_OPTIONS_LEN, Signature};
use tcp_ha_engine::segment::{self, HEADER_LEN, Segment};

/// A segment: what was parsed and is written again parses to the same.
///
/// # Panics
/// A promise of the parser is broken.
pub fn run(octets: &[u8]) {
    let ends: [(IpAddr, IpAddr); 2] = [
        (
            Ipv4Addr::new(10, 0, 0, 1).into(),
            Ipv4Addr::new(10, 0, 0, 2).into(),
        ),
        (Ipv6Addr::LOCALHOST.into(), Ipv6Addr::UNSPECIFIED.into()),
    ];
    for (src, dst) in ends {
        Segment::checksum_is_right(src, dst, octets);
    }
    let Some(parsed) = Segment::parse(octets) else {
        return;
    };
    assert!(octets.len() >= HEADER_LEN + parsed.payload.len());
    assert!(parsed.len() >= parsed.payload.len() as u64);
    // Malformed options can name more than a header holds, or what is not written.
    let options = &parsed.options;
    if options.wire_len() > MAX_OPTIONS_LEN || options.signature == Signature::Malformed {
        return;
    }
    for (src, dst) in ends {
        let mut again = Vec::new();
        let payload = (parsed.payload, &[][..]);
        segment::emit(
            &mut again,
            src,
            dst,
            &parsed.header,
            &parsed.options,
            payload,
        );
        assert!(Segment::checksum_is_right(src, dst, &again));
        assert_eq!(Segment::parse(&again), Some(parsed));
    }
}
