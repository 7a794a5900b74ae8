//! The carrier of a TAP or TUN just attached to.
#![allow(unsafe_code)]

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use tun_rs::SyncDevice;

/// The kernel looks at changed links once a second; twice that is a fault.
const CARRIER_LIMIT: Duration = Duration::from_secs(2);
const CARRIER_POLL: Duration = Duration::from_millis(1);

/// `ETHTOOL_GLINK` of linux/ethtool.h.
const ETHTOOL_GLINK: u32 = 0x0a;

/// `struct ethtool_value` of linux/ethtool.h.
#[repr(C)]
struct EthtoolValue {
    cmd: u32,
    data: u32,
}

/// Waits until frames can pass, so that the first one sent is not lost.
///
/// An interface gets its carrier when it is attached to, but the kernel tells the bridge (which then opens the port) up to a
/// second later; what is written before that is thrown away.
pub(super) fn wait(device: &SyncDevice, name: &str) -> io::Result<()> {
    // Whoever asks for the link makes the kernel act on a change that it has put off. Without it there is the wait.
    if let Err(error) = ask_for_link(name) {
        tracing::debug!("device {name}: link cannot be asked for: {error}");
    }
    let end = Instant::now() + CARRIER_LIMIT;
    while !device.is_running()? {
        if Instant::now() >= end {
            tracing::warn!("device {name}: no carrier after 2 s: see `ip link show {name}`");
            return Ok(());
        }
        thread::sleep(CARRIER_POLL);
    }
    // Takes the lock under which the kernel tells the bridge: after it, the port is open.
    device.enabled(true)
}

fn ask_for_link(name: &str) -> io::Result<()> {
    let flags = SocketFlags::CLOEXEC;
    let socket: OwnedFd = socket_with(AddressFamily::INET, SocketType::DGRAM, flags, None)?;
    let mut value = EthtoolValue {
        cmd: ETHTOOL_GLINK,
        data: 0,
    };
    // SAFETY: `ifreq` is plain data for which all zeros are valid.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    // The name was checked to have at most 15 octets, so a NUL remains.
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_data = (&raw mut value).cast();
    // SAFETY: SIOCETHTOOL reads the `ifreq`, and ETHTOOL_GLINK reads and writes the `EthtoolValue` that it points to; both live
    // until the call returns.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &mut request) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
