//! A station on the segment that asks and never answers.

use super::scenario::Family;
use std::net::{IpAddr, SocketAddr};
use tcp_ha::engine::{Config, ConnectionOptions, Effects, Engine, Instant, Secrets};
use tcp_ha::link::host::{Host, HostConfig};
use tcp_ha::link::{Frames, LinkAddress};

/// Link address of the pair.
const PAIR_LINK: LinkAddress = LinkAddress([2, 0, 0, 0, 0, 1]);

/// The only moment in a stranger's life.
const NOW: Instant = Instant::from_micros(1);

/// See the module's text.
pub struct Stranger {
    family: Family,
    host: Host,
}

impl Stranger {
    /// A station that knows nobody.
    ///
    /// # Panics
    /// Never: its address is a good one.
    pub fn new(family: Family) -> Stranger {
        let mut config = HostConfig::ethernet(LinkAddress([2, 0, 0, 0, 0, 77]));
        config.addresses = vec![(address(family), family.prefix())];
        Stranger {
            family,
            host: Host::new(config).expect("a valid host"),
        }
    }

    /// Opens `count` connections to the pair's port: the first segment of each.
    ///
    /// # Panics
    /// When there are more than it has ports.
    pub fn syns(&mut self, port: u16, count: u16) -> Vec<Vec<u8>> {
        self.host.learn(NOW, self.family.pair(), PAIR_LINK);
        self.open(port, count)
    }

    /// Asks where the pair's address is: ARP request or neighbour solicitation.
    pub fn solicitation(&mut self) -> Vec<Vec<u8>> {
        self.open(1, 1)
    }

    /// An ICMP echo request (IPv4).
    pub fn echo_request(&self) -> Vec<u8> {
        let icmp = [8, 0, 0, 0, 0, 1, 0, 1, b'a', b'b', b'c', b'd'];
        let mut ip = vec![0x45, 0, 0, 20 + icmp.len() as u8, 0, 0, 0, 0, 64, 1, 0, 0];
        for address in [address(self.family), self.family.pair()] {
            match address {
                IpAddr::V4(address) => ip.extend_from_slice(&address.octets()),
                IpAddr::V6(_) => unreachable!("an IPv4 stranger asks"),
            }
        }
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 77, 8, 0];
        frame.extend(with_checksum(ip, 10));
        frame.extend(with_checksum(icmp.to_vec(), 2));
        frame
    }

    fn open(&mut self, port: u16, count: u16) -> Vec<Vec<u8>> {
        let mut engine = Engine::new(Config::default(), Secrets::from_bytes(&[9; Secrets::LEN]));
        let (mut fx, mut frames) = (Effects::default(), Frames::default());
        for from in 0..count {
            let local = SocketAddr::new(address(self.family), 10_000 + from);
            let remote = SocketAddr::new(self.family.pair(), port);
            engine
                .connect(NOW, local, remote, ConnectionOptions::default(), &mut fx)
                .expect("a free port");
        }
        for segment in fx.segments() {
            let (src, dst, octets) = (segment.src, segment.dst, segment.bytes);
            self.host
                .send_segment(NOW, src, dst, 0, 64, octets, &mut frames);
        }
        frames
            .drain()
            .map(|frame| frame.octets().to_vec())
            .collect()
    }
}

fn address(family: Family) -> IpAddr {
    match family {
        Family::V4 => IpAddr::from([10, 0, 0, 77]),
        Family::V6 => IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, 77]),
    }
}

/// The octets with their Internet checksum (RFC 1071) at `at`.
fn with_checksum(mut octets: Vec<u8>, at: usize) -> Vec<u8> {
    let words = octets.chunks(2).map(|word| {
        u32::from(u16::from_be_bytes([
            word[0],
            word.get(1).copied().unwrap_or(0),
        ]))
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    octets[at..at + 2].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    octets
}
