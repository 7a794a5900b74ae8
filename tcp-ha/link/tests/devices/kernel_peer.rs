//! The kernel of another namespace as the peer: it resolves us, pings us, connects to us.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    Icmpv4Packet, Icmpv4Repr, IpAddress, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber,
};
use tcp_ha_link::{Checksum, Device, DeviceConfig, DeviceKind, open};

use crate::namespace::{Namespace, wait_for};
use crate::node::{Node, OWN_MAC, OWN_V4, OWN_V6, PEER_V4, PEER_V6, Segment, ip};

fn device(namespace: &Namespace, kind: DeviceKind, name: &str) -> Box<dyn Device> {
    let config = DeviceConfig::new(kind, name);
    namespace
        .inside(|| open(&config))
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Gives the kernel in `peer` its addresses on `name`.
fn address(peer: &Namespace, name: &str) {
    peer.ip(&format!("addr add {PEER_V4}/24 dev {name}"));
    peer.ip(&format!("addr add {PEER_V6}/64 dev {name} nodad"));
}

/// A TAP and the peer's cable on one bridge.
fn tap_on_a_bridge() -> (Namespace, Namespace, Node) {
    let (switch, peer) = (Namespace::new(), Namespace::new());
    switch.ip("link add br0 type bridge");
    switch.ip("link set br0 address 02:00:00:00:00:fe up");
    switch.ip("tuntap add rp0 mode tap");
    switch.ip("link set rp0 address 02:00:00:00:00:10 master br0");
    switch.cable("v0", &peer, "eth0");
    switch.ip("link set v0 master br0");
    address(&peer, "eth0");
    let node = Node::new(device(&switch, DeviceKind::Tap, "rp0"));
    (switch, peer, node)
}

/// A cable between the peer and a packet socket.
fn packet_on_a_cable() -> (Namespace, Namespace, Node) {
    let (ours, peer) = (Namespace::new(), Namespace::new());
    ours.cable("v0", &peer, "eth0");
    ours.run("sysctl -q -w net.ipv6.conf.v0.disable_ipv6=1");
    address(&peer, "eth0");
    let node = Node::new(device(&ours, DeviceKind::Packet, "v0"));
    (ours, peer, node)
}

/// A TCP connection that the kernel has begun.
fn connecting(peer: &Namespace, to: SocketAddr) -> OwnedFd {
    peer.inside(|| {
        let family = if to.is_ipv4() {
            AddressFamily::INET
        } else {
            AddressFamily::INET6
        };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None).unwrap();
        assert_eq!(rustix::net::connect(&socket, &to), Err(Errno::INPROGRESS));
        socket
    })
}

/// The answer to a SYN at a closed port: RST, ACK.
fn reset_for(segment: &Segment) -> Vec<u8> {
    let caps = ChecksumCapabilities::default();
    let (src, dst) = (IpAddress::from(segment.src), IpAddress::from(segment.dst));
    let packet = TcpPacket::new_checked(&segment.octets[..]).unwrap();
    assert!(
        segment.checksum == Checksum::Vouched || packet.verify_checksum(&src, &dst),
        "the kernel's checksum is complete, or left to the device"
    );
    let syn = TcpRepr::parse(&packet, &src, &dst, &ChecksumCapabilities::ignored()).unwrap();
    assert_eq!(syn.control, TcpControl::Syn);
    let reset = TcpRepr {
        src_port: syn.dst_port,
        dst_port: syn.src_port,
        control: TcpControl::Rst,
        seq_number: TcpSeqNumber(0),
        ack_number: Some(syn.seq_number + 1),
        window_len: 0,
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    };
    let mut octets = vec![0; reset.buffer_len()];
    reset.emit(
        &mut TcpPacket::new_unchecked(&mut octets[..]),
        &dst,
        &src,
        &caps,
    );
    octets
}

/// The kernel connects; its SYN comes up, our RST goes down and is taken.
fn kernel_takes_our_reset(peer: &Namespace, node: &mut Node, own: &str) {
    let socket = connecting(peer, SocketAddr::new(ip(own), 179));
    let syn = wait_for("a SYN", || node.turn().pop());
    assert_eq!(syn.dst, ip(own));
    let (now, reset) = (node.now(), reset_for(&syn));
    node.host
        .send_segment(now, syn.dst, syn.src, 48, 255, &reset, &mut node.out);
    node.flush();
    let error = wait_for("the refusal", || {
        node.turn();
        rustix::net::sockopt::socket_error(&socket).unwrap().err()
    });
    assert_eq!(error, Errno::CONNREFUSED);
}

