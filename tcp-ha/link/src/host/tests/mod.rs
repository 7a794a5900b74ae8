//! The host in virtual time, driven through its public face. Frames are built and read with smoltcp's wire types.

mod announce;
mod arp;
mod icmp;
mod input;
mod ndisc;
mod output;
mod robust;
mod wire;

use super::*;

use core::time::Duration;
use wire::Sent;

const OWN_MAC: LinkAddress = LinkAddress([0x02, 0x00, 0x5e, 0x00, 0x00, 0x01]);
const PEER_MAC: LinkAddress = LinkAddress([0x02, 0, 0, 0, 0, 0x77]);
const OWN_V4: &str = "10.99.0.1";
const OWN_V6: &str = "fd99::1";
const PEER_V4: &str = "10.99.0.7";
const PEER_V6: &str = "fd99::7";
const GATEWAY_V4: &str = "10.99.0.254";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1000)
}

/// A host, what it sent, and nothing else.
struct Bench {
    host: Host,
    out: Frames,
}

impl Bench {
    fn new() -> Bench {
        Bench::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut HostConfig)) -> Bench {
        let mut config = HostConfig::ethernet(OWN_MAC);
        config.addresses = vec![(ip(OWN_V4), 24), (ip(OWN_V6), 64)];
        config.gateways = vec![ip(GATEWAY_V4), ip("10.99.0.253"), ip("fe80::254")];
        change(&mut config);
        Bench {
            host: Host::new(config).unwrap(),
            out: Frames::new(),
        }
    }

    fn take<'f>(&mut self, now: Instant, frame: &'f [u8]) -> Result<Inbound<'f>, DropReason> {
        self.host.handle_frame(now, frame, &mut self.out)
    }

    fn send(&mut self, now: Instant, src: &str, dst: &str, segment: &[u8]) {
        let (src, dst) = (ip(src), ip(dst));
        self.host
            .send_segment(now, src, dst, 48, 255, segment, &mut self.out);
    }

    /// Lets time pass up to `until`, timeout by timeout.
    fn pass(&mut self, until: Instant) {
        while let Some(due) = self.host.next_timeout().filter(|&due| due <= until) {
            self.host.handle_timeout(due, &mut self.out);
        }
    }

    /// What was sent since the last call.
    fn sent(&mut self) -> Vec<Sent> {
        let frames: Vec<_> = self.out.drain().collect();
        frames
            .into_iter()
            .map(|frame| {
                let sent = Sent::parse(frame.octets());
                self.out.recycle(frame);
                sent
            })
            .collect()
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.host.counters().dropped(reason)
    }

    fn changed(&mut self) -> Vec<(IpAddr, LinkAddress)> {
        let mut changed = Vec::new();
        self.host.take_changed_neighbours(&mut changed);
        changed
    }
}
