//! Bulk both ways with the kernel: an echo on the engine, over devices with and without offloads, octet for octet.
#![allow(unsafe_code)]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant as WallClock};

use rustix::net::{AddressFamily, SocketType};
use tcp_ha_engine::auth::{PeerKeys, PeerPrefix, PeerSecurity, Secret, SecurityTable};
use tcp_ha_engine::{
    Arrival, Config, ConnectionId, ConnectionOptions, Effects, Engine, Event, Secrets,
};
use tcp_ha_link::{Checksum, DeviceConfig, DeviceKind, OffloadCounters, open};

use crate::namespace::Namespace;
use crate::node::{Node, OWN_V4, PEER_V4, Segment, ip};

const PORT: u16 = 179;
const OCTETS: usize = 16 << 20;
const BLOCK: usize = 64 << 10;
const LIMIT: Duration = Duration::from_secs(120);
const KEY: &[u8] = b"a key of both";

/// An echo for one connection.
struct Echo {
    node: Node,
    engine: Engine,
    fx: Effects,
    id: Option<ConnectionId>,
    echoed: u64,
    peer_closed: bool,
}

impl Echo {
    fn new(namespace: &Namespace, config: &DeviceConfig, security: SecurityTable) -> Echo {
        Echo::with(namespace, config, security, true)
    }

    /// With super-segments out of the engine, or joined by the device alone.
    fn with(
        namespace: &Namespace,
        config: &DeviceConfig,
        security: SecurityTable,
        super_segments: bool,
    ) -> Echo {
        let device = namespace.inside(|| open(config));
        let node = Node::new(device.unwrap_or_else(|error| panic!("{error}")));
        let config = Config {
            leave_checksum: node.device.has_offload(),
            super_segments: super_segments && node.device.has_offload(),
            ..Config::default()
        };
        let mut engine = Engine::new(config, Secrets::from_bytes(&[7; Secrets::LEN]));
        engine.set_security(security);
        let local = SocketAddr::new(ip(OWN_V4), PORT);
        engine
            .listen(local, ConnectionOptions::default(), 4)
            .expect("a listener");
        Echo {
            node,
            engine,
            fx: Effects::new(),
            id: None,
            echoed: 0,
            peer_closed: false,
        }
    }

    fn turn(&mut self) {
        let segments = self.node.turn();
        let now = self.node.now();
        for segment in segments {
            let Segment {
                src,
                dst,
                octets,
                checksum,
            } = segment;
            let arrival = Arrival::new(src, dst).with_vouched(checksum == Checksum::Vouched);
            self.engine
                .handle_arrival(now, arrival, &octets, &mut self.fx);
        }
        self.engine.handle_timeout(now, &mut self.fx);
        for event in std::mem::take(&mut self.fx.events) {
            match event {
                Event::Accepted { id, .. } => self.id = Some(id),
                Event::PeerClosed { .. } => self.peer_closed = true,
                Event::Closed { .. } => self.id = None,
                _ => {}
            }
        }
        self.echo();
        for segment in self.fx.take_segments() {
            self.node.host.send_built(now, segment, &mut self.node.out);
        }
        self.node.flush();
    }

    fn echo(&mut self) {
        let Some(id) = self.id else {
            return;
        };
        let now = self.node.now();
        let octets = self.engine.received(id, self.echoed).expect("octets");
        let octets = octets.collect::<Vec<_>>().concat();
        if octets.is_empty() {
            if std::mem::take(&mut self.peer_closed) {
                self.engine.close(now, id, &mut self.fx).expect("an end");
            }
            return;
        }
        let sent = self.engine.send(now, id, &octets, &mut self.fx);
        self.echoed += sent.expect("a connection") as u64;
        self.engine
            .consume(now, id, self.echoed, &mut self.fx)
            .expect("what was received");
    }
}

fn octet(at: usize) -> u8 {
    (at.wrapping_mul(0x9e37_79b9) >> 13) as u8
}

/// `struct tcp_md5sig` of linux/tcp.h.
#[repr(C)]
struct TcpMd5Sig {
    address: libc::sockaddr_storage,
    flags: u8,
    prefix: u8,
    key_len: u16,
    interface: i32,
    key: [u8; 80],
}

fn sign(socket: &OwnedFd) {
    const TCP_MD5SIG: libc::c_int = 14;
    let peer: Ipv4Addr = OWN_V4.parse().expect("an address");
    // SAFETY: all zeros are a valid `sockaddr_storage`.
    let mut address: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let inet = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: 0,
        sin_addr: libc::in_addr {
            s_addr: u32::from(peer).to_be(),
        },
        sin_zero: [0; 8],
    };
    // SAFETY: a `sockaddr_storage` has room for any address, and the alignment of the largest.
    unsafe {
        std::ptr::from_mut(&mut address)
            .cast::<libc::sockaddr_in>()
            .write(inet)
    };
    let mut option = TcpMd5Sig {
        address,
        flags: 0,
        prefix: 0,
        key_len: KEY.len() as u16,
        interface: 0,
        key: [0; 80],
    };
    option.key[..KEY.len()].copy_from_slice(KEY);
    // SAFETY: `option` is live, and its size is passed with it.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            TCP_MD5SIG,
            std::ptr::from_ref(&option).cast(),
            std::mem::size_of_val(&option) as libc::socklen_t,
        )
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

