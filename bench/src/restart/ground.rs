//! A segment: a bridge with a TAP for each of our nodes, whose namespace is the route processor's; the peer behind a veth.

use super::{OWN, SESSIONS, peer_address};
use crate::network::{ip, run, without_offloads};
use crate::tap::place::{Place, SPARE_TAP, TAP};
use std::io;

/// The bridge.
const BRIDGE: &str = "br0";
/// The peer's device, and the bridge's port of it.
pub(super) const PEER_DEVICE: &str = "eth0";
const PORT: &str = "peer";

/// Builds it. A route processor that uses the kernel's TCP has its address on the bridge.
pub(super) fn build(kernels: bool) -> io::Result<Place> {
    let place = Place::new()?;
    let (near, far) = (&place.near, &place.far);
    let bridge = "address 02:00:00:00:0b:00 type bridge mcast_snooping 0";
    ip(&format!("-n {near} link add {BRIDGE} {bridge}"))?;
    for (at, tap) in [TAP, SPARE_TAP].into_iter().enumerate() {
        ip(&format!("-n {near} tuntap add dev {tap} mode tap"))?;
        ip(&format!(
            "-n {near} link set {tap} address 02:00:00:00:0a:0{at} master {BRIDGE} up"
        ))?;
    }
    ip(&format!(
        "link add {PEER_DEVICE} netns {far} type veth peer name {PORT} netns {near}"
    ))?;
    ip(&format!("-n {near} link set {PORT} master {BRIDGE} up"))?;
    if kernels {
        ip(&format!("-n {near} addr add {OWN}/16 dev {BRIDGE}"))?;
    }
    for session in 0..SESSIONS {
        let address = peer_address(session);
        ip(&format!("-n {far} addr add {address}/16 dev {PEER_DEVICE}"))?;
    }
    ip(&format!("-n {near} link set {BRIDGE} up"))?;
    ip(&format!("-n {far} link set {PEER_DEVICE} up"))?;
    // A capture sees whole, checksummed frames only when nothing is offloaded to a device that is none.
    without_offloads(place.inside(near, "ethtool"), PORT)?;
    without_offloads(place.inside(far, "ethtool"), PEER_DEVICE)?;
    // The daemons that drop root's privileges find their way to their files.
    place.register()?;
    run(std::process::Command::new("chmod")
        .arg("755")
        .arg(&place.directory))?;
    Ok(place)
}
