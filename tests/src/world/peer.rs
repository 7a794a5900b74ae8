//! The peer: an engine of its own with a client that sends a known stream and checks what comes back.

use super::{PAIR, PEER, PORT};
use std::net::SocketAddr;
use tcp_ha::engine::{
    Config, ConnectionId, ConnectionOptions, Effects, Engine, Event, Instant, Secrets,
};
use tcp_ha::link::host::{Host, HostConfig, Inbound};
use tcp_ha::link::{Frames, LinkAddress};

/// What the client does.
#[derive(Clone, Copy, Debug)]
pub struct PeerOptions {
    /// Octets it sends, and wants back.
    pub octets: u64,
    /// Octets it sends at most in one turn.
    pub per_turn: usize,
    /// The stream is `salt + offset` over and over.
    pub salt: u8,
}

impl Default for PeerOptions {
    fn default() -> Self {
        PeerOptions {
            octets: 200_000,
            per_turn: 8_000,
            salt: 1,
        }
    }
}

/// See the module's text.
pub struct Peer {
    options: PeerOptions,
    engine: Engine,
    host: Host,
    fx: Effects,
    frames: Frames,
    id: Option<ConnectionId>,
    /// Octets written so far.
    pub written: u64,
    /// Octets that came back so far.
    pub returned: u64,
    /// Whether the connection was lost.
    pub closed: bool,
}

impl Peer {
    pub(super) fn new(options: PeerOptions) -> Peer {
        let mut host = HostConfig::ethernet(LinkAddress([2, 0, 0, 0, 0, 2]));
        host.addresses = vec![(PEER, 24)];
        Peer {
            options,
            engine: Engine::new(Config::default(), Secrets::from_bytes(&[7; 48])),
            host: Host::new(host).expect("a valid host"),
            fx: Effects::default(),
            frames: Frames::default(),
            id: None,
            written: 0,
            returned: 0,
            closed: false,
        }
    }

    /// Opens the connection.
    pub fn connect(&mut self, now_us: u64) {
        let now = Instant::from_micros(now_us);
        let id = self.engine.connect(
            now,
            SocketAddr::new(PEER, 0),
            SocketAddr::new(PAIR, PORT),
            ConnectionOptions::default(),
            &mut self.fx,
        );
        self.id = Some(id.expect("a free port"));
    }

    /// Whether everything came back.
    pub fn done(&self) -> bool {
        self.returned == self.options.octets
    }

    /// Lets the client send `octets` more than before.
    pub fn send_more(&mut self, octets: u64) {
        self.options.octets += octets;
    }

    fn octet(&self, offset: u64) -> u8 {
        self.options.salt.wrapping_add((offset % 251) as u8)
    }

    pub(super) fn turn<'f>(
        &mut self,
        now_us: u64,
        frames: impl Iterator<Item = &'f [u8]>,
    ) -> Vec<Vec<u8>> {
        let now = Instant::from_micros(now_us);
        for frame in frames {
            if let Ok(Inbound::Segment {
                src, dst, segment, ..
            }) = self.host.handle_frame(now, frame, &mut self.frames)
            {
                self.engine
                    .handle_segment(now, src, dst, segment, &mut self.fx);
            }
        }
        self.engine.handle_timeout(now, &mut self.fx);
        self.host.handle_timeout(now, &mut self.frames);
        self.client(now);
        for segment in self.fx.segments() {
            let (dscp, hops) = (segment.dscp, segment.hop_limit);
            self.host.send_segment(
                now,
                segment.src,
                segment.dst,
                dscp,
                hops,
                segment.bytes,
                &mut self.frames,
            );
        }
        self.fx.clear();
        self.frames
            .drain()
            .map(|frame| frame.octets().to_vec())
            .collect()
    }

    fn client(&mut self, now: Instant) {
        for event in std::mem::take(&mut self.fx.events) {
            match event {
                Event::Received { id, from, to } => {
                    let (head, tail) = self
                        .engine
                        .received(id, from)
                        .expect("octets that were announced");
                    for (at, octet) in (from..to).zip(head.iter().chain(tail)) {
                        assert_eq!(*octet, self.octet(at), "octet {at} came back changed");
                    }
                    self.returned = to;
                    self.engine
                        .consume(now, id, to, &mut self.fx)
                        .expect("octets that were received");
                }
                Event::Closed { .. } => self.closed = true,
                _ => {}
            }
        }
        let Some(id) = self.id else { return };
        let wanted = (self.options.octets - self.written).min(self.options.per_turn as u64);
        if wanted > 0
            && self
                .engine
                .connection(id)
                .is_some_and(|info| info.state.accepts_text())
        {
            let text: Vec<u8> = (self.written..self.written + wanted)
                .map(|at| self.octet(at))
                .collect();
            self.written += self.engine.send(now, id, &text, &mut self.fx).unwrap_or(0) as u64;
        }
    }
}
