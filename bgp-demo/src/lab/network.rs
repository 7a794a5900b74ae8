//! One layer 2 segment: a bridge in the laboratory's own namespace, a TAP for each route processor, and a namespace
//! behind a veth for each peer daemon.

use std::fmt::Write as _;
use std::net::IpAddr;

use serde_json::Value;

use super::child::{run, run_with_input};
use super::error::{At, Result};

/// The bridge.
pub(crate) const BRIDGE: &str = "br0";
/// TAPs of the two route processors.
pub(crate) const TAPS: [&str; 2] = ["rp0", "rp1"];
/// The link address that moves between the route processors. No device may own it: the bridge would keep a
/// permanent entry for it and swallow its frames.
pub(crate) const VIRTUAL_MAC: &str = "02:00:5e:00:01:01";
const BRIDGE_MAC: &str = "02:00:00:00:00:01";

/// Builds the bridge and the TAPs.
///
/// # Errors
/// What `ip` said.
pub(crate) fn build_segment() -> Result<()> {
    build_bridge()?;
    let mut lines = String::new();
    for (index, tap) in TAPS.iter().enumerate() {
        let _ = write!(
            lines,
            "tuntap add dev {tap} mode tap\n\
             link set {tap} address 02:00:00:00:01:{index:02x} master {BRIDGE}\n"
        );
    }
    batch(&[], &lines)?;
    for device in TAPS {
        without_ipv6(device)?;
        run("ip", &["link", "set", device, "up"])?;
    }
    Ok(())
}

/// Builds the bridge alone.
///
/// # Errors
/// What `ip` said.
pub(crate) fn build_bridge() -> Result<()> {
    let line = format!("link add {BRIDGE} address {BRIDGE_MAC} type bridge mcast_snooping 0\n");
    batch(&[], &line)?;
    without_ipv6(BRIDGE)?;
    run("ip", &["link", "set", BRIDGE, "up"]).map(drop)
}

/// The kernel's own IPv6 must not speak on a device that belongs to a route processor.
pub(crate) fn without_ipv6(device: &str) -> Result<()> {
    let file = format!("/proc/sys/net/ipv6/conf/{device}/disable_ipv6");
    match std::fs::write(&file, "1") {
        // A kernel without IPv6 has nothing to switch off.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.at(file),
    }
}

/// Builds a TAP for a route processor that is peer number `index`.
///
/// # Errors
/// What `ip` said.
pub(crate) fn build_tap(name: &str, index: usize) -> Result<()> {
    let lines = format!(
        "tuntap add dev {name} mode tap\n\
         link set {name} address 02:00:00:00:02:{index:02x} master {BRIDGE}\n"
    );
    batch(&[], &lines)?;
    without_ipv6(name)?;
    run("ip", &["link", "set", name, "up"]).map(drop)
}

/// Builds the namespace `name` with `addresses` on its eth0, which is a port of the bridge.
///
/// # Errors
/// What `ip` or `ethtool` said.
pub(crate) fn build_namespace(name: &str, addresses: &[IpAddr]) -> Result<()> {
    run("ip", &["netns", "add", name])?;
    batch(
        &[],
        &format!(
            "link add eth0 netns {name} type veth peer name {name}\n\
             link set {name} master {BRIDGE} up\n"
        ),
    )?;
    without_ipv6(name)?;
    // Without detection of duplicates the link-local address is there at once; FRR gives a session up that comes earlier.
    let no_dad = "echo 0 > /proc/sys/net/ipv6/conf/eth0/accept_dad || true";
    run("ip", &["netns", "exec", name, "sh", "-c", no_dad])?;
    let mut lines = String::from("link set lo up\n");
    for address in addresses {
        let _ = match address {
            IpAddr::V4(address) => writeln!(lines, "addr add {address}/16 dev eth0"),
            IpAddr::V6(address) => writeln!(lines, "addr add {address}/64 dev eth0 nodad"),
        };
    }
    lines.push_str("link set eth0 up\n");
    batch(&["-n", name], &lines)?;
    // A capture and a TAP see whole, checksummed frames only when nothing is offloaded to a device that is none.
    let offloads = ["tx", "off", "tso", "off", "gso", "off", "gro", "off"];
    run("ethtool", &[&["-K", name], &offloads[..]].concat())?;
    let inside = ["netns", "exec", name, "ethtool", "-K", "eth0"];
    run("ip", &[&inside, &offloads[..]].concat())?;
    Ok(())
}

/// Runs lines of `ip -batch`.
///
/// # Errors
/// What `ip` said.
pub(crate) fn batch(options: &[&str], lines: &str) -> Result<()> {
    run_with_input("ip", &[options, &["-batch", "-"]].concat(), Some(lines)).map(drop)
}

/// Whether the bridge forwards what comes from a port. A TAP's port does so a moment after a process has opened it.
pub(crate) fn port_forwards(port: &str) -> bool {
    let Ok(text) = run("ip", &["-d", "-j", "link", "show", "dev", port]) else {
        return false;
    };
    serde_json::from_str::<Value>(&text)
        .is_ok_and(|links| links[0]["linkinfo"]["info_slave_data"]["state"] == "forwarding")
}
