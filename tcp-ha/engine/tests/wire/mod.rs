//! Two engines, a wire between them, one clock, one seed.
// Each test binary uses its part.
#![allow(dead_code, unreachable_pub)]

use bytes::Bytes;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tcp_ha_engine::options::Options;
use tcp_ha_engine::segment::{self, Flags, Header, Segment};
use tcp_ha_engine::*;

/// SplitMix64: the same numbers for the same seed, for ever.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }
}

/// Octets of text in a full segment with timestamps, over IPv4 and an MTU of 1,500.
pub const MSS: usize = 1_448;

pub fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Small segments leave at once.
pub fn nodelay() -> ConnectionOptions {
    ConnectionOptions {
        nodelay: true,
        ..ConnectionOptions::default()
    }
}

pub const A: usize = 0;
pub const B: usize = 1;

/// One end: an engine and what its user has seen.
pub struct End {
    pub engine: Engine,
    pub socket: SocketAddr,
    pub fx: Effects,
    pub events: Vec<Event>,
    pub id: Option<ConnectionId>,
    /// Octets the user has read.
    pub inbox: Vec<u8>,
    /// The user reads at once whatever comes.
    pub reads: bool,
    /// The user makes octets safe when asked.
    pub answers_safe_due: bool,
    /// Segments sent, oldest first.
    pub sent: Vec<Sent>,
}

/// A segment as it left an end.
#[derive(Clone, Debug)]
pub struct Sent {
    pub at: Instant,
    pub header: Header,
    pub options: Options,
    pub payload: Vec<u8>,
    pub dscp: u8,
    pub hop_limit: u8,
}

/// What the wire does to segments.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    pub delay: Duration,
    pub jitter: Duration,
    pub loss_percent: u64,
    pub duplicate_percent: u64,
}

impl Weather {
    pub const FINE: Weather = Weather {
        delay: Duration::from_millis(1),
        jitter: Duration::ZERO,
        loss_percent: 0,
        duplicate_percent: 0,
    };
    pub const STORM: Weather = Weather {
        delay: Duration::from_millis(5),
        jitter: Duration::from_millis(7),
        loss_percent: 8,
        duplicate_percent: 3,
    };
}

/// To which end, source, destination, octets.
pub type Flying = (usize, IpAddr, IpAddr, Vec<u8>);

pub struct Wire {
    pub now: Instant,
    pub ends: [End; 2],
    pub weather: Weather,
    pub dice: Dice,
    /// Larger IP packets vanish without a word.
    pub path_mtu: usize,
    /// On the way, by arrival and then by order.
    pub flying: BTreeMap<(Instant, u64), Flying>,
    order: u64,
    /// Super-segments that were built, and those whose text was not copied.
    pub supers: u64,
    pub shared: u64,
    /// Users hand their memory over.
    pub shares: bool,
}

pub fn secrets(seed: u8) -> Secrets {
    let mut bytes = [seed; Secrets::LEN];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = byte.wrapping_add(at as u8);
    }
    Secrets::from_bytes(&bytes)
}

pub fn socket(end: usize, v6: bool) -> SocketAddr {
    let ports = [40_000, 179];
    if v6 {
        let host = 1 + end as u16;
        SocketAddr::from(([0xfd99, 0, 0, 0, 0, 0, 0, host], ports[end]))
    } else {
        SocketAddr::from(([10, 99, 0, 1 + end as u8], ports[end]))
    }
}

fn end(index: usize, config: &Config, v6: bool) -> End {
    End {
        engine: Engine::new(config.clone(), secrets(index as u8 * 100)),
        socket: socket(index, v6),
        fx: Effects::new(),
        events: Vec::new(),
        id: None,
        inbox: Vec::new(),
        reads: true,
        answers_safe_due: true,
        sent: Vec::new(),
    }
}

impl Wire {
    pub fn new(config: Config) -> Wire {
        Wire::with_configs(config.clone(), config, false)
    }

    pub fn with_configs(a: Config, b: Config, v6: bool) -> Wire {
        Wire {
            now: Instant::from_millis(1_000_000),
            ends: [end(A, &a, v6), end(B, &b, v6)],
            weather: Weather::FINE,
            dice: Dice(42),
            path_mtu: usize::MAX,
            flying: BTreeMap::new(),
            supers: 0,
            shared: 0,
            shares: false,
            order: 0,
        }
    }

    /// B listens, A connects, both reach ESTABLISHED.
    pub fn established(config: Config, options: ConnectionOptions) -> Wire {
        let mut wire = Wire::new(config);
        wire.open(options);
        wire
    }

