//! Packet sockets (AF_PACKET) on an existing Ethernet interface.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use ipc::gate::Released;

use super::error::check_name;
use super::{Device, DeviceError};
use crate::frame::{Frame, Medium};

/// Receive buffer asked for: a second of stalls at 30 Mbit/s. The system may give less.
const RECEIVE_BUFFER: libc::c_int = 4 * 1024 * 1024;

/// An Ethernet interface through a packet socket: promiscuous, deaf to what leaves by it.
///
/// The interface's offloads must be off (`ethtool -K NAME tx off tso off gso off gro off`): otherwise frames come with partial
/// checksums and longer than the MTU. Longer frames are dropped and counted.
pub struct PacketDevice {
    socket: OwnedFd,
    name: String,
    mtu: u16,
    oversized: u64,
}

impl PacketDevice {
    /// Opens the interface `name`.
    ///
    /// # Errors
    /// See [`super::open`].
    pub fn open(name: &str) -> Result<PacketDevice, DeviceError> {
        check_name(name)?;
        let failed = |what| move |error| DeviceError::Failed(name.to_owned(), what, error);
        let index = interface_index(name)?;
        let socket = packet_socket().map_err(|error| match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => DeviceError::NoNetRaw(name.to_owned()),
            _ => DeviceError::Failed(name.to_owned(), "no packet socket", error),
        })?;
        let (mtu, hardware) = mtu_and_hardware(&socket, name).map_err(failed("cannot be asked"))?;
        if hardware != libc::ARPHRD_ETHER {
            return Err(DeviceError::NotEthernet(name.to_owned()));
        }
        option(&socket, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &1)
            .map_err(failed("cannot ignore outgoing frames"))?;
        // A smaller buffer only loses more frames of a burst, which TCP mends.
        let _ = option(&socket, libc::SOL_SOCKET, libc::SO_RCVBUF, &RECEIVE_BUFFER);
        join_promiscuous(&socket, index).map_err(failed("cannot be made promiscuous"))?;
        bind(&socket, index).map_err(failed("cannot be bound to"))?;
        Ok(PacketDevice {
            socket,
            name: name.to_owned(),
            mtu,
            oversized: 0,
        })
    }

    /// Frames dropped because they were longer than the MTU: a sign of offloads that are on.
    #[must_use]
    pub fn oversized(&self) -> u64 {
        self.oversized
    }

    pub(crate) fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        // SAFETY: `octets` is valid for its length while the call lasts; the kernel only reads it.
        let sent = unsafe {
            libc::send(
                self.socket.as_raw_fd(),
                octets.as_ptr().cast(),
                octets.len(),
                libc::MSG_DONTWAIT,
            )
        };
        if sent < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }

    fn count_oversized(&mut self, len: usize) {
        self.oversized += 1;
        if self.oversized == 1 {
            tracing::warn!(
                "device {0}: dropped a frame of {len} octets, more than its MTU of {1}: switch offloads off \
                 (ethtool -K {0} tx off tso off gso off gro off)",
                self.name,
                self.mtu
            );
        }
    }
}

impl Device for PacketDevice {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }

    fn receive(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let longest = usize::from(self.mtu) + Medium::Ethernet.header_len();
        loop {
            let (len, outgoing) = receive_from(&self.socket, buf)?;
            if outgoing {
                continue;
            }
            if len > longest || len > buf.len() {
                self.count_oversized(len);
                continue;
            }
            return Ok(len);
        }
    }

    fn transmit(&mut self, frame: &Released<Frame>) -> io::Result<()> {
        self.write(frame.octets())
    }

    fn medium(&self) -> Medium {
        Medium::Ethernet
    }

    fn mtu(&self) -> u16 {
        self.mtu
    }
}

