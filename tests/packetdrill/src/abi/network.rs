//! The link and the clock.

use super::memory;
use super::table::instance;
use core::time::Duration;
use libc::{c_int, c_longlong, c_uint, c_void, size_t, timeval, timezone};

/// What stands in for a packet that will never come: not IP, so that the script fails with
/// a reason rather than wait for ever.
const NO_PACKET: [u8; 1] = [0];

/// A packet arrives at the host.
pub(super) unsafe extern "C" fn netdev_send(
    data: *mut c_void,
    octets: *const c_void,
    count: size_t,
) -> c_int {
    // SAFETY: packetdrill gives the data of init, and `count` octets.
    let (host, octets) = unsafe { (instance(data), memory::octets_in(octets, count)) };
    let result = octets.map(|octets| {
        host.stir(|host| host.handle_packet(&octets));
        0
    });
    memory::status(result)
}

/// The next packet that the host sends; time goes on until there is one.
pub(super) unsafe extern "C" fn netdev_receive(
    data: *mut c_void,
    buffer: *mut c_void,
    count: *mut size_t,
    time_usecs: *mut c_longlong,
) -> c_int {
    // SAFETY: packetdrill gives the data of init.
    let host = unsafe { instance(data) };
    let packet = host.next_packet();
    if packet.is_none() {
        eprintln!("the host is silent: the packet that the script expects will never come");
    }
    let (octets, at) = match &packet {
        Some(packet) => (&packet.octets[..], packet.at),
        None => (&NO_PACKET[..], host.time()),
    };
    // SAFETY: `count` and `time_usecs` are places of the caller, and `*count` is the room
    // behind `buffer`.
    unsafe {
        let written = memory::octets_out(buffer, *count, octets);
        *count = octets.len().min(*count);
        *time_usecs = at.as_micros() as c_longlong;
        memory::status(written.map(|()| 0))
    }
}

/// Virtual time goes on.
pub(super) unsafe extern "C" fn usleep(data: *mut c_void, micros: c_uint) -> c_int {
    // SAFETY: packetdrill gives the data of init.
    let host = unsafe { instance(data) };
    let to = host.time() + Duration::from_micros(micros.into());
    host.advance(to);
    0
}

/// Virtual time.
pub(super) unsafe extern "C" fn gettimeofday(
    data: *mut c_void,
    time: *mut timeval,
    _zone: *mut timezone,
) -> c_int {
    // SAFETY: packetdrill gives the data of init.
    let now = unsafe { instance(data) }.time().as_micros();
    if !time.is_null() {
        // Virtual time is far below 2^63.
        let value = timeval {
            tv_sec: (now / 1_000_000) as libc::time_t,
            tv_usec: (now % 1_000_000) as libc::suseconds_t,
        };
        // SAFETY: not null, so a place of the caller.
        unsafe { time.write(value) };
    }
    0
}
