//! Why a device could not be opened.

use std::fmt;
use std::io;

/// Why a device could not be opened; each prints as one line that says what to do.
#[derive(Debug)]
pub enum DeviceError {
    /// The text names no driver.
    UnknownKind(String),
    /// Not a name that the kernel allows for an interface.
    BadName(String),
    /// `/dev/net/tun` may not be opened by this user.
    TunNotAccessible(String, io::Error),
    /// The kernel refuses to attach to or make the interface (no CAP_NET_ADMIN, or another user owns it).
    NotPermitted(String),
    /// Another process holds the interface.
    Busy(String),
    /// The interface exists, but is of another kind (TUN instead of TAP, several queues, a real device).
    WrongKind(String, &'static str),
    /// No interface of that name.
    NoSuchInterface(String),
    /// Packet sockets need CAP_NET_RAW.
    NoNetRaw(String),
    /// The interface is not Ethernet.
    NotEthernet(String),
    /// Any other failure: the interface, what was tried, the system's reason.
    Failed(String, &'static str, io::Error),
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceError::UnknownKind(text) => {
                let shown: String = text.chars().take(40).collect();
                write!(
                    f,
                    "device kind {shown:?}: expected tap, tun, packet or memory"
                )
            }
            DeviceError::BadName(name) => {
                let shown: String = name.chars().take(40).collect();
                write!(
                    f,
                    "device {shown:?}: an interface name has 1 to 15 printable ASCII characters without '/', ':', '%' and spaces"
                )
            }
            DeviceError::TunNotAccessible(name, error) => write!(
                f,
                "device {name}: cannot open /dev/net/tun ({error}): run as root, or let this user open it (chmod 0666 /dev/net/tun, or a udev rule)"
            ),
            DeviceError::NotPermitted(name) => write!(
                f,
                "device {name}: not permitted: run with CAP_NET_ADMIN, or let its owner be this user (ip tuntap add {name} mode tap user USER)"
            ),
            DeviceError::Busy(name) => write!(
                f,
                "device {name}: busy: another process holds it; stop that process or give this one an interface of its own"
            ),
            DeviceError::WrongKind(name, wanted) => write!(
                f,
                "device {name}: exists, but not as a single-queue {wanted}: remove it or choose another name"
            ),
            DeviceError::NoSuchInterface(name) => write!(
                f,
                "device {name}: no such interface in this network namespace: see `ip link`"
            ),
            DeviceError::NoNetRaw(name) => write!(
                f,
                "device {name}: no permission for packet sockets: run with CAP_NET_RAW (setcap cap_net_raw+ep PROGRAM)"
            ),
            DeviceError::NotEthernet(name) => {
                write!(
                    f,
                    "device {name}: not an Ethernet interface: use a TAP, veth or Ethernet device"
                )
            }
            DeviceError::Failed(name, what, error) => write!(f, "device {name}: {what}: {error}"),
        }
    }
}

impl std::error::Error for DeviceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            DeviceError::TunNotAccessible(_, error) | DeviceError::Failed(_, _, error) => {
                Some(error)
            }
            _ => None,
        }
    }
}

/// Refuses what the kernel would refuse, and what could name another file below `/proc/sys`.
pub(super) fn check_name(name: &str) -> Result<(), DeviceError> {
    let allowed = |c: u8| c.is_ascii_graphic() && !matches!(c, b'/' | b':' | b'%');
    if (1..=15).contains(&name.len()) && name.bytes().all(allowed) && name != "." && name != ".." {
        Ok(())
    } else {
        Err(DeviceError::BadName(name.to_owned()))
    }
}
