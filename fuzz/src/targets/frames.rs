//! Frames of the replication channel, at both ends of a session and at a standby.

use crate::input::Choices;
use core::time::Duration;
use ipc::batch::BatchBuilder;
use ipc::frame::{
    self, BODY_OCTETS_MAX, FLAG_MORE, FrameDecoder, FrameHeader, FrameKind, HEADER_OCTETS,
};
use ipc::schema::Versions;
use ipc::schema::v1::{Ack, Control, Heartbeat, Hello, RefuseReason, ResignCause};
use ipc::{Epoch, Incarnation, LocalIdentity, Lsn, Session, SessionError, SessionEvent, codec};
use tcp_ha_core::{NodeLimits, Standby};

/// Frames of one input, at most.
const FRAMES_MAX: usize = 24;
const EPOCH: Epoch = Epoch(5);

fn identity(low: u8) -> LocalIdentity {
    LocalIdentity {
        incarnation: Incarnation::from_bytes([low; 16]),
        config_digest: [9; 32],
        heartbeat: Duration::from_millis(5),
        software: "rp".to_owned(),
        versions: Versions::SPOKEN,
    }
}

/// A list of frames, well formed or not, given in pieces to whoever reads frames.
///
/// # Panics
/// A promise of a reader is broken.
pub fn run(octets: &[u8]) {
    let mut choices = Choices::new(octets);
    let (us, them) = (identity(1), identity(2));
    let first = choices.octet();
    let responding = first & 1 == 1;
    let piece_octets = 7 + usize::from(first >> 1);
    let stream = if choices.flag() {
        choices.remainder().to_vec()
    } else {
        frames(&mut choices)
    };
    decode(&stream, piece_octets);
    let session = if responding {
        Session::respond(us.clone(), EPOCH)
    } else {
        Session::initiate(us.clone(), them.incarnation, EPOCH)
    };
    drive(session, &stream);
    let mut standby = Standby::join(us, them.incarnation, EPOCH, NodeLimits::default(), 1_000);
    let mut events = Vec::new();
    for (turn, piece) in (1_u64..).zip(stream.chunks(200)) {
        let heard = standby.ipc_received(turn * 1_000, piece);
        standby.handle_timeout(turn * 1_000);
        standby.take_events(&mut events);
        if heard.is_err() {
            break;
        }
    }
}

/// Frames with right checksums, most of them of whom and when they should be.
fn frames(choices: &mut Choices<'_>) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut lsn = Lsn(1);
    hello(choices, &mut stream);
    for _ in 0..FRAMES_MAX {
        if choices.is_empty() {
            break;
        }
        let shape = choices.octet();
        let mut flags = 0;
        let mut body = Vec::new();
        let kind = match shape & 7 {
            0 => FrameKind::Ack,
            1 => FrameKind::Heartbeat,
            2 => FrameKind::Control,
            3 => FrameKind::Hello,
            4 => FrameKind::Refuse,
            _ => FrameKind::Batch,
        };
        if shape & 8 == 8 {
            body.extend_from_slice(choices.slice(64));
            flags = if kind == FrameKind::Batch {
                u16::from(choices.octet() & 1) * FLAG_MORE
            } else {
                0
            };
        } else {
            message(kind, choices, &mut lsn, &mut body);
        }
        spoil(choices, shape, &mut body);
        put(choices, shape, kind, flags, &body, &mut stream);
    }
    stream
}

fn hello(choices: &mut Choices<'_>, stream: &mut Vec<u8>) {
    let shape = choices.octet();
    let mut body = Vec::new();
    message(FrameKind::Hello, choices, &mut Lsn(1), &mut body);
    spoil(choices, shape, &mut body);
    put(choices, shape, FrameKind::Hello, 0, &body, stream);
}

fn spoil(choices: &mut Choices<'_>, shape: u8, body: &mut [u8]) {
    if shape & 16 == 16 {
        let at = choices.below(body.len());
        if let Some(octet) = body.get_mut(at) {
            *octet = choices.octet();
        }
    }
}

fn put(
    choices: &mut Choices<'_>,
    shape: u8,
    kind: FrameKind,
    flags: u16,
    body: &[u8],
    stream: &mut Vec<u8>,
) {
    let other =
        |wrong: bool, right: u8| Incarnation::from_bytes([if wrong { 3 } else { right }; 16]);
    let header = FrameHeader {
        kind,
        flags,
        epoch: if shape & 32 == 0 {
            EPOCH
        } else {
            Epoch(u64::from(choices.octet()))
        },
        from: other(shape & 0xc0 == 0x40, 2),
        to: other(shape & 0xc0 == 0x80, 1),
    };
    let start = stream.len();
    frame::encode_into(&header, &[body], stream);
    if shape & 0xc0 == 0xc0 {
        let at = start + choices.below(stream.len() - start);
        stream[at] ^= choices.octet();
    }
}

