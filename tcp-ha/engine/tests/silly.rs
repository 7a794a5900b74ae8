//! Silly and hostile peers: what they do costs little, and never the connection of others.

mod wire;

use std::time::Duration;
use tcp_ha_engine::options::Options;
use tcp_ha_engine::segment::{Flags, Header};
use tcp_ha_engine::*;
use wire::*;

fn options() -> ConnectionOptions {
    ConnectionOptions {
        nodelay: true,
        ..ConnectionOptions::default()
    }
}

fn open(config: Config) -> Wire {
    Wire::established(config, options())
}

fn dropped(wire: &Wire, who: usize, reason: DropReason) -> u64 {
    wire.ends[who].engine.counters().dropped(reason)
}

fn moved(number: SeqNum, by: i64) -> SeqNum {
    SeqNum(number.0.wrapping_add(by as u32))
}

#[test]
fn a_reset_does_not_end_time_wait() {
    let mut wire = open(Config::default());
    wire.close(A);
    wire.run_until(|wire| wire.state(B) == Some(State::CloseWait));
    wire.close(B);
    wire.run_until(|wire| wire.state(A) == Some(State::TimeWait));
    wire.run_until(|wire| wire.closed(B).is_some());
    let state = wire.ends[A].engine.snapshot(wire.id(A)).unwrap();
    let reset = Header {
        seq: state.identity.irs.at(state.recv.nxt),
        flags: Flags::RST,
        ..Header::default()
    };
    wire.forge(B, reset, Options::default(), &[]);
    assert_eq!(wire.state(A), Some(State::TimeWait), "RFC 1337");
    assert_eq!(dropped(&wire, A, DropReason::StrayReset), 1);
}

#[test]
fn an_acknowledgement_may_be_as_old_as_the_largest_window() {
    let mut wire = open(Config::default());
    transfer(&mut wire, A, &pattern(3_000_000));
    wire.run_for(Duration::from_secs(1));
    let state = wire.ends[A].engine.snapshot(wire.id(A)).unwrap();
    let (header, options) = (wire.expected_header(B), wire.fresh_options(B));
    let oldest = -(state.send.max_wnd as i64);
    for (by, reason) in [
        (oldest, None),
        (oldest - 1, Some(DropReason::AckTooOld)),
        (0, None),
        (1, Some(DropReason::AckTooNew)),
    ] {
        let answers = wire.ends[A].sent.len();
        let header = Header {
            ack: moved(header.ack, by),
            ..header
        };
        let before = reason.map_or(0, |reason| dropped(&wire, A, reason));
        wire.forge(B, header, options, &[]);
        let after = reason.map_or(1, |reason| dropped(&wire, A, reason));
        assert_eq!(after, before + 1, "{by}");
        let challenged = wire.ends[A].sent.len() - answers;
        assert_eq!(challenged, usize::from(reason.is_some()), "{by}");
    }
}

#[test]
fn two_stacks_that_disagree_do_not_shout_at_each_other() {
    let mut wire = open(Config::default());
    let (now, id) = (wire.now, wire.id(A));
    // A believes to have received what B never sent.
    let mut state = wire.ends[A].engine.snapshot(id).unwrap();
    for position in [
        &mut state.recv.nxt,
        &mut state.recv.safe,
        &mut state.recv.read,
        &mut state.recv.right_edge,
        &mut state.recv.last_ack_sent,
    ] {
        *position += 50_000;
    }
    let mut astray = Engine::new(Config::default(), secrets(0));
    astray.restore(now, id, &state, &[], Some(&[])).unwrap();
    wire.ends[A].engine = astray;
    wire.act(A, |engine, fx| engine.resume(now, id, 1_000, fx))
        .unwrap();
    let before = wire.ends[A].sent.len() + wire.ends[B].sent.len();
    wire.run_for(Duration::from_secs(10));
    let said = wire.ends[A].sent.len() + wire.ends[B].sent.len() - before;
    let per_second = Config::default().challenge_acks_per_second as usize;
    assert!(said > 10, "they do disagree: {said}");
    assert!(
        said <= 2 * 11 * per_second,
        "{said} segments in ten seconds"
    );
}

