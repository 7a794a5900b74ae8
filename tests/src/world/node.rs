//! A node in the world: the production roles, turned as the driver turns them, with the service on top.

use super::channel::Channel;
use super::daemon::Daemon;
use super::scenario::Scenario;
use super::{World, named};
use ipc::heartbeat::Verdict;
use ipc::register::{Register, Tenure};
use ipc::schema::v1::RefuseReason;
use ipc::session::{LocalIdentity, Session};
use ipc::{Entry, Incarnation, Lsn};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tcp_ha::core::{Active, ActiveParts, Claim, Clock, Listening, Standby, StandbyEnd, Standing};
use tcp_ha::engine::{Engine, Secrets};
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
    /// The service on this node.
    pub daemon: Daemon,
    /// Digest of its configuration.
    pub config_digest: [u8; 32],
    /// Why its last role as a standby ended.
    pub ended: Option<StandbyEnd>,
    /// Connections that it did not take over.
    pub left_behind: usize,
    /// The channel to its standby ended while it was stopped, and this still waits in it.
    channel_ended: Option<Vec<u8>>,
    sign: bool,
    last_turn_us: u64,
}

impl Node {
    pub(super) fn new(scenario: &Scenario, number: u8) -> Node {
        Node {
            me: Incarnation::from_bytes([number + 1; 16]),
            doing: Doing::Joining,
            alive: true,
            suspended: false,
            inbox: VecDeque::new(),
            daemon: Daemon::new(scenario),
            config_digest: [0; 32],
            ended: None,
            left_behind: 0,
            channel_ended: None,
            sign: false,
            last_turn_us: 0,
        }
    }

    /// Joins anew, without anything, and so under another name.
    fn begin_anew(&mut self) {
        let mut name = self.me.to_bytes();
        name[15] = name[15].wrapping_add(1);
        self.me = Incarnation::from_bytes(name);
        self.sign = false;
        self.doing = Doing::Joining;
    }

    fn runs(&self) -> bool {
        self.alive && !self.suspended
    }

    fn identity(&self, scenario: &Scenario) -> LocalIdentity {
        LocalIdentity {
            incarnation: self.me,
            config_digest: self.config_digest,
            heartbeat: Duration::from_micros(scenario.limits.heartbeat_us),
            software: "world".to_owned(),
        }
    }
}

/// The pair's host layer.
fn host(scenario: &Scenario) -> Host {
    let mut config = HostConfig::ethernet(LinkAddress([2, 0, 0, 0, 0, 1]));
    config.addresses = vec![(scenario.family.pair(), scenario.family.prefix())];
    Host::new(config).expect("a valid host")
}

