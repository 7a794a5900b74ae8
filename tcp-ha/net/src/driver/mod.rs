//! The node's thread: readiness in, octets out. Everything that decides is in `tcp-ha-core`; here are the descriptors.

mod active;
mod channel;
mod dial;
mod door;
mod fate;
mod fence;
mod intake;
mod join;
mod resign;
mod standby;
mod streams;

use crate::channel_status::ChannelStatus;
use crate::command::{Command, Commands, Control, Doorbell, EventSender, Wish};
use crate::config::{StackConfig, StartError};
use crate::event::StackEvent;
use crate::info::TcpInfo;
use crate::status::{Moment, Status, TakeoverStatus};
use channel::Channel;
use crossbeam_channel::Receiver;
use door::Door;
use ipc::gate::Released;
use ipc::liveness::Life;
use ipc::refusal::SessionRefusals;
use ipc::register::{EtcdRegister, FileRegister, Register, RemoteRegister};
use ipc::schema::Versions;
use ipc::schema::v1::ResignCause;
use ipc::session::LocalIdentity;
use ipc::{Epoch, Incarnation};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::Duration;
use streams::Streams;
use tcp_ha_core::{Active, NodeEvent};
use tcp_ha_link::host::{Host, HostConfig};
use tcp_ha_link::{Device, Frame};
use tokio::sync::{mpsc, oneshot};

const DEVICE: Token = Token(0);
const WAKER: Token = Token(1);
const LISTENER: Token = Token(2);
const CHANNEL: Token = Token(3);
const CANDIDATE: Token = Token(4);

/// Nice value of the node's thread: heartbeats and takeovers come before any daemon's work.
const NODE_PRIORITY: i32 = -15;

/// Octets taken from the channel at once, or from a device that is not listened to; above the largest frame that one gives.
const BUFFER_OCTETS: usize = 256 << 10;

/// What the node does at present.
enum Doing {
    Joining(join::Joining),
    Standby(Box<standby::Shadowing>),
    Active(Box<Active>),
    /// Nothing more; `said` once the daemon knows.
    Ended,
}

/// The node's thread.
pub(crate) struct Driver {
    config: StackConfig,
    identity: LocalIdentity,
    me: Incarnation,
    register: Arc<dyn Register + Sync>,
    /// Held for as long as this node lives: its end tells the standby of a death.
    life: Life,
    device: Box<dyn Device>,
    device_ready: bool,
    /// Frames that have left the gate and are given to the device; empty between turns.
    leaving: Vec<Released<Frame>>,
    poll: Poll,
    doorbell: Arc<Doorbell>,
    calls: Receiver<Command>,
    controls: Receiver<Control>,
    events: EventSender,
    door: Door,
    channel: Option<Channel>,
    /// What of the refusals of sessions is counted already.
    refusals_told: SessionRefusals,
    streams: Streams,
    /// Who waits for what was called before to be backed, the first first.
    backing: VecDeque<oneshot::Sender<()>>,
    /// Opens that wait for this node to be active.
    waiting: VecDeque<Command>,
    doing: Doing,
    takeover: Option<TakeoverStatus>,
    /// What it said of itself when it was fenced.
    last_words: Option<Status>,
    buffer: Vec<u8>,
    intake: intake::Intake,
    node_events: Vec<NodeEvent>,
    last_turn_us: u64,
    /// When a stranger with our address was last spoken of.
    stranger_us: u64,
    /// Whether the register is to be read because of one, and when it last was.
    confirm_due: bool,
    confirmed_us: u64,
    fencing: fence::Fencing,
}

