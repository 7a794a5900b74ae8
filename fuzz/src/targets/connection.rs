//! An engine under random segments, calls and time, with takeovers into a twin.
//!
//! The input is a list of actions. Segments are built around what the engine expects, so that most of them lie near a window's
//! edge, or are octets of the input as they are.

use super::replicated::Replicated;
use crate::input::Choices;
use core::time::Duration;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tcp_ha_engine::options::{Options, SackBlock, Timestamps};
use tcp_ha_engine::segment::{self, Flags, Header};
use tcp_ha_engine::{
    Config, ConnectionId, ConnectionOptions, Instant, KeepaliveConfig, ReceiveMode, SeqNum,
    Unreachable,
};

/// Actions of one input, at most.
const ACTIONS_MAX: usize = 32;
/// What the peer's octets are taken from.
static TEXT: [u8; 4_096] = [0x5a; 4_096];

struct Bench {
    node: Replicated,
    us: SocketAddr,
    them: SocketAddr,
    now_us: u64,
}

/// A list of actions on one engine; after each the engine is judged.
///
/// # Panics
/// An invariant is broken.
pub fn run(octets: &[u8]) {
    let mut choices = Choices::new(octets);
    let mut bench = Bench::new(&mut choices);
    for _ in 0..ACTIONS_MAX {
        if choices.is_empty() {
            break;
        }
        bench.act(&mut choices);
        bench.node.settle_alone();
    }
}

/// A small engine, so that every bound is near.
pub(super) fn config(bits: u8) -> Config {
    Config {
        send_capacity: 4 << 10,
        receive_capacity: if bits & 1 == 0 { 4 << 10 } else { 80_000 },
        max_connections: 6,
        max_half_open: 3,
        max_reassembly_ranges: 4,
        timestamps: bits & 2 == 0,
        sack: bits & 4 == 0,
        window_scaling: bits & 8 == 0,
        delayed_ack: Duration::from_millis(if bits & 16 == 0 { 40 } else { 0 }),
        ..Config::default()
    }
}

pub(super) fn options(bits: u8) -> ConnectionOptions {
    ConnectionOptions {
        nodelay: bits & 1 == 1,
        keepalive: (bits & 2 == 2).then_some(KeepaliveConfig {
            idle: Duration::from_secs(10),
            interval: Duration::from_secs(1),
            probes: 3,
        }),
        receive_mode: if bits & 4 == 0 {
            ReceiveMode::Logged
        } else {
            ReceiveMode::Marked
        },
        user_timeout: (bits & 8 == 8).then_some(Duration::from_secs(20)),
        dscp: bits >> 4,
        ..ConnectionOptions::default()
    }
}

