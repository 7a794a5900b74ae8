//! Two small TCPs talk to each other; one that breaks a rule is accused.

use super::segment::{ACK, Segment};
use super::*;
use crate::text;

const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));
const PORT: u16 = 7;
const OCTETS: u64 = 30_000;

fn settings(salt: u8, isn: u32) -> Settings {
    Settings {
        capacity: 5_000,
        room: 8_000,
        mtu: 1_500,
        timestamps: true,
        sack: true,
        scale: Some(2),
        rto_us: 20_000,
        delayed_ack_us: 4_000,
        time_wait_us: 50_000,
        expected: Expected { salt, twist: 0 },
        isn,
        wraps: false,
    }
}

/// Two stacks, and a wire that loses one frame in so many.
struct Pair {
    now_us: u64,
    stacks: [SmallTcp; 2],
    numbers: [Option<Number>; 2],
    ends: [Option<End>; 2],
    said: [u64; 2],
    frames: u64,
    loss: u64,
}

impl Pair {
    fn new(keys: Keys, isn: u32, loss: u64) -> Pair {
        // Each says with the salt that the other expects.
        let mut stacks = [settings(2, isn), settings(1, isn)].map(SmallTcp::new);
        stacks.iter_mut().for_each(|it| it.set_keys(keys.clone()));
        stacks[1].listen(SocketAddr::new(B, PORT));
        let first = stacks[0].connect(0, A, SocketAddr::new(B, PORT));
        Pair {
            now_us: 0,
            stacks,
            numbers: [Some(first), None],
            ends: [None; 2],
            said: [0; 2],
            frames: 0,
            loss,
        }
    }

    fn turn(&mut self) {
        self.now_us += 500;
        for who in 0..2 {
            self.stacks[who].timeout(self.now_us);
            for told in self.stacks[who].take_told() {
                match told {
                    (number, Told::Accepted) => self.numbers[who] = Some(number),
                    (_, Told::Closed(end)) => self.ends[who] = Some(end),
                    _ => {}
                }
            }
            self.user(who);
            for frame in self.stacks[who].take_segments() {
                self.frames += 1;
                if self.loss > 0 && self.frames.is_multiple_of(self.loss) {
                    continue;
                }
                let arrived =
                    self.stacks[1 - who].arrive(self.now_us, frame.src, frame.dst, &frame.octets);
                arrived.expect("nothing to accuse");
            }
        }
    }

    fn user(&mut self, who: usize) {
        let Some(number) = self.numbers[who] else {
            return;
        };
        let stack = &mut self.stacks[who];
        let wanted = (OCTETS - self.said[who]).min(700) as usize;
        let octets = text::text(who as u8 + 1, self.said[who], wanted);
        self.said[who] += stack.send(self.now_us, number, &octets) as u64;
        let (arrived, closed) = stack.progress(number);
        stack.consume(self.now_us, number, arrived);
        if self.said[who] == OCTETS && (who == 0 || closed) {
            stack.close(self.now_us, number);
        }
    }

    fn run(&mut self) {
        while self.ends.contains(&None) {
            assert!(self.now_us < 60_000_000, "it goes on for ever");
            self.turn();
        }
        assert_eq!(self.ends, [Some(End::Normal); 2]);
    }
}

#[test]
fn both_directions_arrive_whole_through_loss_and_both_ends_close() {
    for loss in [0, 3, 5, 11] {
        Pair::new(Keys::None, 77, loss).run();
    }
}

#[test]
fn signed_connections_carry_data_past_the_end_of_sequence_space() {
    let ao = Keys::Ao {
        chain: vec![(3, b"one key".to_vec())],
        current: 3,
        next: 3,
    };
    for keys in [Keys::Md5(b"secret".to_vec()), ao] {
        Pair::new(keys, u32::MAX - 9_000, 7).run();
    }
}

