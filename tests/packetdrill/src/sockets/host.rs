//! The host itself: clock, network, and what the engine reports.

use super::config::{HostConfig, MakesSafe};
use super::packet::{self, Incoming};
use super::passive::PassiveOpens;
use super::stream::{Opening, Stream};
use super::table::{Kind, Table};
use core::time::Duration;
use std::collections::VecDeque;
use std::net::IpAddr;
use tcp_ha_engine::{Arrival, ConnectionId, Effects, Engine, Event, Instant};

/// A packet that the host has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// When.
    pub at: Instant,
    /// The connection that sent it; `None` where it belongs to none.
    pub connection: Option<ConnectionId>,
    /// The IP packet.
    pub octets: Vec<u8>,
}

/// A host with one engine, one link and any number of sockets.
#[derive(Debug)]
pub struct Host {
    pub(super) engine: Engine,
    pub(super) config: HostConfig,
    pub(super) table: Table,
    pub(super) passive_opens: PassiveOpens,
    effects: Effects,
    now: Instant,
    sent: VecDeque<Packet>,
}

impl Host {
    /// A host without sockets.
    pub fn new(config: HostConfig) -> Host {
        Host {
            engine: Engine::new(config.engine.clone(), config.secrets.clone()),
            table: Table::default(),
            passive_opens: PassiveOpens::default(),
            effects: Effects::new(),
            now: config.start,
            sent: VecDeque::new(),
            config,
        }
    }

    /// The host's time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// When something happens on its own next.
    pub fn next_timeout(&self) -> Option<Instant> {
        let held = self.table.earliest_release();
        [self.engine.next_timeout(), held]
            .into_iter()
            .flatten()
            .min()
    }

    /// Moves the clock to `to`; what is due on the way happens at its own moment. A time
    /// that has passed changes nothing.
    pub fn advance_to(&mut self, to: Instant) {
        while let Some(at) = self.next_timeout().filter(|&at| at <= to) {
            self.now = self.now.max(at);
            self.with_engine(|engine, now, fx| engine.handle_timeout(now, fx));
            self.release_overdue();
            if self.next_timeout().is_some_and(|next| next <= at) {
                // A timer that stays due would stop the clock for good.
                self.now += Duration::from_micros(1);
            }
        }
        self.now = self.now.max(to);
    }

    /// A new engine with the host's settings and secrets.
    pub(super) fn new_engine(&self) -> Engine {
        Engine::new(self.config.engine.clone(), self.config.secrets.clone())
    }

    /// The engine, to look at.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Lets `act` use the engine, or put another in its place, at the host's time; what
    /// comes out is sent and told to the sockets.
    pub fn with_engine<R>(
        &mut self,
        act: impl FnOnce(&mut Engine, Instant, &mut Effects) -> R,
    ) -> R {
        let mut effects = core::mem::take(&mut self.effects);
        let result = act(&mut self.engine, self.now, &mut effects);
        for segment in effects.segments() {
            self.sent.push_back(Packet {
                at: self.now,
                connection: segment.id,
                octets: packet::wrap(&segment),
            });
        }
        let events = core::mem::take(&mut effects.events);
        effects.clear();
        self.effects = effects;
        for event in events {
            self.take_event(event);
        }
        self.note_phases();
        result
    }

    /// A packet arrives from the link.
    pub fn handle_packet(&mut self, octets: &[u8]) {
        match packet::parse(octets) {
            Some(Incoming::Segment {
                src,
                dst,
                hop_limit,
                octets,
            }) => {
                let arrival = Arrival::new(src, dst).with_hop_limit(hop_limit);
                self.with_engine(|engine, now, fx| engine.handle_arrival(now, arrival, octets, fx))
            }
            Some(Incoming::Error {
                local,
                remote,
                seq,
                what,
            }) => self.with_engine(|engine, now, fx| {
                engine.handle_unreachable(now, local, remote, seq, what, fx)
            }),
            None => {}
        }
    }

    /// The oldest packet that was sent and not taken.
    pub fn take_packet(&mut self) -> Option<Packet> {
        self.sent.pop_front()
    }

    /// True where `take_packet` has something to give.
    pub fn has_packet(&self) -> bool {
        !self.sent.is_empty()
    }

    /// The source address towards `remote`.
    pub(super) fn source_for(&self, remote: IpAddr) -> IpAddr {
        match remote {
            IpAddr::V4(_) => self.config.local_v4.into(),
            IpAddr::V6(_) => self.config.local_v6.into(),
        }
    }

    /// The stream of a new connection.
    pub(super) fn stream_of(&self, id: ConnectionId, opening: Opening) -> Option<Stream> {
        let tuple = self.engine.connection(id)?.tuple;
        let mut stream = Stream::new(id, tuple.local, tuple.remote, opening, self.now);
        stream.outgoing.buffer = self.config.send_buffer;
        stream.outgoing.default_lowat = self.config.notsent_lowat;
        Some(stream)
    }

    fn take_event(&mut self, event: Event) {
        match event {
            Event::Accepted { listener, id } => {
                let stream = self.stream_of(id, Opening::Told);
                if let (Some(stream), Some(listener)) = (stream, self.table.listener_mut(listener))
                {
                    listener.queue.push_back(stream);
                }
                self.pull(id);
            }
            Event::Connected { id } => {
                let now = self.now;
                if let Some(stream) = self.table.by_connection(id) {
                    stream.opening = Opening::Connected;
                    stream.opened_at = now;
                }
                self.pull(id);
            }
            Event::Received { id, .. } => self.pull(id),
            Event::SafeDue { .. } if self.config.makes_safe == MakesSafe::WhenRead => {}
            Event::SafeDue { id, upto } => {
                // The connection asked for it a moment ago.
                let _ = self.with_engine(|engine, now, fx| engine.make_safe(now, id, upto, fx));
            }
            Event::Acknowledged { id, .. } => self.go_on_sending(id),
            Event::PeerClosed { id } => {
                if let Some(stream) = self.table.by_connection(id) {
                    stream.peer_closed = true;
                }
            }
            Event::Closed { id, cause } => {
                let semantics = self.config.semantics;
                if let Some(stream) = self.table.by_connection(id) {
                    stream.end(cause, semantics);
                }
            }
        }
    }

    /// Copies new octets to the stream's side: they outlive the connection there.
    fn pull(&mut self, id: ConnectionId) {
        let Some(stream) = self.table.by_connection(id) else {
            return;
        };
        let Ok(received) = self.engine.received(id, stream.pulled) else {
            return;
        };
        for octets in received {
            stream.pulled += octets.len() as u64;
            stream.unread.extend(octets);
        }
    }

    pub(super) fn kind_of(&self, fd: super::Fd) -> Result<&Kind, super::Errno> {
        Ok(&self.table.socket(fd)?.kind)
    }
}
