//! The moves of the register, as the active makes them: pair, solo, hand over, and being fenced.

use super::Active;
use crate::readiness::{DownReason, Readiness};
use core::fmt;
use ipc::refusal::SessionRefusals;
use ipc::register::{CasError, Tenure};
use ipc::schema::v1::Control;
use ipc::{Epoch, Incarnation};
use tcp_ha_engine::ConnectionId;

/// How long an unknown or unavailable register is left alone before it is asked again.
const RETRY_US: u64 = 20_000;

/// How long a planned handover may take to drain before it is called off, in hold limits.
const DRAIN_HOLD_LIMITS: u64 = 20;

/// How long a standby that could not be paired with is left to catch up, in hold limits.
const PAIR_PAUSE_HOLD_LIMITS: u64 = 5;

/// By what right this node speaks.
pub(super) enum Guard {
    /// The register says (active me, standby none).
    Solo,
    /// Still alone; no input is taken until the standby holds everything, so that the pair can be made.
    Pairing { since_us: u64 },
    /// The register names a standby; frames leave as it acknowledges.
    Paired,
    /// The standby was lost, or whether a pair was made is not known; the gate is shut until the register says (active me, standby
    /// none), or names the standby that is still there.
    Breaking { retry_us: u64 },
    /// Everything is drained to the standby, then it gets the epoch.
    HandingOver { since_us: u64 },
    /// Whether the standby got the epoch is not known; the gate is shut until it is.
    Doubting { retry_us: u64 },
    /// Another node has the epoch, for ever.
    Fenced(Fenced),
}

impl Guard {
    /// Whether the register names a standby, or did when it was last known.
    fn is_of_a_pair(&self) -> bool {
        matches!(
            self,
            Guard::Paired | Guard::HandingOver { .. } | Guard::Doubting { .. }
        )
    }
}

/// Why this node may never speak again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fenced {
    /// It passed the epoch on itself.
    HandedOver,
    /// Another node took it.
    Overtaken,
}

impl fmt::Display for Fenced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fenced::HandedOver => "handed over to the standby",
            Fenced::Overtaken => "the register names another active: this node was overtaken",
        })
    }
}

/// Why a planned handover is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwitchoverRefused {
    /// No standby is paired.
    Unprotected(DownReason),
    /// A protected connection is not ready.
    NotReady(ConnectionId, Readiness),
    /// A handover is under way already, or the node is fenced.
    Busy,
}

impl fmt::Display for SwitchoverRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SwitchoverRefused::Unprotected(reason) => write!(f, "no standby is paired: {reason}"),
            SwitchoverRefused::NotReady(id, readiness) => {
                write!(f, "connection {} is not ready: {readiness}", id.0)
            }
            SwitchoverRefused::Busy => f.write_str("a handover is under way"),
        }
    }
}

impl Active {
    /// Begins a planned handover: no more input is taken, everything is acknowledged, then the standby gets the epoch.
    ///
    /// # Errors
    /// It is refused when a protected connection would not survive it.
    pub fn switchover(&mut self, mono_us: u64) -> Result<(), SwitchoverRefused> {
        match self.guard {
            Guard::Paired => {}
            Guard::Solo | Guard::Pairing { .. } | Guard::Breaking { .. } => {
                return Err(SwitchoverRefused::Unprotected(self.unprotected));
            }
            Guard::HandingOver { .. } | Guard::Doubting { .. } | Guard::Fenced(_) => {
                return Err(SwitchoverRefused::Busy);
            }
        }
        if let Some((id, readiness)) = self.first_unready() {
            return Err(SwitchoverRefused::NotReady(id, readiness));
        }
        self.guard = Guard::HandingOver { since_us: mono_us };
        Ok(())
    }

    /// Whether, and why, this node is silent for ever.
    pub fn fenced(&self) -> Option<Fenced> {
        match self.guard {
            Guard::Fenced(reason) => Some(reason),
            _ => None,
        }
    }

    /// After a gap in the loop, before anything else: this node may have been overtaken meanwhile, and what waits in its channel may be
    /// of before.
    ///
    /// A pair asks its standby, not the register: nothing leaves until it acknowledges a batch that is closed from now on.
    pub fn stood_still(&mut self) {
        match self.guard {
            Guard::Paired => self.ask_standby(),
            _ => self.confirm(),
        }
    }