#[test]
fn urgent_octets_are_octets_like_others() {
    let mut wire = open(Config::default());
    let header = wire.expected_header(B);
    let urgent = Header {
        flags: header.flags.with(Flags::URG),
        ..header
    };
    let options = wire.fresh_options(B);
    wire.forge(B, urgent, options, b"all of it");
    assert_eq!(wire.ends[A].inbox, b"all of it");
}

#[test]
fn a_window_that_shrinks_stops_new_text_and_loses_none() {
    let mut wire = open(Config::default());
    transfer(&mut wire, A, &pattern(100_000));
    wire.run_for(Duration::from_millis(500));
    wire.weather.loss_percent = 100;
    wire.send(A, &pattern(60_000));
    // The peer takes most of its window back.
    let (header, options) = (wire.expected_header(B), wire.fresh_options(B));
    let shrunk = Header {
        window: 4_000 >> wire.info(A).window_scales.1,
        ..header
    };
    let end = wire.info(A).snd_max;
    wire.forge(B, shrunk, options, &[]);
    wire.run_for(Duration::from_secs(3));
    assert_eq!(wire.info(A).snd_max, end, "nothing new beyond the window");
    assert_eq!(wire.state(A), Some(State::Established));
    wire.weather.loss_percent = 0;
    wire.run_until(|wire| wire.ends[B].inbox.len() == 160_000);
}

#[test]
fn single_octets_in_the_worst_order_cost_neither_memory_nor_time() {
    let mut wire = open(Config {
        receive_capacity: 4_000_000,
        ..Config::default()
    });
    wire.ends[A].reads = false;
    let (header, options) = (wire.expected_header(B), wire.fresh_options(B));
    let began = std::time::Instant::now();
    // From the right edge to the left: every octet joins the same island.
    for at in (2_000..502_000i64).rev() {
        let header = Header {
            seq: moved(header.seq, at),
            ..header
        };
        wire.forge(B, header, options, b"x");
        wire.flying.clear();
    }
    assert!(began.elapsed() < Duration::from_secs(20), "quadratic");
    // Every second octet: as many islands as are allowed and not one more.
    for at in (1..1_999i64).step_by(2) {
        let header = Header {
            seq: moved(header.seq, at),
            ..header
        };
        wire.forge(B, header, options, b"x");
        wire.flying.clear();
    }
    let islands = Config::default().max_reassembly_ranges as u64;
    assert_eq!(wire.info(A).reassembly, 500_000 + islands - 1);
    assert_eq!(
        dropped(&wire, A, DropReason::ReassemblyFull),
        999 - (islands - 1)
    );
}

#[test]
fn a_tiny_mss_does_not_make_tiny_segments() {
    let mut wire = Wire::new(Config::default());
    wire.connect(A, options());
    wire.flying.clear();
    let state = wire.ends[A].engine.snapshot(wire.id(A)).unwrap();
    let syn_ack = Header {
        ack: state.identity.iss.at(1),
        flags: Flags::SYN.with(Flags::ACK),
        window: 60_000,
        ..Header::default()
    };
    let tiny = Options {
        mss: Some(1),
        ..Options::default()
    };
    wire.forge(B, syn_ack, tiny, &[]);
    wire.send(A, &pattern(800));
    let sent = &wire.ends[A].sent;
    assert!(sent.iter().any(|s| s.payload.len() == 88));
    assert_eq!(wire.info(A).peer_mss, 1);
}

#[test]
fn what_is_announced_does_not_count_options_and_what_is_sent_does() {
    for (max_segment, announced) in [(None, 1_460), (Some(1_000), 1_000)] {
        let mut wire = open(Config::default());
        assert_eq!(wire.info(A).our_mss, 1_460);
        let options = ConnectionOptions {
            max_segment,
            ..options()
        };
        wire = Wire::new(Config::default());
        wire.open(options);
        transfer(&mut wire, A, &pattern(10_000));
        assert_eq!(
            wire.ends[A].sent[0].options.mss,
            Some(announced),
            "RFC 6691"
        );
        let longest = wire.ends[A].sent.iter().map(|s| s.payload.len()).max();
        assert_eq!(longest, Some(usize::from(announced) - 12));
    }
}
