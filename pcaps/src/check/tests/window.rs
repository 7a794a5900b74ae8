//! TSval, the right window edge, and the octets themselves.

use super::*;

#[test]
fn tsval_that_goes_back_is_found() {
    let mut conversation = open();
    conversation.server.tsval = conversation.server.tsval.wrapping_sub(1000);
    conversation.ack(S);
    assert_breaks(&check(&conversation), Rule::TimestampForward);
}

#[test]
fn tsval_that_wraps_goes_forward() {
    let mut conversation = Conversation::new(client(), server());
    conversation.server.tsval = u32::MAX - 3;
    conversation.open();
    for _ in 0..10 {
        conversation.exchange(C, &keepalive());
    }
    assert_passes(&check(&conversation));
}

#[test]
fn edge_that_moves_left_is_found() {
    let mut conversation = open();
    conversation.server.seg_wnd -= 1;
    conversation.ack(S);
    let report = check(&conversation);
    assert_breaks(&report, Rule::EdgeForward);
    assert!(
        report.violations[0].detail.contains("128 octet(s)"),
        "{report}"
    );
}

#[test]
fn smaller_window_with_the_same_edge_passes() {
    let mut conversation = open();
    conversation.send(C, &[7; 128]);
    conversation.server.seg_wnd -= 1;
    conversation.ack(S);
    let report = check(&conversation);
    assert_passes(&report);
}

#[test]
fn windows_are_not_scaled_when_one_side_offers_no_scale() {
    let mut conversation = Conversation::new(client(), server());
    conversation.bent(C, |segment| {
        segment.flags = Flags::SYN;
        segment.seg_ack = 0;
    });
    // The SYN of the client is replaced by one without options.
    let syn = Segment {
        seg_seq: conversation.client.snd_nxt.wrapping_sub(1),
        flags: Flags::SYN,
        ..Segment::default()
    };
    let packet = crate::craft::ip_packet(client(), server(), &syn);
    let link = conversation.client.link;
    conversation.frames[0].octets = crate::craft::frame(link, link, &packet);
    conversation.server.seg_wnd = 1000;
    conversation.bent(S, |segment| segment.flags = Flags::SYN.with(Flags::ACK));
    conversation.ack(C).send(C, &[1; 100]);
    conversation.server.seg_wnd = 900;
    conversation.ack(S);
    assert_passes(&check(&conversation));
    conversation.server.seg_wnd = 899;
    conversation.ack(S);
    assert_breaks(&check(&conversation), Rule::EdgeForward);
}

#[test]
fn peers_own_clock_and_edge_are_not_judged() {
    let mut conversation = open();
    conversation.client.seg_wnd = 1;
    conversation.client.tsval = 0;
    conversation.ack(C);
    conversation.client.tsval = u32::MAX;
    conversation.ack(C);
    assert_passes(&check(&conversation));
    let (report, ()) = check_with(CheckConfig::default(), &[&conversation], ());
    assert_eq!(report.verdict, Verdict::Fail);
    assert_eq!(report.broken.get(&Rule::EdgeForward), Some(&1));
}

#[test]
fn octet_sent_again_differently_is_found() {
    for direction in [C, S] {
        let mut conversation = open();
        let start = match direction {
            C => conversation.client.snd_nxt,
            S => conversation.server.snd_nxt,
        };
        conversation.exchange(direction, b"one two three");
        conversation.bent(direction, |segment| {
            segment.seg_seq = start.wrapping_add(4);
            segment.payload = b"twx three".to_vec();
        });
        let report = check(&conversation);
        assert_breaks(&report, Rule::OctetsConsistent);
        let detail = &report.violations[0].detail;
        assert!(detail.starts_with("octet 25 of the stream"), "{detail}");
    }
}

#[test]
fn keepalive_probes_are_no_octets() {
    let mut conversation = open();
    for payload in [vec![], vec![0]] {
        conversation.bent(S, |segment| {
            segment.seg_seq = segment.seg_seq.wrapping_sub(1);
            segment.payload = payload;
        });
        conversation.ack(C);
    }
    let report = check(&conversation);
    assert_passes(&report);
    assert_eq!(report.flows[0].from_server.keepalive_probes, 2);
    assert_eq!(report.flows[0].from_server.retransmitted_octets, 0);
}

#[test]
fn octets_behind_the_fin_are_found() {
    let mut conversation = open();
    conversation.fin(S).send(S, b"more");
    let report = check(&conversation);
    assert_eq!(
        report.broken.get(&Rule::OctetsConsistent),
        Some(&1),
        "{report}"
    );
}

#[test]
fn fin_that_moves_is_found() {
    let mut conversation = open();
    conversation.exchange(S, b"octets").fin(S);
    conversation.bent(S, |segment| {
        segment.flags = Flags::FIN.with(Flags::ACK);
        segment.seg_seq = segment.seg_seq.wrapping_sub(4);
    });
    let report = check(&conversation);
    assert_eq!(
        report.broken.get(&Rule::OctetsConsistent),
        Some(&1),
        "{report}"
    );
}

