//! The laboratory runs in namespaces of its own (network, mounts, processes; users as well when it is not root).
//! Nothing outside is touched, and when it ends, however it ends, the kernel removes everything it started.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::mount::{MountFlags, mount};

use super::child;
use super::error::{At, LabError, Result};
use super::options::PeerKind;

/// Set in the environment of the program that runs inside.
pub(crate) const INSIDE: &str = "BGP_DEMO_LAB_INSIDE";
/// FRR's daemons leave a directory each there.
const FRR_CRASH_LOGS: &str = "/var/tmp/frr";
/// Sockets and the register: a file system of its own inside.
pub(crate) const RUN: &str = "/run/lab";

/// Goes on inside: the first time it replaces this program by itself under `unshare` and does not return; inside it
/// sets the place up.
///
/// # Errors
/// The kernel does not allow it, and what to do about it.
pub(crate) fn enter(peer: PeerKind) -> Result<()> {
    if is_inside() {
        return set_up(peer);
    }
    tun_can_be_opened()?;
    let namespaces = choose(peer)?;
    let program = std::env::current_exe().map_err(|error| {
        LabError::new(format!(
            "cannot find this program to start it again: {error}"
        ))
    })?;
    let error = Command::new("unshare")
        .args(&namespaces)
        .arg("--")
        .arg(program)
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "1")
        .exec();
    Err(LabError::new(format!("unshare: {error}")))
}

/// Whether this program runs inside already.
pub(crate) fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

fn set_up(peer: PeerKind) -> Result<()> {
    if peer == PeerKind::Frr && std::fs::create_dir_all(FRR_CRASH_LOGS).is_ok() {
        mount_tmpfs(FRR_CRASH_LOGS)?;
    }
    mount_tmpfs("/run")?;
    for directory in [RUN, "/run/netns", "/run/openbgpd"] {
        std::fs::create_dir_all(directory)
            .map_err(|error| LabError::new(format!("{directory}: {error}")))?;
    }
    child::run("ip", &["link", "set", "lo", "up"]).map(drop)
}

/// The system call itself: `mount` refuses whoever is not root, whatever capabilities it has.
fn mount_tmpfs(directory: &str) -> Result<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount("tmpfs", directory, "tmpfs", flags, None).at(directory)
}

fn tun_can_be_opened() -> Result<()> {
    let device = Path::new("/dev/net/tun");
    match std::fs::File::options().read(true).write(true).open(device) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Err(LabError::new(format!(
                "{}: {error}: run as root, or let root run: chmod 666 {}",
                device.display(),
                device.display()
            )))
        }
        Err(error) => Err(LabError::new(format!(
            "{}: {error}: the kernel needs TUN/TAP (modprobe tun)",
            device.display()
        ))),
    }
}

/// The namespaces that work here: as root without a user namespace, and with a process namespace unless it is refused.
pub(crate) fn choose(peer: PeerKind) -> Result<Vec<OsString>> {
    let places = ["--net", "--mount"];
    let processes = ["--pid", "--fork", "--mount-proc", "--kill-child"];
    let mut refused = String::new();
    for users in users(peer) {
        for processes in [&processes[..], &[]] {
            let namespaces: Vec<&str> = [users, &places, processes].concat();
            match child::run("unshare", &[&namespaces[..], &["--", "true"]].concat()) {
                Ok(_) => return Ok(namespaces.into_iter().map(OsString::from).collect()),
                Err(error) => refused = error.to_string(),
            }
        }
    }
    let advice = if rustix::process::geteuid().is_root() {
        "the laboratory needs CAP_SYS_ADMIN (in a container: --privileged)"
    } else if needs_users(peer) {
        "run as root, or apt-get install uidmap and give this user lines in /etc/subuid and /etc/subgid"
    } else {
        "run as root, or allow user namespaces: sysctl kernel.unprivileged_userns_clone=1"
    };
    Err(LabError::new(format!("{refused}: {advice}")))
}

/// Ways to have all capabilities inside, the best first.
fn users(peer: PeerKind) -> Vec<&'static [&'static str]> {
    if rustix::process::geteuid().is_root() {
        return vec![&[]];
    }
    let mut ways: Vec<&[&str]> = vec![&["--user", "--map-root-user", "--map-auto"]];
    if !needs_users(peer) {
        // Not as root: tcpdump, seeing that, would want to become another user, and there is none.
        ways.push(&["--user", "--map-current-user", "--keep-caps"]);
    }
    ways
}

/// Whether the daemon drops its privileges to users of its own, which have to exist inside.
const fn needs_users(peer: PeerKind) -> bool {
    matches!(peer, PeerKind::Frr | PeerKind::Openbgpd)
}
