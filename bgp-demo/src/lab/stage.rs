//! Everything that is there before the first failover, and how it is taken down after the last.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ipnet::IpNet;

use super::capture::{Capture, Scope};
use super::child::wait_until;
use super::churn::{Announced, SharedDaemon, lock};
use super::daemons::{self, Place, Terms, Words};
use super::error::{At, LabError, Result};
use super::hosts::Hosts;
use super::judge::compare;
use super::network::{self, BRIDGE, TAPS};
use super::node::{NodeSocket, ORIGINATED, routes_file};
use super::options::{LabOptions, PeerKind};
use super::pair::Pair;
use super::progress::Progress;
use super::routes::Plan;
use super::security;

/// How often a wait for tables looks again.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The captures of a run.
#[derive(Debug)]
pub(crate) struct Captures {
    wire: Capture,
    taps: [Capture; 2],
}

/// What the captures left behind.
#[derive(Debug)]
pub(crate) struct Captured {
    /// Every frame of the peers' wire.
    pub(crate) wire: PathBuf,
    /// Frames of it that were lost.
    pub(crate) dropped: u64,
    /// What each route processor's device sent.
    pub(crate) taps: [PathBuf; 2],
}

impl Captures {
    fn start(run: &Path) -> Result<Self> {
        let tap = |index: usize| {
            let file = run.join(format!("{}.pcap", TAPS[index]));
            Capture::start(TAPS[index], &file, Scope::SentHeaders)
        };
        Ok(Self {
            wire: Capture::start(BRIDGE, &run.join("wire.pcap"), Scope::Everything)?,
            taps: [tap(0)?, tap(1)?],
        })
    }

    /// Ends all of them.
    ///
    /// # Errors
    /// As [`Capture::stop`].
    pub(crate) fn stop(self) -> Result<Captured> {
        let [one, other] = self.taps;
        let (wire, dropped) = self.wire.stop()?;
        Ok(Captured {
            wire,
            dropped,
            taps: [one.stop()?.0, other.stop()?.0],
        })
    }
}

/// A run's peers, route processors and captures.
pub(crate) struct Stage {
    /// Addresses and routes.
    pub(crate) plan: Plan,
    /// Which routes are announced.
    pub(crate) announced: Arc<Announced>,
    /// The peers' daemons.
    pub(crate) daemons: Vec<SharedDaemon>,
    /// The route processors.
    pub(crate) pair: Pair,
    /// What two hosts need, where there are two.
    pub(crate) hosts: Option<Hosts>,
    captures: Captures,
    patience: Duration,
    /// Where the run's files are.
    pub(crate) directory: PathBuf,
}

impl Stage {
    /// Builds the network and starts everything, the captures first; returns when every session is ready and every
    /// table full.
    ///
    /// # Errors
    /// Whatever cannot be started, or does not get ready.
    pub(crate) fn build(options: &LabOptions, run: &Path, progress: &Progress) -> Result<Self> {
        let mut stage = Self::raise(options, run, progress)?;
        stage.pair.wait_ready(stage.patience)?;
        progress.say("paired, every session ready; waiting for full tables");
        stage.wait_full()?;
        if options.table.is_some() {
            stage.wait_taken()?;
            progress.say("both route processors hold the whole table");
        }
        if options.loss > 0 {
            progress.say(&format!("the wire loses {} % from here on", options.loss));
            security::lose(options.loss)?;
        }
        // The tables may have filled while something was not ready any more.
        stage.pair.wait_ready(stage.patience)?;
        Ok(stage)
    }

    /// Builds the network and starts everything, the captures first.
    ///
    /// # Errors
    /// Whatever cannot be started.
    pub(crate) fn raise(options: &LabOptions, run: &Path, progress: &Progress) -> Result<Self> {
        let plan = Plan::new(options);
        let file = run.join(ORIGINATED);
        std::fs::write(&file, routes_file(&plan, plan.ours.all())).at(file.display())?;
        let pair = Pair::new(options, &plan, run)?;
        let hosts = if options.hosts {
            network::build_bridge()?;
            Some(Hosts::build(run, options.binaries.as_deref())?)
        } else {
            network::build_segment()?;
            None
        };
        let places = Place::all(options.peer, options.sessions, run)?;
        for place in &places {
            let address = |session: &usize| plan.sessions[*session].address;
            let addresses: Vec<IpAddr> = place.sessions.iter().map(address).collect();
            match options.peer {
                PeerKind::Ours => network::build_tap(&place.namespace, place.sessions[0])?,
                _ => network::build_namespace(&place.namespace, &addresses)?,
            }
        }
        let captures = Captures::start(run)?;
        let terms = Terms {
            plan: &plan,
            hold_time: options.hold_time,
            md5: options.peer_md5.as_ref().or(options.md5.as_ref()),
            ao: options.ao.as_ref(),
            ttl_security: options.ttl_security,
            binaries: options.binaries.as_deref(),
        };
        progress.say(&format!(
            "starting {} x {}",
            places.len(),
            options.peer.name()
        ));
        let mut daemons = Vec::new();
        for place in places {
            let daemon = daemons::start(options.peer, place, terms)?;
            daemons.push(Arc::new(Mutex::new(daemon)));
        }
        let mut stage = Self {
            announced: Arc::new(Announced::all(&plan)),
            plan,
            daemons,
            pair,
            hosts,
            captures,
            patience: options.patience(),
            directory: run.to_owned(),
        };
        progress.say("starting active-rp and standby-rp");
        stage.pair.start(stage.patience)?;
        Ok(stage)
    }

