use super::*;
use proptest::prelude::*;

#[test]
fn a_header_that_promises_more_than_there_is_is_refused() {
    let mut octets = vec![0u8; 20];
    for (offset, valid) in [(0x40, false), (0x50, true), (0x60, false)] {
        octets[12] = offset;
        assert_eq!(Segment::parse(&octets).is_some(), valid);
    }
    assert_eq!(Segment::parse(&octets[..19]), None);
}

proptest! {
    #[test]
    fn any_octets_are_read_without_panic(octets: Vec<u8>) {
        if let Some(segment) = Segment::parse(&octets) {
            prop_assert!(segment.payload.len() + HEADER_LEN <= octets.len());
        }
    }

    #[test]
    fn what_is_emitted_is_read_again_and_its_checksum_is_right(
        seq: u32, ack: u32, flags in 0u8..0x40, window: u16, v6: bool,
        first: Vec<u8>, second: Vec<u8>, mss: Option<u16>,
    ) {
        let (src, dst): (IpAddr, IpAddr) = if v6 {
            ([1u16, 2, 3, 4, 5, 6, 7, 8].into(), [8u16, 7, 6, 5, 4, 3, 2, 1].into())
        } else {
            ([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
        };
        let header = Header {
            src_port: 179, dst_port: 40000, seq: SeqNum(seq), ack: SeqNum(ack),
            flags: Flags(flags), window,
        };
        let options = Options { mss, ..Options::default() };
        let mut out = vec![0xaa];
        emit(&mut out, src, dst, &header, &options, (&first, &second));
        let octets = &out[1..];
        prop_assert!(Segment::checksum_is_right(src, dst, octets));
        let segment = Segment::parse(octets).unwrap();
        prop_assert_eq!(segment.header, header);
        prop_assert_eq!(segment.options, options);
        prop_assert_eq!(segment.payload, [first, second].concat());
    }
}
