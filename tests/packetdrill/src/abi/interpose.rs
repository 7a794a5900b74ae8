//! getsockopt(2) of the process: packetdrill asks it for the tcp_info that script code sees,
//! past the interface. Preloaded, the library answers for its own descriptors.

use super::instance::Instance;
use super::memory::status;
use super::options::get_option;
use core::sync::atomic::{AtomicPtr, Ordering};
use libc::{c_int, c_void, socklen_t};

static WATCHED: AtomicPtr<Instance> = AtomicPtr::new(core::ptr::null_mut());

/// From now on descriptors of `instance` are answered for; null stops that.
pub(super) fn watch(instance: *const Instance) {
    WATCHED.store(instance.cast_mut(), Ordering::Release);
}

/// # Safety
/// As getsockopt(2).
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn getsockopt(
    fd: c_int,
    level: c_int,
    name: c_int,
    value: *mut c_void,
    len: *mut socklen_t,
) -> c_int {
    let watched = WATCHED.load(Ordering::Acquire);
    // SAFETY: null, or an instance that its owner has not freed.
    if let Some(instance) = unsafe { watched.as_ref() }
        && instance.lock().inner(fd).is_ok()
    {
        // SAFETY: as the caller vouches.
        return status(unsafe { get_option(instance, fd, level, name, value, len) });
    }
    // SAFETY: the arguments are the caller's own.
    let result = unsafe { libc::syscall(libc::SYS_getsockopt, fd, level, name, value, len) };
    // 0 or -1.
    result as c_int
}
