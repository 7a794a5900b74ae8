//! The node that shadows: applies what the active records, says so, and judges whether the active lives.

use crate::active::{Active, ActiveParts, NodeLimits};
use crate::clock::Clock;
use crate::event::NodeEvent;
use crate::readiness::{DownReason, Readiness, ReadinessHistory};
use crate::record;
use crate::shadow::{Shadow, ShadowError};
use crate::takeover::{self, LeftBehind, TIMESTAMP_JUMP_MS};
use core::fmt;
use ipc::heartbeat::{Detector, Verdict};
use ipc::refusal::SessionRefusals;
use ipc::register::{CasError, Register, Tenure};
use ipc::schema::Version;
use ipc::schema::v1::{Control, ResignCause};
use ipc::session::{LocalIdentity, Session, SessionError, SessionEvent};
use ipc::{Epoch, Incarnation, Lsn, OwnedBatch};
use std::sync::Arc;
use tcp_ha_engine::{Config, ConnectionId};
use tcp_ha_link::host::Host;

/// Silence after which a standby that is not paired looks for an active anew.
const UNPAIRED_SILENCE_US: u64 = 2_000_000;

/// Time between two looks after memory that rests.
const REST_US: u64 = 1_000_000;

/// Where a standby stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Hello was sent.
    Joining,
    /// Accepted; takes in snapshots and deltas, may not take over.
    Syncing,
    /// The register names it: it takes over when the active dies.
    Paired,
    /// The active passed the epoch on; it may speak.
    HandedOver,
}

/// Why a standby's role ended without its becoming active. It forgets everything and joins anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StandbyEnd {
    /// The active refused it.
    Refused(String),
    /// The channel broke: a sign that the active may be dead.
    Channel(String),
    /// The channel carried garbage. No sign of a death: the active goes on, alone.
    Garbled(String),
    /// A record contradicts the shadow, or is of an unknown version.
    Record(String),
    /// The active sent it away.
    Dismissed(String),
    /// It is not, or no longer, the one that the register names.
    NotNamed,
}

impl fmt::Display for StandbyEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StandbyEnd::Refused(reason) => write!(f, "the active refused this standby: {reason}"),
            StandbyEnd::Channel(what) => write!(f, "the channel to the active is unusable: {what}"),
            StandbyEnd::Garbled(what) => write!(f, "the channel to the active is garbled: {what}"),
            StandbyEnd::Record(what) => write!(f, "the active's records cannot be applied: {what}"),
            StandbyEnd::Dismissed(reason) => write!(f, "the active ended the session: {reason}"),
            StandbyEnd::NotNamed => f.write_str("the register names another standby, or none"),
        }
    }
}

/// What came of an attempt to take the epoch.
#[derive(Debug)]
pub enum Claim {
    /// This node may speak.
    Won(Tenure),
    /// Another has it, or this node was never paired: join anew.
    Lost,
    /// The outcome is not known: nothing is said; ask again.
    Unknown(String),
    /// The register was not changed, since it is out of reach: ask again, unless the active turns out to live.
    Unreachable(String),
}

/// The shadowing node; see the module's text.
pub struct Standby {
    me: Incarnation,
    remote: Incarnation,
    limits: NodeLimits,
    session: Session,
    shadow: Shadow,
    clock: Clock,
    detector: Detector,
    standing: Standing,
    /// How far it is as a standby.
    course: ReadinessHistory,
    applied: Lsn,
    #[cfg(feature = "planted")]
    put_off: Option<OwnedBatch>,
    sent_us: u64,
    /// When memory was last looked after.
    rested_us: u64,
    /// Whether a claim of unknown outcome was made.
    in_doubt: bool,
    /// Whether it has given the epoch up.
    resigned: bool,
    /// The epoch that the active passed on; 0 where it did not.
    given: Epoch,
    events: Vec<NodeEvent>,
}

impl Standby {
    /// Joins the active `remote`, whose entry in the register has `epoch`, under a name that no standby has joined under before.
    pub fn join(
        me: LocalIdentity,
        remote: Incarnation,
        epoch: Epoch,
        limits: NodeLimits,
        mono_us: u64,
    ) -> Standby {
        Standby {
            me: me.incarnation,
            remote,
            limits,
            session: Session::initiate(me, remote, epoch),
            shadow: Shadow::bounded(limits.shadow),
            clock: Clock::new(),
            detector: Detector::new(limits.heartbeat_us, limits.misses, mono_us),
            standing: Standing::Joining,
            course: ReadinessHistory::beginning(Readiness::None, mono_us),
            applied: Lsn::ZERO,
            #[cfg(feature = "planted")]
            put_off: None,
            sent_us: mono_us,
            rested_us: mono_us,
            in_doubt: false,
            resigned: false,
            given: Epoch(0),
            events: vec![NodeEvent::ReplicaReset],
        }
    }

