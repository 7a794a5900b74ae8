//! The node that speaks: engine, host layer, gate and log, tied together so that there is one way out.
//!
//! The caller drives it in turns. In each turn it hands over what is there (`ipc_*` first, so that acknowledgements open the gate
//! before anything new is built; then frames, the daemon's calls, timers), calls [`Active::close_batch`], writes
//! [`Active::ipc_outgoing`] to the standby, transmits what [`Active::release`] gives, and says so ([`Active::transmitted`]). Everything
//! between two calls of `close_batch` is one batch: one transaction for the standby. No frame can be had but through `release` (I1).

mod announcing;
mod arrived;
mod audit;
mod backing;
mod batch;
mod course;
mod departing;
mod down;
mod guard;
mod link;
mod probation;
mod protect;
mod renewal;
mod rest;
mod security;
mod share;
mod speaking;
#[cfg(feature = "schema-v2")]
mod trial;
mod user;

pub use down::WishRefused;
pub use guard::{Fenced, SwitchoverRefused};
pub use user::{Listening, Octets, RECORD_OCTETS_MAX, StreamStart};

use crate::audit::AuditCounters;
use crate::clock::Clock;
use crate::event::NodeEvent;
use crate::readiness::{DownReason, Readiness, ReadinessHistory};
use crate::record::SharedState;
use crate::shadow::ShadowBounds;
use crate::takeover::timestamp_base;
use announcing::Announcing;
use arrived::Arrived;
use audit::Audit;
use backing::Backing;
use bytes::Bytes;
use departing::Departing;
use down::Resting;
use guard::Guard;
use ipc::batch::BatchBuilder;
use ipc::gate::{Gate, Released};
use ipc::log::Log;
use ipc::refusal::SessionRefusals;
use ipc::register::{Register, Tenure};
use ipc::{Epoch, Incarnation, Lsn};
use link::StandbyLink;
use probation::Probation;
use protect::Protected;
pub use protect::Protection;
use renewal::Renewal;
use rest::Rest;
use share::Shares;
use speaking::Silent;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tcp_ha_engine::{Arrival, ConnectionId, Effects, Engine, ListenerId, Secrets, Unreachable};
use tcp_ha_link::host::{Host, Inbound, UnreachableCode};
use tcp_ha_link::{Checksum, Frame, Frames};

/// Bounds and times of an active node; all times in microseconds of the local monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct NodeLimits {
    /// Time between heartbeats.
    pub heartbeat_us: u64,
    /// A node that hears nothing for this many heartbeats declares the other dead.
    pub misses: u32,
    /// How long the oldest unacknowledged batch, or the standby's silence, may last before the standby counts as lost.
    pub hold_limit_us: u64,
    /// Frames that may wait in the gate; beyond it no input is taken.
    pub gate_frames: usize,
    /// Octets that may be outstanding towards the standby; beyond it the standby counts as lost.
    pub log_octets: usize,
    /// Octets of records of one connection that may be outstanding, and octets that one may hold when it is snapshot; beyond it that
    /// connection alone goes down.
    pub connection_octets: usize,
    /// How long a connection that went down alone rests before it is tried again, and a standby whose shadow audits gave up twice
    /// before it is brought up to date; the pause doubles each time, up to 64 fold.
    pub resync_pause_us: u64,
    /// How long a standby may take to be brought up to date before it is given up.
    pub initial_sync_us: u64,
    /// Octets of snapshots sent in one batch while a standby is brought up to date.
    pub sync_octets: usize,
    /// How long a daemon may take to hand over its own state: of a connection, before that goes down alone; of the node, before the
    /// pair is made without it.
    pub application_sync_us: u64,
    /// What a standby holds at most.
    pub shadow: ShadowBounds,
    /// Time between two audits of the standby's shadow; 0 means none.
    pub audit_interval_us: u64,
    /// Connections that an audit names in one batch.
    pub audit_connections: usize,
}

impl NodeLimits {
    /// The defaults where the nodes have a host each: what is between two hosts delays more than a socket does.
    pub fn between_hosts() -> NodeLimits {
        NodeLimits {
            heartbeat_us: 20_000,
            ..NodeLimits::default()
        }
    }
}

impl Default for NodeLimits {
    fn default() -> Self {
        NodeLimits {
            heartbeat_us: 5_000,
            misses: 3,
            hold_limit_us: 100_000,
            gate_frames: 4096,
            log_octets: 64 << 20,
            connection_octets: 8 << 20,
            resync_pause_us: 1_000_000,
            initial_sync_us: 120_000_000,
            sync_octets: 1 << 20,
            application_sync_us: 10_000_000,
            shadow: ShadowBounds::default(),
            audit_interval_us: 10_000_000,
            audit_connections: 64,
        }
    }
}

