//! The other end of every connection: an engine of its own behind a host layer, which opens, sends and reads.

use super::wire::Wire;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tcp_ha::engine::{
    Config, ConnectionId, ConnectionOptions, Effects, Engine, Event, Instant, Secrets,
};
use tcp_ha::link::host::{Host, HostConfig, Inbound};
use tcp_ha::link::{Frame, Frames, LinkAddress};

/// Address of the pair.
pub(super) const PAIR: Ipv4Addr = Ipv4Addr::new(10, 97, 0, 1);
/// Address of the peer.
pub(super) const PEER: Ipv4Addr = Ipv4Addr::new(10, 97, 0, 2);
/// Length of the segment's prefix.
pub(super) const PREFIX: u8 = 24;
/// Port of the pair's service.
pub(super) const PORT: u16 = 179;

/// Octets that are written at once, at most.
const BLOCK: usize = 64 << 10;

/// See the module's text.
pub struct Peer {
    engine: Engine,
    host: Host,
    frames: Frames,
    leaving: Vec<Frame>,
    fx: Effects,
    events: Vec<Event>,
    block: Vec<u8>,
    /// Its connections, in the order in which they were opened.
    pub lines: Vec<ConnectionId>,
    /// Octets that it has received and read.
    pub received: u64,
    /// Connections that have ended, for whatever reason.
    pub ended: usize,
}

impl Peer {
    /// Without connections.
    ///
    /// # Errors
    /// The host layer refuses its addresses.
    pub fn new(config: Config) -> io::Result<Peer> {
        let mut host = HostConfig::ethernet(LinkAddress([2, 0, 0, 0, 0, 2]));
        host.addresses = vec![(IpAddr::V4(PEER), PREFIX)];
        Ok(Peer {
            engine: Engine::new(config, Secrets::from_bytes(&[7; Secrets::LEN])),
            host: Host::new(host).map_err(|error| io::Error::other(error.to_string()))?,
            frames: Frames::default(),
            leaving: Vec::new(),
            fx: Effects::default(),
            events: Vec::new(),
            block: vec![0x5a; BLOCK],
            lines: Vec::new(),
            received: 0,
            ended: 0,
        })
    }

    /// Opens `count` connections more.
    ///
    /// # Errors
    /// No port is free.
    pub fn connect(&mut self, now_us: u64, count: usize) -> io::Result<()> {
        let local = SocketAddr::new(PEER.into(), 0);
        let remote = SocketAddr::new(PAIR.into(), PORT);
        let now = Instant::from_micros(now_us);
        let options = ConnectionOptions {
            nodelay: true,
            ..ConnectionOptions::default()
        };
        for _ in 0..count {
            let opened = self
                .engine
                .connect(now, local, remote, options, &mut self.fx);
            self.lines
                .push(opened.map_err(|error| io::Error::other(error.to_string()))?);
        }
        Ok(())
    }

    /// Writes `octets` on one connection, or as many as there is room for; says how many.
    pub fn write(&mut self, now_us: u64, line: usize, octets: usize) -> usize {
        let (now, id) = (Instant::from_micros(now_us), self.lines[line]);
        let mut left = octets;
        while left > 0 {
            let block = &self.block[..left.min(BLOCK)];
            // A connection that has ended takes nothing.
            let sent = self.engine.send(now, id, block, &mut self.fx);
            match sent.unwrap_or(0) {
                0 => break,
                taken => left -= taken,
            }
        }
        octets - left
    }

    /// Takes what arrives, runs timers, reads everything, and puts its frames on the wire.
    pub fn turn(&mut self, now_us: u64, from: &mut Wire, most: usize, to: &mut Wire) {
        let now = Instant::from_micros(now_us);
        from.deliver(most, |frame| {
            let inbound = self.host.handle_frame(now, frame, &mut self.frames);
            if let Ok(Inbound::Segment {
                src, dst, segment, ..
            }) = inbound
            {
                self.engine
                    .handle_segment(now, src, dst, segment, &mut self.fx);
            }
        });
        self.engine.handle_timeout(now, &mut self.fx);
        self.host.handle_timeout(now, &mut self.frames);
        self.read(now);
        self.transmit(now, to);
    }

    fn read(&mut self, now: Instant) {
        self.events.append(&mut self.fx.events);
        for event in self.events.drain(..) {
            match event {
                Event::Received { id, from, to } => {
                    self.received += to - from;
                    // It was received, so it may be read.
                    let _ = self.engine.consume(now, id, to, &mut self.fx);
                }
                Event::Closed { .. } => self.ended += 1,
                _ => {}
            }
        }
    }

    fn transmit(&mut self, now: Instant, to: &mut Wire) {
        for segment in self.fx.segments() {
            let (src, dst) = (segment.src, segment.dst);
            let (dscp, hops, octets) = (segment.dscp, segment.hop_limit, segment.bytes);
            self.host
                .send_segment(now, src, dst, dscp, hops, octets, &mut self.frames);
        }
        self.events.append(&mut self.fx.events);
        self.fx.clear();
        self.leaving.extend(self.frames.drain());
        for frame in self.leaving.drain(..) {
            to.push(frame.octets());
            self.frames.recycle(frame);
        }
    }

    /// Octets of one connection that the pair has acknowledged.
    pub fn acknowledged_on(&self, line: usize) -> u64 {
        let info = self.engine.connection(self.lines[line]);
        info.map_or(0, |info| info.snd_una)
    }

    /// Its engine, to look at.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}