    /// Reads the register after a doubt (a foreign announcement of our address) and falls silent if the epoch is gone.
    pub fn confirm(&mut self) {
        match self.register.read() {
            // A newer epoch of our own is a swap whose outcome is still to be found out.
            Ok(Some(entry)) if entry.active == self.me => self.register_answered(),
            Ok(_) => self.fence(Fenced::Overtaken),
            // Paired: only who still shadows acknowledges. Solo: nobody may take over from (me, none) without proof of death.
            Err(error) => {
                self.register_fails(&error, "goes on");
                if matches!(self.guard, Guard::Paired) {
                    self.ask_standby();
                }
            }
        }
    }

    /// A standby that has taken over acknowledges nothing any more.
    fn ask_standby(&mut self) {
        self.gate.demand(self.log.last().next());
        self.barrier_due = true;
    }

    /// Says it once, however often the register is asked.
    fn register_fails(&mut self, error: &dyn fmt::Display, consequence: &str) {
        if !self.register_failing {
            tracing::warn!(%error, consequence, "the register cannot be reached");
        }
        self.register_failing = true;
    }

    pub(super) fn fence(&mut self, reason: Fenced) {
        if planted!(ResumedAnswersArp) {
            self.gate.shut();
            self.guard = Guard::Breaking { retry_us: u64::MAX };
            return;
        }
        self.gate.fence();
        if planted!(FencedSpeaks) {
            self.guard = Guard::Solo;
            return;
        }
        self.register_answered();
        self.node_down(match reason {
            Fenced::HandedOver => DownReason::HandedOver,
            Fenced::Overtaken => DownReason::Overtaken,
        });
        self.standby = None;
        self.guard = Guard::Fenced(reason);
    }

    /// The standby is gone, or is to be: protection is down, and the gate stays shut until the register says (active me, standby none).
    pub(super) fn lose_standby(&mut self, mono_us: u64, reason: DownReason) {
        let Some(link) = self.standby.take() else {
            return;
        };
        self.seen_us = mono_us;
        self.session_refusals = self.session_refusals + SessionRefusals::of(&link.session);
        self.counters.standby_lost += 1;
        self.log.detach();
        self.batch.clear();
        self.audit.abandon();
        let gone = matches!(reason, DownReason::StandbyLost | DownReason::StandbySilent);
        let reason = if gone && matches!(self.guard, Guard::Solo) {
            DownReason::SyncAborted
        } else {
            reason
        };
        tracing::warn!(%reason, "unprotected");
        self.register_answered();
        self.plan_renewal(mono_us, reason);
        self.node_down(reason);
        self.protection_down(reason);
        if matches!(self.guard, Guard::Pairing { .. }) {
            self.guard = Guard::Solo;
        }
        let had_pair = self.guard.is_of_a_pair();
        if had_pair {
            self.gate.shut();
            self.clock.freeze(mono_us);
            self.guard = Guard::Breaking { retry_us: mono_us };
            #[cfg(feature = "planted")]
            if planted!(SoloWithoutSwap) {
                self.speak_alone_wrongly(mono_us);
                return;
            }
            self.drive_guard(mono_us);
        }
    }

    /// Takes the moves that are due.
    pub(super) fn drive_guard(&mut self, mono_us: u64) {
        match self.guard {
            Guard::Solo | Guard::Pairing { .. } => self.try_pair(mono_us),
            Guard::Breaking { retry_us } if mono_us >= retry_us => self.try_solo(mono_us),
            Guard::HandingOver { since_us } => self.try_hand_over(mono_us, since_us),
            Guard::Doubting { retry_us } if mono_us >= retry_us => self.resolve_doubt(mono_us),
            Guard::Paired | Guard::Breaking { .. } | Guard::Doubting { .. } | Guard::Fenced(_) => {}
        }
    }

    pub(super) fn guard_timeout(&self) -> Option<u64> {
        match self.guard {
            Guard::Breaking { retry_us } | Guard::Doubting { retry_us } => Some(retry_us),
            Guard::Pairing { since_us } => Some(since_us + self.limits.hold_limit_us + 1),
            Guard::HandingOver { since_us } => {
                Some(since_us + DRAIN_HOLD_LIMITS * self.limits.hold_limit_us)
            }
            _ => None,
        }
    }