/// What the node counts of its own; all since it became active.
#[derive(Clone, Copy, Debug, Default)]
pub struct NodeCounters {
    /// Batches closed.
    pub batches: u64,
    /// Checkpoint records (snapshots and deltas) written.
    pub checkpoints: u64,
    /// Octets of checkpoint records.
    pub checkpoint_octets: u64,
    /// Octets of the stream that were shipped as records.
    pub payload_octets: u64,
    /// Frames dropped because the gate was full.
    pub gate_full: u64,
    /// Times a standby was lost.
    pub standby_lost: u64,
}

/// The active node; see the module's text for how it is driven.
pub struct Active {
    me: Incarnation,
    limits: NodeLimits,
    register: Arc<dyn Register + Sync>,
    engine: Engine,
    host: Host,
    clock: Clock,
    shared: SharedState,
    gate: Gate<Frame>,
    log: Log,
    batch: BatchBuilder,
    fx: Effects,
    frames: Frames,
    departing: Departing,
    dirty: Vec<ConnectionId>,
    /// Changed, and recorded at the end of the batch.
    put_off: Vec<ConnectionId>,
    arrived: Arrived,
    /// Memory for events of the engine that are being settled.
    settling: Vec<tcp_ha_engine::Event>,
    neighbours: Vec<(std::net::IpAddr, tcp_ha_link::LinkAddress)>,
    protected: BTreeMap<ConnectionId, Protected>,
    /// Connections on their way to ready.
    advancing: BTreeSet<ConnectionId>,
    resting: Resting,
    probation: Probation,
    shares: Shares,
    listening: BTreeMap<ListenerId, Option<Protection>>,
    /// Active opens whose protection was asked for before they are established.
    connecting: BTreeMap<ConnectionId, Option<Protection>>,
    standby: Option<StandbyLink>,
    /// What a standby that was refused is still to be told.
    parting: Vec<u8>,
    /// Why there is no standby, for status.
    unprotected: DownReason,
    guard: Guard,
    /// A swap that makes a pair, or passes the epoch on, may still take effect.
    gift_in_doubt: bool,
    /// What is still to be said of where the addresses are.
    announcing: Option<Announcing>,
    silent: Silent,
    /// No pair is tried before this local time.
    pair_after_us: u64,
    tenure: Tenure,
    /// The next batch is closed though nothing is in it.
    barrier_due: bool,
    /// The register did not answer when it was last asked, which was said.
    register_failing: bool,
    node_sync: bool,
    events: Vec<NodeEvent>,
    backing: Backing,
    counters: NodeCounters,
    /// The readiness of the node as a whole.
    course: ReadinessHistory,
    /// That of each connection whose protection was ever asked for, until it is deleted.
    courses: BTreeMap<ConnectionId, ReadinessHistory>,
    /// The register did not answer when it was last asked.
    register_silent: bool,
    /// The latest local time that was told.
    seen_us: u64,
    audit: Audit,
    renewal: Renewal,
    rest: Rest,
    /// Of sessions that are over.
    session_refusals: SessionRefusals,
    #[cfg(feature = "schema-v2")]
    trial: u64,
}

/// The parts of a node that begins to speak.
pub struct ActiveParts {
    /// This process.
    pub me: Incarnation,
    /// Bounds and times.
    pub limits: NodeLimits,
    /// The register that the tenure came from.
    pub register: Arc<dyn Register + Sync>,
    /// Proof that this node may speak.
    pub tenure: Tenure,
    /// The TCP engine, empty or restored.
    pub engine: Engine,
    /// The host layer.
    pub host: Host,
    /// The engine's time domain.
    pub clock: Clock,
    /// Secrets shared with the standby.
    pub secrets: Secrets,
    /// LSN after which this node goes on counting.
    pub last_lsn: Lsn,
    /// Whether the daemon has state of its own that belongs to no connection and that a joining standby needs.
    pub node_sync: bool,
    /// Local time at which it begins.
    pub mono_us: u64,
}

