//! Another route processor of this project as the peer: alone, on a TAP of its own.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use ipnet::IpNet;
use serde_json::Value;

use super::{Daemon, Place, Terms, Words};
use crate::lab::child::{Child, wait_until};
use crate::lab::error::{At, LabError, Result};
use crate::lab::node::{NodeSocket, Role, program, routes_file};
use crate::lab::options::LabFamily;
use crate::lab::routes::OUR_AS;
use crate::lab::security::sections;

const START_PATIENCE: Duration = Duration::from_secs(60);

/// A running peer.
#[derive(Debug)]
pub(super) struct Ours {
    child: Child,
    socket: NodeSocket,
    neighbor: std::net::IpAddr,
    /// What it asks of us, with the first and with the second key preferred.
    security: [String; 2],
    place: Place,
}

impl Ours {
    /// Starts the peer and waits until it is active.
    pub(super) fn start(place: Place, terms: Terms<'_>) -> Result<Self> {
        let plan = &terms.plan.sessions[place.only_session()];
        for slice in 0..plan.routes.slices() {
            let file = slice_file(&place, slice);
            std::fs::write(&file, routes_file(terms.plan, plan.routes.slice(slice)))
                .at(file.display())?;
        }
        let all = place.directory.join("all.routes");
        std::fs::write(&all, routes_file(terms.plan, plan.routes.all())).at(all.display())?;
        let neighbor = terms.plan.our_address;
        let us = || std::iter::once(neighbor);
        let asked = |key| sections(terms.md5, terms.ao, terms.ttl_security, us(), key);
        let security = [asked(1), asked(2)];
        let file = place.directory.join("node.toml");
        let text = configuration(&place, terms) + &security[0];
        std::fs::write(&file, text).at(file.display())?;
        let mut command = Command::new(program("active-rp", terms.binaries)?);
        command.arg("--config").arg(&file);
        let log = place.directory.join("node.log");
        let name = format!("active-rp as {}", place.namespace);
        let mut child = Child::spawn(&name, &mut command, &log)?;
        let socket = NodeSocket::at(place.socket("node.sock"));
        wait_until(&name, START_PATIENCE, || {
            child.must_run()?;
            let status = socket.status();
            Ok(status.filter(|it| it.role == Role::Active).map(drop))
        })?;
        Ok(Self {
            child,
            socket,
            neighbor,
            security,
            place,
        })
    }
}

impl Daemon for Ours {
    fn sessions(&self) -> &[usize] {
        &self.place.sessions
    }

    fn must_run(&mut self) -> Result<()> {
        self.child.must_run()
    }

    fn words(&mut self) -> Result<Vec<(usize, Words)>> {
        let document = self.socket.document()?;
        let peers = document["bgp"]["peers"].as_array();
        let peer = peers.and_then(|peers| peers.first());
        let peer = peer.ok_or_else(|| LabError::new("active-rp does not know its peer"))?;
        Ok(vec![(self.place.only_session(), words(peer))])
    }

    fn table(&mut self, _session: usize) -> Result<HashSet<IpNet>> {
        let routes = self.socket.routes_from(self.neighbor)?;
        Ok(routes.into_iter().collect())
    }

    fn change(&mut self, _session: usize, slice: usize, announced: bool) -> Result<()> {
        let file = slice_file(&self.place, slice);
        self.socket.originate(announced, &file)
    }

    fn prefer_key(&mut self, key: u8) -> Result<()> {
        let file = self.place.directory.join(format!("key{key}.toml"));
        let text = &self.security[usize::from(key != 1)];
        std::fs::write(&file, text).at(file.display())?;
        self.socket.security(&file)
    }
}

fn slice_file(place: &Place, slice: usize) -> std::path::PathBuf {
    place.directory.join(format!("slice{slice}.routes"))
}

fn words(peer: &Value) -> Words {
    let uptime = peer["uptime_us"].as_u64().map(Duration::from_micros);
    let counter = |name: &str| peer["counters"][name].as_u64();
    let state = peer["state"].as_str().unwrap_or_default();
    Words {
        line: format!(
            "{} {state}, up for {} s, {}",
            peer["address"].as_str().unwrap_or_default(),
            uptime.unwrap_or_default().as_secs(),
            peer["counters"]
        ),
        established: uptime.is_some() && state.eq_ignore_ascii_case("established"),
        uptime,
        times_established: counter("established"),
        times_dropped: counter("dropped"),
        opens_received: counter("opens_in"),
        notifications: counter("notifications_in"),
        updates_received: counter("updates_in"),
        prefixes_received: peer["prefixes_in"].as_u64().unwrap_or(0),
        ..Words::default()
    }
}

fn configuration(place: &Place, terms: Terms<'_>) -> String {
    let plan = &terms.plan.sessions[place.only_session()];
    let (length, family) = match terms.plan.family {
        LabFamily::V4 => (16, "ipv4"),
        LabFamily::V6 => (64, "ipv6"),
    };
    let name = &place.namespace;
    let mut text = format!(
        "[node]\nname = \"{name}\"\nregister = \"{}\"\nstatus = \"{}\"\n\n\
         [device]\nkind = \"tap\"\nname = \"{name}\"\noffload = false\n\n",
        place.socket("register").display(),
        place.socket("node.sock").display(),
    );
    let _ = write!(
        text,
        "[interface]\nmac = \"02:00:5e:00:02:{:02x}\"\naddresses = [\"{}/{length}\"]\nmtu = 1500\n\n\
         [bgp]\nas = {}\nrouter_id = \"{}\"\nhold_time = {}\nconnect_retry = 1\nroutes = \"{}\"\n\n\
         [[bgp.peer]]\naddress = \"{}\"\nas = {OUR_AS}\npassive = {}\nfamilies = [\"{family}\"]\n",
        // At most 32 of them.
        place.only_session(),
        plan.address,
        plan.asn,
        plan.router_id,
        terms.hold_time,
        place.directory.join("all.routes").display(),
        terms.plan.our_address,
        plan.peer_waits,
    );
    text
}
