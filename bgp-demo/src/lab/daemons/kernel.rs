//! The embedded peer on the kernel's own sockets: this program again, in a namespace of its own, with many sessions.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bgp_demo::fsm::State;
use bgp_demo::peer::control::{Answer, Question, ask};
use bgp_demo::peer::{KernelPeerConfig, KernelSessionConfig, KernelSessionStatus};
use ipnet::IpNet;

use super::{Daemon, Place, Terms, Words};
use crate::lab::child::{Child, wait_until};
use crate::lab::error::{At, LabError, Result};
use crate::lab::node::routes_file;
use crate::lab::routes::OUR_AS;

const START_PATIENCE: Duration = Duration::from_secs(60);
const BGP_PORT: u16 = 179;

/// A running embedded peer.
#[derive(Debug)]
pub(super) struct Kernel {
    place: Place,
    child: Child,
    socket: PathBuf,
    /// Per session and slice the routes, as text.
    slices: Vec<Vec<String>>,
}

impl Kernel {
    /// Starts the peer with its routes in files.
    pub(super) fn start(place: Place, terms: Terms<'_>) -> Result<Self> {
        let file = place.directory.join("peer.json");
        let config = configuration(&place, terms)?;
        let text = serde_json::to_string_pretty(&config).at("peer.json")?;
        std::fs::write(&file, text).at(file.display())?;
        let socket = place.socket("peer.sock");
        let program = std::env::current_exe().at("this program")?;
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &place.namespace])
            .arg(program)
            .arg("kernel-peer")
            .arg(&file)
            .arg(&socket);
        let log = place.directory.join("peer.log");
        let name = format!("kernel peer in {}", place.namespace);
        let mut child = Child::spawn(&name, &mut command, &log)?;
        wait_until(&name, START_PATIENCE, || {
            child.must_run()?;
            Ok(ask(&socket, &Question::Status).ok().map(drop))
        })?;
        let slices = |session: &usize| {
            let routes = &terms.plan.sessions[*session].routes;
            let text = |slice| routes_file(terms.plan, routes.slice(slice));
            (0..routes.slices()).map(text).collect()
        };
        Ok(Self {
            child,
            socket,
            slices: place.sessions.iter().map(slices).collect(),
            place,
        })
    }

    /// The place of a session in the peer's configuration.
    fn index(&self, session: usize) -> Result<usize> {
        let sessions = &self.place.sessions;
        let index = sessions.iter().position(|it| *it == session);
        index.ok_or_else(|| LabError::new(format!("session {session} is another peer's")))
    }

    fn unexpected<T>(&self, answer: &Answer) -> Result<T> {
        Err(LabError::new(format!(
            "{}: an unexpected answer: {answer:?}",
            self.socket.display()
        )))
    }
}

impl Daemon for Kernel {
    fn sessions(&self) -> &[usize] {
        &self.place.sessions
    }

    fn must_run(&mut self) -> Result<()> {
        self.child.must_run()
    }

    fn words(&mut self) -> Result<Vec<(usize, Words)>> {
        match ask(&self.socket, &Question::Status).at("kernel peer")? {
            Answer::Status(all) if all.len() == self.place.sessions.len() => {
                let sessions = self.place.sessions.iter().copied();
                Ok(sessions.zip(all.iter().map(words)).collect())
            }
            answer => self.unexpected(&answer),
        }
    }

    fn table(&mut self, session: usize) -> Result<HashSet<IpNet>> {
        let session = self.index(session)?;
        match ask(&self.socket, &Question::Table { session }).at("kernel peer")? {
            Answer::Table(prefixes) => Ok(prefixes.into_iter().collect()),
            answer => self.unexpected(&answer),
        }
    }

    fn change(&mut self, session: usize, slice: usize, announced: bool) -> Result<()> {
        let session = self.index(session)?;
        let routes = self.slices[session][slice].clone();
        let question = if announced {
            Question::Announce { session, routes }
        } else {
            Question::Withdraw { session, routes }
        };
        match ask(&self.socket, &question).at("kernel peer")? {
            Answer::Done => Ok(()),
            answer => self.unexpected(&answer),
        }
    }
}

fn configuration(place: &Place, terms: Terms<'_>) -> Result<KernelPeerConfig> {
    // Sessions of one place open in the same way.
    let waits = terms.plan.sessions[place.sessions[0]].peer_waits;
    let session = |index: &usize| -> Result<KernelSessionConfig> {
        let plan = &terms.plan.sessions[*index];
        let file = place.directory.join(format!("session{index}.routes"));
        write_routes(&file, &routes_file(terms.plan, plan.routes.all()))?;
        Ok(KernelSessionConfig {
            local: plan.address,
            asn: plan.asn,
            router_id: plan.router_id,
            routes: Some(file),
        })
    };
    Ok(KernelPeerConfig {
        remote: terms.plan.our_address,
        remote_as: OUR_AS,
        port: BGP_PORT,
        hold_time: terms.hold_time,
        connect_retry: 1,
        connect: !waits,
        listen: waits,
        sessions: place.sessions.iter().map(session).collect::<Result<_>>()?,
    })
}

fn write_routes(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text).at(file.display())
}

fn words(status: &KernelSessionStatus) -> Words {
    let uptime = status.uptime_us.map(Duration::from_micros);
    Words {
        line: format!(
            "{} {:?}, up for {} s, established {}, flaps {}, resets {}, notifications {}",
            status.local,
            status.state,
            uptime.unwrap_or_default().as_secs(),
            status.established,
            status.flaps,
            status.resets,
            status.notifications,
        ),
        established: status.state == State::Established,
        since: None,
        uptime,
        times_established: Some(status.established),
        times_dropped: Some(status.flaps + status.resets),
        opens_received: None,
        notifications: Some(status.notifications),
        updates_received: Some(status.counters.updates_in),
        prefixes_received: status.prefixes as u64,
    }
}
