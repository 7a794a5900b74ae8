//! What a script is played on: a host of sockets in virtual time, the peers at the other end of its link, and somebody who looks on.

mod calls;
mod options;

use super::ip;
use super::line::{Icmp, Opt, Packet};
use super::settings::Settings;
use super::watch::Watch;
use super::wire::{self, Bases, Seen};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tcp_ha::engine::{ConnectionInfo, DropReason, Instant, Secrets, State};
use tcp_ha_packetdrill::sockets::{Errno, Family, Host, HostConfig, MakesSafe, Semantics};

pub(super) use calls::{Answer, Pending, Step};

const LOCAL_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const LOCAL_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const REMOTE_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const REMOTE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
/// Our port of passive connections.
const LOCAL_PORT: u16 = 8_080;
/// The first peer's port is the next one.
const PEER_PORTS: u16 = 40_000;
/// TTL of the peers' segments, where a line says nothing.
const TTL: u8 = 64;
/// The host's clock where a script begins; 4 hours leave room to choose an ISS.
const BEGIN: Duration = Duration::from_secs(1_000);
/// RFC 6528: the ISN clock makes a step every so many microseconds.
const ISN_STEP_MICROS: u64 = 4;
/// TSvals of a survivor jump by so much.
const TIMESTAMP_JUMP_MS: u32 = 1_000;

/// A flow between us and one peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) bases: Bases,
}

/// See the module.
pub(super) struct Stage {
    host: Host,
    settings: Settings,
    begin: Instant,
    flows: BTreeMap<u16, Flow>,
    peer: u16,
    watch: Watch,
    /// Segments that left and that no line has spoken of yet.
    pub(super) sent: VecDeque<Seen>,
}

impl Stage {
    pub(super) fn new(settings: &Settings, active: bool) -> Result<Stage, String> {
        let stage = Stage::at(settings, Instant::ZERO + BEGIN);
        let Some(iss) = settings.iss else {
            return Ok(stage);
        };
        let seen = stage.probe_iss(active)?;
        let steps = u64::from(iss.wrapping_sub(seen));
        let shift = Duration::from_micros(steps * ISN_STEP_MICROS);
        let begin = Instant::ZERO + BEGIN + shift;
        let again = Stage::at(settings, begin).probe_iss(active)?;
        if again != iss {
            return Err(format!("no moment gives the ISS {iss}: tried {again}"));
        }
        Ok(Stage::at(settings, begin))
    }

    fn at(settings: &Settings, begin: Instant) -> Stage {
        let mut key = [0; Secrets::LEN];
        for (at, octet) in key.iter_mut().enumerate() {
            *octet = at as u8;
        }
        let host = Host::new(HostConfig {
            engine: settings.config.clone(),
            secrets: Secrets::from_bytes(&key),
            local_v4: LOCAL_V4,
            local_v6: LOCAL_V6,
            options: settings.options,
            makes_safe: MakesSafe::WhenRead,
            semantics: Semantics::Rfc9293,
            start: begin,
            ..HostConfig::default()
        });
        Stage {
            host,
            settings: settings.clone(),
            begin,
            flows: BTreeMap::new(),
            peer: 1,
            watch: Watch::default(),
            sent: VecDeque::new(),
        }
    }

    /// The ISS of the first connection at this moment.
    fn probe_iss(mut self, active: bool) -> Result<u32, String> {
        let (flow, family) = (self.flow(), self.family());
        let told = |error: Errno| error.to_string();
        let fd = self.host.socket(family).map_err(told)?;
        if active {
            match self.host.connect(fd, flow.remote) {
                Ok(()) | Err(Errno::InProgress) => self.settle()?,
                Err(error) => return Err(told(error)),
            }
        } else {
            self.host.bind(fd, flow.local).map_err(told)?;
            self.host.listen(fd, 1).map_err(told)?;
            self.arrive(&Packet::bare(0x02))?;
        }
        self.sent
            .pop_front()
            .map(|seen| seen.seq)
            .ok_or_else(|| "no SYN left".into())
    }

    fn family(&self) -> Family {
        match self.settings.ipv6 {
            true => Family::V6,
            false => Family::V4,
        }
    }

