//! Namespaces of a measurement: a switch with a TAP for our stack, and two hosts with the kernel's.

use std::ffi::OsStr;
use std::io;
use std::process::{Command, Stdio};

/// Name of the TAP on the switch.
pub const TAP: &str = "tap0";
/// Address of whoever serves: our stack, or the kernel in [`Network::server`].
pub const SERVER: [u8; 4] = [10, 98, 0, 1];
/// Address of the kernel's TCP that serves in our stead.
pub const KERNEL_SERVER: [u8; 4] = [10, 98, 0, 3];

/// A switch namespace with a bridge and a TAP; two hosts behind it on veths without offloads, so that loss falls on single
/// packets. Dropping it ends what runs inside and removes it.
pub struct Network {
    /// Namespace of the switch; our stack runs there.
    pub switch: String,
    /// Namespace of the kernel's client, 10.98.0.2.
    pub client: String,
    /// Namespace of the kernel's server, 10.98.0.3.
    pub server: String,
}

impl Network {
    /// Builds it.
    ///
    /// # Errors
    /// A command failed, with what it said: no root, or a program is missing.
    pub fn new() -> io::Result<Network> {
        let name = |role: &str| format!("thb{}{role}", std::process::id());
        let network = Network {
            switch: name("s"),
            client: name("c"),
            server: name("k"),
        };
        network.build()?;
        Ok(network)
    }

    fn build(&self) -> io::Result<()> {
        let switch = &self.switch;
        for namespace in [switch, &self.client, &self.server] {
            add_namespace(namespace)?;
        }
        ip(&format!(
            "-n {switch} link add br0 address 02:00:00:00:0b:00 type bridge"
        ))?;
        ip(&format!("-n {switch} link set br0 up"))?;
        ip(&format!("-n {switch} tuntap add dev {TAP} mode tap"))?;
        ip(&format!(
            "-n {switch} link set {TAP} address 02:00:00:00:0a:00"
        ))?;
        ip(&format!("-n {switch} link set {TAP} master br0"))?;
        ip(&format!("-n {switch} link set {TAP} up"))?;
        for (host, port, address) in [
            (&self.client, "client", [10, 98, 0, 2]),
            (&self.server, "server", KERNEL_SERVER),
        ] {
            let address = std::net::Ipv4Addr::from(address);
            ip(&format!(
                "link add eth0 netns {host} type veth peer name {port} netns {switch}"
            ))?;
            ip(&format!("-n {switch} link set {port} master br0"))?;
            ip(&format!("-n {switch} link set {port} up"))?;
            ip(&format!("-n {host} addr add {address}/24 dev eth0"))?;
            ip(&format!("-n {host} link set eth0 up"))?;
            without_offloads(self.inside(switch, "ethtool"), port)?;
            without_offloads(self.inside(host, "ethtool"), "eth0")?;
        }
        Ok(())
    }

    /// Drops `percent` of the TCP packets that the switch forwards, in both directions, at random.
    ///
    /// # Errors
    /// nft failed, with what it said.
    pub fn lose(&self, percent: u32) -> io::Result<()> {
        if percent == 0 {
            return Ok(());
        }
        // Adding before deleting: a table that is not there cannot be deleted.
        let rules = format!(
            "table bridge loss\ndelete table bridge loss\ntable bridge loss {{\n\
             chain lossy {{\n type filter hook forward priority 0\n \
             ether type ip meta l4proto tcp numgen random mod 100 < {percent} drop\n }}\n}}\n"
        );
        run(self.inside(&self.switch, "nft").arg(rules))
    }

    /// A command in a namespace.
    pub fn inside(&self, namespace: &str, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).arg(program);
        command.stdin(Stdio::null());
        command
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for namespace in [&self.switch, &self.client, &self.server] {
            let listed = Command::new("ip")
                .args(["netns", "pids", namespace])
                .output();
            let pids = listed.map(|output| output.stdout).unwrap_or_default();
            for pid in String::from_utf8_lossy(&pids).lines() {
                let _ = Command::new("kill").args(["-9", pid]).output();
            }
            let _ = Command::new("ip")
                .args(["netns", "del", namespace])
                .output();
        }
    }
}

pub(crate) fn without_offloads(mut ethtool: Command, device: &str) -> io::Result<()> {
    ethtool.args(["-K", device]);
    for offload in ["tx", "rx", "tso", "gso", "gro"] {
        ethtool.args([offload, "off"]);
    }
    run(&mut ethtool)
}

/// A namespace with a loopback, whose kernel begins connections with Reno: one that began with BBR is paced for good, whatever its
/// congestion control is set to later. (Reno is what every namespace may have.)
pub(crate) fn add_namespace(namespace: &str) -> io::Result<()> {
    ip(&format!("netns add {namespace}"))?;
    ip(&format!("-n {namespace} link set lo up"))?;
    let reno = "echo reno > /proc/sys/net/ipv4/tcp_congestion_control";
    run(Command::new("ip").args(["netns", "exec", namespace, "sh", "-c", reno]))
}

pub(crate) fn ip(arguments: &str) -> io::Result<()> {
    run(Command::new("ip").args(arguments.split_whitespace()))
}

pub(crate) fn run(command: &mut Command) -> io::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let what: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    Err(io::Error::other(format!(
        "{program} {}: {}(root is needed)",
        what.join(" "),
        said
    )))
}
