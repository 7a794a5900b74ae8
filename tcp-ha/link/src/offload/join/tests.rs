//! What is joined and then cut by the rules of the kernel is what it was.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::frame::{Built, Frame, Frames};
use crate::offload::SuperFrame;

const ACK: u8 = 0x10;
const PSH: u8 = 0x08;
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const URG: u8 = 0x20;
const ECE: u8 = 0x40;

/// Timestamps, as most segments have them.
const TIMESTAMPS: [u8; 12] = [1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9];

/// What a segment in its frame is made of.
#[derive(Clone, Debug)]
struct Spec {
    ipv6: bool,
    medium: Medium,
    seq: u32,
    ack: u32,
    window: u16,
    flags: u8,
    dscp: u8,
    hop_limit: u8,
    options: Vec<u8>,
    text: Vec<u8>,
}

impl Spec {
    fn new(seq: u32, len: usize) -> Spec {
        Spec {
            ipv6: false,
            medium: Medium::Ethernet,
            seq,
            ack: 77,
            window: 500,
            flags: ACK,
            dscp: 48,
            hop_limit: 64,
            options: TIMESTAMPS.to_vec(),
            text: (0..len).map(|at| (seq as usize + at) as u8).collect(),
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Spec)) -> Spec {
        change(&mut self);
        self
    }

    fn frame(&self) -> Vec<u8> {
        let mut segment = vec![0, 179, 0x80, 1];
        segment.extend(self.seq.to_be_bytes());
        segment.extend(self.ack.to_be_bytes());
        segment.push(((20 + self.options.len()) as u8 / 4) << 4);
        segment.push(self.flags);
        segment.extend(self.window.to_be_bytes());
        segment.extend([0; 4]);
        segment.extend(&self.options);
        segment.extend(&self.text);
        let mut frame = Vec::new();
        if self.medium == Medium::Ethernet {
            frame.extend([2, 0, 0, 0, 0, 7, 2, 0, 0, 0, 0, 1]);
            frame.extend(if self.ipv6 { [0x86, 0xdd] } else { [8, 0] });
        }
        let tcp = if self.ipv6 {
            frame.extend([0x60 | self.dscp >> 2, self.dscp << 6, 0, 0]);
            frame.extend((segment.len() as u16).to_be_bytes());
            frame.extend([6, self.hop_limit]);
            frame.extend([0xfd; 32]);
            frame.len()
        } else {
            frame.extend([0x45, self.dscp << 2]);
            frame.extend((20 + segment.len() as u16).to_be_bytes());
            frame.extend([0, 0, 0x40, 0, self.hop_limit, 6, 0, 0]);
            frame.extend([10, 0, 0, 1, 10, 0, 0, 2]);
            frame.len()
        };
        frame.extend(segment);
        fill_checksums(self.ipv6, tcp, &mut frame);
        frame
    }
}

/// Both checksums of a packet whose TCP header begins at `tcp`, from scratch.
fn fill_checksums(ipv6: bool, tcp: usize, frame: &mut [u8]) {
    let addresses = if ipv6 {
        tcp - 32..tcp
    } else {
        frame[tcp - 10..tcp - 8].fill(0);
        let sum = plain_sum(&[&frame[tcp - 20..tcp]]);
        frame[tcp - 10..tcp - 8].copy_from_slice(&sum.to_be_bytes());
        tcp - 8..tcp
    };
    frame[tcp + 16..tcp + 18].fill(0);
    let len = (frame.len() - tcp) as u32;
    let sum = plain_sum(&[
        &frame[addresses],
        &[0, 6],
        &len.to_be_bytes(),
        &frame[tcp..],
    ]);
    frame[tcp + 16..tcp + 18].copy_from_slice(&sum.to_be_bytes());
}