impl Active {
    /// A node that may speak from now on: the gate opens by the tenure.
    ///
    /// A tenure that names a standby, or another node, leaves the gate shut.
    pub fn new(parts: ActiveParts) -> Active {
        let ActiveParts {
            me,
            limits,
            register,
            tenure,
            mut engine,
            host,
            clock,
            secrets,
            last_lsn,
            node_sync,
            mono_us,
        } = parts;
        engine.set_timestamp_base(timestamp_base(tenure.epoch()));
        let mut gate = Gate::new(me, limits.gate_frames);
        gate.open_solo(&tenure);
        Active {
            me,
            limits,
            register,
            shared: SharedState::of(&secrets, engine.next_id()),
            engine,
            host,
            clock,
            gate,
            log: Log::starting_after(last_lsn, limits.log_octets),
            batch: BatchBuilder::new(),
            fx: Effects::default(),
            frames: Frames::default(),
            departing: Departing::default(),
            dirty: Vec::new(),
            put_off: Vec::new(),
            arrived: Arrived::default(),
            settling: Vec::new(),
            neighbours: Vec::new(),
            protected: BTreeMap::new(),
            advancing: BTreeSet::new(),
            resting: Resting::default(),
            probation: Probation::default(),
            shares: Shares::default(),
            listening: BTreeMap::new(),
            connecting: BTreeMap::new(),
            standby: None,
            parting: Vec::new(),
            unprotected: DownReason::NoStandby,
            guard: Guard::Solo,
            gift_in_doubt: false,
            pair_after_us: 0,
            announcing: None,
            silent: Silent::default(),
            tenure,
            barrier_due: false,
            register_failing: false,
            node_sync,
            events: Vec::new(),
            backing: Backing::default(),
            counters: NodeCounters::default(),
            course: ReadinessHistory::beginning(Readiness::Down(DownReason::NoStandby), mono_us),
            courses: BTreeMap::new(),
            register_silent: false,
            seen_us: mono_us,
            audit: Audit::default(),
            renewal: Renewal::default(),
            rest: Rest::default(),
            session_refusals: SessionRefusals::default(),
            #[cfg(feature = "schema-v2")]
            trial: 0,
        }
    }

    /// Takes one frame from the device at local time `mono_us`; its checksums are verified.
    pub fn handle_frame(&mut self, mono_us: u64, frame: &[u8]) {
        self.handle_received(mono_us, frame, Checksum::Unverified);
    }

    /// Takes one frame from a device that may vouch for its TCP checksum.
    pub fn handle_received(&mut self, mono_us: u64, frame: &[u8], checksum: Checksum) {
        self.take_frame(mono_us, frame, None, checksum);
    }

    /// As [`handle_received`](Self::handle_received), in memory that may be kept: the daemon gets long text where it came.
    pub fn handle_shared(&mut self, mono_us: u64, frame: &Bytes, checksum: Checksum) {
        self.take_frame(mono_us, frame, Some(frame), checksum);
    }

    fn take_frame(
        &mut self,
        mono_us: u64,
        frame: &[u8],
        memory: Option<&Bytes>,
        checksum: Checksum,
    ) {
        let now = self.clock.now(mono_us);
        match self.host.handle_frame(now, frame, &mut self.frames) {
            Ok(Inbound::Segment {
                src,
                dst,
                hop_limit,
                segment,
            }) => {
                self.heard();
                let arrival = Arrival::new(src, dst)
                    .with_hop_limit(hop_limit)
                    .with_vouched(checksum == Checksum::Vouched);
                match memory {
                    Some(memory) => {
                        let segment = memory.slice_ref(segment);
                        self.engine
                            .handle_shared_arrival(now, arrival, &segment, &mut self.fx);
                    }
                    None => self
                        .engine
                        .handle_arrival(now, arrival, segment, &mut self.fx),
                }
            }
            Ok(Inbound::ForeignAnnouncement { address }) => {
                self.events.push(NodeEvent::ForeignAnnouncement { address });
            }
            Ok(Inbound::Unreachable(told)) => {
                let why = meaning(told.code);
                self.engine.handle_unreachable(
                    now,
                    told.local,
                    told.remote,
                    told.seq,
                    why,
                    &mut self.fx,
                );
            }
            // Dropped frames are counted by the host.
            Ok(Inbound::Handled) | Err(_) => {}
        }
    }

    /// Runs every timer that is due at local time `mono_us`.
    pub fn handle_timeout(&mut self, mono_us: u64) {
        self.seen_us = mono_us;
        self.rest(mono_us);
        self.check_standby(mono_us);
        self.check_audit(mono_us);
        self.drive_guard(mono_us);
        self.drive_connections(mono_us);
        if self.timers_rest() {
            return;
        }
        self.speak_on(mono_us);
        self.judge_probation(mono_us);
        self.announce_again(mono_us);
        let now = self.clock.now(mono_us);
        if self.engine.next_timeout().is_some_and(|at| at <= now) {
            self.engine.handle_timeout(now, &mut self.fx);
        }
        if self.host.next_timeout().is_some_and(|at| at <= now) {
            self.host.handle_timeout(now, &mut self.frames);
        }
    }

