//! A host in virtual time: one engine, descriptors over it, and the peers' ends of its flows.

mod calls;
mod options;

use super::line::{Icmp, Opt, Packet};
use super::settings::Settings;
use super::watch::{Watch, take_up};
use super::wire::{self, Bases, Seen};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tcp_ha::engine::{
    Arrival, CloseCause, ConnectionId, ConnectionInfo, ConnectionOptions, DropReason, Effects,
    Engine, Event, Instant, ListenerId, Secrets, State, Unreachable,
};

pub(super) use calls::Answer;

/// Our port of passive connections.
const LOCAL_PORT: u16 = 8_080;
/// The first peer's port is the next one.
const PEER_PORTS: u16 = 40_000;
/// TTL of the peers' segments, where a line says nothing.
const TTL: u8 = 64;
/// The engine's clock where a script begins; 4 hours leave room to choose an ISS.
const BEGIN: Duration = Duration::from_secs(1_000);
/// RFC 6528: the ISN clock makes a step every so many microseconds.
const ISN_STEP_MICROS: u64 = 4;

/// A flow between us and one peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) bases: Bases,
}

/// A descriptor.
#[derive(Debug)]
struct Socket {
    kind: Kind,
    nonblocking: bool,
    options: ConnectionOptions,
    /// The error of a lost connection was told.
    error_told: bool,
    bound: bool,
}

#[derive(Debug)]
enum Kind {
    Fresh,
    Listening(ListenerId, VecDeque<ConnectionId>),
    Connected(ConnectionId),
}

/// A passive open, so that a successor can repeat it.
#[derive(Clone, Debug)]
struct Listen {
    local: SocketAddr,
    options: ConnectionOptions,
    backlog: usize,
    id: ListenerId,
    open: bool,
}

/// See the module.
pub(super) struct Host {
    engine: Engine,
    settings: Settings,
    secrets: Secrets,
    begin: Instant,
    now: u64,
    fx: Effects,
    sockets: BTreeMap<i64, Socket>,
    next_descriptor: i64,
    listens: Vec<Listen>,
    causes: BTreeMap<ConnectionId, CloseCause>,
    flows: BTreeMap<u16, Flow>,
    peer: u16,
    watch: Watch,
    /// Segments that left and that no line has spoken of yet.
    pub(super) sent: VecDeque<Seen>,
}

impl Host {
    pub(super) fn new(settings: &Settings, active: bool) -> Result<Host, String> {
        let host = Host::at(settings, Instant::ZERO + BEGIN);
        let Some(iss) = settings.iss else {
            return Ok(host);
        };
        let seen = host.probe_iss(active)?;
        let steps = u64::from(iss.wrapping_sub(seen));
        let shift = Duration::from_micros(steps * ISN_STEP_MICROS);
        let begin = Instant::ZERO + BEGIN + shift;
        let again = Host::at(settings, begin).probe_iss(active)?;
        if again != iss {
            return Err(format!("no moment gives the ISS {iss}: tried {again}"));
        }
        Ok(Host::at(settings, begin))
    }

    fn at(settings: &Settings, begin: Instant) -> Host {
        let mut key = [0; Secrets::LEN];
        for (at, octet) in key.iter_mut().enumerate() {
            *octet = at as u8;
        }
        let secrets = Secrets::from_bytes(&key);
        Host {
            engine: Engine::new(settings.config.clone(), secrets.clone()),
            settings: settings.clone(),
            secrets,
            begin,
            now: 0,
            fx: Effects::new(),
            sockets: BTreeMap::new(),
            next_descriptor: 3,
            listens: Vec::new(),
            causes: BTreeMap::new(),
            flows: BTreeMap::new(),
            peer: 1,
            watch: Watch::default(),
            sent: VecDeque::new(),
        }
    }