    pub fn open(&mut self, options: ConnectionOptions) {
        let target = self.ends[B].socket;
        self.ends[B].engine.listen(target, options, 16).unwrap();
        self.connect(A, options);
        self.run_until(|wire| {
            wire.state(A) == Some(State::Established) && wire.state(B) == Some(State::Established)
        });
    }

    pub fn connect(&mut self, from: usize, options: ConnectionOptions) {
        let (local, remote) = (self.ends[from].socket, self.ends[1 - from].socket);
        let now = self.now;
        let id = self
            .act(from, |engine, fx| {
                engine.connect(now, local, remote, options, fx)
            })
            .unwrap();
        self.ends[from].id = Some(id);
    }

    /// Lets a user do something, and puts what comes of it on the wire.
    pub fn act<R>(&mut self, who: usize, act: impl FnOnce(&mut Engine, &mut Effects) -> R) -> R {
        let end = &mut self.ends[who];
        let result = act(&mut end.engine, &mut end.fx);
        end.id = end.id.or_else(|| end.engine.connections().next());
        self.flush(who);
        result
    }

    pub fn send(&mut self, who: usize, data: &[u8]) -> usize {
        let (now, id) = (self.now, self.id(who));
        if self.shares {
            let taken = data.len().min(self.ends[who].engine.send_room(id));
            let octets = Bytes::copy_from_slice(&data[..taken]);
            self.act(who, |engine, fx| engine.send_shared(now, id, octets, fx))
                .unwrap();
            return taken;
        }
        self.act(who, |engine, fx| engine.send(now, id, data, fx))
            .unwrap()
    }

    pub fn close(&mut self, who: usize) {
        let (now, id) = (self.now, self.id(who));
        self.act(who, |engine, fx| engine.close(now, id, fx))
            .unwrap();
    }

    pub fn id(&self, who: usize) -> ConnectionId {
        self.ends[who].id.expect("this end has a connection")
    }

    pub fn info(&self, who: usize) -> ConnectionInfo {
        self.ends[who]
            .engine
            .connection(self.id(who))
            .expect("the connection lives")
    }

    pub fn state(&self, who: usize) -> Option<State> {
        let end = &self.ends[who];
        end.engine.connection(end.id?).map(|info| info.state)
    }

    pub fn closed(&self, who: usize) -> Option<CloseCause> {
        self.ends[who].events.iter().find_map(|event| match event {
            Event::Closed { id, cause } if Some(*id) == self.ends[who].id => Some(*cause),
            _ => None,
        })
    }

    /// Moves effects of one end onto the wire and to its user, until nothing is left.
    pub fn flush(&mut self, who: usize) {
        loop {
            let mut fx = std::mem::take(&mut self.ends[who].fx);
            if fx.is_empty() {
                return;
            }
            for built in fx.take_segments() {
                match built.cut() {
                    Some(text) => self.launch_cut(who, &built, usize::from(text)),
                    None => self.launch(who, &built.segment()),
                }
            }
            for event in &fx.events {
                self.notice(who, *event);
            }
        }
    }

    /// What a device makes of a super-segment.
    fn launch_cut(&mut self, who: usize, built: &SegmentBuffer, size: usize) {
        let out = built.segment();
        let whole = Segment::parse(out.bytes).expect("engines build good segments");
        let payload = [whole.payload, &built.text().concat()].concat();
        assert!(whole.payload.is_empty() || built.text().is_empty());
        self.supers += 1;
        self.shared += u64::from(!built.text().is_empty());
        let header = out.bytes.len() - whole.payload.len();
        assert!(header + payload.len() + 40 <= 65_535 && payload.len() > size);
        let count = payload.len().div_ceil(size);
        for (at, text) in payload.chunks(size).enumerate() {
            let mut header = whole.header;
            // Below 2^16.
            header.seq.0 = header.seq.0.wrapping_add((at * size) as u32);
            if at + 1 < count {
                header.flags = header.flags.without(Flags::PSH.with(Flags::FIN));
            }
            let mut bytes = Vec::new();
            let parts = (text, &[][..]);
            segment::emit(&mut bytes, out.src, out.dst, &header, &whole.options, parts);
            self.launch(
                who,
                &SegmentOut {
                    bytes: &bytes,
                    ..out
                },
            );
        }
    }

