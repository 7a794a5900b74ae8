//! Opening, closing, NOTIFICATIONs, and sockets used again.

use super::*;

#[test]
fn reset_of_an_open_connection_is_found() {
    for direction in [C, S] {
        let mut conversation = open();
        conversation.reset(direction);
        let report = check(&conversation);
        assert_breaks(&report, Rule::NoReset);
        assert_eq!(report.sessions[0].resets, 1);
        let violation = &report.violations[0];
        assert_eq!(violation.packet, conversation.frames.len() as u64);
    }
}

#[test]
fn refused_attempts_before_the_session_are_no_resets() {
    let mut refused = Conversation::new(address("10.99.0.2:40000"), server());
    refused.syn().reset(S);
    let mut unanswered = Conversation::new(address("10.99.0.2:39999"), server());
    unanswered.syn();
    let mut later = open();
    for frame in &mut later.frames {
        frame.time = frame.time + Duration::from_secs(1);
    }
    let (report, ()) = check_with(ours(), &[&refused, &unanswered, &later], ());
    assert_passes(&report);
    let session = &report.sessions[0];
    assert_eq!(
        (session.refused, session.unanswered, session.syn_exchanges),
        (1, 1, 1)
    );
    assert_eq!(session.resets, 0);
}

#[test]
fn session_that_never_opened_is_inconclusive() {
    let mut refused = Conversation::new(client(), server());
    refused.syn().reset(S);
    assert_eq!(check(&refused).verdict, Verdict::Inconclusive);
}

#[test]
fn fin_is_found_once_however_often_it_is_sent() {
    let mut conversation = open();
    conversation.fin(S);
    let again = conversation.server.snd_nxt.wrapping_sub(1);
    conversation.bent(S, |segment| {
        segment.flags = Flags::FIN.with(Flags::ACK);
        segment.seg_seq = again;
    });
    let report = check(&conversation);
    assert_breaks(&report, Rule::NoFin);
    assert_eq!(report.broken[&Rule::NoFin], 1);
    assert_eq!(report.sessions[0].fins, 1);
}

#[test]
fn notification_is_found_with_its_code() {
    let mut conversation = open();
    let notification = message(3, &[6, 4]);
    conversation
        .exchange(C, &notification[..7])
        .exchange(C, &notification[7..]);
    let report = check(&conversation);
    assert_breaks(&report, Rule::NoNotification);
    assert_eq!(report.flows[0].from_client.notifications, [(6, 4)]);
    assert_eq!(report.violations[0].detail, "code 6, subcode 4");
}

#[test]
fn second_exchange_of_a_pair_is_found() {
    let mut second = Conversation::new(address("10.99.0.2:40002"), server());
    second.wait(Duration::from_secs(1)).open();
    let (report, ()) = check_with(ours(), &[&open(), &second], ());
    assert_eq!(report.verdict, Verdict::Fail);
    assert_eq!(report.broken.get(&Rule::OneSynExchange), Some(&1));
    assert_eq!(report.broken.get(&Rule::NoNewAttempt), Some(&1));
    assert_eq!(report.sessions[0].syn_exchanges, 2);
}

#[test]
fn attempt_after_the_session_was_open_is_found() {
    let mut attempt = Conversation::new(address("10.99.0.2:40002"), server());
    attempt.wait(Duration::from_secs(1)).syn();
    let (report, ()) = check_with(ours(), &[&open(), &attempt], ());
    assert_breaks(&report, Rule::NoNewAttempt);
}

#[test]
fn sessions_of_two_peers_are_not_one() {
    let mut second = Conversation::new(address("10.99.0.3:40002"), server());
    second.wait(Duration::from_secs(1)).open();
    let (report, ()) = check_with(ours(), &[&open(), &second], ());
    assert_passes(&report);
    assert_eq!(report.sessions.len(), 2);
}

#[test]
fn retransmitted_syn_is_no_second_exchange() {
    let mut conversation = Conversation::new(client(), server());
    conversation.syn();
    let iss = conversation.client.snd_nxt.wrapping_sub(1);
    conversation.bent(C, |segment| {
        segment.flags = Flags::SYN;
        segment.seg_seq = iss;
        segment.seg_ack = 0;
    });
    conversation.bent(S, |segment| segment.flags = Flags::SYN.with(Flags::ACK));
    conversation.ack(C).exchange(C, &keepalive());
    assert_passes(&check(&conversation));
}

#[test]
fn simultaneous_open_is_one_exchange() {
    let mut conversation = Conversation::new(client(), server());
    conversation.syn();
    conversation.bent(S, |segment| {
        segment.flags = Flags::SYN;
        segment.seg_ack = 0;
    });
    for direction in [C, S] {
        conversation.bent(direction, |segment| {
            segment.flags = Flags::SYN.with(Flags::ACK);
            segment.seg_seq = segment.seg_seq.wrapping_sub(1);
        });
    }
    conversation.exchange(C, &keepalive());
    let report = check(&conversation);
    assert_passes(&report);
    assert_eq!(report.sessions[0].syn_exchanges, 1);
}

#[test]
fn lifecycle_outside_the_judged_time_is_reported_not_judged() {
    let mut conversation = open();
    let until = conversation.now;
    conversation.wait(Duration::from_secs(1)).fin(C).fin(S);
    let config = CheckConfig {
        judge_until: Some(until),
        ..ours()
    };
    let (report, ()) = check_with(config, &[&conversation], ());
    assert_passes(&report);
    assert_eq!(report.sessions[0].fins, 2);
}

