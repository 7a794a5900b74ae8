use std::net::SocketAddr;

use super::*;
use crate::craft::Segment;

fn ends() -> (SocketAddr, SocketAddr) {
    (
        "10.0.0.1:179".parse().expect("an address"),
        "10.0.0.2:40000".parse().expect("an address"),
    )
}

fn syn() -> Segment {
    Segment {
        seg_seq: 7,
        seg_ack: 9,
        flags: Flags::SYN.with(Flags::ACK),
        seg_wnd: 64_240,
        mss: Some(1460),
        sack_permitted: true,
        timestamps: Some((100, 200)),
        window_scale: Some(10),
        payload: Vec::new(),
    }
}

fn parse(octets: &[u8], wire_len: usize) -> Result<TcpSegment<'_>, Skip> {
    let (source, destination) = ends();
    TcpSegment::parse(source.ip(), destination.ip(), octets, wire_len)
}

#[test]
fn fields_and_options_of_a_syn_are_read() {
    let (source, destination) = ends();
    let octets = syn().octets(source, destination);
    let tcp = parse(&octets, octets.len()).expect("a segment");
    assert_eq!((tcp.source_port, tcp.destination_port), (179, 40_000));
    assert_eq!(
        (tcp.seg_seq, tcp.seg_ack, tcp.seg_wnd),
        (SeqNum(7), SeqNum(9), 64_240)
    );
    assert_eq!((tcp.seg_len(), tcp.checksum), (1, Checksum::Good));
    assert!(tcp.flags.has(Flags::SYN) && !tcp.flags.has(Flags::FIN));
    let options = tcp.options;
    assert_eq!((options.mss, options.window_scale), (Some(1460), Some(10)));
    assert_eq!(
        options.timestamps,
        Some(TimestampsOption {
            tsval: 100,
            tsecr: 200
        })
    );
    assert!(options.sack_permitted && !options.malformed && !options.md5);
}

#[test]
fn wrong_checksum_is_told() {
    let (source, destination) = ends();
    let mut octets = syn().octets(source, destination);
    octets[4] ^= 1;
    assert_eq!(
        parse(&octets, octets.len()).map(|tcp| tcp.checksum),
        Ok(Checksum::Bad)
    );
}

#[test]
fn cut_segment_keeps_its_length() {
    let (source, destination) = ends();
    let segment = Segment {
        payload: vec![1; 100],
        ..Segment::default()
    };
    let octets = segment.octets(source, destination);
    let tcp = parse(&octets[..50], octets.len()).expect("a segment");
    assert_eq!((tcp.payload.len(), tcp.payload_len), (30, 100));
    assert!(tcp.is_cut());
    assert_eq!(tcp.checksum, Checksum::Unknown);
}

#[test]
fn octets_behind_the_packet_are_not_payload() {
    let (source, destination) = ends();
    let mut octets = syn().octets(source, destination);
    let wire_len = octets.len();
    octets.extend([0; 6]);
    assert_eq!(parse(&octets, wire_len).map(|tcp| tcp.payload.len()), Ok(0));
}

#[test]
fn header_that_is_not_there_is_no_segment() {
    assert_eq!(parse(&[0; 10], 10).err(), Some(Skip::Malformed));
    assert_eq!(parse(&[0; 10], 40).err(), Some(Skip::Truncated));
    let mut octets = [0; 20];
    octets[12] = 0x40;
    assert_eq!(parse(&octets, 20).err(), Some(Skip::Malformed));
    octets[12] = 0xf0;
    assert_eq!(parse(&octets, 20).err(), Some(Skip::Malformed));
    assert_eq!(parse(&octets, 60).err(), Some(Skip::Truncated));
}

#[test]
fn sack_md5_and_ao_are_noted() {
    let mut list = vec![1, 1, 5, 18];
    for edge in [10_u32, 20, 30, 40] {
        list.extend(edge.to_be_bytes());
    }
    list.extend([19, 18]);
    list.extend([0; 16]);
    list.extend([29, 16]);
    list.extend([0; 14]);
    let options = TcpOptions::parse(&list);
    assert_eq!(options.sack_blocks[1], Some((SeqNum(30), SeqNum(40))));
    assert_eq!(options.sack_blocks[2], None);
    assert!(options.md5 && options.ao && !options.malformed);
}

#[test]
fn faults_in_options_are_told_and_what_comes_before_is_kept() {
    for list in [
        &[2, 4, 5, 180, 8, 1][..],
        &[2, 4, 5, 180, 3],
        &[2, 4, 5, 180, 8, 10, 1, 2],
        &[2, 4, 5, 180, 4, 3, 0],
    ] {
        let options = TcpOptions::parse(list);
        assert!(options.malformed, "{list:?}");
        assert_eq!(options.mss, Some(1460), "{list:?}");
    }
}

#[test]
fn list_ends_at_its_end_mark() {
    let options = TcpOptions::parse(&[0, 3, 3, 7]);
    assert_eq!(options, TcpOptions::default());
}
