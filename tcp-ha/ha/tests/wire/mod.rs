//! An active node and a peer on one wire, and a standby beside it.
// Each test binary uses its part.
#![allow(dead_code, unreachable_pub)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipc::register::{MemoryRegister, Register};
use ipc::schema::Versions;
use ipc::session::{LocalIdentity, Session};
use ipc::{Epoch, Incarnation, Lsn};
use tcp_ha_core::{Active, ActiveParts, Clock, Listening, NodeLimits, Protection, Standby};
use tcp_ha_engine::{Config, ConnectionId, ConnectionOptions, Effects, Engine, Instant, Secrets};
use tcp_ha_link::host::{Host, HostConfig, Inbound};
use tcp_ha_link::{Frames, LinkAddress};

pub const PAIR: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
pub const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

pub fn host(address: IpAddr, last: u8) -> Host {
    let mut config = HostConfig::ethernet(LinkAddress([2, 0, 0, 0, 0, last]));
    config.addresses = vec![(address, 24)];
    Host::new(config).expect("a valid host")
}

pub fn identity(name: u8) -> LocalIdentity {
    LocalIdentity {
        incarnation: Incarnation::from_bytes([name; 16]),
        config_digest: [0; 32],
        heartbeat: Duration::from_millis(5),
        software: "test".to_owned(),
        versions: Versions::SPOKEN,
    }
}

/// An active and a peer on one wire.
pub struct Wire {
    pub now_us: u64,
    pub active: Active,
    pub peer: Engine,
    pub peer_host: Host,
    pub fx: Effects,
    pub frames: Frames,
}

impl Wire {
    pub fn new() -> Wire {
        let register = MemoryRegister::new();
        let me = identity(1).incarnation;
        let tenure = register.compare_and_swap(None, me, None);
        let secrets = Secrets::from_bytes(&[3; Secrets::LEN]);
        let mut active = Active::new(ActiveParts {
            me,
            limits: NodeLimits::default(),
            register: Arc::new(register),
            tenure: tenure.expect("an empty register"),
            engine: Engine::new(Config::default(), secrets.clone()),
            host: host(PAIR, 1),
            clock: Clock::new(),
            secrets,
            last_lsn: Lsn::ZERO,
            node_sync: false,
            mono_us: 0,
        });
        let listening = Listening {
            local: SocketAddr::new(PAIR, 7),
            options: ConnectionOptions::default(),
            backlog: 4,
            protection: Some(Protection::default()),
        };
        active.listen(&listening).expect("a free port");
        Wire {
            now_us: 1_000_000,
            active,
            peer: Engine::new(Config::default(), Secrets::from_bytes(&[7; Secrets::LEN])),
            peer_host: host(PEER, 2),
            fx: Effects::new(),
            frames: Frames::new(),
        }
    }

    /// Carries frames both ways for a while.
    pub fn settle(&mut self) {
        for _ in 0..2_000 {
            self.now_us += 100;
            let now = Instant::from_micros(self.now_us);
            self.peer.handle_timeout(now, &mut self.fx);
            for out in self.fx.segments() {
                let (src, dst, bytes) = (out.src, out.dst, out.bytes);
                self.peer_host
                    .send_segment(now, src, dst, 0, 64, bytes, &mut self.frames);
            }
            self.fx.clear();
            let to_active: Vec<_> = self.frames.drain().collect();
            for frame in to_active {
                self.active.handle_frame(self.now_us, frame.octets());
            }
            self.active.handle_timeout(self.now_us);
            self.active.close_batch(self.now_us);
            while let Some(frame) = self.active.release() {
                let inbound = self
                    .peer_host
                    .handle_frame(now, frame.octets(), &mut self.frames);
                if let Ok(Inbound::Segment {
                    src, dst, segment, ..
                }) = inbound
                {
                    self.peer
                        .handle_segment(now, src, dst, segment, &mut self.fx);
                }
            }
        }
    }

    /// A connection with some octets in both directions.
    pub fn connect(&mut self) -> (ConnectionId, ConnectionId) {
        let (now, local) = (Instant::from_micros(self.now_us), SocketAddr::new(PEER, 0));
        let (remote, options) = (SocketAddr::new(PAIR, 7), ConnectionOptions::default());
        let theirs = self.peer.connect(now, local, remote, options, &mut self.fx);
        let theirs = theirs.expect("a free port");
        self.settle();
        let ours = self
            .active
            .engine()
            .connections()
            .next()
            .expect("a connection");
        self.active
            .write(self.now_us, ours, &[1; 64], None)
            .expect("room");
        let now = Instant::from_micros(self.now_us);
        self.peer
            .send(now, theirs, &[2; 32], &mut self.fx)
            .expect("room");
        self.settle();
        (ours, theirs)
    }

    /// A standby joins and takes in everything.
    pub fn join(&mut self) -> Standby {
        let limits = NodeLimits::default();
        let epoch = Epoch(1);
        self.active
            .attach(self.now_us, Session::respond(identity(1), epoch));
        let active = identity(1).incarnation;
        let mut standby = Standby::join(identity(2), active, epoch, limits, self.now_us);
        self.exchange(&mut standby);
        standby
    }

    /// Carries the channel both ways until nothing is under way.
    pub fn exchange(&mut self, standby: &mut Standby) {
        for _ in 0..10 {
            let octets = standby.ipc_outgoing().to_vec();
            standby.ipc_advance(octets.len());
            self.active.ipc_received(self.now_us, &octets);
            self.active.close_batch(self.now_us);
            let octets = self.active.ipc_outgoing().to_vec();
            self.active.ipc_advance(octets.len());
            let taken = standby.ipc_received(self.now_us, &octets);
            taken.expect("records that agree with each other");
        }
    }
}
