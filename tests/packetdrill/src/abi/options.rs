//! Options of sockets, and what else fcntl(2) and ioctl(2) ask for.

use super::calls::inner;
use super::instance::Instance;
use super::memory::{octets_in, octets_out, status};
use super::table::instance;
use super::tcp_info;
use crate::sockets::{Errno, SocketOption};
use core::time::Duration;
use libc::{c_int, c_ulong, c_void, socklen_t};

const TCP_NOTSENT_LOWAT: c_int = 25;
const TCP_INQ: c_int = 36;
const TCP_CC_INFO: c_int = 26;
const SO_MEMINFO: c_int = 55;
const SO_ZEROCOPY: c_int = 60;
const SIOCINQ: c_ulong = 0x541b;
const SIOCOUTQ: c_ulong = 0x5411;
/// Options that change nothing that could be seen here: there is one link and no port is
/// shared, and every packet is sent with "don't fragment".
const IGNORED: [(c_int, c_int); 7] = [
    (libc::SOL_SOCKET, libc::SO_REUSEADDR),
    (libc::SOL_SOCKET, libc::SO_REUSEPORT),
    (libc::SOL_SOCKET, libc::SO_RCVBUF),
    (libc::SOL_SOCKET, libc::SO_PRIORITY),
    (libc::SOL_SOCKET, SO_ZEROCOPY),
    (libc::IPPROTO_IP, libc::IP_FREEBIND),
    (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER),
];

pub(super) unsafe extern "C" fn setsockopt(
    data: *mut c_void,
    fd: c_int,
    level: c_int,
    name: c_int,
    value: *const c_void,
    len: socklen_t,
) -> c_int {
    // SAFETY: packetdrill gives the data of init, and `len` octets.
    let (host, value) = unsafe { (instance(data), octets_in(value, len as usize)) };
    status(value.and_then(|value| {
        let mut state = host.lock();
        let fd = state.inner(fd)?;
        if IGNORED.contains(&(level, name)) {
            return Ok(0);
        }
        let option = read_option(level, name, &value)?;
        state.host.set_option(fd, option)?;
        Ok(0)
    }))
}

