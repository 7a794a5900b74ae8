//! Captures as others take them: cut, cooked, tagged, of one direction, begun late, in pieces, damaged.

use std::time::Duration;

use pcaps::check::Verdict;
use pcaps::craft::{Captured, Conversation};
use pcaps::flow::Direction::{FromClient, FromServer};
use pcaps::link_type::LinkType;
use pcaps::reader::{CaptureReader, Record};
use pcaps::replay::{Proof, ReplayConfig, ReplayReport, replay_capture};
use pcaps::tcp::Flags;
use pcaps::writer::CaptureWriter;
use proptest::prelude::*;

fn unopened() -> Conversation {
    let client = "10.99.0.2:40001".parse().expect("an address");
    let server = "10.99.0.1:50179".parse().expect("an address");
    Conversation::new(client, server)
}

/// A connection with octets both ways, a retransmission, and FINs both ways.
fn conversation() -> Conversation {
    let mut conversation = unopened();
    conversation.open();
    conversation
        .exchange(FromClient, &[1; 300])
        .exchange(FromServer, &[2; 1000])
        .send(FromServer, &[3; 700]);
    let (seq, ack) = (
        conversation.server.snd_nxt - 700,
        conversation.server.rcv_nxt,
    );
    conversation.wait(Duration::from_millis(250));
    conversation.bent(FromServer, |segment| {
        segment.flags = Flags::ACK.with(Flags::PSH);
        (segment.seg_seq, segment.seg_ack) = (seq, ack);
        segment.payload = vec![3; 700];
    });
    conversation.ack(FromClient).exchange(FromClient, &[4; 50]);
    conversation.fin(FromClient).ack(FromServer);
    conversation.fin(FromServer).ack(FromClient);
    conversation
}

/// Frames as a pcapng file, each as `dress` makes it: interface, link type, octets, octets on the wire.
fn file_of(
    frames: &[Captured],
    mut dress: impl FnMut(&Captured) -> Vec<(u32, LinkType, Vec<u8>, usize)>,
) -> Vec<u8> {
    let mut writer = CaptureWriter::new(Vec::new()).expect("a writer");
    for frame in frames {
        for (interface, link_type, captured, wire_len) in dress(frame) {
            let record = Record {
                time: frame.time,
                interface,
                link_type,
                wire_len,
                captured: &captured,
            };
            writer.write(&record).expect("written");
        }
    }
    writer.finish().expect("a file")
}

fn whole(octets: Vec<u8>) -> Vec<(u32, LinkType, Vec<u8>, usize)> {
    let len = octets.len();
    vec![(0, LinkType::ETHERNET, octets, len)]
}

fn replay_with(file: &[u8], config: &ReplayConfig) -> ReplayReport {
    let reader = CaptureReader::new(file).expect("a capture");
    replay_capture(reader, config).expect("a capture that can be read")
}

fn replay(file: &[u8]) -> ReplayReport {
    replay_with(file, &ReplayConfig::default())
}

/// Nothing differs, and every octet of both directions was received by the engine.
fn assert_replayed(report: &ReplayReport, verdict: Verdict, client: u64, server: u64) {
    assert!(report.different.is_empty(), "{report}");
    assert_eq!(report.verdict, verdict, "{report}");
    let flow = &report.flows[0];
    assert_eq!(
        (flow.client.received, flow.server.received),
        (client, server),
        "{report}"
    );
}

fn assert_says(report: &ReplayReport, what: &str) {
    let text = report.to_string();
    let said = text
        .lines()
        .any(|line| line.contains("not ") && line.contains(what));
    assert!(said, "{what:?} is not among what was not judged:\n{text}");
}

#[test]
fn plain_capture_passes_from_both_ends() {
    let report = replay(&file_of(&conversation().frames, |frame| {
        whole(frame.octets.clone())
    }));
    assert_replayed(&report, Verdict::Pass, 1700, 350);
    let flow = &report.flows[0];
    assert_eq!(flow.client.last_state, "TIME-WAIT");
    assert!(flow.server.last_state.starts_with("CLOSED"));
    assert_eq!(
        (flow.server.captured_again, flow.server.engine_again),
        (1, 1)
    );
}