    /// Makes the pair at a moment when the standby holds everything: no frame is queued that it has not acknowledged.
    fn try_pair(&mut self, mono_us: u64) {
        let Some(link) = &self.standby else { return };
        let (Some(remote), true) = (link.remote, link.to_sync.is_empty()) else {
            return;
        };
        let patient = mono_us < link.established_us + self.limits.application_sync_us;
        let synced = self.all_synced() && link.node_synced;
        if (!synced && patient) || mono_us < self.pair_after_us {
            return;
        }
        if !self.is_drained() && !planted!(PairedUndrained) {
            self.wait_to_pair(mono_us);
            return;
        }
        // Asked first whether it answers at all: a swap of unknown outcome would shut the gate.
        match self.register.read() {
            Ok(Some(entry)) if entry.active == self.me => {}
            Ok(_) => return self.fence(Fenced::Overtaken),
            Err(error) => return self.put_pair_off(mono_us, &error),
        }
        match self
            .register
            .compare_and_swap(Some(self.tenure.epoch()), self.me, Some(remote))
        {
            Ok(tenure) => self.enter_pair(tenure),
            // A swap made before the standby of that time resigned has only now taken effect.
            Err(CasError::Lost(Some(entry))) if entry.active == self.me => {
                self.gate.shut();
                self.clock.freeze(mono_us);
                self.guard = Guard::Breaking { retry_us: mono_us };
            }
            Err(CasError::Lost(_)) => self.fence(Fenced::Overtaken),
            // The outcome may be (me, standby): nothing leaves until a read shows which. The standby is kept, so that it sees no sign
            // of a death and has no reason to claim what it may have been given.
            Err(CasError::Unknown(error)) => {
                self.gate.shut();
                self.clock.freeze(mono_us);
                self.gift_in_doubt = true;
                self.retry(mono_us, &error);
            }
            Err(CasError::Unavailable(error)) => self.put_pair_off(mono_us, &error),
        }
    }

    fn put_pair_off(&mut self, mono_us: u64, error: &dyn fmt::Display) {
        self.register_fails(error, "the pair is not made until it can be");
        self.register_failed();
        self.guard = Guard::Solo;
        self.pair_after_us = mono_us + RETRY_US;
    }

    /// The register names a standby now: frames leave as it acknowledges in this epoch.
    fn enter_pair(&mut self, tenure: Tenure) {
        let epoch = tenure.epoch();
        self.gate.pair(&tenure);
        self.tenure = tenure;
        self.gift_in_doubt = false;
        self.guard = Guard::Paired;
        self.register_answered();
        if let Some(link) = &mut self.standby {
            link.session.send_control(Control::Paired { epoch });
            link.session.set_epoch(epoch);
        }
        tracing::info!(%epoch, "paired");
    }

    /// A handover of unknown outcome: either the standby has the epoch already, or it gets a newer one now, which the earlier
    /// attempt cannot follow any more.
    fn resolve_doubt(&mut self, mono_us: u64) {
        let Some(remote) = self.tenure.standby() else {
            return;
        };
        let expected = match self.register.read() {
            Ok(Some(entry)) if entry.active == self.me => entry.epoch,
            Ok(Some(entry)) if entry.active == remote => return self.handed_over(entry.epoch),
            Ok(_) => return self.fence(Fenced::Overtaken),
            Err(error) => return self.doubt(mono_us, &error),
        };
        match self.register.compare_and_swap(Some(expected), remote, None) {
            Ok(tenure) => self.handed_over(tenure.epoch()),
            Err(error) => self.doubt(mono_us, &error),
        }
    }

    fn doubt(&mut self, mono_us: u64, why: &dyn fmt::Display) {
        self.register_fails(
            why,
            "whether the standby has the epoch is not known; nothing leaves until it is",
        );
        self.register_failed();
        self.gift_in_doubt = true;
        self.guard = Guard::Doubting {
            retry_us: mono_us + RETRY_US,
        };
    }

    fn handed_over(&mut self, epoch: Epoch) {
        self.gate.fence();
        if let Some(link) = &mut self.standby {
            link.session.send_control(Control::HandOver { epoch });
        }
        self.register_answered();
        self.node_down(DownReason::HandedOver);
        self.guard = Guard::Fenced(Fenced::HandedOver);
        if planted!(HandedOverSpeaks) {
            self.guard = Guard::Solo;
        }
        tracing::info!(%epoch, "handed over");
    }

    /// Whether the standby holds everything, and nothing is queued or begun.
    fn is_drained(&self) -> bool {
        self.log.acknowledged() == self.log.last() && self.batch.is_empty() && self.gate.is_empty()
    }

