use proptest::prelude::*;

use super::*;
use crate::schema::ResignCause;

const ACTIVE: Incarnation = Incarnation::from_bytes([0xa; 16]);
const STANDBY: Incarnation = Incarnation::from_bytes([0xb; 16]);
const OTHER: Incarnation = Incarnation::from_bytes([0xc; 16]);

fn identity(incarnation: Incarnation) -> LocalIdentity {
    LocalIdentity {
        incarnation,
        config_digest: [7; 32],
        heartbeat: Duration::from_millis(5),
        software: "test".to_owned(),
        versions: Versions::SPOKEN,
    }
}

fn events(session: &mut Session) -> Vec<SessionEvent> {
    std::iter::from_fn(|| session.poll()).collect()
}

/// Moves everything that `from` has for `to`.
fn carry(from: &mut Session, to: &mut Session) -> Result<(), SessionError> {
    let octets = from.outgoing().to_vec();
    from.advance(octets.len());
    to.feed(&octets)
}

fn greeting(standby: LocalIdentity, remote: Incarnation, epochs: (u64, u64)) -> [Session; 2] {
    let mut standby = Session::initiate(standby, remote, Epoch(epochs.0));
    let mut active = Session::respond(identity(ACTIVE), Epoch(epochs.1));
    carry(&mut standby, &mut active).unwrap();
    carry(&mut active, &mut standby).unwrap();
    [standby, active]
}

/// A standby and an active that have accepted each other in epoch 3.
fn established() -> [Session; 2] {
    let mut both = greeting(identity(STANDBY), ACTIVE, (3, 3));
    let _ = both.each_mut().map(events);
    assert!(both.iter().all(Session::is_established));
    both
}

fn batch(bodies: &[&[u8]]) -> BatchBuilder {
    let mut builder = BatchBuilder::new();
    for body in bodies {
        builder.record(5, |out| out.extend_from_slice(body));
    }
    builder
}

