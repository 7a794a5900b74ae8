//! The channel to the standby, as the active sees it.

use super::Active;
use super::NodeLimits;
use super::down::WishRefused;
use super::guard::Guard;
use crate::event::NodeEvent;
use crate::readiness::DownReason;
use crate::record::Record;
use ipc::batch::BatchBuilder;
use ipc::refusal::SessionRefusals;
use ipc::schema::Version;
use ipc::schema::v1::{Control, RefuseReason, ResignCause};
use ipc::session::{Session, SessionError, SessionEvent};
use ipc::{Incarnation, Lsn};
use std::collections::VecDeque;
use tcp_ha_engine::ConnectionId;

/// Time between two looks after the session's memory.
const REST_US: u64 = 1_000_000;

/// One standby that joined or is joining.
pub(super) struct StandbyLink {
    pub(super) session: Session,
    /// Known once its Hello was accepted, and its time has come.
    pub(super) remote: Option<Incarnation>,
    /// Whose Hello was accepted before its time.
    pub(super) waiting: Option<Incarnation>,
    pub(super) to_sync: VecDeque<ConnectionId>,
    pub(super) node_synced: bool,
    pub(super) established_us: u64,
    heard_us: u64,
    sent_us: u64,
    rested_us: u64,
}

impl StandbyLink {
    pub(super) fn is_established(&self) -> bool {
        self.remote.is_some()
    }

    pub(super) fn send_batch(
        &mut self,
        mono_us: u64,
        lsn: Lsn,
        time_us: u64,
        batch: &mut BatchBuilder,
    ) {
        self.sent_us = mono_us;
        self.session.send_batch(lsn, time_us, batch);
    }

    /// When a heartbeat is due or silence must be judged.
    pub(super) fn next_timeout(&self, limits: &NodeLimits) -> u64 {
        self.sent_us + limits.heartbeat_us
    }
}

fn refusal(reason: RefuseReason) -> DownReason {
    match reason {
        RefuseReason::VersionMismatch | RefuseReason::Downgraded => DownReason::VersionDiffers,
        RefuseReason::ConfigurationDiffers => DownReason::ConfigurationDiffers,
        _ => DownReason::SyncAborted,
    }
}

fn resignation(cause: ResignCause) -> DownReason {
    match cause {
        ResignCause::Asked => DownReason::StandbyResigned,
        ResignCause::Record => DownReason::RecordRefused,
        ResignCause::Full => DownReason::StandbyFull,
        ResignCause::Replica => DownReason::ReplicaFailed,
    }
}

impl Active {
    /// Whether a standby is joined or joining; a second one is refused.
    pub fn has_standby(&self) -> bool {
        self.standby.is_some()
    }

    /// The version of the records that was agreed on with the standby; the first without one.
    pub fn version(&self) -> Version {
        let link = self.standby.as_ref();
        link.and_then(|link| link.session.version())
            .unwrap_or(Version::V1)
    }

    /// Whether records go anywhere.
    pub(super) fn has_established_standby(&self) -> bool {
        self.standby
            .as_ref()
            .is_some_and(StandbyLink::is_established)
    }

    /// A node that wanted to join was refused, before it was attached, for a reason that keeps this one unprotected.
    pub fn standby_refused(&mut self, mono_us: u64, session: Session, reason: RefuseReason) {
        if self.standby.is_none() {
            self.attach(mono_us, session);
            self.lose_standby(mono_us, refusal(reason));
        }
    }

    /// What sessions with standbys refused, all together.
    pub fn session_refusals(&self) -> SessionRefusals {
        let now = self.standby.as_ref();
        let now = now.map_or_else(SessionRefusals::default, |link| {
            SessionRefusals::of(&link.session)
        });
        self.session_refusals + now
    }

    /// A standby's connection was accepted.
    pub fn attach(&mut self, mono_us: u64, session: Session) {
        self.parting.clear();
        self.standby = Some(StandbyLink {
            session,
            remote: None,
            waiting: None,
            to_sync: VecDeque::new(),
            node_synced: !self.node_sync,
            established_us: mono_us,
            heard_us: mono_us,
            sent_us: mono_us,
            rested_us: mono_us,
        });
    }

    /// Octets came from the standby.
    pub fn ipc_received(&mut self, mono_us: u64, octets: &[u8]) {
        self.seen_us = mono_us;
        let Some(link) = &mut self.standby else {
            return;
        };
        let fed = link.session.feed(octets);
        while let Some(event) = self.standby.as_mut().and_then(|link| link.session.poll()) {
            self.ipc_event(mono_us, event);
        }
        if let Err(error) = fed {
            self.ipc_failed(mono_us, &error);
        }
    }

    fn ipc_failed(&mut self, mono_us: u64, error: &SessionError) {
        tracing::warn!(%error, "the standby's channel is unusable; it is dropped");
        self.session_refusals.broken += 1;
        self.lose_standby(mono_us, DownReason::ChannelGarbled);
    }