    /// Waits until both route processors have chosen a route for every prefix of the run.
    ///
    /// # Errors
    /// It does not come to that.
    fn wait_taken(&mut self) -> Result<()> {
        let due = self.plan.route_count() as u64;
        let sockets = self.pair.sockets();
        wait_until("a whole table at both", self.patience, || {
            self.pair.look()?;
            let taken = |socket: &NodeSocket| {
                let document = socket.document().ok();
                document.and_then(|it| it["bgp"]["prefixes"].as_u64()) == Some(due)
            };
            Ok(sockets.iter().all(taken).then_some(()))
        })
    }

    /// Waits until every peer holds as many routes from us as it has to.
    ///
    /// # Errors
    /// It does not come to that; says who lacks what.
    pub(crate) fn wait_full(&mut self) -> Result<()> {
        let (due, _) = self.announced.counts(&self.plan);
        let deadline = Instant::now() + self.patience;
        loop {
            super::interrupt::check()?;
            self.pair.look()?;
            let words = self.words()?;
            let short = words
                .iter()
                .zip(&due)
                .position(|(words, due)| !words.established || words.prefixes_received != *due);
            let Some(session) = short else {
                return Ok(());
            };
            if Instant::now() >= deadline {
                return Err(LabError::new(format!(
                    "waited {} s in vain for full tables: session {session} holds {} of {} routes ({})",
                    self.patience.as_secs(),
                    words[session].prefixes_received,
                    due[session],
                    words[session].line,
                )));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// What every peer says, by session.
    ///
    /// # Errors
    /// A daemon does not run any more, or does not answer.
    pub(crate) fn words(&self) -> Result<Vec<Words>> {
        let mut words = vec![Words::default(); self.plan.sessions.len()];
        for daemon in &self.daemons {
            let mut daemon = lock(daemon);
            daemon.must_run()?;
            for (session, said) in daemon.words()? {
                words[session] = said;
            }
        }
        Ok(words)
    }

    /// Every peer's table, by session.
    ///
    /// # Errors
    /// A daemon does not answer.
    pub(crate) fn tables(&self) -> Result<Vec<HashSet<IpNet>>> {
        let mut tables = vec![HashSet::new(); self.plan.sessions.len()];
        for daemon in &self.daemons {
            let mut daemon = lock(daemon);
            for session in daemon.sessions().to_vec() {
                tables[session] = daemon.table(session)?;
            }
        }
        Ok(tables)
    }

    /// Our own table, from whoever is active: as it has to be, or as it is when that took too long. A peer's last words may be waiting
    /// for its retransmission timeout.
    ///
    /// # Errors
    /// Nobody is active, or it does not answer.
    pub(crate) fn our_full_table(&mut self) -> Result<HashSet<IpNet>> {
        let deadline = Instant::now() + self.patience;
        loop {
            let table = self.our_table()?;
            let due = |route| self.announced.has(&self.plan, route);
            let differences = compare(&self.plan, &table, due);
            let full = (differences.missing, differences.extra) == (0, 0);
            if full || Instant::now() >= deadline {
                return Ok(table);
            }
            super::interrupt::check()?;
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn our_table(&mut self) -> Result<HashSet<IpNet>> {
        let active = wait_until("an active to ask for its table", self.patience, || {
            Ok(self.pair.look()?.map(|(index, _)| index))
        })?;
        let routes = self.pair.slot(active).socket().routes()?;
        Ok(routes.into_iter().collect())
    }

    /// Ends the captures first, so that they see nothing of the end of the rest, which ends with this value.
    ///
    /// # Errors
    /// A capture does not end.
    pub(crate) fn take_down(self) -> Result<Captured> {
        self.captures.stop()
    }
}
