//! Namespaces with what is between two TCPs.

use crate::network::{add_namespace, ip, run, without_offloads};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The address that serves.
pub(crate) const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 98, 0, 1));
/// The kernel's address where the client is.
const CLIENT: &str = "10.98.0.2/24";
/// Device of the active, or of whoever else serves from user space.
pub(crate) const TAP: &str = "tap0";
/// What joins the TAPs where both nodes speak in turn.
const BRIDGE: &str = "br0";
/// Device of the standby: nothing is on its other side.
pub(crate) const SPARE_TAP: &str = "tap1";

/// See the module's text. Dropping it removes everything; what runs inside must have been ended.
pub(crate) struct Place {
    /// Where the client is, and the TAPs.
    pub(crate) near: String,
    /// Where the kernel serves.
    pub(crate) far: String,
    /// A directory of its own.
    pub(crate) directory: PathBuf,
}

impl Place {
    /// Two namespaces with nothing between them.
    pub(crate) fn new() -> io::Result<Place> {
        let name = |role: &str| format!("bench{}{role}", std::process::id());
        let directory = std::env::temp_dir().join(name("d"));
        let place = Place {
            near: name("n"),
            far: name("f"),
            directory,
        };
        for namespace in [&place.near, &place.far] {
            add_namespace(namespace)?;
        }
        Ok(place)
    }

    /// TAPs in the near namespace; the kernel has its address on the first.
    pub(crate) fn with_taps() -> io::Result<Place> {
        let place = Place::new()?;
        let near = &place.near;
        for (at, tap) in [TAP, SPARE_TAP].into_iter().enumerate() {
            ip(&format!("-n {near} tuntap add dev {tap} mode tap"))?;
            ip(&format!(
                "-n {near} link set {tap} address 02:00:00:00:0a:0{at}"
            ))?;
            ip(&format!("-n {near} link set {tap} up"))?;
        }
        ip(&format!("-n {near} addr add {CLIENT} dev {TAP}"))?;
        Ok(place)
    }

    /// TAPs on a bridge in the near namespace; the kernel has its address on the bridge.
    pub(crate) fn with_bridge() -> io::Result<Place> {
        let place = Place::new()?;
        let near = &place.near;
        ip(&format!(
            "-n {near} link add {BRIDGE} address 02:00:00:00:0b:00 type bridge mcast_snooping 0"
        ))?;
        for (at, tap) in [TAP, SPARE_TAP].into_iter().enumerate() {
            ip(&format!("-n {near} tuntap add dev {tap} mode tap"))?;
            ip(&format!(
                "-n {near} link set {tap} address 02:00:00:00:0a:0{at} master {BRIDGE} up"
            ))?;
        }
        ip(&format!("-n {near} addr add {CLIENT} dev {BRIDGE}"))?;
        ip(&format!("-n {near} link set {BRIDGE} up"))?;
        Ok(place)
    }

    /// A veth between the two, with or without its offloads.
    pub(crate) fn with_veth(offloads: bool) -> io::Result<Place> {
        let place = Place::new()?;
        let (near, far) = (&place.near, &place.far);
        ip(&format!(
            "link add eth0 netns {near} type veth peer name eth0 netns {far}"
        ))?;
        place.join("eth0", "eth0")?;
        if !offloads {
            for namespace in [near, far] {
                without_offloads(place.inside(namespace, "ethtool"), "eth0")?;
            }
        }
        Ok(place)
    }

    /// Gives both ends addresses and sets them up.
    pub(crate) fn join(&self, near: &str, far: &str) -> io::Result<()> {
        let (here, there) = (&self.near, &self.far);
        ip(&format!("-n {here} addr add {CLIENT} dev {near}"))?;
        ip(&format!("-n {there} addr add {SERVER}/24 dev {far}"))?;
        ip(&format!("-n {here} link set {near} up"))?;
        ip(&format!("-n {there} link set {far} up"))
    }

    /// Moves a device to the far namespace.
    pub(crate) fn move_far(&self, device: &str) -> io::Result<()> {
        ip(&format!(
            "-n {} link set {device} netns {}",
            self.near, self.far
        ))
    }

    /// A directory for a register, empty.
    pub(crate) fn register(&self) -> io::Result<PathBuf> {
        clear(&self.directory)?;
        std::fs::create_dir_all(&self.directory)?;
        Ok(self.directory.clone())
    }

    pub(crate) fn inside(&self, namespace: &str, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace, program]);
        command
    }
}

fn clear(directory: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for namespace in [&self.near, &self.far] {
            let _ = run(Command::new("ip").args(["netns", "del", namespace]));
        }
        let _ = clear(&self.directory);
    }
}
