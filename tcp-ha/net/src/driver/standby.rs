//! A node that shadows.

use super::channel::{Intake, Read};
use super::join::Joining;
use super::resign::Resigning;
use super::{Doing, Driver, Turn, monotonic_us};
use crate::command::Doorbell;
use crate::event::{How, StackEvent};
use crate::status::TakeoverStatus;
use ipc::heartbeat::Verdict;
use ipc::liveness::Watch;
use ipc::refusal::Refusal;
use ipc::register::Tenure;
use ipc::schema::v1::ResignCause;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tcp_ha_core::{Claim, NodeEvent, Promotion, Standby, StandbyEnd, Standing};
use tcp_ha_engine::ConnectionId;

/// How long an unreachable register is left alone before the epoch is claimed again.
const RETRY_US: u64 = 5_000;

/// A standby with its watch over the active.
pub(super) struct Shadowing {
    pub(super) standby: Standby,
    /// Only where both are on one host.
    _watch: Option<Watch>,
    /// Local time of the active's death in microseconds; 0 while it lives.
    died_us: Arc<AtomicU64>,
    /// First sign of the active's death, and when it was seen.
    sign: Option<(&'static str, u64)>,
    retry_us: u64,
    /// Whether the active was heard when it was last judged.
    heard: bool,
    /// Since when the register has been out of reach for claims.
    unreachable_us: Option<u64>,
    pub(super) resigning: Resigning,
    /// Whether it was said that the register cannot be reached.
    told: bool,
}

impl Shadowing {
    pub(super) fn watch(
        standby: Standby,
        dir: Option<&Path>,
        doorbell: Arc<Doorbell>,
    ) -> io::Result<Shadowing> {
        let died_us = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&died_us);
        let on_death = move || {
            told.store(monotonic_us(), Ordering::SeqCst);
            doorbell.ring();
        };
        let watch = dir.map(|dir| Watch::start(dir, standby.remote(), on_death));
        let watch = watch.transpose()?;
        Ok(Shadowing {
            standby,
            _watch: watch,
            died_us,
            sign: None,
            retry_us: 0,
            heard: true,
            unreachable_us: None,
            resigning: Resigning::default(),
            told: false,
        })
    }

    fn note(&mut self, sign: &'static str, seen_us: u64) {
        if self.sign.is_none() {
            tracing::warn!(sign, "the active seems dead");
            self.sign = Some((sign, seen_us));
        }
    }
}

/// Applies what the channel brings, until the role ends.
struct Applying<'a> {
    standby: &'a mut Standby,
    mono_us: u64,
    ended: Option<StandbyEnd>,
}

impl Intake for Applying<'_> {
    fn room(&mut self) -> &mut [u8] {
        self.standby.ipc_room()
    }

    fn filled(&mut self, octets: usize) {
        if self.ended.is_none() {
            self.ended = self.standby.ipc_filled(self.mono_us, octets).err();
        }
    }
}

impl Driver {
    pub(super) fn standby_turn(&mut self, mut shadowing: Box<Shadowing>) -> Turn {
        // Everything that the active still wrote is applied before its death is acted on.
        let (mut ended, more) = self.read_active(&mut shadowing);
        let mono_us = monotonic_us();
        if shadowing.standby.standing() == Standing::HandedOver {
            shadowing.note("handover", mono_us);
        }
        // Who was never accepted is named nowhere: the end of its channel says nothing of the active's.
        let accepted = shadowing.standby.standing() != Standing::Joining;
        if matches!(ended, Some(StandbyEnd::Channel(_))) && accepted {
            shadowing.note("channel", mono_us);
            ended = None;
        }
        self.count_refusals(shadowing.standby.session_refusals());
        if let Some(end) = ended {
            let refusal = match end {
                StandbyEnd::Garbled(_) => Some(Refusal::BrokenSession),
                StandbyEnd::Channel(_) => Some(Refusal::Declined),
                _ => None,
            };
            if let Some(refusal) = refusal {
                self.door.refusals.count(refusal, self.remote());
            }
            return self.join_anew(shadowing, &end);
        }
        let died_us = shadowing.died_us.load(Ordering::SeqCst);
        if died_us != 0 {
            shadowing.note("death", died_us);
        }
        if !more {
            shadowing.heard = shadowing.standby.handle_timeout(mono_us) == Verdict::Alive;
            if !shadowing.heard {
                shadowing.note("silence", mono_us);
            }
        }
        self.write_active(&mut shadowing);
        self.deliver_replica(&mut shadowing.standby);
        self.drop_frames();
        self.park_calls();
        if shadowing.sign.is_some() && !more && mono_us >= shadowing.retry_us {
            return self.claim(shadowing);
        }
        let next_us = if more {
            0
        } else {
            shadowing.standby.next_timeout()
        };
        Turn {
            doing: Doing::Standby(shadowing),
            next_us,
        }
    }