    /// Takes no more input until everything is acknowledged; a standby that is too slow for it is tried again later.
    fn wait_to_pair(&mut self, mono_us: u64) {
        match self.guard {
            Guard::Pairing { since_us } if mono_us > since_us + self.limits.hold_limit_us => {
                self.guard = Guard::Solo;
                self.pair_after_us = mono_us + PAIR_PAUSE_HOLD_LIMITS * self.limits.hold_limit_us;
            }
            Guard::Pairing { .. } => {}
            _ => self.guard = Guard::Pairing { since_us: mono_us },
        }
    }

    fn try_solo(&mut self, mono_us: u64) {
        let attached = self.standby.as_ref().and_then(|link| link.remote);
        let expected = match self.register.read() {
            Ok(Some(entry)) if entry.active == self.me => {
                if attached.is_some() && entry.standby == attached {
                    return self.resume_pair(mono_us);
                }
                entry.epoch
            }
            Ok(_) => return self.fence(Fenced::Overtaken),
            Err(error) => return self.retry(mono_us, &error),
        };
        match self
            .register
            .compare_and_swap(Some(expected), self.me, None)
        {
            Ok(tenure) => {
                self.gate.open_solo(&tenure);
                self.tenure = tenure;
                self.gift_in_doubt = false;
                self.clock.thaw(mono_us);
                self.guard = Guard::Solo;
                self.register_answered();
                tracing::info!(epoch = %self.tenure.epoch(), "serving without a standby");
            }
            // An earlier swap of our own has only now taken effect: the next read says which.
            Err(CasError::Lost(Some(entry))) if entry.active == self.me => {
                self.guard = Guard::Breaking { retry_us: mono_us };
            }
            Err(CasError::Lost(_)) => self.fence(Fenced::Overtaken),
            #[cfg(feature = "planted")]
            Err(CasError::Unknown(_)) if planted!(UnknownTakenForWon) => {
                self.speak_alone_wrongly(mono_us);
            }
            Err(error) => self.retry(mono_us, &error),
        }
    }

    #[cfg(feature = "planted")]
    fn speak_alone_wrongly(&mut self, mono_us: u64) {
        self.gate.open_wrongly();
        self.clock.thaw(mono_us);
        self.guard = Guard::Solo;
    }

    /// `from` has resigned. Where it is the one that the register names, it will not take over, and nobody else may: this node speaks,
    /// though the register may be out of reach (I8). An earlier swap of its own that may still take effect must say nothing else: where
    /// it names a standby, or gives the epoch away, the register decides.
    pub(super) fn go_on_without(&mut self, mono_us: u64, from: Option<Incarnation>) {
        let Some(from) = from else { return };
        let waits = matches!(self.guard, Guard::Breaking { .. });
        if waits && !self.gift_in_doubt && self.gate.open_resigned(self.tenure.epoch(), from) {
            self.clock.thaw(mono_us);
            self.guard = Guard::Solo;
            tracing::warn!(
                "the standby has resigned: serving without it, and without the register"
            );
        }
    }

    /// The pair whose making was in doubt has been made.
    fn resume_pair(&mut self, mono_us: u64) {
        match self.register.confirm(self.me) {
            Ok(Some(tenure)) => {
                self.clock.thaw(mono_us);
                self.enter_pair(tenure);
            }
            Ok(None) => self.fence(Fenced::Overtaken),
            Err(error) => self.retry(mono_us, &error),
        }
    }

    fn retry(&mut self, mono_us: u64, error: &dyn fmt::Display) {
        self.register_fails(error, "nothing leaves until it can be");
        self.register_failed();
        self.guard = Guard::Breaking {
            retry_us: mono_us + RETRY_US,
        };
    }

    fn try_hand_over(&mut self, mono_us: u64, since_us: u64) {
        let Some(remote) = self.tenure.standby() else {
            return;
        };
        if !self.is_drained() {
            if mono_us > since_us + DRAIN_HOLD_LIMITS * self.limits.hold_limit_us {
                tracing::warn!(
                    "the handover is called off: the standby did not acknowledge everything"
                );
                self.guard = Guard::Paired;
            }
            return;
        }
        match self
            .register
            .compare_and_swap(Some(self.tenure.epoch()), remote, None)
        {
            Ok(tenure) => self.handed_over(tenure.epoch()),
            Err(CasError::Lost(_)) => self.fence(Fenced::Overtaken),
            Err(CasError::Unknown(error)) => {
                self.gate.shut();
                self.clock.freeze(mono_us);
                self.doubt(mono_us, &error);
            }
            Err(error) => {
                self.register_fails(&error, "the handover is called off");
                self.guard = Guard::Paired;
            }
        }
    }
}