impl Bench {
    fn new(choices: &mut Choices<'_>) -> Bench {
        let (bits, user, ends) = (choices.octet(), choices.octet(), choices.octet());
        let [us, them]: [IpAddr; 2] = if ends & 1 == 0 {
            [
                Ipv4Addr::new(10, 0, 0, 1).into(),
                Ipv4Addr::new(10, 0, 0, 2).into(),
            ]
        } else {
            let of = |low| Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, low).into();
            [of(1), of(2)]
        };
        let mut bench = Bench {
            node: Replicated::new(config(bits)),
            us: SocketAddr::new(us, 179),
            them: SocketAddr::new(them, 40_000),
            now_us: 1_000_000,
        };
        bench.node.listen(bench.us, options(user));
        if ends & 2 == 2 {
            let (now, local) = (bench.now(), SocketAddr::new(us, 0));
            let them = SocketAddr::new(them, 179);
            let opened =
                bench
                    .node
                    .engine
                    .connect(now, local, them, options(user), &mut bench.node.fx);
            opened.expect("room for the first connection");
        } else {
            bench.handshake(choices);
        }
        bench.node.settle_alone();
        bench
    }

    fn now(&self) -> Instant {
        self.node.clock(self.now_us)
    }

    /// A peer opens a connection as peers do.
    fn handshake(&mut self, choices: &mut Choices<'_>) {
        let isn = choices.four();
        let mut offer = Options {
            mss: Some(1_460),
            sack_permitted: true,
            timestamps: Some(Timestamps {
                value: isn,
                echo: 0,
            }),
            window_scale: Some(7),
            ..Options::default()
        };
        self.segment(
            self.them.port(),
            SeqNum(isn),
            SeqNum(0),
            Flags::SYN,
            60_000,
            &offer,
            &[],
        );
        self.node.settle_alone();
        let Some(id) = self.node.engine.connections().next() else {
            return;
        };
        let Some(state) = self.node.engine.snapshot(id) else {
            return;
        };
        offer = Options {
            timestamps: Some(Timestamps {
                value: isn,
                echo: state.rtt.tsval_sent,
            }),
            ..Options::default()
        };
        let (seq, ack) = (SeqNum(isn.wrapping_add(1)), state.identity.iss.at(1));
        self.segment(self.them.port(), seq, ack, Flags::ACK, 500, &offer, &[]);
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of a header")]
    fn segment(
        &mut self,
        port: u16,
        seq: SeqNum,
        ack: SeqNum,
        flags: Flags,
        window: u16,
        options: &Options,
        text: &[u8],
    ) {
        let (src, dst) = (self.them.ip(), self.us.ip());
        let dst_port = self.port_of(port);
        let header = Header {
            src_port: port,
            dst_port,
            seq,
            ack,
            flags,
            window,
        };
        let mut octets = Vec::new();
        segment::emit(&mut octets, src, dst, &header, options, (text, &[]));
        let now = self.now();
        self.node
            .engine
            .handle_segment(now, src, dst, &octets, &mut self.node.fx);
    }

    /// Our port on the connection with the peer's `port`.
    fn port_of(&self, port: u16) -> u16 {
        let engine = &self.node.engine;
        let tuples = engine.connections().filter_map(|id| engine.connection(id));
        let mut tuples = tuples.map(|info| info.tuple);
        tuples
            .find(|tuple| tuple.remote.port() == port)
            .map_or(self.us.port(), |tuple| tuple.local.port())
    }

    /// One of the connections.
    fn pick(&self, choices: &mut Choices<'_>) -> Option<ConnectionId> {
        let count = self.node.engine.connections().count();
        let at = choices.below(count);
        self.node.engine.connections().nth(at)
    }

    fn act(&mut self, choices: &mut Choices<'_>) {
        match choices.below(16) {
            0..=5 => self.near_segment(choices),
            6 => self.raw_segment(choices),
            7 => self.pass(choices),
            8 => self.pass_to_timer(),
            9 => self.knock(choices),
            10 => {
                let ahead_us = u64::from(choices.octet()) * 1_000_003;
                self.node.take_over(self.now_us, ahead_us);
            }
            _ => self.call(choices),
        }
    }

    /// A segment around what the connection expects.
    fn near_segment(&mut self, choices: &mut Choices<'_>) {
        let Some(id) = self.pick(choices) else {
            return self.knock(choices);
        };
        let Some(state) = self.node.engine.snapshot(id) else {
            return;
        };
        let shape = choices.octet();
        let flags = match shape & 7 {
            0..=3 => Flags::ACK,
            4 => Flags::ACK.with(Flags::FIN),
            5 => Flags::ACK.with(Flags::SYN),
            6 => Flags::ACK.with(Flags::RST),
            _ => Flags(choices.octet()),
        };
        let off = |base: u64, distance: i64| base.wrapping_add_signed(distance);
        let (mut seq, mut ack) = (state.recv.nxt, state.send.max);
        if shape & 8 != 0 {
            seq = off(seq, choices.distance());
        }
        if shape & 16 != 0 {
            ack = off(state.send.una, choices.distance());
        }
        let len = if shape & 32 == 0 {
            0
        } else {
            usize::from(choices.two()) % 2_100
        };
        let window = if shape & 64 == 0 { 500 } else { choices.two() };
        let mut options = Options {
            timestamps: state.identity.timestamps.then_some(Timestamps {
                value: state.recv.ts_recent,
                echo: state.rtt.tsval_sent,
            }),
            ..Options::default()
        };
        if shape & 128 != 0 {
            self.strange_options(
                choices,
                &state.identity.iss.at(state.send.una),
                &mut options,
            );
        }
        let (seq, ack) = (state.identity.irs.at(seq), state.identity.iss.at(ack));
        let port = state.identity.tuple.remote.port();
        self.segment(port, seq, ack, flags, window, &options, &TEXT[..len]);
    }

    fn strange_options(&self, choices: &mut Choices<'_>, una: &SeqNum, options: &mut Options) {
        let what = choices.octet();
        if let Some(timestamps) = options.timestamps.as_mut().filter(|_| what & 1 == 1) {
            timestamps.value = timestamps
                .value
                .wrapping_add_signed(choices.distance() as i32);
            timestamps.echo = timestamps
                .echo
                .wrapping_add_signed(choices.distance() as i32);
        }
        if what & 2 == 2 {
            options.timestamps = None;
        }
        for _ in 0..what >> 2 & 3 {
            let left = una.0.wrapping_add_signed(choices.distance() as i32);
            let right = left.wrapping_add_signed(choices.distance() as i32);
            options.sack.push(SackBlock {
                left: SeqNum(left),
                right: SeqNum(right),
            });
        }
        if what & 16 == 16 {
            options.mss = Some(choices.two());
        }
        if what & 32 == 32 {
            options.window_scale = Some(choices.octet() & 15);
        }
        options.sack_permitted = what & 64 == 64;
        if options.timestamps.is_some() {
            options.sack.truncate(3);
        }
        if options.wire_len() > tcp_ha_engine::options::MAX_OPTIONS_LEN {
            options.sack.truncate(0);
        }
    }

    /// Octets as they are: with a wrong checksum most of the time, and with a right one where it can be.
    fn raw_segment(&mut self, choices: &mut Choices<'_>) {
        let (src, dst) = (self.them.ip(), self.us.ip());
        let octets = choices.slice(64);
        let now = self.now();
        self.node
            .engine
            .handle_segment(now, src, dst, octets, &mut self.node.fx);
    }

    /// A SYN from a few ports, of connections that are and are not.
    fn knock(&mut self, choices: &mut Choices<'_>) {
        let port = self.them.port() + choices.below(8) as u16;
        let flags = if choices.flag() {
            Flags::SYN
        } else {
            Flags(choices.octet())
        };
        let mut options = Options::default();
        self.strange_options(choices, &SeqNum(0), &mut options);
        let (seq, ack) = (SeqNum(choices.four()), SeqNum(choices.four()));
        self.segment(
            port,
            seq,
            ack,
            flags,
            1_000,
            &options,
            &TEXT[..choices.below(20)],
        );
    }

    fn pass(&mut self, choices: &mut Choices<'_>) {
        let octet = choices.octet();
        self.now_us += u64::from(octet & 15) << (octet >> 4 << 1);
        self.node.tick(self.now_us);
    }

    fn pass_to_timer(&mut self) {
        if let Some(next) = self.node.next_timeout_us() {
            self.now_us = self.now_us.max(next);
            self.node.tick(self.now_us);
        }
    }

    /// A call of the user. Errors are answers too.
    fn call(&mut self, choices: &mut Choices<'_>) {
        let (Some(id), now) = (self.pick(choices), self.now()) else {
            return;
        };
        let Some(info) = self.node.engine.connection(id) else {
            return;
        };
        let Replicated { engine, fx, .. } = &mut self.node;
        let near = |base: u64, distance: i64| base.saturating_add_signed(distance);
        let _answer = match choices.below(12) {
            0 | 1 => engine
                .send(
                    now,
                    id,
                    &TEXT[..usize::from(choices.two()) % TEXT.len()],
                    fx,
                )
                .err(),
            2 | 3 => engine.consume(now, id, info.safe, fx).err(),
            4 => engine
                .consume(now, id, near(info.read, choices.distance()), fx)
                .err(),
            5 => engine.make_safe(now, id, info.rcv_nxt, fx).err(),
            6 => engine
                .make_safe(now, id, near(info.safe, choices.distance()), fx)
                .err(),
            7 => engine.close(now, id, fx).err(),
            8 => engine
                .set_options(now, id, options(choices.octet()), fx)
                .err(),
            9 => engine
                .supply(
                    now,
                    id,
                    near(info.snd_una, choices.distance()),
                    &TEXT[..9],
                    fx,
                )
                .err(),
            10 => {
                let what = match choices.two() {
                    0 => Unreachable::Host,
                    1 => Unreachable::Port,
                    2 => Unreachable::HopLimit,
                    mtu => Unreachable::TooBig { mtu },
                };
                let tuple = info.tuple;
                let una = engine
                    .snapshot(id)
                    .map_or(0, |state| state.identity.iss.at(state.send.una).0);
                let seq = una.wrapping_add_signed(choices.distance() as i32);
                engine.handle_unreachable(now, tuple.local, tuple.remote, seq, what, fx);
                None
            }
            _ => engine.abort(now, id, fx).err(),
        };
    }
}
