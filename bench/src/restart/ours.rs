//! Two of our route processors.

use super::processor::{Daemon, Running, until};
use super::{HOLD_TIME, OWN, OWN_AS, SESSIONS, peer_address, peer_as};
use crate::tap::place::{Place, SPARE_TAP, TAP};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{self, Read, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;

/// See the module's text.
pub(super) struct Ours {
    nodes: [Node; 2],
}

struct Node {
    program: PathBuf,
    namespace: String,
    config: PathBuf,
    socket: PathBuf,
    log: PathBuf,
    running: Option<Daemon>,
}

impl Ours {
    pub(super) fn start(place: &Place) -> io::Result<Ours> {
        let mut nodes = [
            Node::prepare(place, "active-rp", TAP)?,
            Node::prepare(place, "standby-rp", SPARE_TAP)?,
        ];
        for node in &mut nodes {
            node.start()?;
            until("a status", || node.must_run().map(|()| node.status()))?;
        }
        Ok(Ours { nodes })
    }
}

impl Running for Ours {
    fn until_ready(&mut self) -> io::Result<()> {
        let [active, standby] = &mut self.nodes;
        until("ready sessions", || {
            active.must_run()?;
            standby.must_run()?;
            let status = active.status().unwrap_or_default();
            let connections = status["connections"].as_array();
            let ready = connections.is_some_and(|all| {
                all.len() == SESSIONS && all.iter().all(|it| it["protection"] == "ready")
            });
            Ok((status["protected"] == true && ready).then_some(()))
        })
    }

    fn kill_and_start(&mut self) -> io::Result<()> {
        let active = &mut self.nodes[0];
        if let Some(mut running) = active.running.take() {
            running.kill()?;
        }
        active.start()
    }
}

impl Node {
    fn prepare(place: &Place, program: &str, tap: &str) -> io::Result<Node> {
        let directory = &place.directory;
        let own = std::env::current_exe()?;
        let path = own.with_file_name(program);
        if !path.exists() {
            let missing = path.display();
            return Err(io::Error::other(format!(
                "{missing} is missing: cargo build --release -p active-rp -p standby-rp"
            )));
        }
        let node = Node {
            program: path,
            namespace: place.near.clone(),
            config: directory.join(format!("{tap}.toml")),
            socket: directory.join(format!("{tap}.sock")),
            log: directory.join(format!("{tap}.log")),
            running: None,
        };
        let register = directory.join("register");
        std::fs::create_dir_all(&register)?;
        let mut text = format!(
            "[node]\nname = \"{tap}\"\nregister = \"{}\"\nstatus = \"{}\"\n\n[device]\nkind = \"tap\"\nname = \"{tap}\"\n\n\
             [interface]\nmac = \"02:00:5e:00:01:01\"\naddresses = [\"{OWN}/16\"]\nmtu = 1500\n\n\
             [bgp]\nas = {OWN_AS}\nrouter_id = \"{OWN}\"\nhold_time = {HOLD_TIME}\nconnect_retry = 1\n",
            register.display(),
            node.socket.display(),
        );
        for session in 0..SESSIONS {
            let (address, asn) = (peer_address(session), peer_as(session));
            let _ = write!(
                text,
                "\n[[bgp.peer]]\naddress = \"{address}\"\nas = {asn}\npassive = true\nfamilies = [\"ipv4\"]\n"
            );
        }
        std::fs::write(&node.config, text)?;
        Ok(node)
    }

    fn start(&mut self) -> io::Result<()> {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]);
        command.arg(&self.program).arg("--config").arg(&self.config);
        self.running = Some(Daemon::start(command, &self.log)?);
        Ok(())
    }

    fn must_run(&mut self) -> io::Result<()> {
        match &mut self.running {
            Some(running) => running.must_run(&self.log),
            None => Ok(()),
        }
    }

    /// What it says of itself; nothing before it listens.
    fn status(&self) -> Option<Value> {
        let mut stream = UnixStream::connect(&self.socket).ok()?;
        stream.write_all(b"status\n").ok()?;
        stream.shutdown(std::net::Shutdown::Write).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }
}
