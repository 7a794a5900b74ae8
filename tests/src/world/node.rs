//! A node in the world: the production roles, turned as the driver turns them, with an echo daemon.

use super::{Channel, PAIR, PORT, World};
use bytes::Bytes;
use ipc::heartbeat::Verdict;
use ipc::register::Register;
use ipc::session::{LocalIdentity, Session};
use ipc::{Incarnation, Lsn};
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tcp_ha::core::{
    Active, ActiveParts, Claim, Clock, Listening, NodeEvent, NodeLimits, Protection, Standby,
    Standing,
};
use tcp_ha::engine::{Config, ConnectionId, ConnectionOptions, Engine, Secrets};
use tcp_ha::link::LinkAddress;
use tcp_ha::link::host::{Host, HostConfig};

/// What a node does.
pub enum Doing {
    /// Looks for its role.
    Joining,
    /// Shadows.
    Standby(Box<Standby>),
    /// Speaks.
    Active(Box<Active>),
    /// May never speak again.
    Fenced,
}

/// An echo daemon: answers are recorded together with the mark of what they answer.
#[derive(Default)]
pub struct Daemon {
    unanswered: HashMap<ConnectionId, VecDeque<(u64, Bytes)>>,
    events: Vec<NodeEvent>,
}

/// One process.
pub struct Node {
    /// Its name in the register.
    pub me: Incarnation,
    /// What it does.
    pub doing: Doing,
    /// Whether the process lives.
    pub alive: bool,
    /// Stopped, as by SIGSTOP: its frames queue up.
    pub suspended: bool,
    /// Frames that wait on its device.
    pub inbox: VecDeque<Vec<u8>>,
    /// Events of the replica, in order.
    pub replica: Vec<NodeEvent>,
    daemon: Daemon,
    limits: NodeLimits,
    sign: bool,
    last_turn_us: u64,
}

impl Node {
    pub(super) fn new(limits: NodeLimits, number: u8) -> Node {
        Node {
            me: Incarnation::from_bytes([number + 1; 16]),
            doing: Doing::Joining,
            alive: true,
            suspended: false,
            inbox: VecDeque::new(),
            replica: Vec::new(),
            daemon: Daemon::default(),
            limits,
            sign: false,
            last_turn_us: 0,
        }
    }

    fn identity(&self) -> LocalIdentity {
        LocalIdentity {
            incarnation: self.me,
            config_digest: [0; 32],
            heartbeat: Duration::from_micros(self.limits.heartbeat_us),
            software: "world".to_owned(),
        }
    }
}

/// The pair's host layer.
fn host() -> Host {
    let mut config = HostConfig::ethernet(LinkAddress([2, 0, 0, 0, 0, 1]));
    config.addresses = vec![(PAIR, 24)];
    Host::new(config).expect("a valid host")
}

fn listening() -> Listening {
    Listening {
        local: SocketAddr::new(PAIR, PORT),
        options: ConnectionOptions::default(),
        backlog: 16,
        protection: Some(Protection::default()),
    }
}

impl World {
    pub(super) fn node_turn(&mut self, at: usize) {
        match std::mem::replace(&mut self.nodes[at].doing, Doing::Fenced) {
            Doing::Joining => self.look_for_a_role(at),
            Doing::Standby(standby) => self.shadow(at, standby),
            Doing::Active(active) => self.speak(at, active),
            Doing::Fenced => {}
        }
        self.nodes[at].last_turn_us = self.now_us;
    }

    fn look_for_a_role(&mut self, at: usize) {
        self.nodes[at].inbox.clear();
        self.nodes[at].doing = Doing::Joining;
        let Ok(entry) = self.register.read() else {
            return;
        };
        let Some(entry) = entry else {
            let tenure = self
                .register
                .compare_and_swap(None, self.nodes[at].me, None);
            let secrets = Secrets::from_bytes(&[3; 48]);
            let mut active = Active::new(ActiveParts {
                me: self.nodes[at].me,
                limits: self.limits,
                register: Arc::new(self.register.clone()),
                tenure: tenure.expect("an empty register"),
                engine: Engine::new(Config::default(), secrets.clone()),
                host: host(),
                clock: Clock::new(),
                secrets,
                last_lsn: Lsn::ZERO,
                node_sync: false,
            });
            active.listen(&listening()).expect("a free port");
            self.nodes[at].doing = Doing::Active(Box::new(active));
            return;
        };
        let Some(active_at) = self
            .nodes
            .iter()
            .position(|node| node.me == entry.active && node.alive)
        else {
            return;
        };
        let now_us = self.now_us;
        let remote = self.nodes[active_at].identity();
        let Doing::Active(active) = &mut self.nodes[active_at].doing else {
            return;
        };
        if active.has_standby() || self.channel.is_some() {
            return;
        }
        active.attach(now_us, Session::respond(remote, entry.epoch));
        self.channel = Some(Channel {
            active: active_at,
            standby: at,
            ..Channel::default()
        });
        let identity = self.nodes[at].identity();
        let standby = Standby::join(identity, entry.active, entry.epoch, self.limits, now_us);
        self.nodes[at].doing = Doing::Standby(Box::new(standby));
    }

