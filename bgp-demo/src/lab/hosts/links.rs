//! The cables of the two hosts and of the members of etcd, and how they are cut.
//!
//! A cable is cut in the middle: its port is taken off its bridge, so that both ends see a carrier and hear nothing.

use std::fmt::Write as _;

use crate::lab::child::run;
use crate::lab::error::Result;
use crate::lab::network::{BRIDGE, TAPS, batch, without_ipv6};

/// Namespaces of the hosts.
pub(crate) const NAMESPACES: [&str; 2] = ["h0", "h1"];
/// Namespaces of the members of etcd.
pub(super) const MEMBERS: [&str; 3] = ["e0", "e1", "e2"];
/// The bridge between hosts and etcd, and the one between the hosts.
const MANAGEMENT: &str = "mg";
const CHANNEL: &str = "ch";

/// A cable of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cable {
    /// To the peers.
    Peers,
    /// To etcd.
    Management,
    /// To the other host.
    Channel,
}

impl Cable {
    /// All that a host has.
    pub(crate) const ALL: [Self; 3] = [Self::Peers, Self::Management, Self::Channel];

    const fn bridge(self) -> &'static str {
        match self {
            Self::Peers => BRIDGE,
            Self::Management => MANAGEMENT,
            Self::Channel => CHANNEL,
        }
    }

    /// The end of the cable in the middle.
    fn port(self, host: usize) -> String {
        match self {
            Self::Peers => TAPS[host].to_owned(),
            Self::Management => format!("mg{host}"),
            Self::Channel => format!("ch{host}"),
        }
    }

    /// The end of the cable in the host.
    const fn device(self) -> &'static str {
        match self {
            Self::Peers => PEERS_DEVICE,
            Self::Management => "mg",
            Self::Channel => "ch",
        }
    }
}

/// The interface of a route processor, in its host.
pub(crate) const PEERS_DEVICE: &str = "eth0";

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Links(());

impl Links {
    /// Builds namespaces and cables; the peers' bridge is there already.
    pub(super) fn build() -> Result<Self> {
        let mut lines = String::new();
        for bridge in [MANAGEMENT, CHANNEL] {
            let _ = writeln!(lines, "link add {bridge} type bridge mcast_snooping 0");
        }
        batch(&[], &lines)?;
        for bridge in [MANAGEMENT, CHANNEL] {
            without_ipv6(bridge)?;
            run("ip", &["link", "set", bridge, "up"])?;
        }
        // The laboratory itself reads the register.
        batch(&[], &format!("addr add 10.98.0.1/24 dev {MANAGEMENT}\n"))?;
        for (host, namespace) in NAMESPACES.iter().enumerate() {
            run("ip", &["netns", "add", namespace])?;
            for cable in Cable::ALL {
                let port = cable.port(host);
                plug(namespace, cable.device(), &port, cable.bridge())?;
            }
            let channel = format!("addr add {}/24 dev ch\n", Self::channel_address(host));
            let management = format!("addr add 10.98.0.{}/24 dev mg\n", 11 + host);
            batch(&["-n", namespace], &(channel + &management))?;
        }
        for (member, namespace) in MEMBERS.iter().enumerate() {
            run("ip", &["netns", "add", namespace])?;
            plug(namespace, "mg", &format!("mge{member}"), MANAGEMENT)?;
            let address = format!("addr add {}/24 dev mg\n", Self::member_address(member));
            batch(&["-n", namespace], &address)?;
        }
        Ok(Self(()))
    }

    /// Where a host listens for the other.
    pub(super) fn channel_address(host: usize) -> String {
        format!("10.97.0.{}", 1 + host)
    }

    /// Where a member of etcd listens.
    pub(super) fn member_address(member: usize) -> String {
        format!("10.98.0.{}", 21 + member)
    }

    /// Cuts these cables of a host, all at once.
    ///
    /// # Errors
    /// What `ip` said.
    pub(crate) fn cut(&self, host: usize, cables: &[Cable]) -> Result<()> {
        let line = |cable: &Cable| format!("link set {} nomaster\n", cable.port(host));
        batch(&[], &cables.iter().map(line).collect::<String>())
    }

    /// Mends them.
    ///
    /// # Errors
    /// What `ip` said.
    pub(crate) fn mend(&self, host: usize, cables: &[Cable]) -> Result<()> {
        let line =
            |cable: &Cable| format!("link set {} master {}\n", cable.port(host), cable.bridge());
        batch(&[], &cables.iter().map(line).collect::<String>())
    }
}

/// A cable from `device` in `namespace` to `port` of `bridge`.
fn plug(namespace: &str, device: &str, port: &str, bridge: &str) -> Result<()> {
    batch(
        &[],
        &format!(
            "link add {device} netns {namespace} type veth peer name {port}\n\
             link set {port} master {bridge} up\n"
        ),
    )?;
    without_ipv6(port)?;
    let inside = ["netns", "exec", namespace];
    let off = format!("echo 1 > /proc/sys/net/ipv6/conf/{device}/disable_ipv6 || true");
    run("ip", &[&inside[..], &["sh", "-c", &off]].concat())?;
    batch(
        &["-n", namespace],
        &format!("link set lo up\nlink set {device} up\n"),
    )?;
    // A packet socket takes whole, checksummed frames only.
    let offloads = ["tx", "off", "tso", "off", "gso", "off", "gro", "off"];
    run("ethtool", &[&["-K", port], &offloads[..]].concat())?;
    let ethtool = [&inside[..], &["ethtool", "-K", device], &offloads[..]];
    run("ip", &ethtool.concat()).map(drop)
}