fn read_option(level: c_int, name: c_int, value: &[u8]) -> Result<SocketOption, Errno> {
    let number = |at: usize| -> Result<u32, Errno> {
        let word = value.get(at..).and_then(|rest| rest.first_chunk());
        word.map(|word| u32::from_ne_bytes(*word))
            .ok_or(Errno::Invalid)
    };
    // IP options may be of one octet.
    let first = match value {
        [octet] => u32::from(*octet),
        _ => number(0)?,
    };
    let octet = u8::try_from(first).unwrap_or(u8::MAX);
    let seconds = Duration::from_secs(first.into());
    Ok(match (level, name) {
        (libc::SOL_SOCKET, libc::SO_SNDBUF) => SocketOption::SendBuffer(first as usize),
        (libc::SOL_SOCKET, libc::SO_KEEPALIVE) => SocketOption::Keepalive(first != 0),
        (libc::SOL_SOCKET, libc::SO_LINGER) => {
            let time = Duration::from_secs(number(4)?.into());
            SocketOption::Linger((first != 0).then_some(time))
        }
        (libc::IPPROTO_TCP, libc::TCP_NODELAY) => SocketOption::NoDelay(first != 0),
        (libc::IPPROTO_TCP, libc::TCP_CORK) => SocketOption::Cork(first != 0),
        (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE) => SocketOption::KeepaliveIdle(seconds),
        (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL) => SocketOption::KeepaliveInterval(seconds),
        (libc::IPPROTO_TCP, libc::TCP_KEEPCNT) => SocketOption::KeepaliveProbes(octet),
        (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT) => {
            SocketOption::UserTimeout(Duration::from_millis(first.into()))
        }
        (libc::IPPROTO_TCP, libc::TCP_MAXSEG) => {
            SocketOption::MaxSegment(u16::try_from(first).map_err(|_| Errno::Invalid)?)
        }
        (libc::IPPROTO_TCP, TCP_NOTSENT_LOWAT) => SocketOption::NotSentLowWater(first),
        (libc::IPPROTO_TCP, TCP_INQ) => SocketOption::TellRest(first != 0),
        (libc::IPPROTO_IP, libc::IP_TOS) | (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => {
            SocketOption::TrafficClass(octet)
        }
        (libc::IPPROTO_IP, libc::IP_TTL) | (libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS) => {
            SocketOption::HopLimit(octet)
        }
        _ => return Err(Errno::UnknownOption),
    })
}

pub(super) unsafe extern "C" fn getsockopt(
    data: *mut c_void,
    fd: c_int,
    level: c_int,
    name: c_int,
    value: *mut c_void,
    len: *mut socklen_t,
) -> c_int {
    // SAFETY: packetdrill gives the data of init.
    let host = unsafe { instance(data) };
    // SAFETY: packetdrill gives the room behind `value` in `len`.
    status(unsafe { get_option(host, fd, level, name, value, len) })
}

/// getsockopt(2).
///
/// # Safety
/// `len` is null or points to the number of octets behind `value`.
pub(super) unsafe fn get_option(
    host: &Instance,
    fd: c_int,
    level: c_int,
    name: c_int,
    value: *mut c_void,
    len: *mut socklen_t,
) -> Result<i32, Errno> {
    if len.is_null() {
        return Err(Errno::Fault);
    }
    // SAFETY: not null, so as the caller vouches.
    let room = unsafe { *len } as usize;
    let octets = match (level, name) {
        (libc::IPPROTO_TCP, libc::TCP_INFO) => tcp_info::octets(host, fd, room)?,
        // The congestion control has nothing to add.
        (libc::IPPROTO_TCP, TCP_CC_INFO) => Vec::new(),
        // No memory of a kernel is in use.
        (libc::SOL_SOCKET, SO_MEMINFO) => vec![0; room.min(1 << 12)],
        _ => option_word(host, fd, level, name)?.to_ne_bytes().to_vec(),
    };
    // SAFETY: as the caller vouches.
    unsafe { octets_out(value, room, &octets) }?;
    // SAFETY: not null. No more than the room, which was a socklen_t.
    unsafe { *len = octets.len().min(room) as socklen_t };
    Ok(0)
}

fn option_word(host: &Instance, fd: c_int, level: c_int, name: c_int) -> Result<u32, Errno> {
    let mut state = host.lock();
    let fd = state.inner(fd)?;
    let saturated = |octets: usize| u32::try_from(octets).unwrap_or(u32::MAX);
    Ok(match (level, name) {
        (libc::SOL_SOCKET, libc::SO_ERROR) => match state.host.take_error(fd)? {
            // Numbers of errors are small and positive.
            Some(error) => error.number() as u32,
            None => 0,
        },
        (libc::SOL_SOCKET, libc::SO_SNDBUF) => saturated(state.host.send_buffer(fd)?),
        (libc::IPPROTO_TCP, libc::TCP_NODELAY) => state.host.options(fd)?.nodelay.into(),
        (libc::IPPROTO_TCP, libc::TCP_MAXSEG) => match state.host.connection(fd) {
            Ok(Some(info)) => info.mss.into(),
            _ => state.host.options(fd)?.max_segment.unwrap_or(536).into(),
        },
        (libc::IPPROTO_TCP, TCP_NOTSENT_LOWAT) => state.host.notsent_lowat(fd)?.unwrap_or(0),
        (libc::IPPROTO_TCP, TCP_INQ) => state.host.tells_rest(fd)?.into(),
        _ => return Err(Errno::UnknownOption),
    })
}

pub(super) unsafe extern "C" fn fcntl(
    data: *mut c_void,
    fd: c_int,
    command: c_int,
    argument: c_int,
) -> c_int {
    // SAFETY: packetdrill gives the data of init. It calls through a variadic type; on the
    // platforms it runs on, an int is passed there as here.
    let mut state = unsafe { instance(data) }.lock();
    status(state.inner(fd).and_then(|fd| match command {
        libc::F_GETFL => {
            let nonblocking = state.host.is_nonblocking(fd)?;
            Ok(libc::O_RDWR | if nonblocking { libc::O_NONBLOCK } else { 0 })
        }
        libc::F_SETFL => {
            let nonblocking = argument & libc::O_NONBLOCK != 0;
            state.host.set_nonblocking(fd, nonblocking)?;
            Ok(0)
        }
        libc::F_GETFD | libc::F_SETFD => Ok(0),
        _ => Err(Errno::Invalid),
    }))
}

pub(super) unsafe extern "C" fn ioctl(
    data: *mut c_void,
    fd: c_int,
    request: c_ulong,
    argument: *mut c_int,
) -> c_int {
    // SAFETY: packetdrill gives the data of init. It calls through a variadic type; on the
    // platforms it runs on, a pointer is passed there as here.
    let host = unsafe { instance(data) };
    let count = inner(host, fd).and_then(|fd| {
        let state = host.lock();
        match request {
            SIOCINQ => state.host.unread(fd),
            SIOCOUTQ => state.host.unacknowledged(fd),
            _ => Err(Errno::Invalid),
        }
    });
    status(count.and_then(|count| {
        if argument.is_null() {
            return Err(Errno::Fault);
        }
        let count = c_int::try_from(count).unwrap_or(c_int::MAX);
        // SAFETY: not null, so a place of the caller.
        unsafe { argument.write(count) };
        Ok(0)
    }))
}