    /// Octets under way arrive, or the channel's end does.
    pub(super) fn carry_channel(&mut self) {
        let Some(channel) = &mut self.channel else {
            return;
        };
        let now_us = self.now_us;
        let cut = channel.cut;
        let to_active = if channel.hold_acknowledgements {
            Vec::new()
        } else {
            std::mem::take(&mut channel.to_active)
        };
        let to_standby = std::mem::take(&mut channel.to_standby);
        let (active_at, standby_at) = (channel.active, channel.standby);
        if cut {
            self.channel = None;
        }
        let node = &mut self.nodes[active_at];
        if let Doing::Active(active) = &mut node.doing
            && node.alive
            && !node.suspended
        {
            if cut {
                active.ipc_closed(now_us);
            } else if !to_active.is_empty() {
                active.ipc_received(now_us, &to_active);
            }
        }
        let node = &mut self.nodes[standby_at];
        if let Doing::Standby(standby) = &mut node.doing
            && node.alive
            && !node.suspended
        {
            // What the active wrote before its end is still in the channel.
            if !to_standby.is_empty() {
                standby
                    .ipc_received(now_us, &to_standby)
                    .expect("records of the same version");
            }
            node.sign |= cut;
        }
    }

    fn shadow(&mut self, at: usize, mut standby: Box<Standby>) {
        let now_us = self.now_us;
        let node = &mut self.nodes[at];
        node.inbox.clear();
        let silent = standby.handle_timeout(now_us) == Verdict::Dead;
        standby.take_events(&mut node.replica);
        if let Some(channel) = &mut self.channel
            && channel.standby == at
        {
            channel.carry(standby.ipc_outgoing(), true);
        }
        let written = standby.ipc_outgoing().len();
        standby.ipc_advance(written);
        if !(silent || node.sign || standby.standing() == Standing::HandedOver) {
            node.doing = Doing::Standby(standby);
            return;
        }
        match standby.claim(&self.register) {
            Claim::Won(tenure) => {
                let promotion = standby.promote(
                    tenure,
                    Arc::new(self.register.clone()),
                    Config::default(),
                    host(),
                    false,
                    now_us,
                );
                let mut active = promotion.expect("a synchronised standby");
                node.sign = false;
                node.daemon = Daemon::default();
                for id in &active.taken {
                    active.active.hand_over(*id);
                }
                active.active.listen(&listening()).expect("a free port");
                self.nodes[at].doing = Doing::Active(Box::new(active.active));
                self.cut_channel_of(at);
            }
            Claim::Lost => {
                node.sign = false;
                node.doing = Doing::Joining;
                self.cut_channel_of(at);
            }
            Claim::Unknown(_) => node.doing = Doing::Standby(standby),
        }
    }

    fn speak(&mut self, at: usize, mut active: Box<Active>) {
        let now_us = self.now_us;
        let limit_us = self.limits.heartbeat_us * u64::from(self.limits.misses);
        let node = &mut self.nodes[at];
        if node.last_turn_us > 0 && now_us - node.last_turn_us > limit_us {
            active.confirm();
        }
        let mut out = Vec::new();
        release(&mut active, &mut out);
        if active.takes_input() {
            for frame in std::mem::take(&mut node.inbox) {
                active.handle_frame(now_us, &frame);
            }
            node.daemon.answer(&mut active, now_us);
        }
        active.handle_timeout(now_us);
        active.close_batch(now_us);
        if let Some(channel) = &mut self.channel
            && channel.active == at
        {
            channel.carry(active.ipc_outgoing(), false);
        }
        let written = active.ipc_outgoing().len();
        active.ipc_advance(written);
        release(&mut active, &mut out);
        active.take_events(&mut node.daemon.events);
        let fenced = active.fenced().is_some();
        node.doing = if fenced {
            Doing::Fenced
        } else {
            Doing::Active(active)
        };
        for frame in out {
            self.fly(at, frame);
        }
    }
}

impl Channel {
    fn carry(&mut self, octets: &[u8], back: bool) {
        let to = if back {
            &mut self.to_active
        } else {
            &mut self.to_standby
        };
        to.extend_from_slice(octets);
    }
}

fn release(active: &mut Active, out: &mut Vec<Vec<u8>>) {
    while let Some(frame) = active.release() {
        out.push(frame.octets().to_vec());
        active.recycle(frame);
    }
}

impl Daemon {
    fn answer(&mut self, active: &mut Active, now_us: u64) {
        for event in self.events.drain(..) {
            match event {
                NodeEvent::Received { id, offset, data } => {
                    let end = offset + data.len() as u64;
                    self.unanswered
                        .entry(id)
                        .or_default()
                        .push_back((end, data));
                }
                NodeEvent::Closed { id, .. } => {
                    self.unanswered.remove(&id);
                }
                NodeEvent::RegisterDoubt => active.confirm(),
                _ => {}
            }
        }
        for (&id, queue) in &mut self.unanswered {
            while let Some((end, data)) = queue.front() {
                if active.write(now_us, id, data, Some(*end)).is_err() {
                    break;
                }
                queue.pop_front();
            }
        }
    }
}
