//! A route processor of the run: its configuration, its process, and what it says of itself.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use serde_json::Value;

use super::child::{Child, find};
use super::error::{At, LabError, Result};
use super::hosts;
use super::network::{TAPS, VIRTUAL_MAC};
use super::options::{LabFamily, LabOptions};
use super::routes::{OUR_ADDRESS_V4, OUR_AS, Plan, RouteNumber};
use super::sandbox::RUN;
use super::security::our_sections;

/// How long a node may take to say how it is.
const STATUS_PATIENCE: Duration = Duration::from_secs(2);
/// How long a node may take to do something, a dump of its table included.
const REQUEST_PATIENCE: Duration = Duration::from_secs(60);

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It speaks.
    Active,
    /// It shadows the active.
    Standby,
    /// Neither.
    Other,
}

/// What a node says of itself.
#[derive(Debug, Clone)]
pub(crate) struct NodeStatus {
    /// What it does.
    pub(crate) role: Role,
    /// The register's epoch as it knows it.
    pub(crate) epoch: u64,
    /// A death of the active would go unnoticed now.
    pub(crate) protected: bool,
    /// Why not.
    pub(crate) unprotected: Option<String>,
    /// Connections.
    pub(crate) connections: usize,
    /// Connections that are ready to be taken over.
    pub(crate) ready: usize,
    /// How it became active, in its own words.
    pub(crate) takeover: Value,
}

impl NodeStatus {
    fn parse(value: &Value) -> Self {
        let empty = Vec::new();
        let connections = value["connections"].as_array().unwrap_or(&empty);
        Self {
            role: match value["role"].as_str() {
                Some("active") => Role::Active,
                Some("standby") => Role::Standby,
                _ => Role::Other,
            },
            epoch: value["epoch"].as_u64().unwrap_or(0),
            protected: value["protected"].as_bool().unwrap_or(false),
            unprotected: value["unprotected"].as_str().map(str::to_owned),
            connections: connections.len(),
            ready: connections
                .iter()
                .filter(|connection| connection["protection"] == "ready")
                .count(),
            takeover: value["takeover"].clone(),
        }
    }

    /// Whether it is an active whose `sessions` connections would all survive it.
    pub(crate) fn all_ready(&self, sessions: usize) -> bool {
        self.role == Role::Active
            && self.protected
            && self.connections >= sessions
            && self.ready == self.connections
    }

    /// What is missing until [`Self::all_ready`], for people.
    pub(crate) fn lacks(&self) -> String {
        match &self.unprotected {
            Some(reason) => format!("unprotected: {reason}"),
            None => format!("{} of {} connections ready", self.ready, self.connections),
        }
    }
}

/// The status socket of a node; anybody may ask.
#[derive(Debug, Clone)]
pub(crate) struct NodeSocket(PathBuf);

impl NodeSocket {
    /// Asks, and gives the answer.
    ///
    /// # Errors
    /// Nobody answers in time, or the node refuses, with its reason.
    fn ask(&self, request: &str, patience: Duration) -> Result<Value> {
        let place = || format!("{}: {request}", self.0.display());
        let mut stream = UnixStream::connect(&self.0).at(place())?;
        stream.set_read_timeout(Some(patience)).at(place())?;
        stream.set_write_timeout(Some(patience)).at(place())?;
        stream
            .write_all(format!("{request}\n").as_bytes())
            .at(place())?;
        stream.shutdown(Shutdown::Write).at(place())?;
        let mut text = String::new();
        stream.read_to_string(&mut text).at(place())?;
        let value: Value = serde_json::from_str(&text).at(place())?;
        match value["error"].as_str() {
            Some(error) => Err(LabError::new(format!("{}: {error}", place()))),
            None => Ok(value),
        }
    }

    /// The socket at `path`.
    pub(crate) const fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Everything that the node says of itself.
    ///
    /// # Errors
    /// It does not answer.
    pub(crate) fn document(&self) -> Result<Value> {
        self.ask("status", STATUS_PATIENCE)
    }

    /// How the node is; `None` when it does not answer.
    pub(crate) fn status(&self) -> Option<NodeStatus> {
        let value = self.ask("status", STATUS_PATIENCE).ok()?;
        Some(NodeStatus::parse(&value))
    }

    /// Asks an active to hand over.
    ///
    /// # Errors
    /// It refuses, with its reason.
    pub(crate) fn switchover(&self) -> Result<()> {
        self.ask("switchover", REQUEST_PATIENCE).map(drop)
    }