    /// Octets came from the active: applied and acknowledged, all of them, before this returns.
    ///
    /// # Errors
    /// The role ends.
    pub fn ipc_received(&mut self, mono_us: u64, octets: &[u8]) -> Result<(), StandbyEnd> {
        let fed = self.session.feed(octets);
        self.take_in(mono_us, fed)
    }

    /// Where octets of the active may be written, of which [`ipc_filled`](Self::ipc_filled) then tells.
    pub fn ipc_room(&mut self) -> &mut [u8] {
        self.session.room()
    }

    /// The same as [`ipc_received`](Self::ipc_received), for octets that were written into [`ipc_room`](Self::ipc_room).
    ///
    /// # Errors
    /// The role ends.
    pub fn ipc_filled(&mut self, mono_us: u64, octets: usize) -> Result<(), StandbyEnd> {
        let fed = self.session.filled(octets);
        self.take_in(mono_us, fed)
    }

    fn take_in(&mut self, mono_us: u64, fed: Result<(), SessionError>) -> Result<(), StandbyEnd> {
        self.detector.heard(mono_us);
        let before = self.applied;
        while let Some(event) = self.session.poll() {
            self.ipc_event(mono_us, event)?;
        }
        self.answer_audit();
        if self.applied > before {
            self.acknowledge(mono_us);
        }
        fed.map_err(|error| StandbyEnd::Garbled(error.to_string()))
    }

    /// What an audit found is told before the acknowledgement of the batch that asked.
    fn answer_audit(&mut self) {
        if let Some(told) = self.shadow.take_audited()
            && !planted!(AuditUnanswered)
        {
            self.session.send_control(Control::Audited(told));
        }
    }

    /// The daemon's replica differs from what the active's daemon said of itself
    /// ([`NodeEvent::ReplicaAudit`]): of the connection, or of what belongs to none.
    pub fn replica_differs(&mut self, id: Option<ConnectionId>) {
        self.shadow.application_differs(id);
        self.answer_audit();
    }

    /// Who may own the epoch already backs nobody else's words in the one before.
    fn acknowledge(&mut self, mono_us: u64) {
        if self.in_doubt {
            return;
        }
        self.sent_us = mono_us;
        self.session.send_ack(self.applied);
    }

    fn ipc_event(&mut self, mono_us: u64, event: SessionEvent) -> Result<(), StandbyEnd> {
        match event {
            SessionEvent::Established { .. } => {
                self.standing = Standing::Syncing;
                self.shadow.speak(self.version());
                self.course.enter(Readiness::TcpInitialSync, mono_us);
            }
            SessionEvent::Refused(reason) => return Err(StandbyEnd::Refused(reason.to_string())),
            SessionEvent::Batch(batch) => {
                self.apply(mono_us, &batch)?;
                self.session.recycle(batch);
            }
            SessionEvent::Heartbeat { time_us, .. } => self.clock.learn(time_us, mono_us),
            SessionEvent::Control(Control::Paired { epoch }) => {
                self.session.set_epoch(epoch);
                self.standing = Standing::Paired;
                self.course.enter(Readiness::Ready, mono_us);
                self.acknowledge(mono_us);
            }
            SessionEvent::Control(Control::HandOver { epoch }) => {
                self.standing = Standing::HandedOver;
                self.given = epoch;
            }
            SessionEvent::Control(Control::Goodbye { reason } | Control::Resign { reason, .. }) => {
                return Err(StandbyEnd::Dismissed(reason));
            }
            SessionEvent::Control(Control::CaughtUp { .. } | Control::Audited(_))
            | SessionEvent::Acknowledged { .. }
            | SessionEvent::NewerEpoch(_) => {}
        }
        Ok(())
    }

    fn apply(&mut self, mono_us: u64, batch: &OwnedBatch) -> Result<(), StandbyEnd> {
        #[cfg(feature = "planted")]
        if planted!(AcknowledgedUnapplied) && self.standing == Standing::Paired {
            self.applied = batch.lsn();
            let Some(former) = self.put_off.replace(batch.clone()) else {
                return Ok(());
            };
            return self.apply_records(mono_us, &former);
        }
        self.apply_records(mono_us, batch)?;
        self.applied = batch.lsn();
        Ok(())
    }