#[test]
fn cut_octets_are_said() {
    let file = file_of(&conversation().frames, |frame| {
        let cut = frame.octets.len().min(80);
        vec![(
            0,
            LinkType::ETHERNET,
            frame.octets[..cut].to_vec(),
            frame.octets.len(),
        )]
    });
    let report = replay(&file);
    assert_replayed(&report, Verdict::Inconclusive, 1700, 350);
    assert_says(&report, "cut by the capture");
}

#[test]
fn cooked_and_tagged_frames_are_read() {
    let cooked = |frame: &Captured| {
        let mut octets = vec![0, 0, 0, 1, 0, 6];
        octets.extend(&frame.octets[6..12]);
        octets.extend([0, 0]);
        octets.extend(&frame.octets[12..]);
        octets
    };
    let cooked_2 = |frame: &Captured| {
        let mut octets = frame.octets[12..14].to_vec();
        octets.extend([0, 0, 0, 0, 0, 3, 0, 1, 0, 6]);
        octets.extend(&frame.octets[6..12]);
        octets.extend([0, 0]);
        octets.extend(&frame.octets[14..]);
        octets
    };
    let tagged =
        |frame: &Captured, tags: &[u8]| [&frame.octets[..12], tags, &frame.octets[12..]].concat();
    let frames = conversation().frames;
    let sll = file_of(&frames, |frame| {
        let octets = cooked(frame);
        let len = octets.len();
        vec![(0, LinkType::LINUX_SLL, octets, len)]
    });
    let sll2 = file_of(&frames, |frame| {
        let octets = cooked_2(frame);
        let len = octets.len();
        vec![(0, LinkType::LINUX_SLL2, octets, len)]
    });
    let vlan = file_of(&frames, |frame| whole(tagged(frame, &[0x81, 0, 0, 7])));
    let qinq = file_of(&frames, |frame| {
        whole(tagged(frame, &[0x88, 0xa8, 0, 9, 0x81, 0, 0, 7]))
    });
    for file in [sll, sll2, vlan, qinq] {
        assert_replayed(&replay(&file), Verdict::Pass, 1700, 350);
    }
}

#[test]
fn one_direction_alone_is_not_judged() {
    let client_only = file_of(&conversation().frames, |frame| {
        if frame.octets[11] == 1 {
            whole(frame.octets.clone())
        } else {
            Vec::new()
        }
    });
    let report = replay(&client_only);
    assert_eq!(report.verdict, Verdict::Inconclusive, "{report}");
    assert_says(&report, "nothing that the other end sent was captured");
    assert_says(&report, "nothing that this end sent was captured");
}

#[test]
fn capture_that_begins_late_is_replayed_from_there() {
    let frames = conversation().frames;
    for begin in 1..frames.len() - 2 {
        let file = file_of(&frames[begin..], |frame| whole(frame.octets.clone()));
        let report = replay(&file);
        assert!(report.different.is_empty(), "from frame {begin}: {report}");
        assert_eq!(
            report.verdict,
            Verdict::Inconclusive,
            "from frame {begin}: {report}"
        );
        assert_says(&report, "lacks a SYN");
    }
}

#[test]
fn frames_that_the_capture_lost_are_made_up_for() {
    let frames = conversation().frames;
    for lost in 0..frames.len() {
        let mut rest = frames.clone();
        rest.remove(lost);
        let report = replay(&file_of(&rest, |frame| whole(frame.octets.clone())));
        assert!(
            report.different.is_empty(),
            "without frame {lost}: {report}"
        );
    }
    let mut rest = frames.clone();
    rest.remove(5);
    let report = replay(&file_of(&rest, |frame| whole(frame.octets.clone())));
    assert_says(&report, "1000 octets that were acknowledged");
}