    /// The ISS of the first connection at this moment.
    fn probe_iss(mut self, active: bool) -> Result<u32, String> {
        let flow = self.flow();
        let now = self.instant();
        if active {
            let any = SocketAddr::new(flow.local.ip(), 0);
            self.engine
                .connect(now, any, flow.remote, self.settings.options, &mut self.fx)
                .map_err(|error| error.to_string())?;
        } else {
            self.engine
                .listen(flow.local, self.settings.options, 1)
                .map_err(|error| error.to_string())?;
            let syn = Packet::bare(0x02);
            let octets = wire::build(&syn, flow.remote, flow.local, flow.bases);
            let (src, dst) = (flow.remote.ip(), flow.local.ip());
            self.engine
                .handle_segment(now, src, dst, &octets, &mut self.fx);
        }
        self.settle()?;
        self.sent
            .pop_front()
            .map(|seen| seen.seq)
            .ok_or_else(|| "no SYN left".into())
    }

    /// The flow with the current peer.
    pub(super) fn flow(&mut self) -> Flow {
        let ip = |host: u16| -> IpAddr {
            if self.settings.ipv6 {
                IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, host])
            } else {
                // Below 256.
                IpAddr::from([192, 0, 2, host as u8])
            }
        };
        *self.flows.entry(PEER_PORTS + self.peer).or_insert(Flow {
            local: SocketAddr::new(ip(1), LOCAL_PORT),
            remote: SocketAddr::new(ip(2), PEER_PORTS + self.peer),
            bases: Bases {
                theirs: self.settings.peer_isn,
                ..Bases::default()
            },
        })
    }

    pub(super) fn flow_mut(&mut self) -> &mut Flow {
        self.flow();
        self.flows
            .get_mut(&(PEER_PORTS + self.peer))
            .expect("the flow was made just now")
    }

    /// The current peer is the `number`-th.
    pub(super) fn choose_peer(&mut self, number: u16) {
        self.peer = number;
    }

    fn instant(&self) -> Instant {
        self.begin + Duration::from_micros(self.now)
    }

    /// Microseconds since the script began.
    pub(super) fn now(&self) -> u64 {
        self.now
    }

    /// Moves the clock; it never goes back.
    pub(super) fn set_now(&mut self, now: u64) {
        self.now = self.now.max(now);
    }

    /// When a timer wants to fire, in microseconds of the script.
    pub(super) fn next_timeout(&self) -> Option<u64> {
        let at = self.engine.next_timeout()?;
        // Scripts last hours at most.
        Some(at.saturating_since(self.begin).as_micros() as u64)
    }

    pub(super) fn handle_timeout(&mut self) -> Result<(), String> {
        let now = self.instant();
        self.engine.handle_timeout(now, &mut self.fx);
        self.settle()
    }

    pub(super) fn arrive(&mut self, packet: &Packet) -> Result<(), String> {
        let flow = self.flow();
        let now = self.instant();
        let octets = wire::build(packet, flow.remote, flow.local, flow.bases);
        let arrival = Arrival::new(flow.remote.ip(), flow.local.ip());
        let arrival = arrival.with_hop_limit(packet.ttl.unwrap_or(TTL));
        self.engine
            .handle_arrival(now, arrival, &octets, &mut self.fx);
        self.settle()
    }

    pub(super) fn icmp(&mut self, icmp: &Icmp) -> Result<(), String> {
        let flow = self.flow();
        let what = match (icmp.kind.as_str(), icmp.mtu) {
            ("frag_needed", mtu) => Unreachable::TooBig {
                mtu: u16::try_from(mtu.unwrap_or(0)).unwrap_or(u16::MAX),
            },
            ("net_unreachable", None) => Unreachable::Network,
            ("host_unreachable", None) => Unreachable::Host,
            ("protocol_unreachable", None) => Unreachable::Protocol,
            ("port_unreachable", None) => Unreachable::Port,
            ("admin_prohibited", None) => Unreachable::Prohibited,
            ("ttl_exceeded", None) => Unreachable::HopLimit,
            ("source_quench", None) => Unreachable::Other,
            (kind, _) => return Err(format!("ICMP {kind} is not known here")),
        };
        let seq = flow.bases.ours.wrapping_add(icmp.seq);
        let now = self.instant();
        self.engine
            .handle_unreachable(now, flow.local, flow.remote, seq, what, &mut self.fx);
        self.settle()
    }

    /// A twin takes over from every connection, and speaks.
    pub(super) fn take_over(&mut self) -> Result<(), String> {
        let now = self.instant();
        let mut next = Engine::new(self.settings.config.clone(), self.secrets.clone());
        for listen in &self.listens {
            let id = next
                .listen(listen.local, listen.options, listen.backlog)
                .map_err(|error| error.to_string())?;
            assert_eq!(id, listen.id, "listeners are numbered in their order");
            if !listen.open {
                next.unlisten(id);
            }
        }
        let ids: Vec<ConnectionId> = self.engine.connections().collect();
        for id in &ids {
            next = take_up(&self.engine, *id, next, now)?;
        }
        next.set_next_id(self.engine.next_id());
        self.engine = next;
        for id in ids {
            self.engine
                .resume(now, id, 1_000, &mut self.fx)
                .map_err(|error| error.to_string())?;
        }
        self.settle()
    }

    /// Takes what the engine wants done, and looks whether all is well.
    fn settle(&mut self) -> Result<(), String> {
        let fx = std::mem::take(&mut self.fx);
        for out in fx.segments() {
            let seen = wire::read(self.now, out.src, out.dst, out.bytes)?;
            let shift = out.id.and_then(|id| self.engine.snapshot(id));
            if let (Some(id), Some(state)) = (out.id, shift) {
                self.watch.look(id, state.identity.rcv_wscale, &seen)?;
            }
            self.learn(&seen);
            self.sent.push_back(seen);
        }
        for event in &fx.events {
            match *event {
                Event::Accepted { listener, id } => self.queue_accepted(listener, id),
                Event::Closed { id, cause } => {
                    self.causes.insert(id, cause);
                }
                _ => {}
            }
        }
        let (config, now) = (self.settings.config.clone(), self.instant());
        Watch::compare_twins(&self.engine, &config, &self.secrets, now)
    }

    /// Our SYN tells where our numbers begin.
    fn learn(&mut self, seen: &Seen) {
        let Some(flow) = self.flows.get_mut(&seen.dst.port()) else {
            return;
        };
        if seen.flags & 0x02 != 0 {
            flow.local = seen.src;
            flow.bases.ours = seen.seq;
        }
    }

    /// Our clock's number on the wire for what a script calls `script`.
    pub(super) fn learn_clock(&mut self, seen: &Seen, script: u32) {
        let flow = self.flow_mut();
        for option in &seen.options {
            if let Opt::Timestamps(value, _) = option {
                flow.bases.clock.get_or_insert(value.wrapping_sub(script));
            }
        }
    }

    fn queue_accepted(&mut self, listener: ListenerId, id: ConnectionId) {
        for socket in self.sockets.values_mut() {
            if let Kind::Listening(own, queue) = &mut socket.kind
                && *own == listener
            {
                queue.push_back(id);
            }
        }
    }

    /// The connection with the current peer.
    pub(super) fn connection(&mut self) -> Option<ConnectionInfo> {
        let remote = self.flow().remote;
        let ids: Vec<ConnectionId> = self.engine.connections().collect();
        ids.into_iter()
            .filter_map(|id| self.engine.connection(id))
            .find(|info| info.tuple.remote == remote)
    }

    /// State of the connection with the current peer; LISTEN or CLOSED where there is none.
    pub(super) fn state(&mut self) -> State {
        let listening = self.listens.iter().any(|listen| listen.open);
        match self.connection() {
            Some(info) => info.state,
            None if listening => State::Listen,
            None => State::Closed,
        }
    }

    /// How many segments were dropped for this reason.
    pub(super) fn dropped(&self, reason: &str) -> Result<u64, String> {
        DropReason::ALL
            .iter()
            .find(|known| known.as_str() == reason)
            .map(|known| self.engine.counters().dropped(*known))
            .ok_or_else(|| format!("there is no reason {reason}"))
    }

    /// True where a cut would find something to take over.
    pub(super) fn has_connections(&self) -> bool {
        self.engine.connections().next().is_some()
    }
}