/// The Internet checksum over parts, of which only the last may have an odd length.
fn plain_sum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0_u32;
    for pair in parts.iter().flat_map(|part| part.chunks(2)) {
        sum += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// TCP segmentation as Linux does it, but for the identification of IPv4, which it counts up: with DF it means nothing (RFC 6864 4.1).
fn cut(header: &VirtioHeader, frame: &[u8]) -> Vec<Vec<u8>> {
    let (tcp, text) = (usize::from(header.csum_start), usize::from(header.hdr_len));
    let ipv6 = header.gso_type == 4;
    let pieces: Vec<&[u8]> = frame[text..].chunks(usize::from(header.gso_size)).collect();
    let seq = u32::from_be_bytes([0, 1, 2, 3].map(|at| frame[tcp + 4 + at]));
    let mut segments = Vec::new();
    let mut before = 0;
    for (at, piece) in pieces.iter().enumerate() {
        let mut segment = [&frame[..text], piece].concat();
        let len = (segment.len() - tcp) as u16;
        if ipv6 {
            segment[tcp - 36..tcp - 34].copy_from_slice(&len.to_be_bytes());
        } else {
            segment[tcp - 18..tcp - 16].copy_from_slice(&(len + 20).to_be_bytes());
        }
        segment[tcp + 4..tcp + 8].copy_from_slice(&seq.wrapping_add(before).to_be_bytes());
        if at + 1 < pieces.len() {
            segment[tcp + 13] &= !(FIN | PSH);
        }
        fill_checksums(ipv6, tcp, &mut segment);
        before += piece.len() as u32;
        segments.push(segment);
    }
    segments
}

/// The frame that goes to the device.
fn written(joined: &Joined, headers: &[u8], frames: &[Vec<u8>]) -> Vec<u8> {
    let mut whole = headers.to_vec();
    for frame in &frames[..joined.frames] {
        whole.extend(&frame[joined.header_len..]);
    }
    whole
}

/// The same octets as a frame that was built for many segments at once, its text behind the headers in pieces of so many octets;
/// 0: in one piece with them.
fn super_frame(header: &VirtioHeader, mut buffer: Vec<u8>, piece: usize) -> Frame {
    let mut text = Vec::new();
    if piece > 0 {
        let far = buffer.split_off(usize::from(header.hdr_len));
        text.extend(far.chunks(piece).map(Bytes::copy_from_slice));
    }
    let mut frames = Frames::new();
    frames.push_built(Built {
        buffer,
        start: 0,
        left: Some(usize::from(header.csum_start)),
        cut: Some(header.gso_size),
        text,
    });
    frames.drain().next().expect("one frame")
}

fn join_all(medium: Medium, frames: &[Vec<u8>]) -> (Joined, Vec<u8>) {
    let mut headers = Vec::new();
    let joined = join(medium, frames.iter().map(Vec::as_slice), &mut headers);
    (joined, headers)
}

/// How many of these go out together.
fn together(specs: &[Spec]) -> usize {
    let frames: Vec<_> = specs.iter().map(Spec::frame).collect();
    join_all(specs[0].medium, &frames).0.frames
}

fn run(count: u32, len: usize) -> Vec<Spec> {
    let at = |number: u32| 1000 + number * len as u32;
    (0..count)
        .map(|number| Spec::new(at(number), len))
        .collect()
}

#[test]
fn a_run_of_full_segments_becomes_one_frame_of_the_greatest_length() {
    for (ipv6, len) in [(false, 1448), (true, 1428)] {
        let mut specs = run(60, len);
        specs.iter_mut().for_each(|spec| spec.ipv6 = ipv6);
        let frames: Vec<_> = specs.iter().map(Spec::frame).collect();
        let (joined, headers) = join_all(Medium::Ethernet, &frames);
        assert_eq!(joined.frames, 45);
        let whole = written(&joined, &headers, &frames);
        assert!(whole.len() <= 65_535 + 14);
        assert_eq!(cut(&joined.header, &whole), frames[..45]);
    }
}

#[test]
fn the_checksum_field_of_a_joined_frame_is_the_sum_of_the_pseudo_header() {
    let frames: Vec<_> = run(2, 100).iter().map(Spec::frame).collect();
    let (joined, headers) = join_all(Medium::Ethernet, &frames);
    let mut whole = written(&joined, &headers, &frames);
    // Who completes it sums from `csum_start` on, the field included.
    let (start, offset) = (joined.header.csum_start, joined.header.csum_offset);
    let sum = plain_sum(&[&whole[usize::from(start)..]]);
    let at = usize::from(start + offset);
    whole[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    let completed = whole.clone();
    fill_checksums(false, usize::from(start), &mut whole);
    assert_eq!(completed, whole);
}

#[test]
fn what_ends_a_burst_ends_the_frame() {
    for flags in [ACK | PSH, ACK | FIN, ACK | PSH | FIN] {
        let mut specs = run(4, 100);
        specs[1].flags = flags;
        assert_eq!(together(&specs), 2);
        assert_eq!(together(&specs[1..]), 1);
    }
}

#[test]
fn a_shorter_segment_ends_the_frame_and_a_longer_one_begins_another() {
    let specs = [Spec::new(0, 100), Spec::new(100, 60), Spec::new(160, 100)];
    assert_eq!(together(&specs), 2);
    assert_eq!(together(&specs[1..]), 1);
}

#[test]
fn what_differs_is_not_joined() {
    let differing: [fn(&mut Spec); 12] = [
        |spec| spec.seq += 1,
        |spec| spec.seq -= 1,
        |spec| spec.ack += 1,
        |spec| spec.window += 1,
        |spec| spec.dscp = 0,
        |spec| spec.hop_limit = 1,
        |spec| spec.ipv6 = true,
        |spec| spec.options[7] += 1,
        |spec| spec.options.clear(),
        |spec| spec.flags = ACK | RST,
        |spec| spec.flags = ACK | ECE,
        |spec| spec.text.clear(),
    ];
    for change in differing {
        let mut specs = run(2, 100);
        assert_eq!(together(&specs), 2);
        change(&mut specs[1]);
        assert_eq!(together(&specs), 1, "{:?}", specs[1]);
    }
}

#[test]
fn what_is_no_plain_text_goes_alone() {
    for flags in [ACK | SYN, ACK | RST, ACK | URG, ACK | ECE, 0] {
        let specs = run(3, 100).into_iter();
        let specs: Vec<_> = specs
            .map(|spec| spec.with(|spec| spec.flags = flags))
            .collect();
        assert_eq!(together(&specs), 1, "flags {flags:x}");
    }
    let empty = [Spec::new(1, 0), Spec::new(1, 0)];
    assert_eq!(together(&empty), 1);
}

#[test]
fn signed_segments_go_alone() {
    let md5 = [[1, 1, 19, 18].as_slice(), &[0xaa; 16]].concat();
    let ao = [[29, 16, 1, 2].as_slice(), &[0xaa; 12]].concat();
    // Options that contradict themselves might hide one.
    for options in [
        md5,
        ao,
        vec![8, 40, 0, 0],
        vec![8, 0, 0, 0],
        vec![1, 1, 1, 8],
    ] {
        let specs = run(3, 100).into_iter();
        let specs = specs.map(|spec| spec.with(|spec| spec.options.clone_from(&options)));
        let specs: Vec<_> = specs.collect();
        let alone = options[1] != 0;
        assert_eq!(together(&specs) == 1, alone, "{options:?}");
    }
}

#[test]
fn frames_that_are_no_segments_go_alone() {
    let arp = [[0xff; 12].as_slice(), &[8, 6], &[0; 28]].concat();
    assert_eq!(
        join_all(Medium::Ethernet, &[arp.clone(), arp]).0,
        Joined::ALONE
    );
    let whole = Spec::new(0, 100).frame();
    for len in 0..whole.len() {
        let frames = [whole[..len].to_vec(), whole.clone()];
        assert_eq!(join_all(Medium::Ethernet, &frames).0, Joined::ALONE);
    }
    let padded = [whole.as_slice(), &[0; 4]].concat();
    assert_eq!(
        join_all(Medium::Ethernet, &[padded, whole]).0,
        Joined::ALONE
    );
}

/// Changes to a run that may break it anywhere.
fn disturbance() -> impl Strategy<Value = (usize, u8)> {
    (0_usize..40, 0_u8..12)
}

fn disturb(specs: &mut [Spec], (at, how): (usize, u8)) {
    let at = at % specs.len();
    let spec = &mut specs[at];
    match how {
        0 => spec.flags |= PSH,
        1 => spec.flags |= FIN,
        2 => spec.ack += 5,
        3 => spec.window += 5,
        4 => spec.seq = spec.seq.wrapping_add(1),
        5 => spec.text.truncate(1),
        6 => spec.text.clear(),
        7 => spec.flags = SYN | ACK,
        8 => spec.options = [[29, 16, 1, 2].as_slice(), &[at as u8; 12]].concat(),
        9 => spec.options[7] = 0xee,
        10 => spec.ipv6 = !spec.ipv6,
        _ => specs.swap(0, at),
    }
}

proptest! {
    #[test]
    fn joined_and_cut_again_is_what_it_was(
        count in 1_u32..80,
        len in 1_usize..1449,
        seq: u32,
        ipv6: bool,
        bare: bool,
        piece in 0_usize..5_000,
        disturbances in proptest::collection::vec(disturbance(), 0..4),
    ) {
        let medium = if bare { Medium::Ip } else { Medium::Ethernet };
        let at = |number: u32| seq.wrapping_add(number * len as u32);
        let spec = |number| Spec::new(at(number), len).with(|spec| {
            spec.ipv6 = ipv6;
            spec.medium = medium;
        });
        let mut specs: Vec<_> = (0..count).map(spec).collect();
        for disturbance in disturbances {
            disturb(&mut specs, disturbance);
        }
        let frames: Vec<_> = specs.iter().map(Spec::frame).collect();
        let mut rest = &frames[..];
        while !rest.is_empty() {
            let (joined, headers) = join_all(medium, rest);
            let (now, later) = rest.split_at(joined.frames);
            let whole = written(&joined, &headers, now);
            if joined.frames == 1 {
                prop_assert_eq!(joined, Joined::ALONE);
                prop_assert_eq!(&whole, &now[0]);
            } else {
                prop_assert!(whole.len() <= usize::from(u16::MAX) + medium.header_len());
                prop_assert_eq!(cut(&joined.header, &whole), now);
                let frame = super_frame(&joined.header, whole, piece);
                let parts = SuperFrame::of(medium, &frame).expect("a super-frame");
                prop_assert_eq!(parts.segments(), joined.frames);
                prop_assert_eq!(parts.header(), joined.header);
                let mut segments = Vec::new();
                parts.cut(&mut Vec::new(), |segment| segments.push(segment.to_vec()));
                prop_assert_eq!(segments, now);
            }
            rest = later;
        }
    }

    #[test]
    fn any_octets_are_joined_or_not_but_never_a_panic(
        frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..120), 1..5),
        bare: bool,
    ) {
        let medium = if bare { Medium::Ip } else { Medium::Ethernet };
        let (joined, _) = join_all(medium, &frames);
        prop_assert!(joined.frames >= 1 && joined.frames <= frames.len());
    }
}
