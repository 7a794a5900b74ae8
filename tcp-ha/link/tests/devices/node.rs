//! The least node: a device, a host and an open gate.

use std::net::IpAddr;
use std::time::Instant as WallClock;

use ipc::gate::Gate;
use ipc::ids::{Incarnation, Lsn};
use ipc::register::Register;
use ipc::register::memory::MemoryRegister;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tcp_ha_engine::Instant;
use tcp_ha_link::{
    Checksum, Device, Frame, Frames, Host, HostConfig, Inbound, LinkAddress, Received,
};

pub(crate) const OWN_MAC: LinkAddress = LinkAddress([0x02, 0x00, 0x5e, 0x00, 0x00, 0x01]);
pub(crate) const OWN_V4: &str = "10.98.0.1";
pub(crate) const OWN_V6: &str = "fd98::1";
pub(crate) const PEER_V4: &str = "10.98.0.2";
pub(crate) const PEER_V6: &str = "fd98::2";

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A TCP segment that came up.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) src: IpAddr,
    pub(crate) dst: IpAddr,
    pub(crate) octets: Vec<u8>,
    pub(crate) checksum: Checksum,
}

pub(crate) struct Node {
    pub(crate) device: Box<dyn Device>,
    pub(crate) host: Host,
    pub(crate) out: Frames,
    gate: Gate<Frame>,
    started: WallClock,
}

impl Node {
    pub(crate) fn new(device: Box<dyn Device>) -> Node {
        let mut config = HostConfig::ethernet(OWN_MAC);
        config.medium = device.medium();
        config.mtu = device.mtu();
        config.addresses = vec![(ip(OWN_V4), 24), (ip(OWN_V6), 64)];
        let me = Incarnation::from_bytes([1; 16]);
        let tenure = MemoryRegister::new()
            .compare_and_swap(None, me, None)
            .unwrap();
        // More than any window has segments of.
        let mut gate = Gate::new(me, 10_000);
        assert!(gate.open_solo(&tenure));
        Node {
            device,
            host: Host::new(config).unwrap(),
            out: Frames::new(),
            gate,
            started: WallClock::now(),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_micros(self.started.elapsed().as_micros() as u64)
    }

    /// Sends what the host has put out.
    pub(crate) fn flush(&mut self) {
        for frame in self.out.drain() {
            self.gate.push(Lsn(1), frame).unwrap();
        }
        let released: Vec<_> = std::iter::from_fn(|| self.gate.release()).collect();
        let mut rest = &released[..];
        while !rest.is_empty() {
            let transmitted = self.device.transmit(rest);
            transmitted.result.unwrap();
            rest = &rest[transmitted.frames..];
        }
        for frame in released {
            self.out.recycle(frame.into_inner());
        }
    }

    /// Takes in all frames that are there, waiting up to 10 ms for the first; returns the segments among them.
    pub(crate) fn turn(&mut self) -> Vec<Segment> {
        let mut segments = Vec::new();
        let mut buf = vec![0; 1 << 17];
        {
            let fd = self.device.fd().expect("a descriptor");
            let mut fds = [PollFd::new(&fd, PollFlags::IN)];
            let limit = Timespec {
                tv_sec: 0,
                tv_nsec: 10_000_000,
            };
            poll(&mut fds, Some(&limit)).unwrap();
        }
        loop {
            let Received { len, checksum } = match self.device.receive(&mut buf) {
                Ok(received) => received,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(error) => panic!("receive: {error}"),
            };
            let now = self.now();
            if let Ok(Inbound::Segment {
                src, dst, segment, ..
            }) = self.host.handle_frame(now, &buf[..len], &mut self.out)
            {
                let octets = segment.to_vec();
                segments.push(Segment {
                    src,
                    dst,
                    octets,
                    checksum,
                });
            }
            self.flush();
        }
        let now = self.now();
        self.host.handle_timeout(now, &mut self.out);
        self.flush();
        segments
    }
}