    fn read_active(&mut self, shadowing: &mut Shadowing) -> (Option<StandbyEnd>, bool) {
        let Some(channel) = &mut self.channel else {
            return (None, false);
        };
        let mut intake = Applying {
            standby: &mut shadowing.standby,
            mono_us: monotonic_us(),
            ended: None,
        };
        let read = channel.read_into(&mut intake);
        let ended = intake.ended;
        match read {
            Read::Drained => (ended, false),
            Read::More => (ended, true),
            Read::Closed(what) => {
                self.channel = None;
                (ended.or(Some(StandbyEnd::Channel(what))), false)
            }
        }
    }

    fn write_active(&mut self, shadowing: &mut Shadowing) {
        if let Some(channel) = &mut self.channel {
            let written = channel.write(shadowing.standby.ipc_outgoing());
            shadowing.standby.ipc_advance(written);
        }
    }

    fn deliver_replica(&mut self, standby: &mut Standby) {
        standby.take_events(&mut self.node_events);
        for event in self.node_events.drain(..) {
            let event = match event {
                NodeEvent::ReplicaReset => StackEvent::Standby,
                NodeEvent::ReplicaOpened {
                    id,
                    local,
                    remote,
                    active_open,
                } => StackEvent::Opened {
                    id,
                    local,
                    remote,
                    active_open,
                },
                NodeEvent::ReplicaReceived { id, offset, data } => {
                    StackEvent::Received { id, offset, data }
                }
                NodeEvent::ReplicaSent { id, offset, data } => {
                    StackEvent::Sent { id, offset, data }
                }
                NodeEvent::ReplicaRecord { id, data } => StackEvent::Record { id, data },
                NodeEvent::ReplicaAudit { id, data } => StackEvent::Audit { id, data },
                NodeEvent::ReplicaClosed { id } => StackEvent::Closed { id },
                _ => continue,
            };
            let _ = self.events.send(event);
        }
    }

    /// A sign of death was seen: the compare-and-swap alone decides.
    fn claim(&mut self, mut shadowing: Box<Shadowing>) -> Turn {
        match shadowing.standby.claim(&*self.register) {
            Claim::Won(tenure) => self.promote(shadowing, tenure),
            Claim::Lost => self.join_anew(shadowing, &StandbyEnd::NotNamed),
            Claim::Unknown(error) => self.claim_again(shadowing, &error),
            Claim::Unreachable(error) => {
                // The silence was broken before anything was changed.
                let alarm = matches!(shadowing.sign, Some(("silence", _)));
                if alarm && shadowing.heard && !shadowing.standby.is_in_doubt() {
                    tracing::warn!("the active is heard again, and keeps the epoch");
                    shadowing.standby.heard_again(monotonic_us());
                    shadowing.sign = None;
                    shadowing.told = false;
                    shadowing.unreachable_us = None;
                    return Turn {
                        doing: Doing::Standby(shadowing),
                        next_us: 0,
                    };
                }
                let since_us = *shadowing.unreachable_us.get_or_insert_with(monotonic_us);
                if self.has_resigned(&mut shadowing, since_us) {
                    let what = "resigned: the register is out of reach".to_owned();
                    return self.join_anew(shadowing, &StandbyEnd::Dismissed(what));
                }
                self.claim_again(shadowing, &error)
            }
        }
    }

    /// Nothing is said until the register answers.
    fn claim_again(&mut self, mut shadowing: Box<Shadowing>, error: &str) -> Turn {
        if !shadowing.told {
            shadowing.told = true;
            tracing::warn!(
                error,
                "the register cannot be reached: nothing is said until it can"
            );
        }
        let mono_us = monotonic_us();
        shadowing.standby.claim_failed(mono_us);
        shadowing.retry_us = mono_us + RETRY_US;
        Turn {
            doing: Doing::Standby(shadowing),
            next_us: mono_us + RETRY_US,
        }
    }