impl Driver {
    /// Takes up everything that the node needs.
    pub(crate) fn open(
        mut config: StackConfig,
    ) -> Result<(Driver, Commands, mpsc::UnboundedReceiver<StackEvent>), StartError> {
        let io = |what: &'static str| move |error| StartError::Io(what, error);
        let register = open_register(&config)?;
        if !fate::spans_hosts(&config) {
            // Names of dead processes; a failure costs disk space only.
            let _ = ipc::liveness::sweep(&config.register);
        }
        let (me, life) = new_name(&config)?;
        let device = tcp_ha_link::open(&config.device).map_err(StartError::Device)?;
        config.tcp.leave_checksum = device.has_offload();
        config.tcp.super_segments = device.has_offload();
        Host::new(host_config(&config, device.as_ref())).map_err(StartError::Host)?;
        let door = Door::open(&config)?;
        let poll = Poll::new().map_err(io("epoll"))?;
        let waker = mio::Waker::new(poll.registry(), WAKER).map_err(io("eventfd"))?;
        if let Some(fd) = device.fd() {
            let fd = fd.as_raw_fd();
            poll.registry()
                .register(&mut SourceFd(&fd), DEVICE, Interest::READABLE)
                .map_err(io("cannot wait on the device"))?;
        }
        let doorbell = Arc::new(Doorbell::new(waker));
        let (calls, calls_out) = crossbeam_channel::unbounded();
        let (controls, controls_out) = crossbeam_channel::unbounded();
        let commands = Commands {
            calls,
            controls,
            doorbell: Arc::clone(&doorbell),
        };
        let (events, receiver) = mpsc::unbounded_channel();
        let identity = LocalIdentity {
            incarnation: me,
            config_digest: config.config_digest,
            heartbeat: Duration::from_micros(config.limits.heartbeat_us),
            software: concat!("tcp-ha ", env!("CARGO_PKG_VERSION")).to_owned(),
            versions: Versions::SPOKEN,
        };
        tracing::info!(name = config.name, incarnation = %me, "node starts");
        let driver = Driver {
            streams: Streams::new(
                config.tcp.send_capacity,
                config.streams_by_event,
                commands.clone(),
            ),
            config,
            identity,
            me,
            register,
            life,
            device,
            device_ready: true,
            leaving: Vec::new(),
            poll,
            doorbell,
            calls: calls_out,
            controls: controls_out,
            events,
            door,
            channel: None,
            refusals_told: SessionRefusals::default(),
            backing: VecDeque::new(),
            waiting: VecDeque::new(),
            doing: Doing::Joining(join::Joining::default()),
            takeover: None,
            last_words: None,
            buffer: vec![0; BUFFER_OCTETS],
            intake: intake::Intake::new(),
            node_events: Vec::new(),
            last_turn_us: monotonic_us(),
            stranger_us: 0,
            confirm_due: false,
            confirmed_us: 0,
            fencing: fence::Fencing::default(),
        };
        Ok((driver, commands, receiver))
    }

    /// Whoever has lost what it held is another: a register that still names the old one names nobody who could take over.
    fn take_new_name(&mut self) -> Result<(), StartError> {
        (self.me, self.life) = new_name(&self.config)?;
        self.identity.incarnation = self.me;
        tracing::info!(incarnation = %self.me, "a new name");
        Ok(())
    }

    /// Turns until the node has ended.
    pub(crate) fn run(mut self) {
        // Where it is not permitted, a busy host makes for more false alarms.
        if let Err(error) = rustix::process::setpriority_process(None, NODE_PRIORITY) {
            tracing::info!(%error, "the node's thread runs at ordinary priority");
        }
        let mut ready = Events::with_capacity(16);
        loop {
            let turn = match std::mem::replace(&mut self.doing, Doing::Ended) {
                Doing::Joining(joining) => self.join_turn(joining),
                Doing::Standby(shadowing) => self.standby_turn(shadowing),
                Doing::Active(active) => self.active_turn(active),
                Doing::Ended => return,
            };
            let Turn { doing, next_us } = turn;
            self.doing = doing;
            self.door.remind(&self.config, monotonic_us());
            let next_us = if self.answer_controls() { 0 } else { next_us };
            if matches!(self.doing, Doing::Ended) {
                return;
            }
            self.sleep(&mut ready, next_us);
        }
    }

