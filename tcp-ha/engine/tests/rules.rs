//! What a single segment may do to a connection: resets, SYNs, old and wild numbers.

mod wire;

use std::time::Duration;
use tcp_ha_engine::options::{Options, Timestamps};
use tcp_ha_engine::segment::{self, Flags, Header, Segment};
use tcp_ha_engine::*;
use wire::*;

fn open() -> Wire {
    Wire::established(Config::default(), ConnectionOptions::default())
}

fn dropped(wire: &Wire, who: usize, reason: DropReason) -> u64 {
    wire.ends[who].engine.counters().dropped(reason)
}

fn shifted(header: Header, by: u32) -> Header {
    Header {
        seq: SeqNum(header.seq.0.wrapping_add(by)),
        ..header
    }
}

#[test]
fn a_reset_counts_only_at_rcv_nxt() {
    let mut wire = open();
    let reset = Header {
        flags: Flags::RST,
        ..wire.expected_header(B)
    };
    let answers = wire.ends[A].sent.len();
    wire.forge(B, shifted(reset, 1_000), Options::default(), &[]);
    assert_eq!(dropped(&wire, A, DropReason::ChallengedReset), 1);
    assert_eq!(
        wire.ends[A].sent.len(),
        answers + 1,
        "a challenge ACK answers"
    );
    for outside in [u32::MAX - 5_000, 1 << 30] {
        wire.forge(B, shifted(reset, outside), Options::default(), &[]);
    }
    assert_eq!(
        wire.ends[A].sent.len(),
        answers + 1,
        "no answer to a RST outside of the window"
    );
    assert_eq!(wire.state(A), Some(State::Established));
    wire.forge(B, reset, Options::default(), &[]);
    assert_eq!(wire.closed(A), Some(CloseCause::ResetByPeer));
}

#[test]
fn a_syn_on_an_open_connection_is_challenged() {
    let mut wire = open();
    let answers = wire.ends[A].sent.len();
    let options = wire.fresh_options(B);
    for by in [0, 77, 1 << 30] {
        let syn = Header {
            flags: Flags::SYN,
            ..shifted(wire.expected_header(B), by)
        };
        wire.forge(B, syn, options, &[]);
    }
    assert_eq!(wire.state(A), Some(State::Established));
    assert_eq!(wire.ends[A].sent.len(), answers + 3);
    assert!(
        wire.ends[A].sent[answers..]
            .iter()
            .all(|s| s.header.flags == Flags::ACK)
    );
}

#[test]
fn challenges_are_rate_limited() {
    let mut wire = open();
    let answers = wire.ends[A].sent.len();
    let options = wire.fresh_options(B);
    let syn = Header {
        flags: Flags::SYN,
        ..wire.expected_header(B)
    };
    for _ in 0..100 {
        wire.forge(B, syn, options, &[]);
    }
    assert_eq!(wire.ends[A].sent.len(), answers + 10);
    assert_eq!(wire.ends[A].engine.counters().rate_limited, 90);
}

#[test]
fn a_wild_acknowledgement_changes_nothing() {
    let mut wire = open();
    wire.send(A, b"hello");
    wire.run_for(Duration::from_millis(500));
    let before = wire.info(A);
    let options = wire.fresh_options(B);
    let header = wire.expected_header(B);
    for (by, reason) in [
        (1u32, DropReason::AckTooNew),
        (1 << 30, DropReason::AckTooNew),
        (0xc000_0000, DropReason::AckTooOld),
    ] {
        let count = dropped(&wire, A, reason);
        wire.forge(
            B,
            Header {
                ack: SeqNum(header.ack.0.wrapping_add(by)),
                ..header
            },
            options,
            b"evil",
        );
        assert_eq!(dropped(&wire, A, reason), count + 1);
    }
    let after = wire.info(A);
    assert_eq!(
        (before.rcv_nxt, before.snd_una, before.snd_wnd),
        (after.rcv_nxt, after.snd_una, after.snd_wnd)
    );
}

#[test]
fn an_old_timestamp_is_dropped_and_answered() {
    let mut wire = open();
    let fresh = wire.fresh_options(B);
    let recent = fresh.timestamps.unwrap();
    let old = Options {
        timestamps: Some(Timestamps {
            value: recent.value.wrapping_sub(1),
            ..recent
        }),
        ..fresh
    };
    let answers = wire.ends[A].sent.len();
    let header = wire.expected_header(B);
    wire.forge(B, header, old, b"evil");
    assert_eq!(
        (dropped(&wire, A, DropReason::Paws), wire.info(A).rcv_nxt),
        (1, 0)
    );
    assert_eq!(wire.ends[A].sent.len(), answers + 1);
    wire.forge(B, header, Options::default(), b"evil");
    assert_eq!(dropped(&wire, A, DropReason::MissingTimestamp), 1);
    wire.forge(B, header, fresh, b"good");
    assert_eq!(wire.info(A).rcv_nxt, 4);
    let reset = Header {
        flags: Flags::RST,
        ..wire.expected_header(B)
    };
    wire.forge(B, reset, old, &[]);
    assert_eq!(
        wire.closed(A),
        Some(CloseCause::ResetByPeer),
        "PAWS does not hold for RST"
    );
}

