//! What a device gives that has offloads: many segments in one, and checksums that nobody has filled in.

mod wire;

use tcp_ha_engine::segment::{self, Segment};
use tcp_ha_engine::*;
use wire::*;

/// Text of a frame that stands for 41 segments.
const TEXT: usize = 60_000;

/// A connection of which A has just sent something that has not arrived, and that segment with more text.
fn with_a_long_segment() -> (Wire, Vec<u8>) {
    let mut wire = Wire::established(Config::default(), nodelay());
    for _ in 0..20 {
        wire.send(A, b"x");
        wire.run_for(ms(100));
    }
    wire.send(A, b"y");
    let (_, (_, src, dst, octets)) = wire.flying.pop_first().expect("a segment on its way");
    let Segment {
        header, options, ..
    } = Segment::parse(&octets).expect("a segment");
    let mut long = Vec::new();
    segment::emit(
        &mut long,
        src,
        dst,
        &header,
        &options,
        (&pattern(TEXT), &[]),
    );
    (wire, long)
}

fn arrive(wire: &mut Wire, octets: &[u8], is_vouched: bool) {
    let (src, dst) = (wire.ends[A].socket.ip(), wire.ends[B].socket.ip());
    let now = wire.now;
    wire.act(B, |engine, fx| {
        let arrival = Arrival::new(src, dst).with_vouched(is_vouched);
        engine.handle_arrival(now, arrival, octets, fx);
    });
}

#[test]
fn a_segment_of_60000_octets_is_taken_whole_and_acknowledged_at_once() {
    let (mut wire, long) = with_a_long_segment();
    let (before, sent) = (wire.info(B).rcv_nxt, wire.ends[B].sent.len());
    arrive(&mut wire, &long, false);
    let after = wire.info(B);
    assert_eq!(after.rcv_nxt, before + TEXT as u64);
    assert_eq!(wire.ends[B].sent.len(), sent + 1, "one ACK for all");
    assert!(wire.ends[B].inbox.ends_with(&pattern(TEXT)));
}

#[test]
fn a_checksum_that_the_device_vouches_for_is_not_looked_at() {
    let (mut wire, mut long) = with_a_long_segment();
    long[16] ^= 0xff;
    let before = wire.info(B).rcv_nxt;
    arrive(&mut wire, &long, false);
    assert_eq!(wire.info(B).rcv_nxt, before);
    let counters = wire.ends[B].engine.counters();
    assert_eq!(counters.dropped(DropReason::BadChecksum), 1);
    arrive(&mut wire, &long, true);
    assert_eq!(wire.info(B).rcv_nxt, before + TEXT as u64);
}

#[test]
fn a_long_segment_that_came_in_part_fills_what_is_missing() {
    let (mut wire, long) = with_a_long_segment();
    let Segment {
        header, options, ..
    } = Segment::parse(&long).expect("a segment");
    let (src, dst) = (wire.ends[A].socket.ip(), wire.ends[B].socket.ip());
    // 10,000 octets from the middle come first.
    let mut middle = Vec::new();
    let mut later = header;
    later.seq.0 = later.seq.0.wrapping_add(20_000);
    let text = pattern(TEXT);
    let part = (&text[20_000..30_000], &[][..]);
    segment::emit(&mut middle, src, dst, &later, &options, part);
    let before = wire.info(B).rcv_nxt;
    arrive(&mut wire, &middle, false);
    assert_eq!(wire.info(B).rcv_nxt, before);
    arrive(&mut wire, &long, false);
    assert_eq!(wire.info(B).rcv_nxt, before + TEXT as u64);
    assert!(wire.ends[B].inbox.ends_with(&text));
}

#[test]
fn a_checksum_that_is_left_to_the_device_is_completed_by_the_sum_of_the_segment() {
    let config = Config {
        leave_checksum: true,
        ..Config::default()
    };
    let mut engine = Engine::new(config, secrets(1));
    let mut fx = Effects::new();
    let (local, remote) = (socket(A, false), socket(B, false));
    let now = Instant::from_millis(1_000);
    engine
        .connect(now, local, remote, nodelay(), &mut fx)
        .expect("a connection");
    let segment = fx.take_segments().next().expect("a SYN");
    assert!(segment.leaves_checksum());
    let (src, dst) = (segment.segment().src, segment.segment().dst);
    let mut octets = segment.into_octets().0.split_off(HEADROOM);
    assert!(!Segment::checksum_is_right(src, dst, &octets));
    // The device sums from the TCP header on, the field included.
    let words = octets
        .chunks(2)
        .map(|word| u32::from(word[0]) << 8 | u32::from(word[1]));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    octets[16..18].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    assert!(Segment::checksum_is_right(src, dst, &octets));
}

#[test]
fn long_text_is_handed_out_where_it_came() {
    let (mut wire, long) = with_a_long_segment();
    let (src, dst) = (wire.ends[A].socket.ip(), wire.ends[B].socket.ip());
    let (now, id, from) = (wire.now, wire.id(B), wire.info(B).rcv_nxt);
    let memory = bytes::Bytes::from(long);
    wire.ends[B].reads = false;
    wire.act(B, |engine, fx| {
        engine.handle_shared_arrival(now, Arrival::new(src, dst), &memory, fx);
    });
    let to = wire.info(B).rcv_nxt;
    assert_eq!(to, from + TEXT as u64);
    let mut given = Vec::new();
    let engine = &wire.ends[B].engine;
    engine.share_received(id, from, to, |octets| given.push(octets));
    let text = &memory[memory.len() - TEXT..];
    assert_eq!(given, [text]);
    assert_eq!(given[0].as_ptr(), text.as_ptr());
    given.clear();
    assert!(!memory.is_unique(), "what was not read is held");
    wire.act(B, |engine, fx| engine.consume(now, id, to, fx))
        .expect("what was received");
    assert!(memory.is_unique(), "what was read is not");
}
