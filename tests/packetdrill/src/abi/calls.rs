//! Calls on sockets as such.

use super::instance::Instance;
use super::memory::{self, address_in, address_out, status};
use super::table::instance;
use crate::sockets::{Answer, Call, Errno, Family, PollEntry, Readiness, Shutdown};
use core::time::Duration;
use libc::{
    c_int, c_short, c_uint, c_void, epoll_event, loff_t, nfds_t, pollfd, size_t, sockaddr,
    socklen_t, ssize_t,
};

/// Bits of socket(2)'s type that are no type.
const TYPE_FLAGS: c_int = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;

pub(super) unsafe extern "C" fn socket(
    data: *mut c_void,
    domain: c_int,
    kind: c_int,
    _protocol: c_int,
) -> c_int {
    // SAFETY: packetdrill gives the data of init.
    let host = unsafe { instance(data) };
    status(make_socket(host, domain, kind))
}

fn make_socket(host: &Instance, domain: c_int, kind: c_int) -> Result<i32, Errno> {
    let family = match domain {
        libc::AF_INET => Family::V4,
        libc::AF_INET6 => Family::V6,
        _ => return Err(Errno::WrongFamily),
    };
    if kind & !TYPE_FLAGS != libc::SOCK_STREAM {
        return Err(Errno::NotSupported);
    }
    host.configure()?;
    let mut state = host.lock();
    let fd = state.host.socket(family)?;
    let nonblocking = kind & libc::SOCK_NONBLOCK != 0;
    state.host.set_nonblocking(fd, nonblocking)?;
    state.expose(fd)
}

pub(super) unsafe extern "C" fn bind(
    data: *mut c_void,
    fd: c_int,
    address: *const sockaddr,
    len: socklen_t,
) -> c_int {
    // SAFETY: packetdrill gives the data of init and an address of `len` octets.
    let (host, address) = unsafe { (instance(data), address_in(address, len)) };
    let mut state = host.lock();
    status(address.and_then(|address| {
        let fd = state.inner(fd)?;
        state.host.bind(fd, address).map(|()| 0)
    }))
}

pub(super) unsafe extern "C" fn listen(data: *mut c_void, fd: c_int, backlog: c_int) -> c_int {
    // SAFETY: packetdrill gives the data of init.
    let mut state = unsafe { instance(data) }.lock();
    let backlog = usize::try_from(backlog).unwrap_or(0);
    status(state.inner(fd).and_then(|fd| {
        state.host.listen(fd, backlog)?;
        Ok(0)
    }))
}

pub(super) unsafe extern "C" fn accept(
    data: *mut c_void,
    fd: c_int,
    address: *mut sockaddr,
    len: *mut socklen_t,
) -> c_int {
    // SAFETY: packetdrill gives the data of init.
    let host = unsafe { instance(data) };
    let accepted = inner(host, fd).and_then(|fd| host.call(Call::Accept { fd }));
    status(accepted.and_then(|accepted| {
        let Answer::Accepted(fd, remote) = accepted else {
            return Err(Errno::Invalid);
        };
        // SAFETY: packetdrill gives null or a place of `*len` octets.
        unsafe { address_out(address, len, remote) };
        host.lock().expose(fd)
    }))
}

pub(super) unsafe extern "C" fn connect(
    data: *mut c_void,
    fd: c_int,
    address: *const sockaddr,
    len: socklen_t,
) -> c_int {
    // SAFETY: packetdrill gives the data of init and an address of `len` octets.
    let (host, address) = unsafe { (instance(data), address_in(address, len)) };
    status(address.and_then(|remote| {
        let call = Call::Connect {
            fd: inner(host, fd)?,
            remote,
            begun: false,
        };
        host.call(call).map(|_| 0)
    }))
}

pub(super) unsafe extern "C" fn close(data: *mut c_void, fd: c_int) -> c_int {
    // SAFETY: packetdrill gives the data of init.
    let mut state = unsafe { instance(data) }.lock();
    status(state.conceal(fd).and_then(|fd| {
        state.host.close(fd)?;
        Ok(0)
    }))
}

