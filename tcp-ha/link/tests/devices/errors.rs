//! What cannot be opened is refused in one clear line.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
use tcp_ha_link::device::{PacketDevice, TapDevice, TunDevice};
use tcp_ha_link::{Device, DeviceConfig, DeviceError, DeviceKind, open};

use crate::namespace::{Namespace, wait_for};

fn refusal(namespace: &Namespace, kind: DeviceKind, name: &str) -> DeviceError {
    let config = DeviceConfig::new(kind, name);
    let error = namespace.inside(|| open(&config)).err().expect("a refusal");
    let line = error.to_string();
    assert!(!line.contains('\n') && line.contains(name), "{line}");
    error
}

/// Takes this thread's effective capabilities away; for threads that end soon.
fn drop_capabilities() {
    let empty = CapabilitySet::empty();
    let sets = CapabilitySets {
        effective: empty,
        permitted: empty,
        inheritable: empty,
    };
    set_capabilities(None, sets).unwrap();
}

#[test]
fn names_that_no_interface_has_are_refused() {
    let namespace = Namespace::new();
    for name in ["", "sixteen-octets-x", "a/b", "..", "a b", "eth%d", "é"] {
        for kind in [DeviceKind::Tap, DeviceKind::Tun, DeviceKind::Packet] {
            let config = DeviceConfig::new(kind, name);
            let error = namespace.inside(|| open(&config)).err().expect("a refusal");
            assert!(matches!(error, DeviceError::BadName(_)), "{error}");
        }
    }
}

#[test]
fn an_interface_that_another_holds_is_busy() {
    let namespace = Namespace::new();
    let held = namespace.inside(|| TapDevice::open("rp0", true)).unwrap();
    assert!(matches!(
        refusal(&namespace, DeviceKind::Tap, "rp0"),
        DeviceError::Busy(_)
    ));
    drop(held);
    wait_for("the interface to be free", || {
        namespace.inside(|| TapDevice::open("rp0", true)).ok()
    });
}

#[test]
fn an_interface_of_another_kind_is_refused() {
    let namespace = Namespace::new();
    namespace.ip("tuntap add tun0 mode tun");
    namespace.ip("link add br0 type bridge");
    for (kind, name) in [
        (DeviceKind::Tap, "tun0"),
        (DeviceKind::Tap, "br0"),
        (DeviceKind::Tun, "br0"),
    ] {
        let error = refusal(&namespace, kind, name);
        assert!(matches!(error, DeviceError::WrongKind(..)), "{error}");
    }
    let error = refusal(&namespace, DeviceKind::Packet, "tun0");
    assert!(matches!(error, DeviceError::NotEthernet(_)), "{error}");
}

#[test]
fn an_interface_that_is_not_there_is_refused() {
    let namespace = Namespace::new();
    let error = refusal(&namespace, DeviceKind::Packet, "eth7");
    assert!(matches!(error, DeviceError::NoSuchInterface(_)), "{error}");
}

#[test]
fn without_capabilities_the_line_says_what_to_do() {
    let namespace = Namespace::new();
    namespace.ip("link add br0 type bridge");
    let (tap, packet) = namespace.inside(|| {
        drop_capabilities();
        (
            TapDevice::open("rp0", true).err(),
            PacketDevice::open("br0", true).err(),
        )
    });
    let (tap, packet) = (tap.expect("a refusal"), packet.expect("a refusal"));
    assert!(matches!(tap, DeviceError::NotPermitted(_)), "{tap}");
    assert!(tap.to_string().contains("CAP_NET_ADMIN"));
    assert!(matches!(packet, DeviceError::NoNetRaw(_)), "{packet}");
    assert!(packet.to_string().contains("CAP_NET_RAW"));
}

/// Set in the process that sees a closed `/dev/net/tun`.
const CLOSED: &str = "LINK_TEST_TUN_IS_CLOSED";

/// This test runs itself again where a file that nobody may open lies over `/dev/net/tun`: `ip netns exec` gives it mounts of its
/// own.
#[test]
fn a_closed_dev_net_tun_is_named() {
    if std::env::var_os(CLOSED).is_some() {
        drop_capabilities();
        let error = TapDevice::open("rp0", true).err().expect("a refusal");
        assert!(
            matches!(error, DeviceError::TunNotAccessible(..)),
            "{error}"
        );
        let line = error.to_string();
        assert!(
            line.contains("/dev/net/tun") && !line.contains('\n'),
            "{line}"
        );
        return;
    }
    let namespace = Namespace::new();
    let cover = std::env::temp_dir().join(format!("link-test-tun-{}", std::process::id()));
    std::fs::write(&cover, "").unwrap();
    std::fs::set_permissions(&cover, Permissions::from_mode(0o000)).unwrap();
    let own = std::env::current_exe().unwrap();
    let said = namespace.run_with(
        (CLOSED, "1"),
        &[
            "sh",
            "-c",
            "mount --bind \"$0\" /dev/net/tun && exec \"$1\" --exact errors::a_closed_dev_net_tun_is_named",
            cover.to_str().unwrap(),
            own.to_str().unwrap(),
        ],
    );
    std::fs::remove_file(&cover).unwrap();
    assert!(said.contains("1 passed"), "{said}");
}

#[test]
fn a_persistent_tap_is_attached_to_again_and_again() {
    let namespace = Namespace::new();
    namespace.ip("tuntap add rp0 mode tap");
    namespace.ip("link set rp0 mtu 1400");
    for _ in 0..3 {
        let device = wait_for("the interface to be free", || {
            namespace.inside(|| TapDevice::open("rp0", true)).ok()
        });
        assert_eq!(device.mtu(), 1400);
        let shown = namespace.ip("link show rp0");
        assert!(shown.contains(",UP"), "{shown}");
    }
}

#[test]
fn the_kernels_ipv6_is_off_on_what_is_opened() {
    let namespace = Namespace::new();
    let _tap = namespace.inside(|| TapDevice::open("rp0", true)).unwrap();
    let _tun = namespace.inside(|| TunDevice::open("tun0", true)).unwrap();
    for name in ["rp0", "tun0"] {
        assert_eq!(namespace.ip(&format!("-6 addr show dev {name}")), "");
        let value = namespace.run(&format!("sysctl -n net.ipv6.conf.{name}.disable_ipv6"));
        assert_eq!(value.trim(), "1");
    }
}

#[test]
fn frames_longer_than_the_buffer_are_dropped_and_counted() {
    let (ours, other) = (Namespace::new(), Namespace::new());
    ours.cable("v0", &other, "eth0");
    let mut device = ours.inside(|| PacketDevice::open("v0", true)).unwrap();
    other.ip("addr add 10.98.0.2/24 dev eth0");
    // Whatever the kernel says there is longer than this.
    other.inside(|| {
        let socket = std::net::UdpSocket::bind("10.98.0.2:0").unwrap();
        socket.send_to(b"x", "10.98.0.1:9").unwrap();
    });
    wait_for("a frame", || {
        let error = device
            .receive(&mut [0; 20])
            .expect_err("too short a buffer");
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
        (device.oversized() > 0).then_some(())
    });
}