#[test]
fn judged_time_ends_no_judgement_of_octets_and_edges() {
    let mut conversation = open();
    let until = conversation.now;
    conversation.wait(Duration::from_secs(1));
    conversation.server.seg_wnd = 10;
    conversation.ack(S);
    let config = CheckConfig {
        judge_until: Some(until),
        ..ours()
    };
    let (report, ()) = check_with(config, &[&conversation], ());
    assert_breaks(&report, Rule::EdgeForward);
}

/// The same pair of sockets a second time, after the first connection was closed.
fn reused(iss: impl FnOnce(u32) -> u32) -> (Conversation, Conversation) {
    let mut first = Conversation::new(client(), server());
    let old_iss = first.server.snd_nxt;
    first.open().fin(C).fin(S).ack(C);
    let mut second = Conversation::new(client(), server());
    second.wait(Duration::from_secs(5));
    second.client.snd_nxt = 77;
    second.server.snd_nxt = iss(old_iss);
    second.open().exchange(C, &keepalive());
    (first, second)
}

fn judged_from_the_end() -> CheckConfig {
    CheckConfig {
        judge_from: Some(Timestamp::from_micros(u64::MAX / 1000)),
        ..ours()
    }
}

#[test]
fn reused_sockets_are_a_new_flow() {
    let (first, second) = reused(|iss| iss + 100_000);
    let (report, ()) = check_with(judged_from_the_end(), &[&first, &second], ());
    assert_passes(&report);
    assert_eq!(report.flows.len(), 2);
    assert_eq!(report.sessions[0].syn_exchanges, 2);
}

#[test]
fn isn_of_reused_sockets_must_advance() {
    for back in [0, 1, 100_000] {
        let (first, second) = reused(|iss: u32| iss.wrapping_sub(back));
        let (report, ()) = check_with(judged_from_the_end(), &[&first, &second], ());
        assert_breaks(&report, Rule::IsnForward);
    }
}

#[test]
fn answered_syn_on_an_open_flow_begins_a_new_flow() {
    let first = open();
    let mut second = Conversation::new(client(), server());
    second.wait(Duration::from_secs(5));
    second.client.snd_nxt = 4711;
    second.server.snd_nxt = 900_000;
    second.open().exchange(C, &keepalive());
    let (report, ()) = check_with(judged_from_the_end(), &[&first, &second], ());
    assert_passes(&report);
    assert_eq!(report.flows.len(), 2);
    assert_eq!(report.flows[1].opening, Opening::Exchanged);
    assert_eq!(report.flows[1].from_client.octets, 19);
}

#[test]
fn unanswered_syn_on_an_open_flow_leaves_it_as_it_was() {
    let mut conversation = open();
    let (snd_nxt, rcv_nxt) = (conversation.client.snd_nxt, conversation.server.rcv_nxt);
    conversation.bent(C, |segment| {
        segment.flags = Flags::SYN;
        segment.seg_seq = 1234;
        segment.seg_ack = 0;
    });
    conversation.client.snd_nxt = snd_nxt;
    conversation.server.rcv_nxt = rcv_nxt;
    conversation.ack(S).exchange(C, &keepalive());
    let report = check(&conversation);
    assert_breaks(&report, Rule::NoNewAttempt);
    assert_eq!(report.flows.len(), 1);
    assert_eq!(report.flows[0].from_client.octets, 38);
}

#[test]
fn isns_too_far_apart_in_time_are_not_put_in_order() {
    let (first, mut second) = reused(|iss: u32| iss.wrapping_sub(1));
    for frame in &mut second.frames {
        frame.time = frame.time + Duration::from_secs(3 * 3600);
    }
    let (report, ()) = check_with(judged_from_the_end(), &[&first, &second], ());
    assert_passes(&report);
}

#[test]
fn answer_to_another_syn_begins_no_flow() {
    let mut conversation = open();
    let before = conversation.clone();
    conversation.bent(C, |segment| {
        segment.flags = Flags::SYN;
        segment.seg_seq = 1234;
        segment.seg_ack = 0;
    });
    conversation.client.snd_nxt = before.client.snd_nxt;
    conversation.server.rcv_nxt = before.server.rcv_nxt;
    conversation.bent(S, |segment| {
        segment.flags = Flags::SYN.with(Flags::ACK);
        segment.seg_seq = 77;
    });
    assert_eq!(check(&conversation).flows.len(), 1);
}

#[test]
fn syn_after_a_reset_is_an_attempt_of_its_own() {
    let mut first = open();
    first.reset(S);
    let mut second = Conversation::new(client(), server());
    second.wait(Duration::from_secs(5));
    second.client.snd_nxt = 4711;
    second.syn();
    let (report, ()) = check_with(ours(), &[&first, &second], ());
    assert_eq!(report.flows.len(), 2, "{report}");
    assert_eq!(report.sessions[0].unanswered, 1);
}

#[test]
fn exchange_in_the_other_direction_is_of_the_same_pair() {
    let mut second = Conversation::new(address("10.99.0.1:40002"), address("10.99.0.2:179"));
    second.wait(Duration::from_secs(1)).open();
    let (report, ()) = check_with(ours(), &[&open(), &second], ());
    assert_eq!(
        report.broken.get(&Rule::OneSynExchange),
        Some(&1),
        "{report}"
    );
    assert_eq!(report.sessions.len(), 1);
    assert_eq!(report.flows[1].ours, Some(C));
}
