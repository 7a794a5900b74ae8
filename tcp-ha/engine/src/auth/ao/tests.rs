use super::*;
use crate::auth::secret::Secret;
use crate::segment::Segment;
use crate::seq::SeqNum;
use proptest::prelude::*;
use std::net::{IpAddr, SocketAddr};

fn octets(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// Source, destination and the segment of an IP packet without extension headers.
fn unwrap(packet: &[u8]) -> (IpAddr, IpAddr, &[u8]) {
    if packet[0] >> 4 == 4 {
        let part = |at: usize| <[u8; 4]>::try_from(&packet[at..at + 4]).unwrap();
        (part(12).into(), part(16).into(), &packet[20..])
    } else {
        let part = |at: usize| <[u8; 16]>::try_from(&packet[at..at + 16]).unwrap();
        (part(8).into(), part(24).into(), &packet[40..])
    }
}

#[test]
fn every_vector_of_rfc_9235_comes_out() {
    let master = Secret::new(b"testvector").unwrap();
    let mut seen = 0;
    for line in include_str!("tests/rfc9235.txt").lines() {
        let [section, src_isn, dst_isn, key, packet] = line.split(' ').collect::<Vec<_>>()[..]
        else {
            continue;
        };
        if section == "#" {
            continue;
        }
        let packet = octets(packet);
        let (src, dst, segment) = unwrap(&packet);
        let parsed = Segment::parse(segment).unwrap();
        let isn = |hex| SeqNum(u32::from_str_radix(hex, 16).unwrap());
        let context = Context {
            src: SocketAddr::new(src, parsed.header.src_port),
            dst: SocketAddr::new(dst, parsed.header.dst_port),
            src_isn: isn(src_isn),
            dst_isn: isn(dst_isn),
        };
        let algorithm = match &section[..1] {
            "4" | "6" => Algorithm::HmacSha1,
            _ => Algorithm::AesCmac,
        };
        let covers_options = &section[2..3] == "1";
        let derived = kdf::traffic_key_octets(algorithm, &master, &context);
        assert_eq!(*derived, octets(key), "traffic key of {section}");
        let traffic = traffic_key(algorithm, &master, &context);
        let mac = traffic.mac(src, dst, segment, 0, covers_options);
        let crate::options::Signature::Ao(carried) = parsed.options.signature else {
            panic!("{section} has no TCP-AO option");
        };
        assert_eq!(mac, Some(carried.mac), "MAC of {section}");
        seen += 1;
    }
    assert_eq!(seen, 28);
}

/// The algorithm of RFC 9187 section 5, as it would run beside a receiver that sees segments
/// with sequence numbers alone.
struct Rfc9187 {
    extension: u32,
    previous: u32,
}

impl Rfc9187 {
    fn next(&mut self, seq: u32) -> u32 {
        let mut extension = self.extension;
        if back(self.previous, seq) && seq > self.previous {
            // Before the last wrap.
            extension = extension.wrapping_sub(1);
        } else if !back(self.previous, seq) {
            if seq < self.previous {
                self.extension += 1;
                extension = self.extension;
            }
            self.previous = seq;
        }
        extension
    }
}

/// True where `seq` lies in the half circle before `from`.
fn back(from: u32, seq: u32) -> bool {
    SeqNum(seq).before(SeqNum(from))
}

proptest! {
    #[test]
    fn extensions_from_positions_are_those_of_rfc_9187(
        initial: u32, steps in prop::collection::vec(-1_000_000i64..1_000_000_000, 1..200),
    ) {
        let initial = SeqNum(initial);
        let mut reference = Rfc9187 { extension: 0, previous: initial.0 };
        let mut newest = 0u64;
        for step in steps {
            let Some(at) = newest.checked_add_signed(step) else { continue };
            let seq = initial.at(at);
            // As the receiver finds the position of a segment from what it has.
            let found = initial.position(seq, newest).unwrap();
            prop_assert_eq!(found, at);
            prop_assert_eq!(sequence_extension(initial, found), reference.next(seq.0));
            newest = newest.max(at);
        }
    }

    #[test]
    fn no_segment_makes_the_mac_panic(segment: Vec<u8>, covers: bool) {
        let key = traffic_key(Algorithm::AesCmac, &Secret::new(b"k").unwrap(), &Context {
            src: SocketAddr::from(([10, 0, 0, 1], 1)),
            dst: SocketAddr::from(([10, 0, 0, 2], 2)),
            src_isn: SeqNum(1),
            dst_isn: SeqNum(2),
        });
        key.mac([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), &segment, 0, covers);
    }
}

#[test]
fn a_chain_refuses_ids_that_stand_twice_and_the_removal_of_the_preferred_key() {
    let key = |id| AoKey::new(id, Secret::new(b"k").unwrap());
    let mut chain = AoChain::new(key(1));
    assert_eq!(chain.add(key(1)), Err(ChainError::IdInUse(1)));
    assert_eq!(chain.remove(1), Err(ChainError::Needed(1)));
    assert_eq!(chain.prefer(2), Err(ChainError::UnknownId(2)));
    chain.add(key(2)).unwrap();
    chain.prefer(2).unwrap();
    chain.remove(1).unwrap();
    assert_eq!(chain.preferred().send_id, 2);
    for id in 3..=17 {
        chain.add(key(id)).unwrap();
    }
    assert_eq!(chain.add(key(18)), Err(ChainError::Full));
}
