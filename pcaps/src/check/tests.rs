use std::net::SocketAddr;
use std::time::Duration;

use super::*;
use crate::craft::{Conversation, Segment};
use crate::flow::{Direction, Flow};
use crate::packet::Packet;
use crate::tcp::Flags;

mod lifecycle;
mod loss;
mod window;

const C: Direction = Direction::FromClient;
const S: Direction = Direction::FromServer;

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn client() -> SocketAddr {
    address("10.99.0.2:40001")
}

fn server() -> SocketAddr {
    address("10.99.0.1:179")
}

/// A connection that is open, and through which octets went both ways.
fn open() -> Conversation {
    let mut conversation = Conversation::new(client(), server());
    conversation.open();
    conversation
        .exchange(C, &keepalive())
        .exchange(S, &keepalive());
    conversation
}

fn keepalive() -> Vec<u8> {
    message(4, &[])
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![0xff; 16];
    message.extend((19 + body.len() as u16).to_be_bytes());
    message.push(kind);
    message.extend(body);
    message
}

fn ours() -> CheckConfig {
    CheckConfig {
        us: vec![server().ip()],
        ..CheckConfig::default()
    }
}

fn check_with<O: Observer>(
    config: CheckConfig,
    conversations: &[&Conversation],
    observer: O,
) -> (Report, O) {
    let mut frames: Vec<_> = conversations.iter().flat_map(|one| &one.frames).collect();
    frames.sort_by_key(|frame| frame.time);
    let mut checker = Checker::with_observer(config, observer);
    for frame in frames {
        checker.packet(
            frame.time,
            &frame.packet().expect("a packet that can be read"),
        );
    }
    checker.finish_with_observer()
}

fn check(conversation: &Conversation) -> Report {
    check_with(ours(), &[conversation], ()).0
}

#[track_caller]
fn assert_passes(report: &Report) {
    assert_eq!(report.violations, [], "{report}");
    assert_eq!(report.unjudged, [""; 0], "{report}");
    assert_eq!(report.verdict, Verdict::Pass, "{report}");
}

#[track_caller]
fn assert_breaks(report: &Report, rule: Rule) {
    assert_eq!(report.verdict, Verdict::Fail, "{report}");
    let broken: Vec<Rule> = report.broken.keys().copied().collect();
    assert_eq!(broken, [rule], "{report}");
}

#[test]
fn healthy_session_passes() {
    let report = check(&open());
    assert_passes(&report);
    let session = &report.sessions[0];
    assert_eq!(
        (session.syn_exchanges, session.resets, session.fins),
        (1, 0, 0)
    );
    assert_eq!(session.addresses, [server().ip(), client().ip()]);
    let flow = &report.flows[0];
    assert_eq!((flow.opening, flow.ours), (Opening::Exchanged, Some(S)));
    assert_eq!((flow.from_client.octets, flow.from_server.octets), (19, 19));
    assert_eq!(flow.from_client.bgp.get("KEEPALIVE"), Some(&1));
    assert_eq!(
        flow.from_client.bad_checksums + flow.from_server.bad_checksums,
        0
    );
}

#[test]
fn ipv6_session_passes() {
    let mut conversation = Conversation::new(address("[fd99::2]:40001"), address("[fd99::1]:179"));
    conversation.open().exchange(C, &keepalive());
    let config = CheckConfig {
        us: vec![address("[fd99::1]:179").ip()],
        ..CheckConfig::default()
    };
    let (report, ()) = check_with(config, &[&conversation], ());
    assert_passes(&report);
    assert_eq!(report.flows[0].from_client.bad_checksums, 0);
}

#[test]
fn capture_without_connections_is_inconclusive() {
    let report = Checker::new(ours()).finish();
    assert_eq!(report.verdict, Verdict::Inconclusive);
    assert_eq!(report.unjudged.len(), 1);
}

#[test]
fn capture_without_a_connection_of_ours_is_inconclusive() {
    let config = CheckConfig {
        us: vec![address("192.0.2.1:1").ip()],
        ..CheckConfig::default()
    };
    let (report, ()) = check_with(config, &[&open()], ());
    assert_eq!(report.verdict, Verdict::Inconclusive, "{report}");
}

#[test]
fn other_ports_are_left_out() {
    let mut other = Conversation::new(address("10.99.0.2:1"), address("10.99.0.1:2"));
    other.open().reset(C);
    let config = CheckConfig {
        ports: vec![179],
        ..ours()
    };
    let (report, ()) = check_with(config, &[&open(), &other], ());
    assert_passes(&report);
    assert_eq!(report.capture.left_out, 4);
}