    /// Announces the routes of a file, or withdraws them.
    ///
    /// # Errors
    /// The node cannot, with its reason.
    pub(crate) fn originate(&self, announced: bool, file: &Path) -> Result<()> {
        let verb = if announced { "announce" } else { "withdraw" };
        let request = format!("originate {verb} {}", file.display());
        self.ask(&request, REQUEST_PATIENCE).map(drop)
    }

    /// Asks of peers what the `[[security]]` sections of a file say.
    ///
    /// # Errors
    /// The node cannot, with its reason.
    pub(crate) fn security(&self, file: &Path) -> Result<()> {
        let request = format!("security {}", file.display());
        self.ask(&request, REQUEST_PATIENCE).map(drop)
    }

    /// The prefixes of the node's Loc-RIB.
    ///
    /// # Errors
    /// It does not answer, or with something else.
    pub(crate) fn routes(&self) -> Result<Vec<ipnet::IpNet>> {
        self.routes_where(|_| true)
    }

    /// The prefixes of the node's Loc-RIB that came from a peer.
    ///
    /// # Errors
    /// It does not answer, or with something else.
    pub(crate) fn routes_from(&self, peer: std::net::IpAddr) -> Result<Vec<ipnet::IpNet>> {
        let peer = peer.to_string();
        self.routes_where(|route| route["from"].as_str() == Some(&peer))
    }

    fn routes_where(&self, wanted: impl Fn(&Value) -> bool) -> Result<Vec<ipnet::IpNet>> {
        let value = self.ask("routes", REQUEST_PATIENCE)?;
        let list = value
            .as_array()
            .or_else(|| value["routes"].as_array())
            .ok_or_else(|| LabError::new("routes: the answer is not a list"))?;
        list.iter()
            .filter(|route| wanted(route))
            .map(|route| {
                let prefix = route["prefix"].as_str().or_else(|| route.as_str());
                let prefix = prefix.ok_or_else(|| LabError::new("routes: no prefix"))?;
                prefix.parse().at(prefix)
            })
            .collect()
    }
}

/// One of the two places for a route processor: its device, its configuration and who runs there now.
#[derive(Debug)]
pub(crate) struct Slot {
    name: &'static str,
    program: PathBuf,
    config: PathBuf,
    log: PathBuf,
    socket: NodeSocket,
    /// The namespace that is its host, if it has one of its own.
    host: Option<&'static str>,
    child: Option<Child>,
}

impl Slot {
    /// The slot `index`; its configuration is written into `run`.
    ///
    /// # Errors
    /// The program is missing, or the configuration cannot be written.
    pub(crate) fn new(index: usize, options: &LabOptions, plan: &Plan, run: &Path) -> Result<Self> {
        let name = TAPS[index];
        let socket = Path::new(RUN).join(format!("{name}.sock"));
        let config = run.join(format!("{name}.toml"));
        std::fs::write(&config, configuration(index, &socket, options, plan, run))
            .at(config.display())?;
        Ok(Self {
            name,
            // The names only say how a node begins on an empty register.
            program: program(
                ["active-rp", "standby-rp"][index],
                options.binaries.as_deref(),
            )?,
            config,
            log: run.join(format!("{name}.log")),
            socket: NodeSocket(socket),
            host: options.hosts.then_some(hosts::NAMESPACES[index]),
            child: None,
        })
    }

    /// Its name, which is its device's.
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// Its status socket.
    pub(crate) const fn socket(&self) -> &NodeSocket {
        &self.socket
    }

    /// Starts the process; always with the same command line.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn start(&mut self) -> Result<()> {
        let mut command = match self.host {
            None => Command::new(&self.program),
            Some(host) => {
                let mut inside = Command::new(find("ip")?);
                inside.args(["netns", "exec", host]).arg(&self.program);
                inside
            }
        };
        command.arg("--config").arg(&self.config);
        // The kernel lets a stopped process go on when its group loses the shell that began it: a hang must not end so.
        command.process_group(0);
        self.child = Some(Child::spawn(self.name, &mut command, &self.log)?);
        Ok(())
    }

    /// The process, if one was started and not given up.
    pub(crate) const fn child(&mut self) -> Option<&mut Child> {
        self.child.as_mut()
    }

    /// How the process ended, if it has; then the slot is free.
    pub(crate) fn take_ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.ended()?;
        self.child = None;
        Some(status)
    }

    /// Whether a process runs (or hangs) here.
    pub(crate) const fn is_taken(&self) -> bool {
        self.child.is_some()
    }

    /// Lines of its log that tell of a panic.
    pub(crate) fn panics(&self) -> Vec<String> {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let panics = log.lines().filter(|line| line.contains("panicked at"));
        panics
            .map(|line| format!("{}: {line}", self.name))
            .collect()
    }

    /// The last line of its log.
    pub(crate) fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let last = log.lines().rev().find(|line| !line.trim().is_empty());
        last.unwrap_or("it said nothing").to_owned()
    }
}