/// Sends all octets, and reads them back.
fn client(signed: bool) {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    if signed {
        sign(&socket);
    }
    rustix::net::connect(&socket, &SocketAddr::new(ip(OWN_V4), PORT)).expect("a connection");
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let mut writing = stream.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        for start in (0..OCTETS).step_by(BLOCK) {
            let block: Vec<u8> = (start..start + BLOCK).map(octet).collect();
            writing.write_all(&block).expect("a peer that reads");
        }
        writing.shutdown(Shutdown::Write).unwrap();
    });
    let (mut at, mut block) = (0, vec![0; BLOCK]);
    loop {
        let read = stream.read(&mut block).expect("an echo");
        if read == 0 {
            break;
        }
        let same = block[..read].iter().enumerate();
        let wrong = same
            .filter(|&(index, &found)| found != octet(at + index))
            .count();
        assert_eq!(wrong, 0, "behind octet {at}");
        at += read;
    }
    assert_eq!(at, OCTETS);
    writer.join().expect("a writer that ends well");
}

/// What the device counted while the kernel in `peer` had its octets echoed.
fn bulk(peer: &Namespace, mut echo: Echo, signed: bool) -> OffloadCounters {
    let end = WallClock::now() + LIMIT;
    std::thread::scope(|scope| {
        let client = scope.spawn(|| peer.inside(|| client(signed)));
        while !client.is_finished() {
            echo.turn();
            assert!(WallClock::now() < end, "the client does not end");
        }
        client.join().expect("a client that ends well");
    });
    echo.node.device.offload_counters()
}

fn tap() -> (Namespace, DeviceConfig) {
    let peer = Namespace::new();
    peer.ip("tuntap add rp0 mode tap");
    peer.ip("link set rp0 address 02:00:00:00:00:10 up");
    peer.ip(&format!("addr add {PEER_V4}/24 dev rp0"));
    (peer, DeviceConfig::new(DeviceKind::Tap, "rp0"))
}

fn assert_joined(counters: OffloadCounters) {
    assert!(counters.super_frames_in > 10, "{counters:?}");
    assert!(counters.super_frames_out > 10, "{counters:?}");
    assert!(
        counters.segments_joined > 2 * counters.super_frames_out,
        "{counters:?}"
    );
    assert_eq!(counters.refused, 0);
}

#[test]
fn over_a_tap_frames_of_many_segments_go_both_ways() {
    let (peer, config) = tap();
    let echo = Echo::new(&peer, &config, SecurityTable::default());
    assert_joined(bulk(&peer, echo, false));
}

#[test]
fn over_a_tap_single_segments_are_joined_by_the_device() {
    let (peer, config) = tap();
    let echo = Echo::with(&peer, &config, SecurityTable::default(), false);
    assert_joined(bulk(&peer, echo, false));
}

#[test]
fn over_a_tap_without_offload_every_frame_is_one_segment() {
    let (peer, config) = tap();
    let config = config.without_offload();
    let echo = Echo::new(&peer, &config, SecurityTable::default());
    assert!(!echo.node.device.has_offload());
    assert_eq!(bulk(&peer, echo, false), OffloadCounters::default());
}

#[test]
fn over_a_tun_frames_of_many_segments_go_both_ways() {
    let peer = Namespace::new();
    let config = DeviceConfig::new(DeviceKind::Tun, "tun0");
    let echo = Echo::new(&peer, &config, SecurityTable::default());
    peer.ip(&format!("addr add {PEER_V4}/24 dev tun0"));
    assert_joined(bulk(&peer, echo, false));
}

#[test]
fn over_a_packet_socket_the_interface_keeps_its_offloads() {
    let (ours, peer) = (Namespace::new(), Namespace::new());
    ours.cable_with_offloads("v0", &peer, "eth0");
    ours.run("sysctl -q -w net.ipv6.conf.v0.disable_ipv6=1");
    peer.ip(&format!("addr add {PEER_V4}/24 dev eth0"));
    let config = DeviceConfig::new(DeviceKind::Packet, "v0");
    let echo = Echo::new(&ours, &config, SecurityTable::default());
    assert_joined(bulk(&peer, echo, false));
}

#[test]
fn signed_segments_pass_an_offloading_tap_one_by_one() {
    let (peer, config) = tap();
    let mut security = SecurityTable::default();
    let keys = PeerKeys::Md5(Arc::new(Secret::new(KEY).expect("a key")));
    let asked = PeerSecurity {
        keys,
        ttl_security: None,
    };
    security
        .set(PeerPrefix::host(ip(PEER_V4)), asked)
        .expect("room");
    let echo = Echo::new(&peer, &config, security);
    let counters = bulk(&peer, echo, true);
    assert_eq!((counters.super_frames_out, counters.refused), (0, 0));
}
