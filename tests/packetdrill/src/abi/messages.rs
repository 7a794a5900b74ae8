//! Receiving and sending.

use super::calls::inner;
use super::instance::Instance;
use super::memory::{self, answer, gather, parts, scatter};
use super::table::instance;
use crate::sockets::{Answer, Call, Errno, RecvFlags, SendFlags};
use libc::{c_int, c_void, iovec, msghdr, size_t, sockaddr, socklen_t, ssize_t};

/// Type of the control message that TCP_INQ asks for.
const TCP_CM_INQ: c_int = 36;
const MSG_ZEROCOPY: c_int = 0x0400_0000;
/// Flags that change nothing here; octets may be copied whatever is asked.
const IGNORED: c_int = libc::MSG_NOSIGNAL | MSG_ZEROCOPY;

fn receive(host: &Instance, fd: c_int, limit: usize, flags: c_int) -> Result<Vec<u8>, Errno> {
    let call = Call::Recv {
        fd: inner(host, fd)?,
        limit,
        flags: RecvFlags {
            peek: flags & libc::MSG_PEEK != 0,
            dont_wait: flags & libc::MSG_DONTWAIT != 0,
        },
    };
    match host.call(call)? {
        Answer::Received(octets) => Ok(octets),
        _ => Err(Errno::Invalid),
    }
}

fn transmit(host: &Instance, fd: c_int, octets: Vec<u8>, flags: c_int) -> Result<isize, Errno> {
    const KNOWN: c_int = libc::MSG_MORE | libc::MSG_EOR | libc::MSG_DONTWAIT | IGNORED;
    if flags & !KNOWN != 0 {
        return Err(Errno::NotSupported);
    }
    let call = Call::Send {
        fd: inner(host, fd)?,
        octets,
        flags: SendFlags {
            more: flags & libc::MSG_MORE != 0,
            record: flags & libc::MSG_EOR != 0,
            dont_wait: flags & libc::MSG_DONTWAIT != 0,
        },
        done: 0,
    };
    match host.call(call)? {
        Answer::Sent(count) => Ok(count as isize),
        _ => Err(Errno::Invalid),
    }
}

pub(super) unsafe extern "C" fn read(
    data: *mut c_void,
    fd: c_int,
    buffer: *mut c_void,
    count: size_t,
) -> ssize_t {
    // SAFETY: as for `recv`.
    unsafe { recv(data, fd, buffer, count, 0) }
}

pub(super) unsafe extern "C" fn recv(
    data: *mut c_void,
    fd: c_int,
    buffer: *mut c_void,
    count: size_t,
    flags: c_int,
) -> ssize_t {
    // SAFETY: packetdrill gives the data of init.
    let host = unsafe { instance(data) };
    if buffer.is_null() && count > 0 {
        return answer(Err(Errno::Fault));
    }
    answer(receive(host, fd, count, flags).and_then(|octets| {
        // SAFETY: packetdrill gives `count` octets.
        unsafe { memory::octets_out(buffer, count, &octets) }?;
        Ok(octets.len() as isize)
    }))
}

pub(super) unsafe extern "C" fn recvfrom(
    data: *mut c_void,
    fd: c_int,
    buffer: *mut c_void,
    count: size_t,
    flags: c_int,
    _address: *mut sockaddr,
    len: *mut socklen_t,
) -> ssize_t {
    if !len.is_null() {
        // A stream names no sender.
        // SAFETY: not null, so a place of the caller.
        unsafe { *len = 0 };
    }
    // SAFETY: as for `recv`.
    unsafe { recv(data, fd, buffer, count, flags) }
}

pub(super) unsafe extern "C" fn readv(
    data: *mut c_void,
    fd: c_int,
    vector: *const iovec,
    count: c_int,
) -> ssize_t {
    // SAFETY: packetdrill gives the data of init, and `count` parts.
    let (host, list) = unsafe { (instance(data), parts(vector, count_of(count))) };
    answer(list.and_then(|list| {
        let octets = receive(host, fd, room(list), 0)?;
        // SAFETY: each part is of its length.
        unsafe { scatter(list, &octets) }?;
        Ok(octets.len() as isize)
    }))
}

pub(super) unsafe extern "C" fn recvmsg(
    data: *mut c_void,
    fd: c_int,
    message: *mut msghdr,
    flags: c_int,
) -> ssize_t {
    if message.is_null() {
        return answer(Err(Errno::Fault));
    }
    // SAFETY: packetdrill gives the data of init and a message, which is not null.
    let (host, message) = unsafe { (instance(data), &mut *message) };
    // SAFETY: the message has as many parts as it says.
    let list = unsafe { parts(message.msg_iov, message.msg_iovlen) };
    answer(list.and_then(|list| {
        if flags & libc::MSG_ERRQUEUE != 0 {
            return Err(Errno::Again);
        }
        let octets = receive(host, fd, room(list), flags)?;
        // SAFETY: each part is of its length.
        unsafe { scatter(list, &octets) }?;
        message.msg_namelen = 0;
        message.msg_flags = 0;
        // SAFETY: the message's room for control messages is as it says.
        unsafe { tell_rest(host, fd, message) }?;
        Ok(octets.len() as isize)
    }))
}