    fn ipc_event(&mut self, mono_us: u64, event: SessionEvent) {
        if let Some(link) = &mut self.standby {
            link.heard_us = mono_us;
        }
        match event {
            SessionEvent::Established { remote } => {
                if let Some(link) = &mut self.standby {
                    link.waiting = Some(remote.incarnation);
                }
                self.begin_sync_in_time(mono_us);
            }
            SessionEvent::Acknowledged { epoch, from, lsn } => {
                if self.log.acknowledge(lsn).is_ok() {
                    self.gate.acknowledge(epoch, from, lsn);
                    self.discharge(lsn);
                    self.advance_readiness(lsn);
                }
            }
            SessionEvent::Control(Control::Resign { cause, reason }) => {
                tracing::info!(?cause, %reason, "the standby resigned");
                let link = self.standby.as_ref();
                let from = link.and_then(|link| link.remote.or(link.waiting));
                self.lose_standby(mono_us, resignation(cause));
                self.go_on_without(mono_us, from);
            }
            SessionEvent::Refused(reason) => {
                tracing::warn!(%reason, "the standby was refused");
                // It is told why before its channel is closed.
                self.part();
                self.lose_standby(mono_us, refusal(reason));
            }
            SessionEvent::Control(Control::Goodbye { .. }) => {
                self.lose_standby(mono_us, DownReason::StandbyLost)
            }
            SessionEvent::NewerEpoch(epoch) => {
                tracing::warn!(%epoch, "the standby acts in a newer epoch");
                self.confirm();
            }
            SessionEvent::Control(Control::Audited(told)) => self.audited(mono_us, &told),
            SessionEvent::Control(_) | SessionEvent::Heartbeat { .. } | SessionEvent::Batch(_) => {}
        }
    }

    pub(super) fn begin_sync(&mut self, mono_us: u64, remote: Incarnation) {
        self.adopt_all();
        tracing::info!(standby = %remote, connections = self.protected.len(), "a standby joins");
        if let Some(link) = &mut self.standby {
            link.remote = Some(remote);
            link.established_us = mono_us;
        }
        self.log.attach();
        self.shared.next_id = self.engine.next_id().0;
        Record::Shared(self.shared.clone()).write(&mut self.batch);
        self.record_security();
        #[cfg(feature = "schema-v2")]
        self.record_trial();
        for (address, link) in self.host.neighbours() {
            Record::Neighbour {
                address,
                link: link.0,
            }
            .write(&mut self.batch);
        }
        if self.node_sync {
            self.events.push(NodeEvent::NodeSyncRequested);
        }
        self.sync_all();
    }

    /// Octets to write to the standby.
    pub fn ipc_outgoing(&self) -> &[u8] {
        match &self.standby {
            Some(link) => link.session.outgoing(),
            None => &self.parting,
        }
    }

    /// `n` octets were written.
    pub fn ipc_advance(&mut self, n: usize) {
        match &mut self.standby {
            Some(link) => link.session.advance(n),
            None => drop(self.parting.drain(..n)),
        }
    }

    /// The channel closed or failed.
    pub fn ipc_closed(&mut self, mono_us: u64) {
        self.lose_standby(mono_us, DownReason::StandbyLost);
    }

    /// Heartbeats out, and judgement of the standby's silence and lag.
    pub(super) fn check_standby(&mut self, mono_us: u64) {
        self.begin_sync_in_time(mono_us);
        let Some(link) = &mut self.standby else {
            return;
        };
        if mono_us >= link.sent_us + self.limits.heartbeat_us {
            link.sent_us = mono_us;
            link.session
                .send_heartbeat(self.log.last(), self.clock.now(mono_us).as_micros());
        }
        if mono_us >= link.rested_us + REST_US {
            link.rested_us = mono_us;
            link.session.rest();
        }
        // Before the pair is made a slow standby harms nobody: it gets time to apply what it was sent.
        let alone = matches!(self.guard, Guard::Solo | Guard::Pairing { .. });
        let patience = if self.tenure.standby().is_some() && !alone {
            self.limits.hold_limit_us
        } else {
            50 * self.limits.hold_limit_us
        };
        let silent = mono_us.saturating_sub(link.heard_us) > patience;
        let syncing = matches!(self.guard, Guard::Solo | Guard::Pairing { .. });
        let slow = mono_us.saturating_sub(link.established_us) > self.limits.initial_sync_us;
        let lagging = self.log.lag_us(mono_us) > patience;
        if (lagging || silent) && !planted!(EndlessPatience) {
            let reason = if lagging {
                DownReason::Lagging
            } else {
                DownReason::StandbySilent
            };
            self.lose_standby(mono_us, reason);
        } else if syncing && slow && link.waiting.is_none() && !self.register_silent {
            self.send_away(mono_us, DownReason::SyncTimedOut);
        }
    }

    /// The operator sends the standby away: it comes back and is brought up to date anew.
    ///
    /// # Errors
    /// There is none, or the node hands over to it at this moment.
    pub fn dismiss_standby(&mut self, mono_us: u64) -> Result<(), WishRefused> {
        if !self.has_established_standby() {
            return Err(WishRefused::NoStandby);
        }
        if !matches!(
            self.guard,
            Guard::Solo | Guard::Pairing { .. } | Guard::Paired
        ) {
            return Err(WishRefused::Busy);
        }
        self.send_away(mono_us, DownReason::StandbyDismissed);
        Ok(())
    }

    /// Ends the session with the standby, which is told why before its channel is closed.
    pub(super) fn send_away(&mut self, mono_us: u64, reason: DownReason) {
        if let Some(link) = &mut self.standby {
            link.session.send_control(Control::Goodbye {
                reason: reason.to_string(),
            });
        }
        self.part();
        self.lose_standby(mono_us, reason);
    }

    /// What is outgoing is still written before the channel is closed.
    fn part(&mut self) {
        if let Some(link) = &self.standby {
            self.parting.extend_from_slice(link.session.outgoing());
        }
    }
}