fn refusal(mut both: [Session; 2]) -> RefuseReason {
    let [standby, active] = both.each_mut().map(events);
    let reason = |events: Vec<SessionEvent>| {
        let reasons: Vec<_> = events
            .into_iter()
            .filter_map(|event| match event {
                SessionEvent::Refused(reason) => Some(reason),
                SessionEvent::NewerEpoch(_) => None,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(reasons.len(), 1);
        reasons[0]
    };
    let (standby, active) = (reason(standby), reason(active));
    assert_eq!(standby, active, "both sides know the same reason");
    assert!(both.iter().all(|session| !session.is_established()));
    standby
}

#[test]
fn both_sides_accept_each_other() {
    let mut both = greeting(identity(STANDBY), ACTIVE, (3, 3));
    let [standby, active] = both.each_mut().map(events);
    let remote = |events: Vec<SessionEvent>| match events.as_slice() {
        [SessionEvent::Established { remote }] => remote.clone(),
        other => panic!("{other:?}"),
    };
    let hello = remote(active);
    assert_eq!((hello.incarnation, hello.heartbeat_us), (STANDBY, 5000));
    assert_eq!(
        (hello.software.as_str(), hello.config_digest),
        ("test", [7; 32])
    );
    assert_eq!(remote(standby).incarnation, ACTIVE);
    assert_eq!(
        both.each_ref().map(Session::version),
        [Some(Version::V1); 2]
    );
    assert_eq!(
        both.each_ref().map(Session::remote),
        [Some(ACTIVE), Some(STANDBY)]
    );
}

#[test]
fn other_configurations_are_refused() {
    let standby = LocalIdentity {
        config_digest: [8; 32],
        ..identity(STANDBY)
    };
    let both = greeting(standby, ACTIVE, (3, 3));
    assert_eq!(refusal(both), RefuseReason::ConfigurationDiffers);
}

#[test]
fn who_looks_for_another_incarnation_is_refused() {
    assert_eq!(
        refusal(greeting(identity(STANDBY), OTHER, (3, 3))),
        RefuseReason::WrongIncarnation
    );
}

#[test]
fn who_bears_our_own_name_is_refused() {
    assert_eq!(
        refusal(greeting(identity(ACTIVE), ACTIVE, (3, 3))),
        RefuseReason::WrongIncarnation
    );
}

#[test]
fn an_old_epoch_is_refused() {
    assert_eq!(
        refusal(greeting(identity(STANDBY), ACTIVE, (2, 3))),
        RefuseReason::OldEpoch
    );
}

#[test]
fn an_active_that_is_overtaken_refuses_and_is_told() {
    let mut both = greeting(identity(STANDBY), ACTIVE, (4, 3));
    assert_eq!(both[1].poll(), Some(SessionEvent::NewerEpoch(Epoch(4))));
    assert_eq!(refusal(both), RefuseReason::NotActive);
}

#[test]
fn a_caller_refuses_for_a_reason_of_its_own() {
    let mut standby = Session::initiate(identity(STANDBY), ACTIVE, Epoch(3));
    let mut active = Session::respond(identity(ACTIVE), Epoch(3));
    active.refuse(RefuseReason::Busy);
    assert!(matches!(
        carry(&mut standby, &mut active),
        Err(SessionError::Ended)
    ));
    carry(&mut active, &mut standby).unwrap();
    assert_eq!(refusal([standby, active]), RefuseReason::Busy);
}

#[test]
fn no_common_version_is_refused() {
    let hello = Hello {
        version_min: Versions::SPOKEN.max.0 + 1,
        version_max: Versions::SPOKEN.max.0 + 9,
        incarnation: STANDBY,
        config_digest: [7; 32],
        heartbeat_us: 1,
        software: "of the future".to_owned(),
        heard: None,
    };
    let mut active = Session::respond(identity(ACTIVE), Epoch(3));
    active
        .feed(&framed(FrameKind::Hello, 3, STANDBY, &hello))
        .unwrap();
    assert_eq!(
        events(&mut active),
        [SessionEvent::Refused(RefuseReason::VersionMismatch)]
    );
}

fn speaking(incarnation: Incarnation, min: u16, max: u16) -> LocalIdentity {
    LocalIdentity {
        versions: Versions {
            min: Version(min),
            max: Version(max),
        },
        ..identity(incarnation)
    }
}

#[test]
fn two_nodes_agree_on_the_newest_version_that_both_speak() {
    for (ours, theirs, agreed) in [
        ((1, 2), (1, 2), 2),
        ((1, 1), (1, 2), 1),
        ((1, 2), (1, 1), 1),
        ((1, 3), (2, 5), 3),
    ] {
        let mut standby = Session::initiate(speaking(STANDBY, ours.0, ours.1), ACTIVE, Epoch(3));
        let mut active = Session::respond(speaking(ACTIVE, theirs.0, theirs.1), Epoch(3));
        carry(&mut standby, &mut active).unwrap();
        carry(&mut active, &mut standby).unwrap();
        let versions = [standby.version(), active.version()];
        assert_eq!(versions, [Some(Version(agreed)); 2]);
    }
}

#[test]
fn nothing_in_common_is_told_to_both_sides() {
    let mut standby = Session::initiate(speaking(STANDBY, 1, 1), ACTIVE, Epoch(3));
    let mut active = Session::respond(speaking(ACTIVE, 2, 2), Epoch(3));
    carry(&mut standby, &mut active).unwrap();
    carry(&mut active, &mut standby).unwrap();
    assert_eq!(refusal([standby, active]), RefuseReason::VersionMismatch);
}

#[test]
fn a_downgrade_on_the_way_is_refused_and_told_to_both_sides() {
    let mut standby = Session::initiate(speaking(STANDBY, 1, 2), ACTIVE, Epoch(3));
    let mut active = Session::respond(speaking(ACTIVE, 1, 2), Epoch(3));
    // Another Hello comes in the place of this one.
    standby.advance(standby.outgoing().len());
    let spoiled = Hello {
        version_min: 1,
        version_max: 1,
        incarnation: STANDBY,
        config_digest: [7; 32],
        heartbeat_us: 5_000,
        software: "test".to_owned(),
        heard: None,
    };
    active
        .feed(&framed(FrameKind::Hello, 3, STANDBY, &spoiled))
        .unwrap();
    carry(&mut active, &mut standby).unwrap();
    carry(&mut standby, &mut active).unwrap();
    assert_eq!(
        events(&mut standby),
        [SessionEvent::Refused(RefuseReason::Downgraded)]
    );
    let told = events(&mut active);
    let last = told.last();
    assert_eq!(last, Some(&SessionEvent::Refused(RefuseReason::Downgraded)));
}

#[test]
fn a_hello_of_a_newer_version_may_be_longer() {
    #[derive(serde::Serialize)]
    struct Longer(Hello, u64);
    let hello = Hello {
        version_min: 1,
        version_max: 9,
        incarnation: STANDBY,
        config_digest: [7; 32],
        heartbeat_us: 5_000,
        software: "of the future".to_owned(),
        heard: None,
    };
    let mut active = Session::respond(identity(ACTIVE), Epoch(3));
    let longer = framed(FrameKind::Hello, 3, STANDBY, &Longer(hello, 4_711));
    active.feed(&longer).unwrap();
    assert!(active.is_established());
}

#[test]
fn a_reason_of_a_newer_version_is_still_a_refusal() {
    let mut standby = Session::initiate(identity(STANDBY), ACTIVE, Epoch(3));
    let mut octets = Vec::new();
    let header = FrameHeader {
        kind: FrameKind::Refuse,
        flags: 0,
        epoch: Epoch(3),
        from: ACTIVE,
        to: STANDBY,
    };
    frame::encode_into(&header, &[&[200, 1, 2]], &mut octets);
    standby.feed(&octets).unwrap();
    assert_eq!(
        events(&mut standby),
        [SessionEvent::Refused(RefuseReason::Other)]
    );
}

fn framed<T: serde::Serialize>(
    kind: FrameKind,
    epoch: u64,
    from: Incarnation,
    message: &T,
) -> Vec<u8> {
    let mut body = Vec::new();
    codec::encode_into(message, &mut body).unwrap();
    let header = FrameHeader {
        kind,
        flags: 0,
        epoch: Epoch(epoch),
        from,
        to: ACTIVE,
    };
    let mut out = Vec::new();
    frame::encode_into(&header, &[&body], &mut out);
    out
}

#[test]
fn batches_arrive_and_are_acknowledged() {
    let [mut standby, mut active] = established();
    active.send_batch(Lsn(1), 100, &mut batch(&[b"one", b"two"]));
    active.send_batch(Lsn(2), 200, &mut batch(&[]));
    carry(&mut active, &mut standby).unwrap();
    let came = events(&mut standby);
    let [SessionEvent::Batch(first), SessionEvent::Batch(second)] = came.as_slice() else {
        panic!("{came:?}");
    };
    let bodies: Vec<_> = first
        .records()
        .map(|record| (record.kind, record.body))
        .collect();
    assert_eq!(bodies, [(5, &b"one"[..]), (5, b"two")]);
    assert_eq!((first.lsn(), first.time_us()), (Lsn(1), 100));
    assert_eq!((second.lsn(), second.records().count()), (Lsn(2), 0));

    standby.send_ack(Lsn(2));
    carry(&mut standby, &mut active).unwrap();
    let acknowledged = SessionEvent::Acknowledged {
        epoch: Epoch(3),
        from: STANDBY,
        lsn: Lsn(2),
    };
    assert_eq!(events(&mut active), [acknowledged]);
}

#[test]
fn a_batch_of_many_frames_comes_as_a_whole() {
    let [mut standby, mut active] = established();
    let long: Vec<u8> = (0..3 * BODY_OCTETS_MAX)
        .map(|at| (at % 251) as u8)
        .collect();
    active.send_batch(Lsn(9), 1, &mut batch(&[&long]));
    assert_eq!(active.counters().frames_out, 1 + 4);
    let octets = active.outgoing().to_vec();
    let (most, last) = octets.split_at(octets.len() - 1);
    standby.feed(most).unwrap();
    assert_eq!(
        standby.poll(),
        None,
        "nothing of it counts before its last octet"
    );
    standby.feed(last).unwrap();
    let Some(SessionEvent::Batch(came)) = standby.poll() else {
        panic!()
    };
    assert!(came.records().map(|record| record.body).eq([&long[..]]));
}

#[test]
fn a_batch_leaves_its_builder_empty_and_looks_the_same_behind_others() {
    let [_, mut active] = established();
    let mut builder = batch(&[b"one", b"two"]);
    active.send_batch(Lsn(1), 100, &mut builder);
    assert!(builder.is_empty() && builder.octets() == BatchBuilder::new().octets());
    let alone = active.outgoing().to_vec();
    active.send_batch(Lsn(2), 100, &mut batch(&[b"one", b"two"]));
    let both = active.outgoing();
    assert_eq!(both[..alone.len()], alone);
    // The LSN and the checksum differ.
    let (first, second) = both.split_at(alone.len());
    let differing = first.iter().zip(second).filter(|(a, b)| a != b).count();
    assert!(differing <= 5 && second.len() == first.len());
}

#[test]
fn long_batches_come_in_memory_that_is_used_again() {
    let [mut standby, mut active] = established();
    let long = vec![7; 2 * frame::LONG_OCTETS];
    let mut seen = Vec::new();
    for lsn in 1..=20 {
        active.send_batch(Lsn(lsn), 0, &mut batch(&[&long, b"short"]));
        while !active.outgoing().is_empty() {
            let (room, octets) = (standby.room(), active.outgoing());
            let moved = room.len().min(octets.len());
            room[..moved].copy_from_slice(&octets[..moved]);
            active.advance(moved);
            standby.filled(moved).unwrap();
        }
        let Some(SessionEvent::Batch(came)) = standby.poll() else {
            panic!("no batch {lsn}");
        };
        let kept: Vec<_> = came.records().map(|it| came.keep(it.body)).collect();
        assert!(kept[0] == long && &kept[1][..] == b"short");
        seen.push(kept[0].as_ptr());
        standby.recycle(came);
    }
    seen.sort_unstable();
    seen.dedup();
    assert!(seen.len() <= 3, "{} buffers", seen.len());
}

#[test]
fn a_batch_that_never_ends_is_an_error() {
    let [mut standby, _] = established();
    let header = FrameHeader {
        kind: FrameKind::Batch,
        flags: FLAG_MORE,
        epoch: Epoch(3),
        from: ACTIVE,
        to: STANDBY,
    };
    let mut part = Vec::new();
    frame::encode_into(&header, &[&vec![0; BODY_OCTETS_MAX]], &mut part);
    let parts = BATCH_OCTETS_MAX / BODY_OCTETS_MAX;
    for _ in 0..parts {
        standby.feed(&part).unwrap();
    }
    assert_eq!(
        standby.feed(&part),
        Err(SessionError::Batch(BatchError::TooLong))
    );
    assert_eq!(standby.feed(&part), Err(SessionError::Ended));
}

#[test]
fn a_gap_between_batches_is_an_error() {
    let [mut standby, mut active] = established();
    active.send_batch(Lsn(4), 0, &mut batch(&[]));
    carry(&mut active, &mut standby).unwrap();
    let mut skipped = Vec::new();
    let header = FrameHeader {
        kind: FrameKind::Batch,
        flags: 0,
        epoch: Epoch(3),
        from: ACTIVE,
        to: STANDBY,
    };
    frame::encode_into(&header, &[&batch(&[]).to_bytes(Lsn(6), 0)], &mut skipped);
    let gap = SessionError::Gap {
        expected: Lsn(5),
        came: Lsn(6),
    };
    assert_eq!(standby.feed(&skipped), Err(gap));
    assert_eq!(events(&mut standby).len(), 1, "what came before remains");
}

#[test]
fn an_acknowledgement_of_what_was_not_sent_is_an_error() {
    let [mut standby, mut active] = established();
    active.send_batch(Lsn(1), 0, &mut batch(&[]));
    standby.send_ack(Lsn(2));
    let never = SessionError::NeverSent {
        lsn: Lsn(2),
        last: Lsn(1),
    };
    assert_eq!(carry(&mut standby, &mut active), Err(never));
    assert_eq!(events(&mut active), []);
}

#[test]
fn acknowledgements_count_in_our_epoch_only() {
    let [mut standby, mut active] = established();
    active.send_batch(Lsn(1), 0, &mut batch(&[]));
    active.set_epoch(Epoch(4));
    standby.send_ack(Lsn(1));
    carry(&mut standby, &mut active).unwrap();
    assert_eq!(events(&mut active), []);
    assert_eq!(active.counters().refused_old_epoch, 1);

    standby.set_epoch(Epoch(4));
    standby.send_ack(Lsn(1));
    carry(&mut standby, &mut active).unwrap();
    let acknowledged = SessionEvent::Acknowledged {
        epoch: Epoch(4),
        from: STANDBY,
        lsn: Lsn(1),
    };
    assert_eq!(events(&mut active), [acknowledged]);

    standby.set_epoch(Epoch(5));
    standby.send_ack(Lsn(1));
    standby.send_ack(Lsn(1));
    carry(&mut standby, &mut active).unwrap();
    assert_eq!(
        events(&mut active),
        [SessionEvent::NewerEpoch(Epoch(5))],
        "told once"
    );
    assert_eq!(active.counters().refused_new_epoch, 2);
}

#[test]
fn frames_of_an_active_that_was_overtaken_are_refused() {
    let [mut standby, mut active] = established();
    standby.set_epoch(Epoch(4));
    active.send_batch(Lsn(1), 0, &mut batch(&[b"late"]));
    active.send_heartbeat(Lsn(1), 5);
    active.send_control(Control::CaughtUp { lsn: Lsn(1) });
    carry(&mut active, &mut standby).unwrap();
    assert_eq!(events(&mut standby), []);
    assert_eq!(standby.counters().refused_old_epoch, 3);
}

#[test]
fn a_newer_epoch_of_the_active_comes_with_its_frames() {
    let [mut standby, mut active] = established();
    active.set_epoch(Epoch(4));
    active.send_control(Control::Paired { epoch: Epoch(4) });
    carry(&mut active, &mut standby).unwrap();
    let paired = SessionEvent::Control(Control::Paired { epoch: Epoch(4) });
    assert_eq!(
        events(&mut standby),
        [SessionEvent::NewerEpoch(Epoch(4)), paired]
    );
}

#[test]
fn the_rest_of_a_batch_of_an_old_epoch_does_not_mix_with_the_next() {
    let [mut standby, mut active] = established();
    active.send_batch(Lsn(1), 0, &mut batch(&[&vec![1; 2 * BODY_OCTETS_MAX]]));
    let old = active.outgoing().to_vec();
    let (first, rest) = old.split_at(frame::HEADER_OCTETS + BODY_OCTETS_MAX);
    standby.feed(first).unwrap();
    standby.set_epoch(Epoch(4));
    standby.feed(rest).unwrap();
    active.advance(old.len());
    active.set_epoch(Epoch(4));
    active.send_batch(Lsn(2), 0, &mut batch(&[b"whole"]));
    carry(&mut active, &mut standby).unwrap();
    let came = events(&mut standby);
    let [SessionEvent::Batch(batch)] = came.as_slice() else {
        panic!("{came:?}")
    };
    assert_eq!(batch.lsn(), Lsn(2));
}

#[test]
fn frames_of_another_incarnation_are_refused_and_counted() {
    let [_, mut active] = established();
    active.send_batch(Lsn(1), 0, &mut batch(&[]));
    active
        .feed(&framed(FrameKind::Ack, 3, OTHER, &Ack { lsn: Lsn(1) }))
        .unwrap();
    assert_eq!(events(&mut active), []);
    assert_eq!(active.counters().refused_incarnation, 1);
    active
        .feed(&framed(FrameKind::Ack, 3, STANDBY, &Ack { lsn: Lsn(1) }))
        .unwrap();
    assert_eq!(events(&mut active).len(), 1, "the session goes on");
}

#[test]
fn a_heartbeat_answers_the_last_one_heard() {
    let [mut standby, mut active] = established();
    active.send_heartbeat(Lsn(8), 111);
    carry(&mut active, &mut standby).unwrap();
    let heard = SessionEvent::Heartbeat {
        lsn: Lsn(8),
        time_us: 111,
        answer_us: 0,
    };
    assert_eq!(events(&mut standby), [heard]);
    standby.send_heartbeat(Lsn(7), 222);
    carry(&mut standby, &mut active).unwrap();
    let heard = SessionEvent::Heartbeat {
        lsn: Lsn(7),
        time_us: 222,
        answer_us: 111,
    };
    assert_eq!(events(&mut active), [heard]);
}

#[test]
fn nothing_is_sent_before_both_have_accepted() {
    let mut active = Session::respond(identity(ACTIVE), Epoch(3));
    active.send_batch(Lsn(1), 0, &mut batch(&[b"secret"]));
    active.send_heartbeat(Lsn(1), 0);
    assert_eq!(active.outgoing(), b"");
    assert_eq!(active.counters().unsent, 2);
}

#[test]
fn only_a_hello_opens_a_session() {
    let mut active = Session::respond(identity(ACTIVE), Epoch(3));
    let fed = active.feed(&framed(FrameKind::Ack, 3, STANDBY, &Ack { lsn: Lsn(1) }));
    assert_eq!(fed, Err(SessionError::Unexpected(FrameKind::Ack)));
}

#[test]
fn a_second_hello_is_an_error() {
    let [_, mut active] = established();
    let mut again = Session::initiate(identity(STANDBY), ACTIVE, Epoch(3));
    let fed = carry(&mut again, &mut active);
    assert_eq!(fed, Err(SessionError::Unexpected(FrameKind::Hello)));
}

#[test]
fn a_long_reason_is_cut_and_arrives() {
    let [mut standby, mut active] = established();
    standby.send_control(Control::Resign {
        cause: ResignCause::Asked,
        reason: "long ".repeat(100),
    });
    carry(&mut standby, &mut active).unwrap();
    let came = events(&mut active);
    let [SessionEvent::Control(Control::Resign { reason, .. })] = came.as_slice() else {
        panic!("{came:?}");
    };
    assert_eq!(reason.len(), v1::TEXT_OCTETS_MAX);
}

#[test]
fn outgoing_octets_are_taken_piece_by_piece() {
    let [mut standby, mut active] = established();
    for lsn in 1..=50 {
        active.send_batch(Lsn(lsn), 0, &mut batch(&[b"some octets"]));
        let octets = active.outgoing().to_vec();
        let piece = &octets[..octets.len().min(37)];
        standby.feed(piece).unwrap();
        active.advance(piece.len());
    }
    carry(&mut active, &mut standby).unwrap();
    let lsns: Vec<_> = events(&mut standby)
        .into_iter()
        .map(|event| match event {
            SessionEvent::Batch(batch) => batch.lsn().0,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(lsns, (1..=50).collect::<Vec<_>>());
    let counters = active.counters();
    assert_eq!(counters.octets_out, standby.counters().octets_in);
}

proptest! {
    #[test]
    fn garbage_never_panics(
        octets in proptest::collection::vec(any::<u8>(), 0..200),
        greeted in any::<bool>(),
    ) {
        let [_, active] = established();
        let mut active =
            if greeted { active } else { Session::respond(identity(ACTIVE), Epoch(3)) };
        let _ = active.feed(&octets);
    }

    #[test]
    fn well_framed_garbage_never_panics(
        kind in 1u8..=6,
        more in any::<bool>(),
        body in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let [_, mut active] = established();
        let kinds = [FrameKind::Hello, FrameKind::Refuse, FrameKind::Batch, FrameKind::Ack,
            FrameKind::Heartbeat, FrameKind::Control];
        let kind = kinds[usize::from(kind) - 1];
        let flags = if more && kind == FrameKind::Batch { FLAG_MORE } else { 0 };
        let header = FrameHeader { kind, flags, epoch: Epoch(3), from: STANDBY, to: ACTIVE };
        let mut octets = Vec::new();
        frame::encode_into(&header, &[&body], &mut octets);
        let _ = active.feed(&octets);
    }
}