    fn promote(&mut self, shadowing: Box<Shadowing>, tenure: Tenure) -> Turn {
        let won_us = monotonic_us();
        let Shadowing {
            standby,
            _watch,
            sign,
            ..
        } = *shadowing;
        let (sign, seen_us) = sign.unwrap_or(("handover", won_us));
        if self.config.channel.is_of_one_host()
            && let Err(error) =
                ipc::liveness::tell_overtaken(&self.config.register, standby.remote())
        {
            tracing::info!(%error, "the old active is not told");
        }
        self.channel = None;
        let Some(host) = self.host() else {
            return self.give_up("the interface is unusable".to_owned());
        };
        let config = self.config.tcp.clone();
        let promoted = standby.promote(
            tenure,
            self.register.clone(),
            config,
            host,
            self.config.node_sync,
            won_us,
        );
        let Some(Promotion {
            mut active,
            taken,
            left_behind,
        }) = promoted
        else {
            return self.give_up("took the epoch without having been synchronised".to_owned());
        };
        for left in &left_behind {
            tracing::warn!(id = %left.id, reason = left.reason, "connection is not taken over");
        }
        // The peers come first: frames leave before the daemon is told anything.
        active.close_batch(won_us);
        let built_us = monotonic_us().saturating_sub(won_us);
        self.transmit(&mut active);
        while active.speak_on(monotonic_us()) {
            active.close_batch(monotonic_us());
            self.transmit(&mut active);
        }
        let how = if sign == "handover" {
            How::HandOver
        } else {
            How::TakeOver
        };
        let takeover = TakeoverStatus {
            how,
            sign,
            seen_us,
            claim_us: won_us.saturating_sub(seen_us),
            built_us,
            speak_us: monotonic_us().saturating_sub(won_us),
            taken: taken.len(),
            left_behind: left_behind.len(),
        };
        tracing::warn!(?takeover, "took over");
        self.takeover = Some(takeover);
        let streams = self.streams.take_up(&mut active, &taken);
        self.enter_active(active, how, streams)
    }

    /// A standby whose daemon cannot follow backs nobody: it says so, and both begin anew.
    pub(super) fn replica_failed(&mut self, what: &str) {
        match std::mem::replace(&mut self.doing, Doing::Ended) {
            Doing::Standby(mut shadowing) => {
                shadowing.standby.resign(ResignCause::Replica, what);
                let end = StandbyEnd::Record(format!("the daemon's replica failed: {what}"));
                self.doing = self.join_anew(shadowing, &end).doing;
            }
            // Its role has changed since.
            other => self.doing = other,
        }
    }

    /// The daemon's replica on this standby differs; the active brings it up to date anew.
    pub(super) fn replica_differs(&mut self, id: Option<ConnectionId>) {
        if let Doing::Standby(shadowing) = &mut self.doing {
            shadowing.standby.replica_differs(id);
            if let Some(channel) = &mut self.channel {
                let written = channel.write(shadowing.standby.ipc_outgoing());
                shadowing.standby.ipc_advance(written);
            }
        }
    }

    fn join_anew(&mut self, shadowing: Box<Shadowing>, end: &StandbyEnd) -> Turn {
        tracing::warn!(%end, "joins anew");
        if let Some(channel) = &mut self.channel {
            // It may say why.
            channel.flush(shadowing.standby.ipc_outgoing());
        }
        drop(shadowing);
        self.channel = None;
        // The register may hold the old name, and what stood behind it is gone.
        if let Err(error) = self.take_new_name() {
            return self.give_up(error.to_string());
        }
        // What was refused or could not be applied is likely to be so again.
        let pause_us = match end {
            StandbyEnd::Record(_) => 500_000,
            StandbyEnd::Refused(_) => 100_000,
            StandbyEnd::Channel(_) if !self.config.channel.is_of_one_host() => 200_000,
            _ => RETRY_US,
        };
        let joining = Joining::after(pause_us, end.to_string());
        Turn {
            doing: Doing::Joining(joining),
            next_us: monotonic_us() + pause_us,
        }
    }
}