#[test]
fn skipped_packets_make_the_verdict_inconclusive() {
    let conversation = open();
    let mut checker = Checker::new(ours());
    for frame in &conversation.frames {
        checker.packet(frame.time, &frame.packet().expect("a packet"));
    }
    checker.skipped(Timestamp::default(), Skip::Fragment);
    let report = checker.finish();
    assert_eq!(report.verdict, Verdict::Inconclusive);
    assert_eq!(report.capture.skipped.get("IP fragment"), Some(&1));
}

#[test]
fn flows_beyond_the_bound_are_counted_not_followed() {
    let mut second = Conversation::new(address("10.99.0.3:40001"), server());
    second.open();
    let config = CheckConfig {
        flows_max: 1,
        ..ours()
    };
    let (report, ()) = check_with(config, &[&open(), &second], ());
    assert_eq!(report.capture.untracked, 3);
    assert_eq!(report.verdict, Verdict::Inconclusive, "{report}");
}

#[derive(Default)]
struct Notes {
    octets: Vec<(Direction, Vec<u8>)>,
    gaps: Vec<(Direction, u64)>,
    segments: usize,
    advancing_acks: usize,
    violations: usize,
}

impl Observer for Notes {
    fn on_segment(&mut self, segment: &SegmentSeen<'_>) {
        self.segments += 1;
        self.advancing_acks += usize::from(segment.acknowledged_octets > 0);
    }

    fn on_octets(&mut self, _: &Flow, direction: Direction, _: Timestamp, octets: &[u8]) {
        self.octets.push((direction, octets.to_vec()));
    }

    fn on_gap(&mut self, _: &Flow, direction: Direction, _: Timestamp, octets: u64) {
        self.gaps.push((direction, octets));
    }

    fn on_violation(&mut self, _: &Violation) {
        self.violations += 1;
    }
}

#[test]
fn observer_gets_each_octet_once_and_in_order() {
    let mut conversation = open();
    let start = conversation.client.snd_nxt;
    for (offset, octets) in [
        (3, &b"def"[..]),
        (6, b"ghi"),
        (0, b"abcd"),
        (0, b"abcdefghijk"),
    ] {
        conversation.bent(C, |segment| {
            segment.seg_seq = start.wrapping_add(offset);
            segment.payload = octets.to_vec();
        });
    }
    conversation.ack(S);
    let (report, notes) = check_with(ours(), &[&conversation], Notes::default());
    assert_passes(&report);
    let from_client: Vec<u8> = notes
        .octets
        .iter()
        .filter(|(direction, _)| *direction == C)
        .flat_map(|(_, octets)| octets.clone())
        .collect();
    assert_eq!(from_client[19..], *b"abcdefghijk");
    assert_eq!(notes.segments, conversation.frames.len());
    let sent = &report.flows[0].from_client;
    assert_eq!(
        (sent.retransmitted_octets, sent.compared_octets),
        (1 + 9, 1 + 9)
    );
    assert_eq!(notes.gaps, []);
}

#[test]
fn acknowledgement_that_advances_is_told() {
    let (_, notes) = check_with(ours(), &[&open()], Notes::default());
    // The client's acknowledgement of the server's octets, and the server's of the client's; the SYNs' are the first of
    // their directions.
    assert_eq!(notes.advancing_acks, 2);
}

#[test]
fn first_segment_of_a_segmented_storm_cannot_grow_the_list_of_violations() {
    let mut conversation = open();
    for _ in 0..100 {
        conversation.server.tsval = conversation.server.tsval.wrapping_sub(50);
        conversation.ack(S);
    }
    let (report, notes) = check_with(ours(), &[&conversation], Notes::default());
    assert_eq!(report.broken.get(&Rule::TimestampForward), Some(&100));
    assert_eq!(report.violations.len(), 16);
    assert_eq!(notes.violations, 100);
}

#[test]
fn report_is_serde() {
    let mut conversation = open();
    conversation.reset(C);
    let json = serde_json::to_value(check(&conversation)).expect("a report");
    assert_eq!(json["verdict"], "fail");
    assert_eq!(json["broken"]["no_reset"], 1);
    assert_eq!(json["violations"][0]["rule"], "no_reset");
    assert_eq!(json["flows"][0]["client"], "10.99.0.2:40001");
}
