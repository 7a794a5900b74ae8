//! Memory of the caller: octets, vectors of octets, socket addresses.

use crate::sockets::Errno;
use core::mem::size_of;
use libc::{c_int, c_void, iovec, sockaddr, sockaddr_in, sockaddr_in6, socklen_t};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// Copies octets in from the caller.
///
/// Errors: `Fault` for a null pointer to more than nothing.
///
/// # Safety
/// Unless null, `from` points to `len` octets.
pub(super) unsafe fn octets_in(from: *const c_void, len: usize) -> Result<Vec<u8>, Errno> {
    match (from.is_null(), len) {
        (_, 0) => Ok(Vec::new()),
        (true, _) => Err(Errno::Fault),
        // SAFETY: not null, and the caller vouches for `len` octets.
        (false, _) => Ok(unsafe { core::slice::from_raw_parts(from.cast::<u8>(), len) }.to_vec()),
    }
}

/// Copies octets out to the caller, as many as fit in `len`.
///
/// Errors: `Fault` for a null pointer.
///
/// # Safety
/// Unless null, `to` points to `len` writable octets.
pub(super) unsafe fn octets_out(to: *mut c_void, len: usize, octets: &[u8]) -> Result<(), Errno> {
    let count = octets.len().min(len);
    if count == 0 {
        return Ok(());
    }
    if to.is_null() {
        return Err(Errno::Fault);
    }
    // SAFETY: not null, `count` is within what the caller vouches for, and a slice of ours
    // does not overlap memory of the caller.
    unsafe { core::ptr::copy_nonoverlapping(octets.as_ptr(), to.cast::<u8>(), count) };
    Ok(())
}

/// The parts of a vector.
///
/// # Safety
/// Unless null, `vector` points to `count` entries.
pub(super) unsafe fn parts<'a>(vector: *const iovec, count: usize) -> Result<&'a [iovec], Errno> {
    match (vector.is_null(), count) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(Errno::Fault),
        // SAFETY: not null, and the caller vouches for `count` entries.
        (false, _) => Ok(unsafe { core::slice::from_raw_parts(vector, count) }),
    }
}

/// Copies the octets of all parts in.
///
/// # Safety
/// Each part names memory of its length.
pub(super) unsafe fn gather(parts: &[iovec]) -> Result<Vec<u8>, Errno> {
    let mut all = Vec::new();
    for part in parts {
        // SAFETY: the caller vouches for each part.
        all.extend(unsafe { octets_in(part.iov_base, part.iov_len) }?);
    }
    Ok(all)
}

/// Copies octets out over the parts, one after the other.
///
/// # Safety
/// Each part names writable memory of its length.
pub(super) unsafe fn scatter(parts: &[iovec], mut octets: &[u8]) -> Result<(), Errno> {
    for part in parts {
        let count = octets.len().min(part.iov_len);
        // SAFETY: the caller vouches for each part.
        unsafe { octets_out(part.iov_base, part.iov_len, &octets[..count]) }?;
        octets = &octets[count..];
    }
    Ok(())
}

/// Reads a socket address.
///
/// # Safety
/// Unless null, `from` points to `len` octets.
pub(super) unsafe fn address_in(
    from: *const sockaddr,
    len: socklen_t,
) -> Result<SocketAddr, Errno> {
    // SAFETY: as the caller vouches.
    let octets = unsafe { octets_in(from.cast(), len as usize) }?;
    let family = octets.first_chunk().ok_or(Errno::Invalid)?;
    match c_int::from(u16::from_ne_bytes(*family)) {
        libc::AF_INET if octets.len() >= size_of::<sockaddr_in>() => {
            let port = u16::from_be_bytes([octets[2], octets[3]]);
            let ip = Ipv4Addr::new(octets[4], octets[5], octets[6], octets[7]);
            Ok(SocketAddr::new(ip.into(), port))
        }
        libc::AF_INET6 if octets.len() >= size_of::<sockaddr_in6>() => {
            let port = u16::from_be_bytes([octets[2], octets[3]]);
            let mut ip = [0; 16];
            ip.copy_from_slice(&octets[8..24]);
            Ok(SocketAddr::new(Ipv6Addr::from(ip).into(), port))
        }
        libc::AF_INET | libc::AF_INET6 => Err(Errno::Invalid),
        _ => Err(Errno::WrongFamily),
    }
}

/// Writes a socket address where one is wanted.
///
/// # Safety
/// Unless null, `len` points to the room behind `to`.
pub(super) unsafe fn address_out(to: *mut sockaddr, len: *mut socklen_t, address: SocketAddr) {
    if to.is_null() || len.is_null() {
        return;
    }
    let mut octets = Vec::with_capacity(size_of::<sockaddr_in6>());
    let family = if address.is_ipv4() {
        libc::AF_INET
    } else {
        libc::AF_INET6
    };
    // Both numbers are far below 2^16.
    octets.extend_from_slice(&(family as u16).to_ne_bytes());
    octets.extend_from_slice(&address.port().to_be_bytes());
    match address {
        SocketAddr::V4(v4) => {
            octets.extend_from_slice(&v4.ip().octets());
            octets.resize(size_of::<sockaddr_in>(), 0);
        }
        SocketAddr::V6(v6) => {
            octets.extend_from_slice(&[0; 4]);
            octets.extend_from_slice(&v6.ip().octets());
            octets.resize(size_of::<sockaddr_in6>(), 0);
        }
    }
    // SAFETY: `len` is not null, and the caller vouches for what it points to.
    let room = unsafe { *len } as usize;
    // SAFETY: the caller vouches for `room` octets behind `to`; it is not null.
    let _ = unsafe { octets_out(to.cast(), room, &octets) };
    // SAFETY: as above. A socket address is far shorter than 2^32.
    unsafe { *len = octets.len() as socklen_t };
}

/// The C convention: the value, or -1 and `errno`.
pub(super) fn answer(result: Result<isize, Errno>) -> isize {
    match result {
        Ok(value) => value,
        Err(error) => {
            // SAFETY: the C library gives each thread a valid place for its `errno`.
            unsafe { *libc::__errno_location() = error.number() };
            -1
        }
    }
}

/// [`answer`] for a call that returns an `int`.
pub(super) fn status(result: Result<i32, Errno>) -> c_int {
    // What went in was an i32 or is -1.
    answer(result.map(|value| value as isize)) as c_int
}