/// Writes the control message of TCP_INQ, or none.
///
/// # Safety
/// `message` names `msg_controllen` writable octets.
unsafe fn tell_rest(host: &Instance, fd: c_int, message: &mut msghdr) -> Result<(), Errno> {
    let room = message.msg_controllen;
    message.msg_controllen = 0;
    let state = host.lock();
    let fd = state.inner(fd)?;
    if !state.host.tells_rest(fd)? || message.msg_control.is_null() {
        return Ok(());
    }
    // At the end of the stream one more read will not block: it counts as one octet.
    let rest = match state.host.unread(fd)? {
        0 if state.host.poll(fd)?.read_hangup => 1,
        rest => c_int::try_from(rest).unwrap_or(c_int::MAX),
    };
    // SAFETY: pure arithmetic on a length.
    let (len, space) = unsafe {
        let size = size_of::<c_int>() as u32;
        (
            libc::CMSG_LEN(size) as usize,
            libc::CMSG_SPACE(size) as usize,
        )
    };
    if room < space {
        message.msg_flags |= libc::MSG_CTRUNC;
        return Ok(());
    }
    let header = libc::cmsghdr {
        cmsg_len: len,
        cmsg_level: libc::IPPROTO_TCP,
        cmsg_type: TCP_CM_INQ,
    };
    let at = message.msg_control.cast::<libc::cmsghdr>();
    // SAFETY: there is room for a header and an int behind it.
    unsafe {
        at.write_unaligned(header);
        libc::CMSG_DATA(at).cast::<c_int>().write_unaligned(rest);
    }
    message.msg_controllen = space;
    Ok(())
}

pub(super) unsafe extern "C" fn write(
    data: *mut c_void,
    fd: c_int,
    octets: *const c_void,
    count: size_t,
) -> ssize_t {
    // SAFETY: as for `send`.
    unsafe { send(data, fd, octets, count, 0) }
}

pub(super) unsafe extern "C" fn send(
    data: *mut c_void,
    fd: c_int,
    octets: *const c_void,
    count: size_t,
    flags: c_int,
) -> ssize_t {
    // SAFETY: packetdrill gives the data of init, and `count` octets.
    let (host, octets) = unsafe { (instance(data), memory::octets_in(octets, count)) };
    answer(octets.and_then(|octets| transmit(host, fd, octets, flags)))
}

pub(super) unsafe extern "C" fn sendto(
    data: *mut c_void,
    fd: c_int,
    octets: *const c_void,
    count: size_t,
    flags: c_int,
    _address: *const sockaddr,
    _len: socklen_t,
) -> ssize_t {
    // SAFETY: as for `send`; a stream has its peer.
    unsafe { send(data, fd, octets, count, flags) }
}

pub(super) unsafe extern "C" fn writev(
    data: *mut c_void,
    fd: c_int,
    vector: *const iovec,
    count: c_int,
) -> ssize_t {
    // SAFETY: packetdrill gives the data of init, and `count` parts.
    let (host, list) = unsafe { (instance(data), parts(vector, count_of(count))) };
    // SAFETY: each part is of its length.
    let octets = list.and_then(|list| unsafe { gather(list) });
    answer(octets.and_then(|octets| transmit(host, fd, octets, 0)))
}

pub(super) unsafe extern "C" fn sendmsg(
    data: *mut c_void,
    fd: c_int,
    message: *const msghdr,
    flags: c_int,
) -> ssize_t {
    if message.is_null() {
        return answer(Err(Errno::Fault));
    }
    // SAFETY: packetdrill gives the data of init and a message, which is not null.
    let (host, message) = unsafe { (instance(data), &*message) };
    // SAFETY: the message has as many parts as it says.
    let list = unsafe { parts(message.msg_iov, message.msg_iovlen) };
    // SAFETY: each part is of its length.
    let octets = list.and_then(|list| unsafe { gather(list) });
    answer(octets.and_then(|octets| transmit(host, fd, octets, flags)))
}

fn count_of(count: c_int) -> usize {
    usize::try_from(count).unwrap_or(0)
}

fn room(list: &[iovec]) -> usize {
    list.iter()
        .fold(0, |sum: usize, part| sum.saturating_add(part.iov_len))
}