    fn apply_records(&mut self, mono_us: u64, batch: &OwnedBatch) -> Result<(), StandbyEnd> {
        self.clock.learn(batch.time_us(), mono_us);
        for record in batch.records() {
            self.apply_record(batch, record.kind, record.body)?;
        }
        let ended = self.shadow.end_batch(&mut self.events);
        ended.map_err(|error| self.contradict(&error))
    }

    fn apply_record(
        &mut self,
        batch: &OwnedBatch,
        kind: u16,
        body: &[u8],
    ) -> Result<(), StandbyEnd> {
        let version = self.version();
        let shadow = &mut self.shadow;
        let applied = match record::parse_delta(version, kind, body) {
            Ok(Some(delta)) => shadow.apply_delta(&delta),
            Ok(None) => match record::parse_as(version, kind, body) {
                Ok(record) => {
                    shadow.apply_keeping(record, |octets| batch.keep(octets), &mut self.events)
                }
                Err(error) => return Err(self.refuse(ResignCause::Record, error.to_string())),
            },
            Err(error) => return Err(self.refuse(ResignCause::Record, error.to_string())),
        };
        applied.map_err(|error| self.contradict(&error))
    }

    fn contradict(&mut self, error: &ShadowError) -> StandbyEnd {
        let cause = match error {
            ShadowError::TooMuch(_) => ResignCause::Full,
            _ => ResignCause::Record,
        };
        self.refuse(cause, error.to_string())
    }

    /// The active is told why before the role ends: what is outgoing is still to be written.
    fn refuse(&mut self, cause: ResignCause, what: String) -> StandbyEnd {
        self.resign(cause, &what);
        StandbyEnd::Record(what)
    }