pub(super) unsafe extern "C" fn shutdown(data: *mut c_void, fd: c_int, how: c_int) -> c_int {
    let how = match how {
        libc::SHUT_RD => Ok(Shutdown::Read),
        libc::SHUT_WR => Ok(Shutdown::Write),
        libc::SHUT_RDWR => Ok(Shutdown::Both),
        _ => Err(Errno::Invalid),
    };
    // SAFETY: packetdrill gives the data of init.
    let mut state = unsafe { instance(data) }.lock();
    status(how.and_then(|how| {
        let fd = state.inner(fd)?;
        state.host.shutdown(fd, how).map(|()| 0)
    }))
}

pub(super) unsafe extern "C" fn poll(
    data: *mut c_void,
    fds: *mut pollfd,
    count: nfds_t,
    timeout_ms: c_int,
) -> c_int {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if fds.is_null() {
        return status(Err(Errno::Fault));
    }
    // SAFETY: packetdrill gives the data of init, and `count` entries, which are not null.
    let (host, entries) = unsafe { (instance(data), core::slice::from_raw_parts_mut(fds, count)) };
    status(poll_entries(host, entries, timeout_ms))
}

fn poll_entries(host: &Instance, fds: &mut [pollfd], timeout_ms: c_int) -> Result<i32, Errno> {
    let mut entries = Vec::with_capacity(fds.len());
    for entry in fds.iter() {
        entries.push(PollEntry {
            fd: inner(host, entry.fd)?,
            wanted: wanted(entry.events),
        });
    }
    // A negative time stands for ever.
    let deadline = u64::try_from(timeout_ms)
        .ok()
        .map(|millis| host.lock().host.now() + Duration::from_millis(millis));
    let Answer::Ready(ready) = host.call(Call::Poll { entries, deadline })? else {
        return Err(Errno::Invalid);
    };
    let mut count = 0;
    for (entry, ready) in fds.iter_mut().zip(ready) {
        entry.revents = events(ready);
        count += i32::from(entry.revents != 0);
    }
    Ok(count)
}

fn wanted(events: c_short) -> Readiness {
    let has = |bit: c_short| events & bit != 0;
    Readiness {
        readable: has(libc::POLLIN),
        writable: has(libc::POLLOUT),
        read_hangup: has(libc::POLLRDHUP),
        ..Readiness::default()
    }
}

fn events(ready: Readiness) -> c_short {
    [
        (ready.readable, libc::POLLIN),
        (ready.writable, libc::POLLOUT),
        (ready.read_hangup, libc::POLLRDHUP),
        (ready.hangup, libc::POLLHUP),
        (ready.error, libc::POLLERR),
    ]
    .into_iter()
    .filter(|(on, _)| *on)
    .fold(0, |all, (_, bit)| all | bit)
}

/// The host's descriptor behind one of the process.
pub(super) fn inner(host: &Instance, fd: c_int) -> Result<crate::sockets::Fd, Errno> {
    host.lock().inner(fd)
}

pub(super) unsafe extern "C" fn epoll_create(_data: *mut c_void, _size: c_int) -> c_int {
    status(Err(Errno::NotSupported))
}

pub(super) unsafe extern "C" fn epoll_ctl(
    _data: *mut c_void,
    _epoll: c_int,
    _op: c_int,
    _fd: c_int,
    _event: *mut epoll_event,
) -> c_int {
    status(Err(Errno::NotSupported))
}

pub(super) unsafe extern "C" fn epoll_wait(
    _data: *mut c_void,
    _epoll: c_int,
    _events: *mut epoll_event,
    _count: c_int,
    _timeout_ms: c_int,
) -> c_int {
    status(Err(Errno::NotSupported))
}

pub(super) unsafe extern "C" fn pipe(_data: *mut c_void, _ends: *mut c_int) -> c_int {
    status(Err(Errno::NotSupported))
}

pub(super) unsafe extern "C" fn splice(
    _data: *mut c_void,
    _from: c_int,
    _from_offset: *mut loff_t,
    _to: c_int,
    _to_offset: *mut loff_t,
    _len: size_t,
    _flags: c_uint,
) -> ssize_t {
    memory::answer(Err(Errno::NotSupported))
}