    fn launch(&mut self, who: usize, out: &SegmentOut<'_>) {
        assert!(Segment::checksum_is_right(out.src, out.dst, out.bytes));
        let segment = Segment::parse(out.bytes).expect("engines build good segments");
        self.ends[who].sent.push(Sent {
            at: self.now,
            header: segment.header,
            options: segment.options,
            payload: segment.payload.to_vec(),
            dscp: out.dscp,
            hop_limit: out.hop_limit,
        });
        let header = if out.src.is_ipv4() { 20 } else { 40 };
        let fits = header + out.bytes.len() <= self.path_mtu;
        let copies = if !fits || self.dice.below(100) < self.weather.loss_percent {
            0
        } else if self.dice.below(100) < self.weather.duplicate_percent {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let jitter = self.dice.below(self.weather.jitter.as_micros() as u64 + 1);
            let at = self.now + self.weather.delay + Duration::from_micros(jitter);
            self.order += 1;
            self.flying.insert(
                (at, self.order),
                (1 - who, out.src, out.dst, out.bytes.to_vec()),
            );
        }
    }

    fn notice(&mut self, who: usize, event: Event) {
        let now = self.now;
        let end = &mut self.ends[who];
        end.events.push(event);
        match event {
            Event::Accepted { id, .. } => end.id = Some(id),
            Event::Received { id, from, to } if end.reads => {
                let octets = end.engine.received(id, from).unwrap();
                let octets = octets.collect::<Vec<_>>().concat();
                end.inbox.extend_from_slice(&octets[..(to - from) as usize]);
                let safe = end.engine.connection(id).unwrap().safe;
                end.engine
                    .consume(now, id, to.min(safe), &mut end.fx)
                    .unwrap();
            }
            Event::SafeDue { id, upto } if end.answers_safe_due => {
                end.engine.make_safe(now, id, upto, &mut end.fx).unwrap();
            }
            _ => {}
        }
    }

    /// Goes to the next arrival or timeout and lets it happen; false where there is none.
    pub fn step(&mut self) -> bool {
        let arrival = self.flying.first_key_value().map(|(key, _)| key.0);
        let timeout = self
            .ends
            .iter()
            .filter_map(|end| end.engine.next_timeout())
            .min();
        let Some(at) = [arrival, timeout].into_iter().flatten().min() else {
            return false;
        };
        self.now = self.now.max(at);
        let now = self.now;
        if arrival.is_some_and(|arrival| arrival <= now) {
            let (_, (to, src, dst, octets)) = self.flying.pop_first().unwrap();
            self.act(to, |engine, fx| {
                engine.handle_segment(now, src, dst, &octets, fx)
            });
        } else {
            for who in [A, B] {
                self.act(who, |engine, fx| engine.handle_timeout(now, fx));
            }
        }
        true
    }

    #[track_caller]
    pub fn run_until(&mut self, done: impl Fn(&Wire) -> bool) {
        for _ in 0..2_000_000 {
            if done(self) {
                return;
            }
            if !self.step() {
                break;
            }
        }
        panic!(
            "never came about: at {}, {:?} {:?}",
            self.now,
            self.state(A),
            self.state(B)
        );
    }

    /// Lets `span` pass.
    pub fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            let arrival = self.flying.first_key_value().map(|(key, _)| key.0);
            let timeout = self
                .ends
                .iter()
                .filter_map(|end| end.engine.next_timeout())
                .min();
            match [arrival, timeout].into_iter().flatten().min() {
                Some(at) if at <= end => self.step(),
                _ => break,
            };
        }
        self.now = end;
    }

    /// Puts a forged segment from `who` to the other end on the table at once.
    pub fn forge(&mut self, who: usize, header: Header, options: Options, payload: &[u8]) {
        let (src, dst) = (self.ends[who].socket, self.ends[1 - who].socket);
        let header = Header {
            src_port: src.port(),
            dst_port: dst.port(),
            ..header
        };
        let mut octets = Vec::new();
        segment::emit(
            &mut octets,
            src.ip(),
            dst.ip(),
            &header,
            &options,
            (payload, &[]),
        );
        let now = self.now;
        self.act(1 - who, |engine, fx| {
            engine.handle_segment(now, src.ip(), dst.ip(), &octets, fx)
        });
    }

    /// The header that the other end expects next from `who`, ACK set, window 1000.
    pub fn expected_header(&self, who: usize) -> Header {
        let state = self.ends[1 - who]
            .engine
            .snapshot(self.id(1 - who))
            .unwrap();
        Header {
            seq: state.identity.irs.at(state.recv.nxt),
            ack: state.identity.iss.at(state.send.una),
            flags: Flags::ACK,
            window: 1_000,
            ..Header::default()
        }
    }

    /// Options of a segment from `who` whose timestamp is up to date.
    pub fn fresh_options(&self, who: usize) -> Options {
        let state = self.ends[1 - who]
            .engine
            .snapshot(self.id(1 - who))
            .unwrap();
        Options {
            timestamps: state.identity.timestamps.then_some(options::Timestamps {
                value: state.recv.ts_recent,
                echo: state.rtt.tsval_sent,
            }),
            ..Options::default()
        }
    }
}