#[test]
fn segment_far_from_the_stream_is_told() {
    let mut conversation = open();
    conversation.bent(S, |segment| {
        segment.seg_seq = segment.seg_seq.wrapping_add(1 << 29);
        segment.payload = b"stray".to_vec();
    });
    conversation.server.snd_nxt = conversation.server.snd_nxt.wrapping_sub((1 << 29) + 5);
    conversation.client.rcv_nxt = conversation.server.snd_nxt;
    conversation.exchange(S, &keepalive());
    let report = check(&conversation);
    assert_eq!(report.verdict, Verdict::Inconclusive, "{report}");
    assert_eq!(report.flows[0].from_server.out_of_place, 1);
    assert_eq!(report.flows[0].from_server.octets, 38);
}

#[test]
fn stream_goes_on_over_the_wrap_of_sequence_numbers() {
    let mut conversation = open();
    assert!(conversation.client.snd_nxt > 0xffff_ff00);
    for round in 0..100 {
        conversation.exchange(C, &[round; 100]);
    }
    let report = check(&conversation);
    assert_passes(&report);
    assert_eq!(report.flows[0].from_client.octets, 19 + 10_000);
}

#[test]
fn silences_are_told() {
    let mut conversation = open();
    conversation
        .wait(Duration::from_millis(1500))
        .exchange(S, &keepalive());
    let report = check(&conversation);
    let silences = &report.flows[0].from_server.silences;
    assert_eq!(silences.len(), 1);
    assert!(
        (1_500_000..1_510_000).contains(&silences[0].length_us),
        "{silences:?}"
    );
}

/// Two segments of ours, the second of which overtakes the first: by how much it comes earlier, and by how many ticks
/// its clock is newer.
fn overtaken(early: Duration, ticks: u32) -> Conversation {
    let mut conversation = open();
    let first = conversation.frames.len();
    conversation.send(S, &[1; 100]);
    conversation.server.tsval = conversation.server.tsval.wrapping_add(ticks - 1);
    conversation.send(S, &[2; 100]);
    conversation.frames[first].time = conversation.frames[first + 1].time + early;
    conversation
        .wait(Duration::from_secs(1))
        .ack(C)
        .exchange(S, &[3; 100]);
    conversation
}

#[test]
fn segment_overtaken_on_the_way_does_not_take_its_clock_back() {
    let report = check(&overtaken(Duration::from_micros(50), 1));
    assert_passes(&report);
    let ours = &report.flows[0].from_server;
    assert_eq!((ours.overtaken_segments, ours.octets), (1, 19 + 300));
}

#[test]
fn late_segment_or_one_of_a_much_older_clock_was_not_overtaken() {
    let late = check(&overtaken(Duration::from_millis(2), 1));
    assert_breaks(&late, Rule::TimestampForward);
    let older = check(&overtaken(Duration::from_micros(50), 1000));
    assert_breaks(&older, Rule::TimestampForward);
}

#[test]
fn overtaken_acknowledgement_does_not_move_the_edge() {
    let mut conversation = open();
    conversation
        .send(C, &[1; 100])
        .ack(S)
        .send(C, &[2; 100])
        .ack(S);
    let last = conversation.frames.len() - 1;
    conversation.frames[last - 2].time = conversation.frames[last].time + Duration::from_micros(9);
    let report = check(&conversation);
    assert_passes(&report);
    assert_eq!(report.flows[0].from_server.overtaken_segments, 1);
}

#[test]
fn octets_sent_again_with_an_older_clock_are_no_overtaken_segment() {
    let mut conversation = open();
    conversation.send(S, &[1; 100]).send(S, &[2; 100]);
    conversation.bent(S, |segment| {
        segment.seg_seq = segment.seg_seq.wrapping_sub(200);
        segment.payload = vec![1; 100];
        segment.timestamps = segment.timestamps.map(|(tsval, tsecr)| (tsval - 5, tsecr));
    });
    let last = conversation.frames.len() - 1;
    conversation.frames[last].time = conversation.frames[last - 1].time;
    assert_breaks(&check(&conversation), Rule::TimestampForward);
}

#[test]
fn window_of_a_syn_is_not_scaled() {
    let mut conversation = Conversation::new(client(), server());
    conversation.server.seg_wnd = 65_535;
    conversation.syn();
    conversation.bent(S, |segment| segment.flags = Flags::SYN.with(Flags::ACK));
    conversation.server.seg_wnd = 512;
    conversation.ack(C).ack(S);
    assert_passes(&check(&conversation));
    conversation.server.seg_wnd = 511;
    conversation.ack(S);
    assert_breaks(&check(&conversation), Rule::EdgeForward);
}

#[test]
fn segment_far_behind_the_stream_is_told() {
    let mut conversation = open();
    conversation.bent(S, |segment| {
        segment.seg_seq = segment.seg_seq.wrapping_sub((1 << 30) + 100);
        segment.payload = b"stray".to_vec();
    });
    let report = check(&conversation);
    assert_eq!(report.flows[0].from_server.out_of_place, 1);
    assert_eq!(report.flows[0].from_server.retransmitted_octets, 0);
}

#[test]
fn many_flows_share_the_memory() {
    let config = CheckConfig::default();
    assert_eq!(bounds(&config, 1).history, config.history_octets);
    assert_eq!(
        bounds(&config, 1024).history,
        config.history_total_octets / 2048
    );
    assert_eq!(bounds(&config, 1 << 20).history, HISTORY_MIN);
}