    /// Waits for readiness, a ring of the doorbell, or `next_us`.
    fn sleep(&mut self, ready: &mut Events, next_us: u64) {
        self.doorbell.going_to_sleep();
        let busy = !self.controls.is_empty() || !self.calls_may_wait();
        let now = monotonic_us();
        let timeout = if busy { 0 } else { next_us.saturating_sub(now) };
        // Rounded up to whole milliseconds by the system, which suits every timer here.
        let polled = self.poll.poll(ready, Some(Duration::from_micros(timeout)));
        self.doorbell.awake();
        if let Err(error) = polled
            && error.kind() != std::io::ErrorKind::Interrupted
        {
            tracing::error!(%error, "epoll failed");
        }
        for event in ready.iter() {
            match event.token() {
                DEVICE => self.device_ready = true,
                LISTENER => self.door.listener_ready = true,
                CHANNEL => {
                    if let Some(channel) = &mut self.channel {
                        channel.ready(event);
                    }
                }
                _ => {}
            }
        }
    }

    fn calls_may_wait(&self) -> bool {
        match &self.doing {
            Doing::Active(active) => self.calls.is_empty() || !active.takes_input(),
            _ => self.calls.is_empty(),
        }
    }

    /// Answers what was asked; says whether something is to be done about it at once.
    fn answer_controls(&mut self) -> bool {
        let mut moved = false;
        while let Ok(control) = self.controls.try_recv() {
            match control {
                Control::Status(reply) => {
                    let _ = reply.send(self.status());
                }
                Control::Info { id, reply } => {
                    let _ = reply.send(self.info(id));
                }
                Control::Switchover(reply) => {
                    let answer = match &mut self.doing {
                        Doing::Active(active) => active
                            .switchover(monotonic_us())
                            .map_err(|refused| refused.to_string()),
                        _ => Err("this node is not the active".to_owned()),
                    };
                    moved |= answer.is_ok();
                    let _ = reply.send(answer);
                }
                Control::Wish { wish, reply } => {
                    let answer = self.grant(wish);
                    moved |= answer.is_ok();
                    let _ = reply.send(answer);
                }
                Control::ReplicaDiffers(id) => {
                    self.replica_differs(id);
                    moved = true;
                }
                Control::ReplicaFailed(what) => {
                    self.replica_failed(&what);
                    moved = true;
                }
                Control::Stop(reply) => {
                    self.stop();
                    let _ = reply.send(());
                }
            }
        }
        moved
    }

    fn info(&self, id: tcp_ha_engine::ConnectionId) -> Option<TcpInfo> {
        let Doing::Active(active) = &self.doing else {
            return None;
        };
        Some(TcpInfo {
            now: active.engine_time(monotonic_us()),
            connection: active.engine().connection(id)?,
            readiness: active.readiness(id),
        })
    }

    fn grant(&mut self, wish: Wish) -> Result<(), String> {
        let Doing::Active(active) = &mut self.doing else {
            return Err("this node is not the active".to_owned());
        };
        let mono_us = monotonic_us();
        let granted = match wish {
            Wish::Clear(id) => active.clear_protection(mono_us, id),
            Wish::Restore(id) => active.restore_protection(mono_us, id),
            Wish::Dismiss => active.dismiss_standby(mono_us),
        };
        granted.map_err(|refused| refused.to_string())
    }

    fn stop(&mut self) {
        if let (Doing::Standby(shadowing), Some(channel)) = (&mut self.doing, &mut self.channel) {
            shadowing.standby.resign(ResignCause::Asked, "stopped");
            channel.flush(shadowing.standby.ipc_outgoing());
        }
        self.end("stopped".to_owned());
    }

    fn end(&mut self, reason: String) {
        let _ = self.events.send(StackEvent::Ended { reason });
        self.doing = Doing::Ended;
    }

    fn host(&self) -> Option<Host> {
        Host::new(host_config(&self.config, self.device.as_ref())).ok()
    }

    fn channel_status(&self) -> ChannelStatus {
        let channel = self.channel.as_ref();
        let protection = channel.and_then(|channel| channel.protection.clone());
        self.door.status(&self.config, self.remote(), protection)
    }

