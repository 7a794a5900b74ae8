//! Octets that the capture lacks, and acknowledgements of what was never sent.

use super::*;

/// A conversation without its frame `index`.
fn without(mut conversation: Conversation, index: usize) -> Conversation {
    conversation.frames.remove(index);
    conversation
}

#[test]
fn ack_of_octets_never_sent_is_found() {
    for direction in [C, S] {
        let mut conversation = open();
        conversation.bent(direction, |segment| {
            segment.seg_ack = segment.seg_ack.wrapping_add(10);
        });
        conversation.exchange(direction.reverse(), &[3; 30]);
        let report = check(&conversation);
        assert_breaks(&report, Rule::AckOfSent);
        assert!(
            report.violations[0].detail.starts_with("10 octet(s)"),
            "{report}"
        );
    }
}

#[test]
fn sender_that_stands_still_shows_an_ack_of_octets_never_sent() {
    let mut conversation = open();
    conversation.bent(C, |segment| {
        segment.seg_ack = segment.seg_ack.wrapping_add(1)
    });
    conversation.ack(S);
    assert_breaks(&check(&conversation), Rule::AckOfSent);
}

#[test]
fn frame_lost_by_the_capture_is_told_apart() {
    let mut conversation = open();
    conversation.exchange(S, &[1; 100]);
    let lost = conversation.frames.len() - 2;
    conversation.exchange(S, &[2; 50]).exchange(S, &[3; 50]);
    let conversation = without(conversation, lost);
    let (report, notes) = check_with(ours(), &[&conversation], Notes::default());
    assert_eq!(report.violations, [], "{report}");
    assert_eq!(report.verdict, Verdict::Inconclusive);
    assert_eq!(report.flows[0].from_server.lost_by_capture, 100);
    assert_eq!(notes.gaps, [(S, 100)]);
    let (_, last) = notes.octets.last().expect("octets");
    assert_eq!(*last, [3; 50]);
}

#[test]
fn frame_lost_by_the_capture_before_later_ones_is_told_apart() {
    let mut conversation = open();
    conversation.send(S, &[1; 100]);
    let lost = conversation.frames.len() - 1;
    conversation.send(S, &[2; 50]).ack(C);
    let conversation = without(conversation, lost);
    let (report, notes) = check_with(ours(), &[&conversation], Notes::default());
    assert_eq!(report.violations, [], "{report}");
    assert_eq!(report.flows[0].from_server.lost_by_capture, 100);
    assert_eq!(notes.gaps, [(S, 100)]);
    assert_eq!(notes.octets.last(), Some(&(S, vec![2; 50])));
}

#[test]
fn ack_that_nothing_explains_is_told() {
    let mut conversation = open();
    conversation.send(S, &[1; 100]);
    let lost = conversation.frames.len() - 1;
    conversation.ack(C);
    let report = check(&without(conversation, lost));
    assert_eq!(report.violations, [], "{report}");
    assert_eq!(report.verdict, Verdict::Inconclusive);
    assert!(report.unjudged[0].contains("100 octet(s)"), "{report}");
}

#[test]
fn gap_that_is_filled_later_is_no_loss() {
    let mut conversation = open();
    let start = conversation.server.snd_nxt;
    conversation.send(S, &[1; 100]);
    let lost = conversation.frames.len() - 1;
    conversation.send(S, &[2; 50]);
    let seen = start;
    conversation.bent(C, |segment| segment.seg_ack = seen);
    conversation.bent(S, |segment| {
        segment.seg_seq = start;
        segment.payload = vec![1; 100];
    });
    conversation.ack(C);
    let report = check(&without(conversation, lost));
    assert_passes(&report);
    assert_eq!(report.flows[0].from_server.octets, 19 + 150);
}

#[test]
fn octets_beyond_an_open_gap_are_told() {
    let mut conversation = open();
    conversation.send(S, &[1; 100]);
    let lost = conversation.frames.len() - 1;
    conversation.send(S, &[2; 50]);
    let report = check(&without(conversation, lost));
    assert_eq!(report.flows[0].from_server.beyond_gap, 50);
}

