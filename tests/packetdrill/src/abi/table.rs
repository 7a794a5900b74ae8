//! The table of functions, as packetdrill declares it.

use super::flags::Flags;
use super::instance::Instance;
use super::{calls, messages, network, options};
use libc::{
    c_char, c_int, c_longlong, c_uint, c_ulong, c_void, epoll_event, iovec, loff_t, msghdr, nfds_t,
    pollfd, size_t, sockaddr, socklen_t, ssize_t, timeval, timezone,
};
use std::ffi::CStr;

type Data = *mut c_void;

/// Every function takes `userdata` first. The order is part of the interface.
#[repr(C)]
#[allow(missing_docs)]
#[derive(Debug)]
pub struct Interface {
    pub userdata: Data,
    pub free: unsafe extern "C" fn(Data),
    pub socket: unsafe extern "C" fn(Data, c_int, c_int, c_int) -> c_int,
    pub bind: unsafe extern "C" fn(Data, c_int, *const sockaddr, socklen_t) -> c_int,
    pub listen: unsafe extern "C" fn(Data, c_int, c_int) -> c_int,
    pub accept: unsafe extern "C" fn(Data, c_int, *mut sockaddr, *mut socklen_t) -> c_int,
    pub connect: unsafe extern "C" fn(Data, c_int, *const sockaddr, socklen_t) -> c_int,
    pub read: unsafe extern "C" fn(Data, c_int, *mut c_void, size_t) -> ssize_t,
    pub readv: unsafe extern "C" fn(Data, c_int, *const iovec, c_int) -> ssize_t,
    pub recv: unsafe extern "C" fn(Data, c_int, *mut c_void, size_t, c_int) -> ssize_t,
    pub recvfrom: unsafe extern "C" fn(
        Data,
        c_int,
        *mut c_void,
        size_t,
        c_int,
        *mut sockaddr,
        *mut socklen_t,
    ) -> ssize_t,
    pub recvmsg: unsafe extern "C" fn(Data, c_int, *mut msghdr, c_int) -> ssize_t,
    pub write: unsafe extern "C" fn(Data, c_int, *const c_void, size_t) -> ssize_t,
    pub writev: unsafe extern "C" fn(Data, c_int, *const iovec, c_int) -> ssize_t,
    pub send: unsafe extern "C" fn(Data, c_int, *const c_void, size_t, c_int) -> ssize_t,
    pub sendto: unsafe extern "C" fn(
        Data,
        c_int,
        *const c_void,
        size_t,
        c_int,
        *const sockaddr,
        socklen_t,
    ) -> ssize_t,
    pub sendmsg: unsafe extern "C" fn(Data, c_int, *const msghdr, c_int) -> ssize_t,
    pub fcntl: unsafe extern "C" fn(Data, c_int, c_int, c_int) -> c_int,
    pub ioctl: unsafe extern "C" fn(Data, c_int, c_ulong, *mut c_int) -> c_int,
    pub close: unsafe extern "C" fn(Data, c_int) -> c_int,
    pub shutdown: unsafe extern "C" fn(Data, c_int, c_int) -> c_int,
    pub getsockopt:
        unsafe extern "C" fn(Data, c_int, c_int, c_int, *mut c_void, *mut socklen_t) -> c_int,
    pub setsockopt:
        unsafe extern "C" fn(Data, c_int, c_int, c_int, *const c_void, socklen_t) -> c_int,
    pub poll: unsafe extern "C" fn(Data, *mut pollfd, nfds_t, c_int) -> c_int,
    pub netdev_send: unsafe extern "C" fn(Data, *const c_void, size_t) -> c_int,
    pub netdev_receive:
        unsafe extern "C" fn(Data, *mut c_void, *mut size_t, *mut c_longlong) -> c_int,
    pub usleep: unsafe extern "C" fn(Data, c_uint) -> c_int,
    pub gettimeofday: unsafe extern "C" fn(Data, *mut timeval, *mut timezone) -> c_int,
    pub epoll_create: unsafe extern "C" fn(Data, c_int) -> c_int,
    pub epoll_ctl: unsafe extern "C" fn(Data, c_int, c_int, c_int, *mut epoll_event) -> c_int,
    pub epoll_wait: unsafe extern "C" fn(Data, c_int, *mut epoll_event, c_int, c_int) -> c_int,
    pub pipe: unsafe extern "C" fn(Data, *mut c_int) -> c_int,
    pub splice: unsafe extern "C" fn(
        Data,
        c_int,
        *mut loff_t,
        c_int,
        *mut loff_t,
        size_t,
        c_uint,
    ) -> ssize_t,
}

/// Fills `interface` with a new host whose script runs on the calling thread. Flags that
/// cannot be understood are told on standard error, and end the process: there is no other
/// way to refuse.
///
/// # Safety
/// `interface` points to room for an [`Interface`]; `flags` is null or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn packetdrill_interface_init(
    flags: *const c_char,
    interface: *mut Interface,
) {
    let text = if flags.is_null() {
        String::new()
    } else {
        // SAFETY: not null, so a C string, as the caller vouches.
        unsafe { CStr::from_ptr(flags) }
            .to_string_lossy()
            .into_owned()
    };
    let flags = match Flags::parse(&text) {
        Ok(flags) => flags,
        Err(reason) => {
            eprintln!("{reason}");
            std::process::exit(1);
        }
    };
    let userdata: Data = Box::into_raw(Box::new(Instance::new(flags))).cast();
    #[cfg(feature = "interpose")]
    super::interpose::watch(userdata.cast());
    let filled = Interface {
        userdata,
        free,
        socket: calls::socket,
        bind: calls::bind,
        listen: calls::listen,
        accept: calls::accept,
        connect: calls::connect,
        read: messages::read,
        readv: messages::readv,
        recv: messages::recv,
        recvfrom: messages::recvfrom,
        recvmsg: messages::recvmsg,
        write: messages::write,
        writev: messages::writev,
        send: messages::send,
        sendto: messages::sendto,
        sendmsg: messages::sendmsg,
        fcntl: options::fcntl,
        ioctl: options::ioctl,
        close: calls::close,
        shutdown: calls::shutdown,
        getsockopt: options::getsockopt,
        setsockopt: options::setsockopt,
        poll: calls::poll,
        netdev_send: network::netdev_send,
        netdev_receive: network::netdev_receive,
        usleep: network::usleep,
        gettimeofday: network::gettimeofday,
        epoll_create: calls::epoll_create,
        epoll_ctl: calls::epoll_ctl,
        epoll_wait: calls::epoll_wait,
        pipe: calls::pipe,
        splice: calls::splice,
    };
    // SAFETY: the caller vouches for the room.
    unsafe { interface.write(filled) };
}

/// The instance behind `userdata`.
///
/// # Safety
/// `data` came from [`packetdrill_interface_init`] and was not freed.
pub(super) unsafe fn instance<'a>(data: Data) -> &'a Instance {
    // SAFETY: as the caller vouches; the instance is only ever shared.
    unsafe { &*data.cast::<Instance>() }
}

/// # Safety
/// `data` came from [`packetdrill_interface_init`], and nobody uses it any more.
unsafe extern "C" fn free(data: Data) {
    #[cfg(feature = "interpose")]
    super::interpose::watch(core::ptr::null());
    if !data.is_null() {
        // SAFETY: made by `Box::into_raw`, and nobody uses it any more.
        drop(unsafe { Box::from_raw(data.cast::<Instance>()) });
    }
}