/// The kernel pings us over a raw socket and gets its octets back.
fn kernel_pings_us(peer: &Namespace, node: &mut Node, own: &str) {
    const IDENT: u16 = 0x4c4b;
    let own: IpAddr = ip(own);
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = peer.inside(|| {
        let (family, protocol) = match own {
            IpAddr::V4(_) => (AddressFamily::INET, ipproto::ICMP),
            IpAddr::V6(_) => (AddressFamily::INET6, ipproto::ICMPV6),
        };
        rustix::net::socket_with(family, SocketType::RAW, flags, Some(protocol)).unwrap()
    });
    let repr = Icmpv4Repr::EchoRequest {
        ident: IDENT,
        seq_no: 1,
        data: b"are you there",
    };
    let mut request = vec![0; repr.buffer_len()];
    let mut packet = Icmpv4Packet::new_unchecked(&mut request[..]);
    repr.emit(&mut packet, &ChecksumCapabilities::default());
    let (reply_kind, header_len) = match own {
        IpAddr::V4(_) => (0, 20),
        IpAddr::V6(_) => {
            // The kernel fills the checksum of ICMPv6 in.
            request[0] = 128;
            (129, 0)
        }
    };
    let to = SocketAddr::new(own, 0);
    rustix::net::sendto(&socket, &request, rustix::net::SendFlags::empty(), &to).unwrap();
    let mut expected = request.clone();
    expected[0] = reply_kind;
    wait_for("the echo", || {
        node.turn();
        let mut buf = [0; 256];
        let flags = rustix::net::RecvFlags::empty();
        let (len, _) = rustix::net::recv(&socket, &mut buf, flags).ok()?;
        let reply = buf[..len].get(header_len..)?;
        // All but the checksum, which counts the type too.
        (reply.len() == expected.len() && reply[0] == expected[0] && reply[4..] == expected[4..])
            .then_some(())
    });
}

#[test]
fn a_kernel_behind_a_bridge_reaches_a_tap() {
    let (_switch, peer, mut node) = tap_on_a_bridge();
    for own in [OWN_V4, OWN_V6] {
        kernel_pings_us(&peer, &mut node, own);
        kernel_takes_our_reset(&peer, &mut node, own);
    }
}

#[test]
fn a_kernel_on_a_cable_reaches_a_packet_socket() {
    let (_ours, peer, mut node) = packet_on_a_cable();
    for own in [OWN_V4, OWN_V6] {
        kernel_pings_us(&peer, &mut node, own);
        kernel_takes_our_reset(&peer, &mut node, own);
    }
}

#[test]
fn a_kernel_reaches_a_tun() {
    let peer = Namespace::new();
    let mut node = Node::new(device(&peer, DeviceKind::Tun, "tun0"));
    peer.ip(&format!("addr add {PEER_V4}/24 dev tun0"));
    kernel_pings_us(&peer, &mut node, OWN_V4);
    kernel_takes_our_reset(&peer, &mut node, OWN_V4);
}

#[test]
fn we_resolve_a_kernel_and_it_answers() {
    let (_switch, _peer, mut node) = tap_on_a_bridge();
    for (own, other) in [(OWN_V4, PEER_V4), (OWN_V6, PEER_V6)] {
        // An ACK at a closed port draws a RST, with SEQ = ACK.
        let caps = ChecksumCapabilities::default();
        let (src, dst) = (IpAddress::from(ip(own)), IpAddress::from(ip(other)));
        let stray = TcpRepr {
            src_port: 179,
            dst_port: 5,
            control: TcpControl::None,
            seq_number: TcpSeqNumber(1),
            ack_number: Some(TcpSeqNumber(77)),
            window_len: 0,
            window_scale: None,
            max_seg_size: None,
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload: &[],
        };
        let mut octets = vec![0; stray.buffer_len()];
        stray.emit(
            &mut TcpPacket::new_unchecked(&mut octets[..]),
            &src,
            &dst,
            &caps,
        );
        let now = node.now();
        node.host
            .send_segment(now, ip(own), ip(other), 48, 64, &octets, &mut node.out);
        node.flush();
        let answer = wait_for("the kernel's RST", || node.turn().pop());
        let packet = TcpPacket::new_checked(&answer.octets[..]).unwrap();
        assert!(packet.rst());
        assert_eq!(packet.seq_number(), TcpSeqNumber(77));
    }
    assert_eq!(node.host.neighbours().count(), 2);
}

/// The announcement is the very first thing sent and is sent once: what is written to a TAP just opened must not get lost.
#[test]
fn an_announcement_turns_the_kernels_neighbour_table() {
    let (_switch, peer, mut node) = tap_on_a_bridge();
    for own in [OWN_V4, OWN_V6] {
        peer.ip(&format!(
            "neigh replace {own} lladdr 02:00:00:00:00:99 dev eth0 nud stale"
        ));
    }
    let now = node.now();
    node.host.announce(now, &mut node.out);
    node.flush();
    for own in [OWN_V4, OWN_V6] {
        wait_for("the kernel to turn to us", || {
            let table = peer.ip(&format!("neigh show {own} dev eth0"));
            table.contains(&OWN_MAC.to_string()).then_some(())
        });
    }
}

#[test]
fn a_packet_socket_does_not_hear_itself() {
    let (_ours, peer, mut node) = packet_on_a_cable();
    let now = node.now();
    for _ in 0..10 {
        node.host.announce(now, &mut node.out);
    }
    node.flush();
    kernel_pings_us(&peer, &mut node, OWN_V4);
    assert_eq!(node.host.counters().foreign_announcements, 0);
}