fn listening(scenario: &Scenario) -> Listening {
    Listening {
        local: scenario.pair_socket(),
        options: scenario.options(),
        backlog: 256,
        protection: scenario.protection,
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
            return self.cold_start(at, None);
        };
        let lives = |name| named(&self.nodes, name).is_some_and(|at| self.nodes[at].alive);
        if lives(entry.active) && entry.active != self.nodes[at].me {
            return self.join(at, &entry);
        }
        if !entry.standby.is_some_and(lives) {
            self.cold_start(at, Some(&entry));
        }
    }

    fn cold_start(&mut self, at: usize, dead: Option<&Entry>) {
        let expected = dead.map(|entry| entry.epoch);
        let me = self.nodes[at].me;
        let Ok(tenure) = self.moody.compare_and_swap(expected, me, None) else {
            return;
        };
        let secrets = Secrets::from_bytes(&[3 + at as u8; Secrets::LEN]);
        let mut active = Active::new(ActiveParts {
            me,
            limits: self.scenario.limits,
            register: Arc::new(self.moody.clone()),
            tenure,
            engine: Engine::new(self.scenario.pair_tcp.clone(), secrets.clone()),
            host: host(&self.scenario),
            clock: Clock::new(),
            secrets,
            last_lsn: Lsn::ZERO,
            node_sync: self.scenario.node_state,
        });
        active
            .listen(&listening(&self.scenario))
            .expect("a free port");
        active.announce(self.now_us);
        let wishes = self.wishes;
        self.nodes[at].daemon = Daemon::new(&self.scenario);
        self.nodes[at].daemon.wishes = wishes;
        self.nodes[at].doing = Doing::Active(Box::new(active));
        self.cold_starts += 1;
    }

    fn join(&mut self, at: usize, entry: &Entry) {
        let Some(active_at) = named(&self.nodes, entry.active) else {
            return;
        };
        if self.channel.is_some() || !matches!(self.nodes[active_at].doing, Doing::Active(_)) {
            return;
        }
        // It is connected at once, and accepted when the active gets to it.
        self.channel = Some(Channel::between(active_at, at));
        let identity = self.nodes[at].identity(&self.scenario);
        let limits = self.scenario.limits;
        let standby = Standby::join(identity, entry.active, entry.epoch, limits, self.now_us);
        self.nodes[at].doing = Doing::Standby(Box::new(standby));
    }

    fn accept(&mut self, at: usize, active: &mut Active) {
        if let Some(left) = self.nodes[at].channel_ended.take() {
            active.ipc_received(self.now_us, &left);
            active.ipc_closed(self.now_us);
        }
        let identity = self.nodes[at].identity(&self.scenario);
        if let Some(channel) = &mut self.channel
            && channel.active == at
            && !channel.accepted
        {
            channel.accepted = true;
            let mut session = Session::respond(identity, active.epoch());
            if active.has_standby() {
                session.refuse(RefuseReason::Busy);
                channel.write_to_standby(session.outgoing());
                channel.cut = true;
            } else {
                active.attach(self.now_us, session);
            }
        }
    }

    /// Something that is no node of ours connects to the active.
    ///
    /// # Panics
    /// When there is no active.
    pub fn attach_stranger(&mut self) {
        let at = self.active().expect("an active");
        let identity = self.nodes[at].identity(&self.scenario);
        let now_us = self.now_us;
        let active = self.speaker_mut();
        active.attach(now_us, Session::respond(identity, active.epoch()));
    }

    /// Octets under way arrive, or the channel's end does.
    pub(super) fn carry_channel(&mut self) {
        let Some(channel) = &mut self.channel else {
            return;
        };
        let now_us = self.now_us;
        let (cut, accepted) = (channel.cut, channel.accepted);
        let (active_at, standby_at) = (channel.active, channel.standby);
        let to_active = if self.nodes[active_at].runs() && accepted {
            channel.arrives_at_active()
        } else {
            Vec::new()
        };
        // What the active wrote before its end is still in the channel.
        let to_standby = if self.nodes[standby_at].runs() {
            channel.arrives_at_standby()
        } else {
            Vec::new()
        };
        let mut left = Vec::new();
        if cut {
            left.append(&mut channel.to_active);
            self.channel = None;
        }
        let node = &mut self.nodes[active_at];
        let runs = node.runs();
        if let Doing::Active(active) = &mut node.doing
            && runs
        {
            if !to_active.is_empty() && !cut {
                active.ipc_received(now_us, &to_active);
            }
            if cut && accepted {
                active.ipc_closed(now_us);
            }
        } else if cut && accepted {
            node.channel_ended = Some(left);
        }
        let node = &mut self.nodes[standby_at];
        let runs = node.runs();
        if let Doing::Standby(standby) = &mut node.doing
            && runs
        {
            if !to_standby.is_empty()
                && let Err(end) = standby.ipc_received(now_us, &to_standby)
            {
                node.ended = Some(end.clone());
                if !matches!(end, StandbyEnd::Channel(_)) {
                    node.begin_anew();
                    self.cut_channel_of(standby_at);
                    return;
                }
                node.sign = true;
            }
            node.sign |= cut;
        }
    }

    fn shadow(&mut self, at: usize, mut standby: Box<Standby>) {
        let now_us = self.now_us;
        let node = &mut self.nodes[at];
        node.inbox.clear();
        let silent = standby.handle_timeout(now_us) == Verdict::Dead;
        let mut events = Vec::new();
        standby.take_events(&mut events);
        node.daemon.replicate(events);
        if let Some(channel) = &mut self.channel
            && channel.standby == at
        {
            channel.write_to_active(standby.ipc_outgoing());
        }
        let written = standby.ipc_outgoing().len();
        standby.ipc_advance(written);
        if !(silent || node.sign || standby.standing() == Standing::HandedOver) {
            node.doing = Doing::Standby(standby);
            return;
        }
        match standby.claim(&self.moody) {
            Claim::Won(tenure) => self.promote(at, *standby, tenure),
            Claim::Lost => {
                node.ended = Some(StandbyEnd::NotNamed);
                node.begin_anew();
                self.cut_channel_of(at);
            }
            Claim::Unknown(_) => node.doing = Doing::Standby(standby),
        }
    }

    fn promote(&mut self, at: usize, standby: Standby, tenure: Tenure) {
        let promotion = standby.promote(
            tenure,
            Arc::new(self.moody.clone()),
            self.scenario.pair_tcp.clone(),
            host(&self.scenario),
            self.scenario.node_state,
            self.now_us,
        );
        let mut promotion = promotion.expect("a synchronised standby");
        let node = &mut self.nodes[at];
        node.sign = false;
        node.left_behind = promotion.left_behind.len();
        node.daemon.wishes = self.wishes;
        node.daemon.promoted(&mut promotion);
        let mut active = promotion.active;
        active
            .listen(&listening(&self.scenario))
            .expect("a free port");
        node.doing = Doing::Active(Box::new(active));
        self.takeovers += 1;
        self.cut_channel_of(at);
    }

    fn speak(&mut self, at: usize, mut active: Box<Active>) {
        let now_us = self.now_us;
        let limits = self.scenario.limits;
        let limit_us = limits.heartbeat_us * u64::from(limits.misses);
        let node = &mut self.nodes[at];
        if node.last_turn_us > 0 && now_us - node.last_turn_us > limit_us {
            active.confirm();
        }
        node.daemon.wishes = self.wishes;
        self.accept(at, &mut active);
        self.release(at, &mut active);
        let node = &mut self.nodes[at];
        if active.takes_input() {
            for frame in std::mem::take(&mut node.inbox) {
                active.handle_frame(now_us, &frame);
            }
            node.daemon.serve(&mut active, now_us);
        }
        active.handle_timeout(now_us);
        active.close_batch(now_us);
        if let Some(channel) = &mut self.channel
            && channel.active == at
            && channel.accepted
        {
            channel.write_to_standby(active.ipc_outgoing());
            channel.cut |= !active.has_standby();
        }
        let written = active.ipc_outgoing().len();
        active.ipc_advance(written);
        self.release(at, &mut active);
        let node = &mut self.nodes[at];
        node.daemon.listen_to(&mut active);
        let fenced = active.fenced().is_some();
        node.doing = if fenced {
            Doing::Fenced
        } else {
            Doing::Active(active)
        };
    }

    fn release(&mut self, at: usize, active: &mut Active) {
        while let Some(frame) = active.release() {
            self.fly(at, frame.octets().to_vec());
            active.recycle(frame);
        }
    }
}