#[test]
fn after_24_days_an_old_timestamp_proves_nothing() {
    let mut wire = open();
    let fresh = wire.fresh_options(B);
    let recent = fresh.timestamps.unwrap();
    let old = Options {
        timestamps: Some(Timestamps {
            value: recent.value.wrapping_sub(1),
            ..recent
        }),
        ..fresh
    };
    wire.now += Duration::from_secs(25 * 86_400);
    let header = wire.expected_header(B);
    wire.forge(B, header, old, b"good");
    assert_eq!(wire.info(A).rcv_nxt, 4);
}

#[test]
fn strangers_are_answered_as_closed_answers() {
    let mut wire = Wire::new(Config {
        resets_per_second: 3,
        ..Config::default()
    });
    let header = Header {
        seq: SeqNum(100),
        ack: SeqNum(500),
        flags: Flags::ACK,
        ..Header::default()
    };
    wire.forge(A, header, Options::default(), b"abc");
    wire.forge(
        A,
        Header {
            flags: Flags::SYN,
            ..header
        },
        Options::default(),
        b"abc",
    );
    wire.forge(
        A,
        Header {
            flags: Flags::RST,
            ..header
        },
        Options::default(),
        &[],
    );
    let sent: Vec<_> = wire.ends[B]
        .sent
        .iter()
        .map(|s| (s.header.seq.0, s.header.ack.0, s.header.flags))
        .collect();
    assert_eq!(
        sent,
        [(500, 0, Flags::RST), (0, 104, Flags::RST.with(Flags::ACK))]
    );
    for _ in 0..10 {
        wire.forge(A, header, Options::default(), &[]);
    }
    assert_eq!(wire.ends[B].sent.len(), 3, "three a second");
}

#[test]
fn an_engine_told_not_to_answer_strangers_does_not() {
    let mut wire = Wire::new(Config {
        answer_unknown: false,
        ..Config::default()
    });
    let header = Header {
        flags: Flags::ACK,
        ..Header::default()
    };
    wire.forge(A, header, Options::default(), b"abc");
    assert!(wire.ends[B].sent.is_empty());
    assert_eq!(dropped(&wire, B, DropReason::NoConnection), 1);
}

#[test]
fn a_refused_connection_ends_at_once() {
    let mut wire = Wire::new(Config::default());
    wire.connect(A, ConnectionOptions::default());
    wire.run_until(|wire| wire.closed(A).is_some());
    assert_eq!(wire.closed(A), Some(CloseCause::Refused));
}

#[test]
fn a_stray_reset_does_not_refuse() {
    let mut wire = Wire::new(Config::default());
    wire.connect(A, ConnectionOptions::default());
    wire.forge(
        B,
        Header {
            flags: Flags::RST,
            ..Header::default()
        },
        Options::default(),
        &[],
    );
    let wrong = Header {
        flags: Flags::RST.with(Flags::ACK),
        ack: SeqNum(1),
        ..Header::default()
    };
    wire.forge(B, wrong, Options::default(), &[]);
    assert_eq!(wire.state(A), Some(State::SynSent));
}

#[test]
fn half_open_connections_have_a_budget() {
    let mut wire = Wire::new(Config {
        max_half_open: 5,
        syn_cookies: false,
        ..Config::default()
    });
    let (local, listener) = (wire.ends[B].socket, ConnectionOptions::default());
    wire.ends[B].engine.listen(local, listener, 100).unwrap();
    let now = wire.now;
    for port in 1_000..1_020u16 {
        let mut octets = Vec::new();
        let src = wire.ends[A].socket.ip();
        let header = Header {
            src_port: port,
            dst_port: 179,
            flags: Flags::SYN,
            ..Header::default()
        };
        segment::emit(
            &mut octets,
            src,
            local.ip(),
            &header,
            &Options::default(),
            (&[], &[]),
        );
        wire.act(B, |engine, fx| {
            engine.handle_segment(now, src, local.ip(), &octets, fx)
        });
    }
    assert_eq!(wire.ends[B].engine.connections().count(), 5);
    assert_eq!(dropped(&wire, B, DropReason::HalfOpenFull), 15);
    wire.flying.clear();
    wire.ends[B].id = None;
    wire.weather.loss_percent = 100;
    wire.run_for(Duration::from_secs(300));
    assert_eq!(
        wire.ends[B].engine.connections().count(),
        0,
        "nobody answered: the budget is free again"
    );
    assert_eq!(wire.ends[B].engine.next_timeout(), None);
}

