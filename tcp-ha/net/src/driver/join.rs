//! A node that looks for its role: it reads the register and joins, begins, or waits.

use super::dial::Dialling;
use super::door::Line;
use super::fate::Fate;
use super::standby::Shadowing;
use super::{CHANNEL, Channel, Doing, Driver, StackEvent, Turn, epoch_of, monotonic_us, register};
use crate::channel::ChannelConfig;
use crate::config::Begin;
use crate::event::How;
use crate::status::TakeoverStatus;
use ipc::refusal::SessionRefusals;
use ipc::register::{CasError, Tenure};
use ipc::transport::{Transport, UnixTransport};
use ipc::{Entry, Incarnation, Lsn};
use mio::Interest;
use std::sync::Arc;
use tcp_ha_core::{Active, ActiveParts, Clock, Standby};
use tcp_ha_engine::{Engine, Secrets};

/// How often the register is read while there is nothing to join.
const LOOK_US: u64 = 10_000;

/// How long a node that would rather stand by leaves the place of a dead pair to others.
const DEFER_US: u64 = 2_000_000;

/// See the module's text.
#[derive(Default)]
pub(super) struct Joining {
    reason: String,
    /// Nothing is tried before this local time.
    pub(super) not_before_us: u64,
    pub(super) dialling: Dialling,
    /// Since when both that the register names have been found dead.
    dead_since_us: Option<u64>,
}

impl Joining {
    /// Looks for a role again, `pause_us` from now.
    pub(super) fn after(pause_us: u64, reason: String) -> Joining {
        Joining {
            reason,
            not_before_us: monotonic_us() + pause_us,
            dialling: Dialling::default(),
            dead_since_us: None,
        }
    }

    pub(super) fn reason(&self) -> &str {
        &self.reason
    }

    fn wait(mut self, reason: impl Into<String>) -> Turn {
        let reason = reason.into();
        if reason != self.reason {
            tracing::info!(reason, "joining");
            self.reason = reason;
        }
        Turn {
            doing: Doing::Joining(self),
            next_us: monotonic_us() + LOOK_US,
        }
    }
}

impl Driver {
    pub(super) fn join_turn(&mut self, mut joining: Joining) -> Turn {
        self.drop_frames();
        self.park_calls();
        if monotonic_us() < joining.not_before_us {
            let next_us = joining.not_before_us;
            return Turn {
                doing: Doing::Joining(joining),
                next_us,
            };
        }
        let entry = match self.register.read() {
            Ok(entry) => entry,
            Err(error) => return joining.wait(error.to_string()),
        };
        let Some(entry) = entry else {
            return match self.config.begin {
                Begin::Active => self.cold_start(joining, None),
                Begin::Standby => joining.wait("the register is empty: waiting for an active"),
            };
        };
        if entry.active == self.me {
            return self.resume_cold_start(joining);
        }
        self.sweep(&entry);
        match self.fate(entry.active) {
            Ok(Fate::Lives) => {
                joining.dead_since_us = None;
                self.join(joining, &entry)
            }
            Ok(Fate::Dead) => self.replace_dead(joining, &entry),
            Ok(Fate::Unknown) => self.join(joining, &entry),
            Err(error) => joining.wait(format!("cannot tell whether the active lives: {error}")),
        }
    }

    /// A line to the active; `Ok(None)` while it is not known whether there is one.
    pub(super) fn line(
        &mut self,
        joining: &mut Joining,
        active: Incarnation,
    ) -> Result<Option<Line>, String> {
        if let ChannelConfig::Hosts(hosts) = &self.config.channel {
            let hosts = hosts.clone();
            return self.dial(&hosts, joining);
        }
        let transport = UnixTransport::connect(&self.config.register, active)
            .map_err(|error| error.to_string())?;
        if let Some(fd) = transport.fd() {
            let interest = Interest::READABLE | Interest::WRITABLE;
            register(&self.poll, &fd, CHANNEL, interest).map_err(|error| error.to_string())?;
        }
        Ok(Some(Line {
            transport: Box::new(transport),
            remote: None,
            protection: None,
        }))
    }

    fn join(&mut self, mut joining: Joining, entry: &Entry) -> Turn {
        let line = match self.line(&mut joining, entry.active) {
            Ok(Some(line)) => line,
            Ok(None) => {
                return Turn {
                    doing: Doing::Joining(joining),
                    next_us: monotonic_us() + LOOK_US,
                };
            }
            Err(error) => return self.without_answer(joining, entry, &error),
        };
        let mono_us = monotonic_us();
        let standby = Standby::join(
            self.identity.clone(),
            entry.active,
            epoch_of(entry),
            self.config.limits,
            mono_us,
        );
        self.channel = Some(Channel::new(line));
        self.refusals_told = SessionRefusals::default();
        let dir = self
            .config
            .channel
            .is_of_one_host()
            .then_some(self.config.register.as_path());
        match Shadowing::watch(standby, dir, Arc::clone(&self.doorbell)) {
            Ok(shadowing) => Turn {
                doing: Doing::Standby(Box::new(shadowing)),
                next_us: 0,
            },
            Err(error) => {
                self.channel = None;
                joining.wait(format!("cannot watch the active: {error}"))
            }
        }
    }

    /// The active that the register names is dead. Its standby, if it lives, takes over; otherwise the pair begins anew.
    fn replace_dead(&mut self, mut joining: Joining, entry: &Entry) -> Turn {
        match entry.standby.map(|standby| self.fate(standby)) {
            None | Some(Ok(Fate::Dead)) => {}
            Some(Ok(Fate::Unknown)) => {
                let what = "the active is dead, its standby on another host has not taken over";
                return self.without_proof(joining, entry, what);
            }
            Some(Ok(Fate::Lives) | Err(_)) => {
                return joining.wait("the active is dead: its standby takes over");
            }
        }
        let mono_us = monotonic_us();
        let since_us = *joining.dead_since_us.get_or_insert(mono_us);
        if self.config.begin == Begin::Standby && mono_us < since_us + DEFER_US {
            return joining.wait("both nodes of the last pair are dead: waiting for an active");
        }
        self.cold_start(joining, Some(entry))
    }