    /// Heartbeats out; judges the active's silence. Call after everything that came was handed in.
    pub fn handle_timeout(&mut self, mono_us: u64) -> Verdict {
        if mono_us >= self.sent_us + self.limits.heartbeat_us && self.standing != Standing::Joining
        {
            self.sent_us = mono_us;
            self.session
                .send_heartbeat(self.applied, self.clock.now(mono_us).as_micros());
        }
        if mono_us >= self.rested_us + REST_US {
            self.rested_us = mono_us;
            self.shadow.rest();
            self.session.rest();
        }
        match self.detector.checked(mono_us) {
            // Who is not paired may not take over, and gives a busy active time.
            Verdict::Dead
                if self.standing != Standing::Paired
                    && self.detector.silent_us() < UNPAIRED_SILENCE_US =>
            {
                Verdict::Alive
            }
            verdict => verdict,
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) must run next.
    pub fn next_timeout(&self) -> u64 {
        self.detector
            .next_check_us()
            .min(self.sent_us + self.limits.heartbeat_us)
    }

    /// Octets to write to the active.
    pub fn ipc_outgoing(&self) -> &[u8] {
        self.session.outgoing()
    }

    /// `n` octets were written.
    pub fn ipc_advance(&mut self, n: usize) {
        self.session.advance(n);
    }

    /// Whether it may have won the epoch without having been told.
    pub fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// Gives up the right to claim, for ever; false where it did before, or may have won already.
    pub fn give_up(&mut self) -> bool {
        let first = !self.in_doubt && !self.resigned;
        self.resigned |= first;
        first
    }

    /// Whether it has given up the right to claim.
    pub fn has_resigned(&self) -> bool {
        self.resigned
    }

    /// Gives up the role for this epoch: the active goes on alone at once, with or without the register. Nothing is said where a claim
    /// may have been won already.
    pub fn resign(&mut self, cause: ResignCause, reason: &str) {
        if !self.give_up() {
            return;
        }
        self.session.send_control(Control::Resign {
            cause,
            reason: reason.to_owned(),
        });
    }

    /// Moves what the daemon's replica must know to the end of `into`.
    pub fn take_events(&mut self, into: &mut Vec<NodeEvent>) {
        into.append(&mut self.events);
    }

    /// A claim has come to nothing because the register did not answer: the shadow is what was last heard, the active may have gone on
    /// without it, and nobody takes over before the register says so.
    pub fn claim_failed(&mut self, mono_us: u64) {
        if !self.is_cut_off() {
            self.course
                .go_down(DownReason::RegisterUnavailable, mono_us);
        }
    }

    /// The active is heard after all: it keeps the epoch, and the shadow is current again.
    pub fn heard_again(&mut self, mono_us: u64) {
        if self.is_cut_off() {
            let before = match self.standing {
                Standing::Joining => Readiness::None,
                Standing::Syncing => Readiness::TcpInitialSync,
                Standing::Paired | Standing::HandedOver => Readiness::Ready,
            };
            self.course.come_back(before, mono_us);
        }
    }

    /// Whether it hears neither its active nor the register.
    pub fn is_cut_off(&self) -> bool {
        self.course.readiness() == Readiness::Down(DownReason::RegisterUnavailable)
    }

    /// Where it stands.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// How far it is as a standby: nothing while it joins, in its initial sync, ready once the register names it, down while it is cut
    /// off.
    pub fn node_history(&self) -> &ReadinessHistory {
        &self.course
    }

    /// The active it shadows.
    pub fn remote(&self) -> Incarnation {
        self.remote
    }

    /// The epoch that it knows of.
    pub fn epoch(&self) -> Epoch {
        self.session.epoch()
    }

    /// What the session with the active refused.
    pub fn session_refusals(&self) -> SessionRefusals {
        SessionRefusals::of(&self.session)
    }

    /// The version of the records that was agreed on; the first until then.
    pub fn version(&self) -> Version {
        self.session.version().unwrap_or(Version::V1)
    }

    /// The last LSN applied.
    pub fn applied(&self) -> Lsn {
        self.applied
    }

    /// What it holds.
    pub fn shadow(&self) -> &Shadow {
        &self.shadow
    }

    /// Tries to take the epoch, after a sign of the active's death. Every sign only starts this compare-and-swap; it alone decides (I3).
    pub fn claim(&mut self, register: &dyn Register) -> Claim {
        if self.resigned {
            return Claim::Lost;
        }
        let entry = match register.read() {
            Ok(Some(entry)) => entry,
            Ok(None) => return Claim::Lost,
            Err(error) => return Claim::Unreachable(error.to_string()),
        };
        // An answer that was long on its way tells of a time before this node was named.
        let known = self.session.epoch().max(self.given);
        if entry.epoch < known {
            let what = format!(
                "an answer of epoch {}, which was followed by {known}",
                entry.epoch
            );
            return Claim::Unreachable(what);
        }
        if entry.active == self.me {
            return match register.confirm(self.me) {
                Ok(Some(tenure)) => Claim::Won(tenure),
                Ok(None) => Claim::Lost,
                Err(error) => Claim::Unknown(error.to_string()),
            };
        }
        // A name stands for one session: whoever loses its shadow takes another, so an entry that has this one means this shadow.
        let named = entry.standby == Some(self.me) || planted!(ClaimUnnamed);
        if entry.active != self.remote || !named {
            return Claim::Lost;
        }
        match register.compare_and_swap(Some(entry.epoch), self.me, None) {
            Ok(tenure) => Claim::Won(tenure),
            // It has been given the epoch meanwhile: the next read says so.
            Err(CasError::Lost(Some(entry))) if entry.active == self.me => {
                Claim::Unreachable("the register has just changed".to_owned())
            }
            Err(CasError::Lost(_)) => Claim::Lost,
            Err(CasError::Unknown(error)) => {
                self.in_doubt = true;
                Claim::Unknown(error)
            }
            Err(CasError::Unavailable(error)) => Claim::Unreachable(error),
        }
    }

    /// Becomes the active: announces itself and speaks on every ready connection. The first frames wait in its gate, which the tenure opens.
    ///
    /// `None` where nothing was ever synchronised.
    pub fn promote(
        self,
        tenure: Tenure,
        register: Arc<dyn Register + Sync>,
        config: Config,
        mut host: Host,
        node_sync: bool,
        mono_us: u64,
    ) -> Option<Promotion> {
        let now = self.clock.now(mono_us);
        #[cfg(feature = "schema-v2")]
        let trial = self.shadow.trial();
        let survivor = takeover::survive(self.shadow, config, now, &mut host)?;
        let parts = ActiveParts {
            me: self.me,
            limits: self.limits,
            register,
            tenure,
            engine: survivor.engine,
            host,
            clock: self.clock,
            secrets: survivor.secrets,
            last_lsn: self.applied,
            node_sync,
            mono_us,
        };
        let mut active = Active::new(parts);
        active.took_over();
        active.put_on_probation(mono_us, survivor.on_probation);
        #[cfg(feature = "schema-v2")]
        active.set_trial_note(trial);
        active.speak_again(mono_us, TIMESTAMP_JUMP_MS, survivor.protections);
        Some(Promotion {
            active,
            taken: survivor.taken,
            left_behind: survivor.left_behind,
        })
    }
}

/// A standby that became active.
pub struct Promotion {
    /// The node, which has spoken already: its frames wait to be transmitted.
    pub active: Active,
    /// Connections whose streams the daemon gets.
    pub taken: Vec<ConnectionId>,
    /// Connections that are lost, and why.
    pub left_behind: Vec<LeftBehind>,
}