#[test]
fn a_mangled_segment_is_counted_and_dropped() {
    let mut wire = open();
    let (src, dst) = (wire.ends[B].socket.ip(), wire.ends[A].socket.ip());
    let now = wire.now;
    let sent = wire.ends[A].sent.len();
    for len in 0..20 {
        wire.act(A, |engine, fx| {
            engine.handle_segment(now, src, dst, &vec![0; len], fx)
        });
    }
    let mut good = Vec::new();
    let header = Header {
        src_port: 179,
        dst_port: 40_000,
        ..wire.expected_header(B)
    };
    segment::emit(
        &mut good,
        src,
        dst,
        &header,
        &wire.fresh_options(B),
        (b"text", b""),
    );
    assert!(Segment::parse(&good).is_some());
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        wire.act(A, |engine, fx| {
            engine.handle_segment(now, src, dst, &bad, fx)
        });
    }
    assert_eq!(wire.info(A).rcv_nxt, 0);
    assert_eq!(wire.ends[A].sent.len(), sent);
}

#[test]
fn every_segment_carries_the_users_dscp_and_hop_limit() {
    let options = ConnectionOptions {
        dscp: 48,
        hop_limit: 1,
        ..ConnectionOptions::default()
    };
    let mut wire = Wire::established(Config::default(), options);
    transfer(&mut wire, A, &pattern(10_000));
    wire.close(A);
    wire.run_until(|wire| wire.state(B) == Some(State::CloseWait));
    let now = wire.now;
    let id = wire.id(B);
    wire.act(B, |engine, fx| engine.abort(now, id, fx)).unwrap();
    wire.run_until(|wire| wire.closed(A).is_some());
    // A stray segment to the listener.
    wire.forge(
        A,
        Header {
            flags: Flags::ACK,
            ..Header::default()
        },
        Options::default(),
        &[],
    );
    for sent in wire.ends.iter().flat_map(|end| &end.sent) {
        assert_eq!((sent.dscp, sent.hop_limit), (48, 1), "{:?}", sent.header);
    }
    assert!(
        wire.ends[B]
            .sent
            .last()
            .unwrap()
            .header
            .flags
            .has(Flags::RST)
    );
}

#[test]
fn wild_segments_never_panic_nor_grow_memory() {
    let mut wire = Wire::established(
        Config {
            receive_capacity: 10_000,
            ..Config::default()
        },
        ConnectionOptions::default(),
    );
    wire.ends[A].reads = false;
    let mut dice = Dice(5);
    for _ in 0..20_000 {
        let Some(State::Established | State::CloseWait) = wire.state(A) else {
            break;
        };
        let header = wire.expected_header(B);
        let header = Header {
            seq: SeqNum(
                header
                    .seq
                    .0
                    .wrapping_add((dice.below(24_000) as u32).wrapping_sub(12_000)),
            ),
            ack: SeqNum(
                header
                    .ack
                    .0
                    .wrapping_add((dice.below(40) as u32).wrapping_sub(20)),
            ),
            flags: Flags(dice.roll() as u8 & 0x3b),
            window: dice.roll() as u16,
            ..header
        };
        let mut options = wire.fresh_options(B);
        if dice.below(5) == 0 {
            options.sack.push(options::SackBlock {
                left: SeqNum(dice.roll() as u32),
                right: SeqNum(dice.roll() as u32),
            });
        }
        let text = pattern(dice.below(1_500) as usize);
        wire.forge(B, header, options, &text);
        wire.flying.clear();
        let info = wire.info(A);
        assert!(info.reassembly + info.rcv_nxt - info.read <= 15_000);
    }
    assert_monotonic(&wire, A, 0);
}

#[test]
fn segments_to_or_from_groups_and_nobody_are_dropped_in_silence() {
    let mut wire = open();
    let ours = wire.ends[A].socket;
    let header = Header {
        src_port: 9,
        dst_port: ours.port(),
        flags: Flags::SYN,
        ..Header::default()
    };
    let none = Options::default();
    let (now, answers) = (wire.now, wire.ends[A].sent.len());
    let addresses = [
        ("224.0.0.5", "10.99.0.1"),
        ("255.255.255.255", "10.99.0.1"),
        ("0.0.0.0", "10.99.0.1"),
        ("10.99.0.2", "224.0.0.5"),
        ("10.99.0.2", "255.255.255.255"),
        ("ff02::1", "fd99::1"),
        ("fd99::2", "ff02::1"),
    ];
    for (src, dst) in addresses {
        let (src, dst) = (src.parse().unwrap(), dst.parse().unwrap());
        let mut octets = Vec::new();
        segment::emit(&mut octets, src, dst, &header, &none, (&[], &[]));
        wire.act(A, |engine, fx| {
            engine.handle_segment(now, src, dst, &octets, fx)
        });
    }
    let bad = dropped(&wire, A, DropReason::BadAddress);
    assert_eq!(bad, addresses.len() as u64);
    assert_eq!(wire.ends[A].sent.len(), answers);
}