    /// The active that the register names is not to be had.
    fn without_answer(&mut self, joining: Joining, entry: &Entry, error: &str) -> Turn {
        match self.fate(entry.active) {
            Ok(Fate::Unknown) => {
                let what = format!("the active does not answer ({error})");
                self.without_proof(joining, entry, &what)
            }
            _ => joining.wait(format!("the active does not answer: {error}")),
        }
    }

    /// Somebody is silent who was on another host: only the operator or a fencing command can say that it is dead.
    fn without_proof(&mut self, joining: Joining, entry: &Entry, what: &str) -> Turn {
        if self.config.dead_epoch == Some(entry.epoch) {
            tracing::warn!(epoch = %entry.epoch, "the operator says that both nodes are dead");
            return self.cold_start(joining, Some(entry));
        }
        match self
            .fencing
            .turn(self.config.fence.as_ref(), entry, monotonic_us())
        {
            Ok(true) => self.cold_start(joining, Some(entry)),
            Ok(false) => joining.wait(format!(
                "epoch {}: {what}, and nothing here proves its death",
                entry.epoch
            )),
            Err(error) => joining.wait(format!(
                "epoch {}: {what}, and fencing it failed: {error}",
                entry.epoch
            )),
        }
    }

    /// A cold start of this node, whose outcome it was not told, was won.
    fn resume_cold_start(&mut self, joining: Joining) -> Turn {
        match self.register.confirm(self.me) {
            Ok(Some(tenure)) => {
                tracing::warn!(epoch = %tenure.epoch(), "cold start: begins without connections");
                self.begin_active(tenure)
            }
            Ok(None) => joining.wait("the register names another node by now"),
            Err(error) => joining.wait(error.to_string()),
        }
    }

    fn cold_start(&mut self, joining: Joining, dead: Option<&Entry>) -> Turn {
        match self
            .register
            .compare_and_swap(dead.map(|entry| entry.epoch), self.me, None)
        {
            Ok(tenure) => {
                tracing::warn!(epoch = %tenure.epoch(), "cold start: begins without connections");
                self.begin_active(tenure)
            }
            Err(CasError::Lost(_)) => Turn {
                doing: Doing::Joining(joining),
                next_us: 0,
            },
            Err(error) => joining.wait(error.to_string()),
        }
    }

    fn begin_active(&mut self, tenure: Tenure) -> Turn {
        let mut random = [0; Secrets::LEN];
        for half in random.chunks_mut(16) {
            match ipc::Incarnation::random() {
                Ok(drawn) => half.copy_from_slice(&drawn.to_bytes()),
                Err(error) => return self.give_up(format!("cannot draw secrets: {error}")),
            }
        }
        let secrets = Secrets::from_bytes(&random);
        let Some(host) = self.host() else {
            return self.give_up("the interface is unusable".to_owned());
        };
        let mut active = Active::new(ActiveParts {
            me: self.me,
            limits: self.config.limits,
            register: self.register.clone(),
            tenure,
            engine: Engine::new(self.config.tcp.clone(), secrets.clone()),
            host,
            clock: Clock::new(),
            secrets,
            last_lsn: Lsn::ZERO,
            node_sync: self.config.node_sync,
            mono_us: monotonic_us(),
        });
        active.set_security(self.config.security.clone());
        active.announce(monotonic_us());
        self.takeover = Some(TakeoverStatus {
            how: How::ColdStart,
            sign: "",
            seen_us: 0,
            claim_us: 0,
            built_us: 0,
            speak_us: 0,
            taken: 0,
            left_behind: 0,
        });
        self.enter_active(active, How::ColdStart, Vec::new())
    }

    /// The node is the active from here on: listens for a standby, tells the daemon.
    pub(super) fn enter_active(
        &mut self,
        active: Active,
        how: How,
        streams: Vec<crate::stream::TcpStream>,
    ) -> Turn {
        self.door.listen(&self.config, self.me, &self.poll);
        self.refusals_told = SessionRefusals::default();
        let epoch = active.epoch().0;
        tracing::info!(epoch, ?how, streams = streams.len(), "active");
        let _ = self.events.send(StackEvent::Active {
            epoch,
            how,
            streams,
        });
        self.last_turn_us = monotonic_us();
        Turn {
            doing: Doing::Active(Box::new(active)),
            next_us: 0,
        }
    }

    pub(super) fn give_up(&mut self, reason: String) -> Turn {
        tracing::error!(reason, "the node ends");
        let _ = self.events.send(StackEvent::Ended { reason });
        Turn {
            doing: Doing::Ended,
            next_us: 0,
        }
    }

    /// A node that may not speak lets frames pass, so that none waits on its device when it takes over.
    pub(super) fn drop_frames(&mut self) {
        while self.device_ready {
            if self.device.receive(&mut self.buffer).is_err() {
                self.device_ready = false;
            }
        }
    }

    /// Opens wait until this node is active; other calls speak of streams that it does not have.
    pub(super) fn park_calls(&mut self) {
        use crate::command::Command;
        const WAITING_MAX: usize = 4096;
        while let Ok(call) = self.calls.try_recv() {
            match call {
                Command::Listen { .. } | Command::Connect { .. }
                    if self.waiting.len() < WAITING_MAX =>
                {
                    self.waiting.push_back(call);
                }
                _ => {}
            }
        }
    }
}