#[test]
fn cut_packets_are_octets_lost_by_the_capture() {
    let mut conversation = open();
    conversation.send(C, &[5; 200]).ack(S);
    let cut = conversation.frames.len() - 2;
    let mut checker = Checker::new(ours());
    for (index, frame) in conversation.frames.iter().enumerate() {
        let kept = frame.octets.len() - if index == cut { 150 } else { 0 };
        let record = frame.record();
        let packet = Packet::parse(record.link_type, 0, &frame.octets[..kept], record.wire_len);
        checker.packet(frame.time, &packet.expect("a packet"));
    }
    let report = checker.finish();
    assert_eq!(report.violations, [], "{report}");
    assert_eq!(report.flows[0].from_client.lost_by_capture, 150);
    assert_eq!(report.verdict, Verdict::Inconclusive);
}

#[test]
fn capture_that_begins_within_the_session_is_inconclusive() {
    let mut conversation = open();
    conversation
        .exchange(C, &keepalive())
        .exchange(S, &message(3, &[6, 2]));
    conversation.frames.drain(..5);
    let report = check(&conversation);
    assert_eq!(report.flows[0].opening, Opening::NotCaptured);
    assert!(
        report
            .unjudged
            .iter()
            .any(|line| line.contains("window edge")),
        "{report}"
    );
    assert_breaks(&report, Rule::NoNotification);
}

#[test]
fn capture_that_lacks_the_syn_ack_is_inconclusive() {
    let report = check(&without(open(), 1));
    assert_eq!(report.violations, [], "{report}");
    assert_eq!(report.flows[0].opening, Opening::NotCaptured);
    assert_eq!(report.verdict, Verdict::Inconclusive);
}

#[test]
fn history_that_is_too_short_is_told() {
    let mut conversation = open();
    let start = conversation.server.snd_nxt;
    for round in 0..40 {
        conversation.exchange(S, &[round; 1000]);
    }
    conversation.bent(S, |segment| {
        segment.seg_seq = start;
        segment.payload = vec![99; 10];
    });
    let config = CheckConfig {
        history_octets: 1000,
        ..ours()
    };
    let (report, ()) = check_with(config, &[&conversation], ());
    assert_eq!(report.flows[0].from_server.uncompared_octets, 10);
    assert_eq!(report.verdict, Verdict::Inconclusive, "{report}");
}

#[test]
fn notification_behind_lost_octets_is_found() {
    let mut conversation = open();
    let update = message(2, &[0; 100]);
    conversation.send(C, &update[..60]).send(C, &update[60..]);
    let lost = conversation.frames.len() - 1;
    conversation.send(C, &message(3, &[4, 0])).ack(S);
    let report = check(&without(conversation, lost));
    assert_breaks(&report, Rule::NoNotification);
    assert_eq!(report.flows[0].from_client.notifications, [(4, 0)]);
}

#[test]
fn packets_that_the_capture_says_it_lost_make_the_verdict_inconclusive() {
    let conversation = open();
    let mut checker = Checker::new(ours());
    for frame in &conversation.frames {
        checker.packet(frame.time, &frame.packet().expect("a packet"));
    }
    checker.capture_lacks(3, false);
    let report = checker.finish();
    assert_eq!(report.verdict, Verdict::Inconclusive);
    assert_eq!(
        report.unjudged,
        ["3 packet(s) lost by the capture, as it says"]
    );
}

#[test]
fn octets_captured_a_moment_behind_their_acknowledgement_were_sent_before_it() {
    let disordered = |late| {
        let mut conversation = open();
        conversation.exchange(S, &[1; 100]);
        let (text, ack) = (conversation.frames.len() - 2, conversation.frames.len() - 1);
        conversation.frames[text].time = conversation.frames[ack].time + late;
        conversation.frames.swap(text, ack);
        conversation
            .wait(Duration::from_secs(1))
            .exchange(S, &[2; 100]);
        check(&conversation)
    };
    let report = disordered(Duration::from_micros(30));
    assert_passes(&report);
    let ours = &report.flows[0].from_server;
    assert_eq!((ours.captured_late, ours.octets), (1, 19 + 200));
    assert_breaks(&disordered(Duration::from_millis(2)), Rule::AckOfSent);
}