/// The program `name` in `binaries`, or beside this one.
///
/// # Errors
/// It is not there.
pub(crate) fn program(name: &str, binaries: Option<&Path>) -> Result<PathBuf> {
    let directory = match binaries {
        Some(directory) => directory.to_owned(),
        None => std::env::current_exe()
            .at("this program's directory")?
            .parent()
            .map(Path::to_path_buf)
            .unwrap_or_default(),
    };
    let program = directory.join(name);
    if program.is_file() {
        return Ok(program);
    }
    Err(LabError::new(format!(
        "{} is not there: cargo build --release -p active-rp -p standby-rp, or give --binaries DIR",
        program.display()
    )))
}

/// Routes as [`bgp_demo::routes`] reads them: a prefix, the speaker's own next hop and a community a line.
pub(crate) fn routes_file(plan: &Plan, routes: impl Iterator<Item = RouteNumber>) -> String {
    routes.fold(String::new(), |mut text, route| {
        let (asn, value) = Plan::community(route);
        let _ = writeln!(text, "{} self {asn}:{value}", plan.prefix(route));
        text
    })
}

fn configuration(
    index: usize,
    socket: &Path,
    options: &LabOptions,
    plan: &Plan,
    run: &Path,
) -> String {
    let (length, family) = match plan.family {
        LabFamily::V4 => (16, "ipv4"),
        LabFamily::V6 => (64, "ipv6"),
    };
    let name = TAPS[index];
    let (directory, device, more) = if options.hosts {
        let directory = hosts::directory_of(index).display().to_string();
        let device = format!(
            "kind = \"packet\"\nname = \"{}\"\noffload = false",
            hosts::PEERS_DEVICE
        );
        (directory, device, hosts::sections(index))
    } else {
        // What is captured is judged frame by frame, and loss is to take single frames.
        let device = format!("kind = \"tap\"\nname = \"{name}\"\noffload = false");
        (format!("{RUN}/register"), device, String::new())
    };
    let mut text = format!(
        "[node]\nname = \"{name}\"\nregister = \"{directory}\"\nstatus = \"{}\"\nheartbeat_ms = {}\nmisses = {}\n\
         hold_limit_ms = {}\nlog = \"{}\"\n\n[device]\n{device}\n\n{more}\
         [interface]\nmac = \"{VIRTUAL_MAC}\"\naddresses = [\"{}/{length}\"]\nmtu = 1500\n\n\
         [bgp]\nas = {OUR_AS}\nrouter_id = \"{OUR_ADDRESS_V4}\"\nhold_time = {}\nconnect_retry = 1\nroutes = \"{}\"\n",
        socket.display(),
        options.heartbeat_ms,
        options.misses,
        options.hold_limit_ms,
        options.log,
        plan.our_address,
        options.hold_time,
        run.join(ORIGINATED).display(),
    );
    for session in &plan.sessions {
        let _ = write!(
            text,
            "\n[[bgp.peer]]\naddress = \"{}\"\nas = {}\npassive = {}\nfamilies = [\"{family}\"]\n",
            session.address, session.asn, !session.peer_waits
        );
    }
    text + &our_sections(options, plan, 1)
}

/// The name of the file with the routes that are originated from the start.
pub(crate) const ORIGINATED: &str = "originated.routes";

#[cfg(test)]
mod tests {
    use super::*;

    fn status(text: &str) -> NodeStatus {
        NodeStatus::parse(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn ready_means_every_connection() {
        let half = status(
            r#"{"role":"active","epoch":7,"protected":true,"connections":[{"protection":"ready"},{"protection":"none"}]}"#,
        );
        assert!(!half.all_ready(2));
        assert_eq!(half.lacks(), "1 of 2 connections ready");
        let whole = status(
            r#"{"role":"active","epoch":7,"protected":true,"connections":[{"protection":"ready"},{"protection":"ready"}]}"#,
        );
        assert!(whole.all_ready(2) && !whole.all_ready(3));
    }

    #[test]
    fn an_unprotected_active_tells_why() {
        let alone = status(r#"{"role":"active","protected":false,"unprotected":"no standby"}"#);
        assert!(!alone.all_ready(0));
        assert_eq!(alone.lacks(), "unprotected: no standby");
        assert_eq!(status("{}").role, Role::Other);
    }
}