#[test]
fn pcap_with_nanoseconds_is_read() {
    let mut file = Vec::new();
    for word in [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        file.extend(word.to_le_bytes());
    }
    for frame in &conversation().frames {
        let nanos = frame.time.as_nanos() + 1;
        let len = frame.octets.len() as u32;
        for word in [
            (nanos / 1_000_000_000) as u32,
            (nanos % 1_000_000_000) as u32,
            len,
            len,
        ] {
            file.extend(word.to_le_bytes());
        }
        file.extend(&frame.octets);
    }
    assert_replayed(&replay(&file), Verdict::Pass, 1700, 350);
}

#[test]
fn capture_of_two_interfaces_is_replayed_from_one_or_with_every_frame_twice() {
    let file = file_of(&conversation().frames, |frame| {
        let len = frame.octets.len();
        vec![
            (0, LinkType::ETHERNET, frame.octets.clone(), len),
            (1, LinkType::ETHERNET, frame.octets.clone(), len),
        ]
    });
    let one = ReplayConfig {
        interfaces: vec![1],
        ..ReplayConfig::default()
    };
    assert_replayed(&replay_with(&file, &one), Verdict::Pass, 1700, 350);
    assert_replayed(&replay(&file), Verdict::Pass, 1700, 350);
}

#[test]
fn fragments_are_said_and_made_up_for() {
    let frames = conversation().frames;
    let file = file_of(&frames, |frame| {
        let mut octets = frame.octets.clone();
        if octets.len() > 1000 {
            octets[20] |= 0x20;
        }
        whole(octets)
    });
    let report = replay(&file);
    assert_replayed(&report, Verdict::Inconclusive, 1700, 350);
    assert_says(&report, "IP fragment");
    assert_says(&report, "1000 octets that were acknowledged");
}

#[test]
fn super_frame_of_segmentation_offload_is_one_segment() {
    let mut conversation = unopened();
    conversation.open();
    conversation
        .exchange(FromServer, &[5; 20_000])
        .exchange(FromClient, &[6; 40_000]);
    let report = replay(&file_of(&conversation.frames, |frame| {
        whole(frame.octets.clone())
    }));
    assert_replayed(&report, Verdict::Pass, 20_000, 40_000);
}

#[test]
fn damaged_segment_does_not_reach_the_engine() {
    let mut frames = conversation().frames;
    let mut damaged = frames[5].clone();
    *damaged.octets.last_mut().expect("octets") ^= 1;
    frames.insert(5, damaged);
    let report = replay(&file_of(&frames, |frame| whole(frame.octets.clone())));
    assert!(!report.different.contains_key(&Proof::Octets), "{report}");
    assert_says(&report, "wrong checksum");
}

#[test]
fn end_that_goes_on_after_a_reset_is_said() {
    let mut conversation = unopened();
    conversation.open().exchange(FromServer, b"octets");
    conversation.reset(FromServer);
    conversation.wait(Duration::from_secs(2));
    conversation.send(FromClient, b"as if nothing had been");
    let report = replay(&file_of(&conversation.frames, |frame| {
        whole(frame.octets.clone())
    }));
    assert_eq!(report.verdict, Verdict::Inconclusive, "{report}");
    assert_says(&report, "go on after their end");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Frames with octets changed anywhere, left out, repeated and in another order: no panic, whatever is found.
    #[test]
    fn garbage_is_survived(
        changes in prop::collection::vec((0usize..17, 0usize..200, any::<u8>()), 0..24),
        order in prop::collection::vec(0usize..17, 0..6),
    ) {
        let mut frames = conversation().frames;
        for (frame, at, octet) in changes {
            let frame = frame % frames.len();
            let octets = &mut frames[frame].octets;
            let at = at % octets.len();
            octets[at] = octet;
        }
        for frame in order {
            let frame = frames.remove(frame % frames.len());
            frames.insert(0, frame);
        }
        let file = file_of(&frames, |frame| whole(frame.octets.clone()));
        let config = ReplayConfig { twin_segments_max: 60, ..ReplayConfig::default() };
        replay_with(&file, &config);
    }
}
