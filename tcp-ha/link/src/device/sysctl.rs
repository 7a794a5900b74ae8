//! The kernel's own IPv6 on an interface of ours.

use std::fs;
use std::io;

/// Switches the kernel's IPv6 off on interface `name`, so that the kernel neither solicits nor announces there.
///
/// Fails softly, with a log line: a kernel that keeps its IPv6 speaks with the interface's own addresses, never with ours.
pub(super) fn disable_kernel_ipv6(name: &str) {
    let path = format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6");
    match fs::read_to_string(&path) {
        Ok(value) if value.trim() == "1" => {}
        // A kernel without IPv6 has nothing to switch off.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Ok(_) | Err(_) => {
            if let Err(error) = fs::write(&path, "1\n") {
                tracing::warn!(
                    "device {name}: the kernel's IPv6 stays on: cannot write {path}: {error}"
                );
            }
        }
    }
}
