//! System calls of a packet socket.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io::{self, IoSliceMut};
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::DeviceError;

pub(super) fn interface_index(name: &str) -> Result<libc::c_int, DeviceError> {
    let text = CString::new(name).map_err(|_| DeviceError::BadName(name.to_owned()))?;
    // SAFETY: `text` is a NUL-terminated string that outlives the call.
    let index = unsafe { libc::if_nametoindex(text.as_ptr()) };
    match libc::c_int::try_from(index) {
        Ok(index) if index > 0 => Ok(index),
        _ => Err(DeviceError::NoSuchInterface(name.to_owned())),
    }
}

/// A socket that receives nothing until it is bound (protocol 0).
pub(super) fn packet_socket() -> io::Result<OwnedFd> {
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

pub(super) fn mtu_and_hardware(socket: &OwnedFd, name: &str) -> io::Result<(u16, u16)> {
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

pub(super) fn option<T>(
    socket: &OwnedFd,
    level: libc::c_int,
    name: libc::c_int,
    value: &T,
) -> io::Result<()> {
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

pub(super) fn join_promiscuous(socket: &OwnedFd, index: libc::c_int) -> io::Result<()> {
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

pub(super) fn bind(socket: &OwnedFd, index: libc::c_int) -> io::Result<()> {
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

/// What a packet socket gave.
pub(super) struct Message {
    /// Octets of the message, even if there was less room.
    pub(super) octets: usize,
    /// The frame is one that leaves this host.
    pub(super) outgoing: bool,
}

/// The next message, into `parts` one after the other.
pub(super) fn receive(socket: &OwnedFd, parts: &mut [IoSliceMut<'_>]) -> io::Result<Message> {
    // SAFETY: `sockaddr_ll` is plain data for which all zeros are valid.
    let mut from: libc::sockaddr_ll = unsafe { mem::zeroed() };
    // SAFETY: `msghdr` is plain data for which all zeros (no addresses, no parts) are valid.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_name = std::ptr::from_mut(&mut from).cast();
    message.msg_namelen = mem::size_of_val(&from) as libc::socklen_t;
    // `IoSliceMut` has the layout of `iovec`.
    message.msg_iov = parts.as_mut_ptr().cast();
    message.msg_iovlen = parts.len();
    // SAFETY: `message` points to `from` and `parts`, which are live and writable for the lengths beside them.
    let octets = unsafe {
        libc::recvmsg(
            socket.as_raw_fd(),
            &mut message,
            libc::MSG_DONTWAIT | libc::MSG_TRUNC,
        )
    };
    match usize::try_from(octets) {
        Ok(octets) => Ok(Message {
            octets,
            outgoing: from.sll_pkttype == libc::PACKET_OUTGOING,
        }),
        Err(_) => Err(io::Error::last_os_error()),
    }
}