/// Octets that differ wherever one looks.
pub fn pattern(len: usize) -> Vec<u8> {
    let mut dice = Dice(7);
    (0..len).map(|_| dice.roll() as u8).collect()
}

/// Sends all of `data` from one end as room comes up, until the other has read it.
pub fn transfer(wire: &mut Wire, from: usize, data: &[u8]) {
    let start = wire.ends[1 - from].inbox.len();
    let mut queued = 0;
    let mut steps = 0u64;
    while wire.ends[1 - from].inbox.len() < start + data.len() {
        if queued < data.len() && wire.ends[from].engine.send_room(wire.id(from)) > 0 {
            queued += wire.send(from, &data[queued..]);
        }
        steps += 1;
        assert!(
            steps < 5_000_000 && wire.step(),
            "transfer came to a halt at {}",
            wire.now
        );
    }
    assert!(wire.ends[1 - from].inbox[start..] == *data, "octets differ");
}

/// What of a takeover differs from case to case.
#[derive(Clone, Copy)]
pub struct Cut {
    /// The frames of the dead node that were under way are lost with it.
    pub frames_lost: bool,
    /// The unsent octets come by `supply` after the takeover.
    pub regenerated: bool,
    /// Only octets before SAFE outlive the dead node.
    pub only_safe: bool,
}

impl Wire {
    /// Another node takes over from `who`, from a checkpoint of this very moment.
    pub fn take_over(&mut self, who: usize, cut: Cut) {
        let (now, id) = (self.now, self.id(who));
        let old = &self.ends[who].engine;
        let state = old.snapshot(id).expect("the connection lives");
        let info = old.connection(id).unwrap();
        let received = old.received(id, info.read).unwrap();
        let mut received = received.collect::<Vec<_>>().concat();
        if cut.only_safe {
            received.truncate((info.safe - info.read) as usize);
        }
        let (offset, pieces) = old.unacknowledged(id).unwrap();
        let unsent = pieces.collect::<Vec<_>>().concat();
        let mut engine = Engine::new(old.config().clone(), secrets(who as u8 * 100));
        engine.set_security(old.security().clone());
        let given = (!cut.regenerated).then_some(&unsent[..]);
        engine.restore(now, id, &state, &received, given).unwrap();
        if !cut.only_safe {
            assert_eq!(
                engine.snapshot(id),
                Some(state),
                "a restored connection is equal"
            );
        }
        if cut.frames_lost {
            self.flying.retain(|_, flying| flying.0 == who);
        }
        self.ends[who].engine = engine;
        if cut.only_safe {
            self.ends[who].inbox.truncate(info.safe as usize);
        }
        self.act(who, |engine, fx| engine.resume(now, id, 1_000, fx))
            .unwrap();
        if cut.regenerated {
            // In pieces, as a daemon would.
            for (at, piece) in unsent.chunks(700).enumerate() {
                let offset = offset + at as u64 * 700;
                self.act(who, |engine, fx| engine.supply(now, id, offset, piece, fx))
                    .unwrap();
            }
        }
    }
}

/// I6 on the wire: right window edge and TSval of one end never go back.
#[track_caller]
pub fn assert_monotonic(wire: &Wire, who: usize, shift: u8) {
    let (mut edge, mut tsval): (Option<u32>, Option<u32>) = (None, None);
    for sent in wire.ends[who]
        .sent
        .iter()
        .filter(|s| !s.header.flags.has(Flags::RST))
    {
        if sent.header.flags.has(Flags::ACK) {
            let shift = if sent.header.flags.has(Flags::SYN) {
                0
            } else {
                shift
            };
            let now = sent
                .header
                .ack
                .0
                .wrapping_add(u32::from(sent.header.window) << shift);
            if let Some(before) = edge {
                assert!(
                    !SeqNum(now).before(SeqNum(before)),
                    "edge moved left at {}",
                    sent.at
                );
            }
            edge = Some(now);
        }
        if let Some(timestamps) = sent.options.timestamps {
            if let Some(before) = tsval {
                assert!(
                    !SeqNum(timestamps.value).before(SeqNum(before)),
                    "TSval went back"
                );
            }
            tsval = Some(timestamps.value);
        }
    }
}