    fn remote(&self) -> Option<SocketAddr> {
        self.channel.as_ref().and_then(|channel| channel.remote)
    }

    /// Counts what a session has refused of late; `now` is that of all sessions of this role.
    fn count_refusals(&mut self, now: SessionRefusals) {
        if now != self.refusals_told {
            now.tell(self.refusals_told, &self.door.refusals, self.remote());
            self.refusals_told = now;
        }
    }

    fn status(&self) -> Status {
        let mut status = Status::joining(&self.config.name, self.me.to_string());
        status.takeover = self.takeover;
        status.channel = self.channel_status();
        status.register = self.register.health();
        let moment = moment();
        match &self.doing {
            Doing::Joining(joining) => status.unprotected = Some(joining.reason().to_owned()),
            Doing::Standby(shadowing) => {
                status.tell_standby(&shadowing.standby, moment);
                if self.channel.is_none() {
                    status.peer = None;
                }
            }
            Doing::Active(active) => status.tell_active(active, moment),
            Doing::Ended => return self.last_words.clone().unwrap_or(status),
        }
        status
    }
}

/// The register that the configuration names. The directory is there in any case, for signs of life and sockets.
fn open_register(config: &StackConfig) -> Result<Arc<dyn Register + Sync>, StartError> {
    let failed = |error: ipc::RegisterError| StartError::Register(error.to_string());
    let files = FileRegister::open(config.register.clone()).map_err(failed)?;
    let Some(etcd) = &config.etcd else {
        return Ok(Arc::new(files));
    };
    let register = EtcdRegister::open(etcd).map_err(failed)?;
    let place = register.place();
    RemoteRegister::start(register, "etcd", place, etcd.patience)
        .map(|remote| Arc::new(remote) as Arc<dyn Register + Sync>)
        .map_err(|error| StartError::Io("no thread for the register", error))
}

/// A random name, and its sign of life.
fn new_name(config: &StackConfig) -> Result<(Incarnation, Life), StartError> {
    let me = Incarnation::random()
        .map_err(|error| StartError::Io("cannot draw a random name", error))?;
    let life = match fate::spans_hosts(config) {
        false => Life::start(&config.register, me),
        true => Life::start_lasting(&config.register, me),
    };
    let life = life.map_err(|error| StartError::Io("cannot show a sign of life", error))?;
    Ok((me, life))
}

/// What a turn leaves behind.
struct Turn {
    doing: Doing,
    /// Local time of the next turn at the latest; 0 means at once.
    next_us: u64,
}

fn host_config(config: &StackConfig, device: &dyn Device) -> HostConfig {
    let mut host = HostConfig::ethernet(config.mac);
    host.medium = device.medium();
    host.addresses = config.addresses.clone();
    host.gateways = config.gateways.clone();
    host.mtu = config.tcp.mtu;
    host
}

/// The local monotonic clock, in microseconds.
fn monotonic_us() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1_000
}

/// Now, by both clocks.
fn moment() -> Moment {
    let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Moment {
        mono_us: monotonic_us(),
        unix_us: unix.map_or(0, |since| since.as_micros() as u64),
    }
}

/// Registers a descriptor that `poll` shall wait on.
fn register(poll: &Poll, fd: &impl AsFd, token: Token, interest: Interest) -> std::io::Result<()> {
    let fd = fd.as_fd().as_raw_fd();
    poll.registry()
        .register(&mut SourceFd(&fd), token, interest)
}

/// Waits on a descriptor in another way.
fn reregister(
    poll: &Poll,
    fd: &impl AsFd,
    token: Token,
    interest: Interest,
) -> std::io::Result<()> {
    let fd = fd.as_fd().as_raw_fd();
    poll.registry()
        .reregister(&mut SourceFd(&fd), token, interest)
}

/// The epoch of an entry, for a session that begins in it.
fn epoch_of(entry: &ipc::Entry) -> Epoch {
    entry.epoch
}