/// An open pair, and a segment of A with something changed, as B judges it.
fn accused(change: impl FnOnce(&mut Segment<'_>)) -> Result<(), String> {
    let mut pair = Pair::new(Keys::None, 5, 0);
    while pair.said[0] < 3_000 {
        pair.turn();
    }
    let number = pair.numbers[0].expect("a connection");
    pair.stacks[0].send(pair.now_us, number, &[]);
    let ends = pair.stacks[0].ends(number).expect("it is open");
    // What A would say next: text that goes on.
    pair.stacks[0].take_segments();
    let text = text::text(1, pair.said[0], 100);
    pair.stacks[0].send(pair.now_us, number, &text);
    let sent = pair.stacks[0].take_segments();
    let octets = &sent.last().expect("a segment").octets;
    let mut segment = Segment::parse(A, B, octets).expect("a good one");
    assert!(segment.has(ACK) && segment.src_port == ends.local.port());
    change(&mut segment);
    let octets = segment.build(A, B, |_, _| {});
    pair.stacks[1].arrive(pair.now_us, A, B, &octets)
}

#[test]
fn a_segment_that_breaks_a_rule_is_accused() {
    accused(|_| {}).expect("an honest segment");
    type Change = fn(&mut Segment<'_>);
    let wrong: [(&str, Change); 7] = [
        ("another", |segment| {
            segment.seq = segment.seq.wrapping_sub(1)
        }),
        ("never sent", |segment| {
            segment.ack = segment.ack.wrapping_add(9_000)
        }),
        ("window", |segment| {
            segment.seq = segment.seq.wrapping_add(60_000)
        }),
        ("echoes", |segment| {
            segment.options.stamps = segment.options.stamps.map(|(val, ecr)| (val, ecr + 50));
        }),
        ("edge", |segment| {
            segment.window = 0;
            segment.options.stamps = segment.options.stamps.map(|(val, ecr)| (val + 9, ecr));
        }),
        ("octets from", |segment| {
            segment.ack = 6;
        }),
        ("no timestamps", |segment| segment.options.stamps = None),
    ];
    for (word, change) in wrong {
        let accused = accused(change).expect_err(word);
        assert!(accused.contains(word), "{word}: {accused}");
    }
}

/// B says a SYN-ACK of another connection to A, with A in this state of affairs; what A tells its user.
fn told_of_a_stranger(pair: &mut Pair, seq: u32) -> Vec<Told> {
    let number = pair.numbers[0].expect("a connection");
    let ends = pair.stacks[0].ends(number).expect("it is known");
    let stranger = Segment {
        src_port: ends.remote.port(),
        dst_port: ends.local.port(),
        seq,
        ack: 6,
        flags: SYN | ACK,
        window: 0,
        options: Options::default(),
        text: &[],
    };
    let octets = stranger.build(B, A, |_, _| {});
    let arrived = pair.stacks[0].arrive(pair.now_us, B, A, &octets);
    arrived.expect("its numbers say nothing of the connection that there is");
    let told = pair.stacks[0].take_told().into_iter();
    told.map(|(_, told)| told).collect()
}

#[test]
fn a_live_connection_that_is_opened_anew_is_told() {
    let mut pair = Pair::new(Keys::None, 5, 0);
    while pair.said[0] < 3_000 {
        pair.turn();
    }
    assert!(told_of_a_stranger(&mut pair, 0x7000_0000).contains(&Told::OpenedAnew));
}

#[test]
fn a_syn_that_was_sent_before_its_own_is_late_and_nothing_else() {
    let mut pair = Pair::new(Keys::None, 5, 0);
    while pair.said[0] < 3_000 {
        pair.turn();
    }
    let number = pair.numbers[0].expect("a connection");
    let seq = pair.stacks[0].connections[&number].irs.wrapping_sub(300);
    assert!(!told_of_a_stranger(&mut pair, seq).contains(&Told::OpenedAnew));
}

#[test]
fn an_old_syn_may_open_anew_once_both_sides_have_closed() {
    let mut pair = Pair::new(Keys::None, 5, 0);
    while pair.ends[1].is_none() {
        pair.turn();
    }
    assert_eq!(pair.ends[0], None, "the first to close waits");
    assert!(!told_of_a_stranger(&mut pair, 0x7000_0000).contains(&Told::OpenedAnew));
}