    /// The flow with the current peer.
    pub(super) fn flow(&mut self) -> Flow {
        let (local, remote): (IpAddr, IpAddr) = match self.family() {
            Family::V4 => (LOCAL_V4.into(), REMOTE_V4.into()),
            Family::V6 => (LOCAL_V6.into(), REMOTE_V6.into()),
        };
        *self.flows.entry(PEER_PORTS + self.peer).or_insert(Flow {
            local: SocketAddr::new(local, LOCAL_PORT),
            remote: SocketAddr::new(remote, PEER_PORTS + self.peer),
            bases: Bases {
                theirs: self.settings.peer_isn,
                ..Bases::default()
            },
        })
    }

    fn flow_mut(&mut self) -> &mut Flow {
        self.flow();
        self.flows
            .get_mut(&(PEER_PORTS + self.peer))
            .expect("the flow was made just now")
    }

    /// The current peer is the `number`-th.
    pub(super) fn choose_peer(&mut self, number: u16) {
        self.peer = number;
    }

    /// A moment of the host in microseconds since the script began.
    fn micros(&self, at: Instant) -> u64 {
        // Scripts last hours at most.
        at.saturating_since(self.begin).as_micros() as u64
    }

    /// Microseconds since the script began.
    pub(super) fn now(&self) -> u64 {
        self.micros(self.host.now())
    }

    /// Moves the clock, which never goes back, and fires the timers on the way.
    pub(super) fn advance_to(&mut self, to: u64) -> Result<(), String> {
        self.host.advance_to(self.begin + Duration::from_micros(to));
        self.settle()
    }

    /// When a timer wants to fire, in microseconds of the script.
    pub(super) fn next_timeout(&self) -> Option<u64> {
        self.host.next_timeout().map(|at| self.micros(at))
    }

    pub(super) fn arrive(&mut self, packet: &Packet) -> Result<(), String> {
        let Flow {
            local,
            remote,
            bases,
        } = self.flow();
        let segment = wire::build(packet, remote, local, bases);
        let hop_limit = packet.ttl.unwrap_or(TTL);
        let packet = ip::wrap(remote.ip(), local.ip(), ip::TCP, hop_limit, &segment)?;
        self.host.handle_packet(&packet);
        self.settle()
    }

    pub(super) fn icmp(&mut self, icmp: &Icmp) -> Result<(), String> {
        let flow = self.flow();
        let seq = flow.bases.ours.wrapping_add(icmp.seq);
        let packet = ip::error(icmp, seq, flow.local, flow.remote)?;
        self.host.handle_packet(&packet);
        self.settle()
    }

    /// A twin takes over from every connection, and speaks.
    pub(super) fn take_over(&mut self) -> Result<(), String> {
        self.host
            .take_over(TIMESTAMP_JUMP_MS)
            .map_err(|error| error.to_string())?;
        self.settle()
    }

    /// Takes what has left, and looks whether all is well.
    fn settle(&mut self) -> Result<(), String> {
        while let Some(packet) = self.host.take_packet() {
            let seen = wire::read(self.micros(packet.at), &packet.octets)?;
            let id = packet.connection;
            let state = id.and_then(|id| self.host.engine().snapshot(id));
            if let (Some(id), Some(state)) = (id, state) {
                self.watch.look(id, state.identity.rcv_wscale, &seen)?;
            }
            self.learn(&seen);
            self.sent.push_back(seen);
        }
        Watch::compare_twins(&self.host)
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

    /// The connection with the current peer.
    pub(super) fn connection(&mut self) -> Option<ConnectionInfo> {
        let remote = self.flow().remote;
        let engine = self.host.engine();
        engine
            .connections()
            .filter_map(|id| engine.connection(id))
            .find(|info| info.tuple.remote == remote)
    }

    /// State of the connection with the current peer; LISTEN or CLOSED where there is none.
    pub(super) fn state(&mut self) -> State {
        match self.connection() {
            Some(info) => info.state,
            None if self.host.is_listening() => State::Listen,
            None => State::Closed,
        }
    }

    /// How many segments were dropped for this reason.
    pub(super) fn dropped(&self, reason: &str) -> Result<u64, String> {
        DropReason::ALL
            .iter()
            .find(|known| known.as_str() == reason)
            .map(|known| self.host.engine().counters().dropped(*known))
            .ok_or_else(|| format!("there is no reason {reason}"))
    }

    /// True where a cut would find something to take over.
    pub(super) fn has_connections(&self) -> bool {
        self.host.engine().connections().next().is_some()
    }
}
