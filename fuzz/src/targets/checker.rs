//! The judge of captures, under packets of every link type.

use crate::input::Choices;
use pcaps::check::{CheckConfig, Checker};
use pcaps::link_type::LinkType;
use pcaps::packet::Packet;
use pcaps::time::Timestamp;

/// Packets of one input, at most.
const PACKETS_MAX: usize = 24;

/// A list of packets: octets as they are, or TCP segments between two ends around the same few numbers.
///
/// # Panics
/// The parser or the judge panics.
pub fn run(octets: &[u8]) {
    let mut choices = Choices::new(octets);
    let config = CheckConfig {
        history_octets: 256,
        history_total_octets: 1_024,
        reassembly_octets: 256,
        flows_max: 4,
        violations_max: 8,
        silences_max: 4,
        ..CheckConfig::default()
    };
    let mut checker = Checker::new(config);
    let mut nanos = 1_000_000_000;
    for _ in 0..PACKETS_MAX {
        if choices.is_empty() {
            break;
        }
        let shape = choices.octet();
        nanos += u64::from(choices.octet()) << ((shape >> 4 & 7) * 4);
        let (link_type, frame) = if shape & 3 == 0 {
            (link_type(choices.octet()), choices.slice(120).to_vec())
        } else {
            (LinkType::RAW, segment(&mut choices))
        };
        let wire_len = frame.len() + usize::from(shape & 12 == 12) * choices.below(64);
        let time = Timestamp::from_nanos(nanos);
        match Packet::parse(link_type, u32::from(shape & 1), &frame, wire_len) {
            Ok(packet) => checker.packet(time, &packet),
            Err(reason) => checker.skipped(time, reason),
        }
    }
    let report = checker.finish();
    let _text = report.to_string();
}

fn link_type(octet: u8) -> LinkType {
    let known = [
        LinkType::ETHERNET,
        LinkType::RAW,
        LinkType::RAW_BSD,
        LinkType::LINUX_SLL,
        LinkType::LINUX_SLL2,
        LinkType::IPV4,
        LinkType::IPV6,
        LinkType::NULL,
        LinkType(u32::from(octet)),
    ];
    known[usize::from(octet) % known.len()]
}

/// An IPv4 packet with a TCP segment of BGP's port; checksums are not looked at.
fn segment(choices: &mut Choices<'_>) -> Vec<u8> {
    let shape = choices.octet();
    let forth = shape & 1 == 0;
    let flags = match shape >> 1 & 3 {
        0 | 1 => 0x10,
        2 => [0x02, 0x12, 0x11, 0x14][choices.below(4)],
        _ => choices.octet(),
    };
    let [seq, ack] = [0, 1].map(|_| 0xffff_fff0_u32.wrapping_add_signed(choices.distance() as i32));
    let options = if shape & 8 == 0 {
        &[][..]
    } else {
        choices.slice(40)
    };
    let options = &options[..options.len() / 4 * 4];
    let text = if shape & 16 == 0 {
        &[][..]
    } else {
        choices.slice(80)
    };
    let total = (40 + options.len() + text.len()) as u16;
    let mut out = vec![0x45, 0];
    out.extend_from_slice(&total.to_be_bytes());
    out.extend_from_slice(&[0, 0, 0x40, 0, 64, 6, 0, 0]);
    let (from, to) = if forth { (1, 2) } else { (2, 1) };
    out.extend_from_slice(&[10, 0, 0, from, 10, 0, 0, to]);
    let port = 40_000 + u16::from(shape >> 6);
    let (src, dst) = if forth { (port, 179) } else { (179, port) };
    out.extend_from_slice(&u16::to_be_bytes(src));
    out.extend_from_slice(&u16::to_be_bytes(dst));
    out.extend_from_slice(&seq.to_be_bytes());
    out.extend_from_slice(&ack.to_be_bytes());
    out.push(((20 + options.len()) << 2) as u8);
    out.push(flags);
    out.extend_from_slice(&choices.two().to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(options);
    out.extend_from_slice(text);
    out
}