    /// The local time at which [`handle_timeout`](Self::handle_timeout) must run next.
    pub fn next_timeout(&self) -> Option<u64> {
        let clocks = if self.timers_rest() {
            [None, None]
        } else {
            [self.engine.next_timeout(), self.host.next_timeout()]
        };
        let announcement = self.announcement_due().filter(|_| !self.timers_rest());
        let clocks = clocks.into_iter().flatten().map(|at| self.clock.local(at));
        clocks
            .chain(announcement)
            .chain(self.guard_timeout())
            .chain(self.probation_timeout())
            .chain(self.audit_timeout())
            .chain((!self.silent.is_empty()).then_some(0))
            .chain(
                self.standby
                    .as_ref()
                    .map(|link| link.next_timeout(&self.limits)),
            )
            .min()
    }

    /// Whether no timer of the engine may run now: nothing may leave, or nothing new may be begun.
    fn timers_rest(&self) -> bool {
        self.clock.is_frozen() || matches!(self.guard, Guard::Pairing { .. })
    }

    /// Whether frames and calls of the daemon may be handed in now: not while the gate is shut or full.
    pub fn takes_input(&self) -> bool {
        if planted!(ResumedAnswersArp) {
            return true;
        }
        matches!(self.guard, Guard::Solo | Guard::Paired)
            && self.silent.is_empty()
            && self.gate.room() > self.limits.gate_frames / 4
    }

    /// The next frame that may leave now; give it to the device, then back with [`recycle`](Self::recycle).
    pub fn release(&mut self) -> Option<Released<Frame>> {
        #[cfg(feature = "planted")]
        if planted!(ResetPastGate) {
            const RST: u8 = 4;
            let resets =
                |frame: &Frame| frame.octets().get(47).is_some_and(|flags| flags & RST != 0);
            if let Some(frame) = self.gate.release_wrongly(resets) {
                return Some(frame);
            }
        }
        #[cfg(feature = "planted")]
        if planted!(ResumedAnswersArp) {
            const ARP: [u8; 2] = [8, 6];
            let asks = |frame: &Frame| frame.octets().get(12..14) == Some(&ARP);
            if let Some(frame) = self.gate.release_wrongly(asks) {
                return Some(frame);
            }
        }
        self.gate.release()
    }

    /// Takes back a frame that was transmitted, for its memory.
    pub fn recycle(&mut self, frame: Released<Frame>) {
        match frame.into_inner().into_segment_memory() {
            Ok(octets) => self.fx.recycle(octets),
            Err(frame) => self.frames.recycle(frame),
        }
    }

    /// Moves what happened since the last call to the end of `into`.
    pub fn take_events(&mut self, into: &mut Vec<NodeEvent>) {
        into.append(&mut self.events);
    }

    /// The epoch in which this node speaks.
    pub fn epoch(&self) -> Epoch {
        self.tenure.epoch()
    }

    /// The standby named by the register.
    pub fn paired_with(&self) -> Option<Incarnation> {
        self.tenure.standby()
    }

    /// The last LSN given and the last one acknowledged.
    pub fn lsns(&self) -> (Lsn, Lsn) {
        (self.log.last(), self.log.acknowledged())
    }

    /// What waits for the standby: octets in the log, frames in the gate.
    pub fn outstanding(&self) -> (usize, usize) {
        (self.log.held_octets(), self.gate.len())
    }

    /// Octets of the frames that wait in the gate.
    pub fn gate_octets(&self) -> usize {
        self.gate.queued().map(|frame| frame.len()).sum()
    }

    /// How long the oldest unacknowledged batch has waited, in microseconds.
    pub fn lag_us(&self, mono_us: u64) -> u64 {
        self.log.lag_us(mono_us)
    }

    /// The engine's time at local time `mono_us`.
    pub fn engine_time(&self, mono_us: u64) -> tcp_ha_engine::Instant {
        self.clock.now(mono_us)
    }

    /// The engine, to look at.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The host layer, to look at.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// What was counted.
    pub fn counters(&self) -> NodeCounters {
        self.counters
    }

    /// Audits of the standby since it became active.
    pub fn audits(&self) -> AuditCounters {
        self.audit.counters()
    }

    /// What the gate counted.
    pub fn gate_counters(&self) -> ipc::gate::GateCounters {
        self.gate.counters()
    }
}

/// What an ICMP error means to TCP.
fn meaning(code: UnreachableCode) -> Unreachable {
    match code {
        UnreachableCode::PacketTooBig { mtu } => Unreachable::TooBig {
            mtu: u16::try_from(mtu).unwrap_or(u16::MAX),
        },
        UnreachableCode::Network => Unreachable::Network,
        UnreachableCode::Host => Unreachable::Host,
        UnreachableCode::Protocol => Unreachable::Protocol,
        UnreachableCode::Port => Unreachable::Port,
        UnreachableCode::Prohibited => Unreachable::Prohibited,
        UnreachableCode::HopLimitExceeded => Unreachable::HopLimit,
        UnreachableCode::Other(_) => Unreachable::Other,
    }
}