fn message(kind: FrameKind, choices: &mut Choices<'_>, lsn: &mut Lsn, body: &mut Vec<u8>) {
    let far = |choices: &mut Choices<'_>| match choices.octet() {
        0xff => u64::MAX - u64::from(choices.octet()),
        low => u64::from(low),
    };
    let encoded = match kind {
        FrameKind::Hello => codec::encode_into(
            &Hello {
                version_min: 1,
                version_max: 1 + u16::from(choices.octet() & 1),
                incarnation: Incarnation::from_bytes([2; 16]),
                config_digest: [9; 32],
                heartbeat_us: 5_000,
                software: "rp".to_owned(),
                heard: None,
            },
            body,
        ),
        FrameKind::Refuse => codec::encode_into(&RefuseReason::Busy, body),
        FrameKind::Ack => codec::encode_into(
            &Ack {
                lsn: Lsn(far(choices)),
            },
            body,
        ),
        FrameKind::Heartbeat => {
            let (lsn, time_us, answer_us) = (Lsn(far(choices)), far(choices), far(choices));
            codec::encode_into(
                &Heartbeat {
                    lsn,
                    time_us,
                    answer_us,
                },
                body,
            )
        }
        FrameKind::Control => {
            let reason = "because".to_owned();
            let control = match choices.below(5) {
                0 => Control::CaughtUp {
                    lsn: Lsn(far(choices)),
                },
                1 => Control::Paired {
                    epoch: Epoch(far(choices)),
                },
                2 => Control::HandOver {
                    epoch: Epoch(far(choices)),
                },
                3 => Control::Resign {
                    cause: ResignCause::Record,
                    reason,
                },
                _ => Control::Goodbye { reason },
            };
            codec::encode_into(&control, body)
        }
        FrameKind::Batch => {
            let mut batch = BatchBuilder::new();
            for _ in 0..choices.below(4) {
                let kind = u16::from(choices.octet() & 15);
                let octets = choices.slice(40);
                batch.record(kind, |out| out.extend_from_slice(octets));
            }
            let first = if *lsn == Lsn(1) {
                Lsn(far(choices))
            } else {
                *lsn
            };
            body.extend_from_slice(&batch.to_bytes(first, far(choices)));
            *lsn = Lsn(first.0.wrapping_add(1));
            Ok(())
        }
    };
    encoded.expect("small messages");
}

/// The decoder alone: in pieces it finds the same frames as at once, and holds no more than it says.
fn decode(stream: &[u8], piece_octets: usize) {
    let all = |pieces: usize| {
        let mut decoder = FrameDecoder::new();
        let mut found = 0_u32;
        let mut end = Ok(());
        'stream: for piece in stream.chunks(pieces) {
            decoder.feed(piece);
            loop {
                match decoder.next_frame() {
                    Ok(Some(frame)) => {
                        assert!(frame.body.len() <= BODY_OCTETS_MAX);
                        found += 1;
                    }
                    Ok(None) => break,
                    Err(error) => {
                        end = Err(error);
                        break 'stream;
                    }
                }
            }
            assert!(decoder.pending() <= HEADER_OCTETS + BODY_OCTETS_MAX);
        }
        (found, end)
    };
    let whole = all(stream.len().max(1));
    assert_eq!(whole, all(piece_octets), "frames depend on how they come");
}

/// A session: LSNs follow each other, acknowledgements are of what was sent, and after an error it has ended.
fn drive(mut session: Session, stream: &[u8]) {
    let mut last: Option<Lsn> = None;
    let mut sent = Lsn(40);
    for (turn, piece) in (1_u64..).zip(stream.chunks(150)) {
        let fed = session.feed(piece);
        while let Some(event) = session.poll() {
            match event {
                SessionEvent::Batch(batch) => {
                    assert!(last.is_none_or(|last| Some(batch.lsn().0) == last.0.checked_add(1)));
                    last = Some(batch.lsn());
                    session.send_ack(batch.lsn());
                }
                SessionEvent::Acknowledged { lsn, epoch, .. } => {
                    // It may have been heard before the epoch was set.
                    assert!(lsn <= sent && epoch <= session.epoch());
                }
                SessionEvent::Control(Control::Paired { epoch }) if epoch > session.epoch() => {
                    session.set_epoch(epoch);
                }
                SessionEvent::Established { .. } => {
                    session.send_batch(sent, turn, &mut BatchBuilder::new());
                }
                _ => {}
            }
        }
        if fed.is_err() {
            assert!(!session.is_established());
            assert_eq!(session.feed(&[]), Err(SessionError::Ended));
            return;
        }
        if session.is_established() && turn % 2 == 0 {
            sent = sent.next();
            session.send_batch(sent, turn, &mut BatchBuilder::new());
        }
        let outgoing = session.outgoing().len();
        session.advance(outgoing / 2);
    }
}