fn interface_index(name: &str) -> Result<libc::c_int, DeviceError> {
    let text = CString::new(name).map_err(|_| DeviceError::BadName(name.to_owned()))?;
    // SAFETY: `text` is a NUL-terminated string that outlives the call.
    let index = unsafe { libc::if_nametoindex(text.as_ptr()) };
    match libc::c_int::try_from(index) {
        Ok(index) if index > 0 => Ok(index),
        _ => Err(DeviceError::NoSuchInterface(name.to_owned())),
    }
}

/// A socket that receives nothing until it is bound (protocol 0).
fn packet_socket() -> io::Result<OwnedFd> {
    // SAFETY: takes no pointers.
    let fd = unsafe {
        libc::socket(
            libc::AF_PACKET,
            libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
            0,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `fd` was just made by the kernel and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn mtu_and_hardware(socket: &OwnedFd, name: &str) -> io::Result<(u16, u16)> {
    // SAFETY: `ifreq` is plain data for which all zeros are valid.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    // `check_name` limits the name to 15 octets, so a NUL remains.
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    // SAFETY: SIOCGIFMTU reads the name of and writes into the `ifreq` it is given.
    if unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFMTU, &mut request) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: SIOCGIFMTU has just set this member of the union.
    let mtu = unsafe { request.ifr_ifru.ifru_mtu };
    // SAFETY: SIOCGIFHWADDR reads the name of and writes into the `ifreq` it is given.
    if unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFHWADDR, &mut request) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: SIOCGIFHWADDR has just set this member of the union.
    let hardware = unsafe { request.ifr_ifru.ifru_hwaddr.sa_family };
    Ok((u16::try_from(mtu).unwrap_or(u16::MAX), hardware))
}

fn option<T>(socket: &OwnedFd, level: libc::c_int, name: libc::c_int, value: &T) -> io::Result<()> {
    // SAFETY: `value` is a live object and its size is passed with it; the kernel only reads it.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(value).cast(),
            mem::size_of::<T>() as libc::socklen_t,
        )
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

fn join_promiscuous(socket: &OwnedFd, index: libc::c_int) -> io::Result<()> {
    let membership = libc::packet_mreq {
        mr_ifindex: index,
        mr_type: libc::PACKET_MR_PROMISC as libc::c_ushort,
        mr_alen: 0,
        mr_address: [0; 8],
    };
    option(
        socket,
        libc::SOL_PACKET,
        libc::PACKET_ADD_MEMBERSHIP,
        &membership,
    )
}

fn bind(socket: &OwnedFd, index: libc::c_int) -> io::Result<()> {
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as libc::c_ushort,
        sll_protocol: (libc::ETH_P_ALL as u16).to_be(),
        sll_ifindex: index,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    // SAFETY: `address` is a live `sockaddr_ll` and its size is passed with it.
    let result = unsafe {
        libc::bind(
            socket.as_raw_fd(),
            std::ptr::from_ref(&address).cast(),
            mem::size_of_val(&address) as libc::socklen_t,
        )
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// The next frame's full length, even if `buf` is shorter, and whether it is one that leaves this host.
fn receive_from(socket: &OwnedFd, buf: &mut [u8]) -> io::Result<(usize, bool)> {
    // SAFETY: `sockaddr_ll` is plain data for which all zeros are valid.
    let mut from: libc::sockaddr_ll = unsafe { mem::zeroed() };
    let mut from_len = mem::size_of_val(&from) as libc::socklen_t;
    // SAFETY: `buf` and `from` are live and writable for the lengths passed with them.
    let len = unsafe {
        libc::recvfrom(
            socket.as_raw_fd(),
            buf.as_mut_ptr().cast(),
            buf.len(),
            libc::MSG_DONTWAIT | libc::MSG_TRUNC,
            std::ptr::from_mut(&mut from).cast(),
            &mut from_len,
        )
    };
    match usize::try_from(len) {
        Ok(len) => Ok((len, from.sll_pkttype == libc::PACKET_OUTGOING)),
        Err(_) => Err(io::Error::last_os_error()),
    }
}
