//! Makes packets by hand, for tests of what judges captures.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use smoltcp::wire::{IpProtocol, checksum};

use crate::flow::Direction;
use crate::link_type::LinkType;
use crate::packet::{LinkAddress, Packet};
use crate::reader::Record;
use crate::tcp::Flags;
use crate::time::Timestamp;

/// A TCP segment to be made: header fields by their RFC 9293 names.
#[derive(Clone, Debug, Default)]
pub struct Segment {
    /// SEG.SEQ.
    pub seg_seq: u32,
    /// SEG.ACK.
    pub seg_ack: u32,
    /// Control bits.
    pub flags: Flags,
    /// SEG.WND as it stands in the header.
    pub seg_wnd: u16,
    /// Maximum segment size option.
    pub mss: Option<u16>,
    /// SACK-permitted option.
    pub sack_permitted: bool,
    /// Timestamps option: TSval and TSecr.
    pub timestamps: Option<(u32, u32)>,
    /// Window scale option.
    pub window_scale: Option<u8>,
    /// Octets of the stream.
    pub payload: Vec<u8>,
}

impl Segment {
    /// The octets of the segment between two ends, checksum included.
    pub fn octets(&self, source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
        let options = self.options();
        let header_len = 20 + options.len();
        let mut octets = Vec::with_capacity(header_len + self.payload.len());
        octets.extend(source.port().to_be_bytes());
        octets.extend(destination.port().to_be_bytes());
        octets.extend(self.seg_seq.to_be_bytes());
        octets.extend(self.seg_ack.to_be_bytes());
        octets.push(((header_len / 4) << 4) as u8);
        octets.push(self.flags.0);
        octets.extend(self.seg_wnd.to_be_bytes());
        octets.extend([0; 4]);
        octets.extend(options);
        octets.extend(&self.payload);
        let pseudo = pseudo_header(source.ip(), destination.ip(), octets.len());
        let sum = !checksum::combine(&[pseudo, checksum::data(&octets)]);
        octets[16..18].copy_from_slice(&sum.to_be_bytes());
        octets
    }

    /// Options in Linux's order, padded.
    fn options(&self) -> Vec<u8> {
        let mut options = Vec::new();
        if let Some(mss) = self.mss {
            options.extend([2, 4]);
            options.extend(mss.to_be_bytes());
        }
        if self.sack_permitted {
            options.extend([4, 2]);
        }
        if let Some((tsval, tsecr)) = self.timestamps {
            options.extend([8, 10]);
            options.extend(tsval.to_be_bytes());
            options.extend(tsecr.to_be_bytes());
        }
        if let Some(shift) = self.window_scale {
            options.extend([1, 3, 3, shift]);
        }
        while options.len() % 4 != 0 {
            options.push(1);
        }
        options
    }
}

fn pseudo_header(source: IpAddr, destination: IpAddr, len: usize) -> u16 {
    let len = len as u32;
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            checksum::pseudo_header_v4(&source, &destination, IpProtocol::Tcp, len)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            checksum::pseudo_header_v6(&source, &destination, IpProtocol::Tcp, len)
        }
        _ => 0,
    }
}

/// An IP packet around a segment. Both ends must be of one family.
pub fn ip_packet(source: SocketAddr, destination: SocketAddr, segment: &Segment) -> Vec<u8> {
    let tcp = segment.octets(source, destination);
    let mut packet = Vec::new();
    match (source.ip(), destination.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            packet.extend([0x45, 0xc0]);
            packet.extend(((20 + tcp.len()) as u16).to_be_bytes());
            packet.extend([0, 0, 0x40, 0, 1, 6, 0, 0]);
            packet.extend(source.octets());
            packet.extend(destination.octets());
            let sum = !checksum::data(&packet);
            packet[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            packet.extend([0x6c, 0, 0, 0]);
            packet.extend((tcp.len() as u16).to_be_bytes());
            packet.extend([6, 1]);
            packet.extend(source.octets());
            packet.extend(destination.octets());
        }
        _ => {}
    }
    packet.extend(tcp);
    packet
}

/// An Ethernet frame around an IP packet.
pub fn frame(source: LinkAddress, destination: LinkAddress, ip_packet: &[u8]) -> Vec<u8> {
    let ethertype: u16 = match ip_packet.first().map(|octet| octet >> 4) {
        Some(6) => 0x86dd,
        _ => 0x0800,
    };
    let mut frame = Vec::with_capacity(14 + ip_packet.len());
    frame.extend(destination.0);
    frame.extend(source.0);
    frame.extend(ethertype.to_be_bytes());
    frame.extend(ip_packet);
    frame
}

/// A frame and the moment it was captured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Captured {
    /// When.
    pub time: Timestamp,
    /// An Ethernet frame.
    pub octets: Vec<u8>,
}

impl Captured {
    /// As it would be read from a file.
    pub fn record(&self) -> Record<'_> {
        Record {
            time: self.time,
            interface: 0,
            link_type: LinkType::ETHERNET,
            wire_len: self.octets.len(),
            captured: &self.octets,
        }
    }

    /// As a packet; `None` if it is none that can be read.
    pub fn packet(&self) -> Option<Packet<'_>> {
        Packet::parse(LinkType::ETHERNET, 0, &self.octets, self.octets.len()).ok()
    }
}

/// One end of a [`Conversation`]: what its next segment will carry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct End {
    /// The address and port.
    pub address: SocketAddr,
    /// The link-layer address.
    pub link: LinkAddress,
    /// SND.NXT.
    pub snd_nxt: u32,
    /// RCV.NXT.
    pub rcv_nxt: u32,
    /// SEG.WND of its segments.
    pub seg_wnd: u16,
    /// TSval of its next segment; grows with time.
    pub tsval: u32,
    /// The window scale that it offers.
    pub window_scale: u8,
}

/// A well-behaved TCP connection, captured frame by frame. Tests bend it by changing its ends, or
/// with [`Conversation::bent`].
#[derive(Clone, Debug)]
pub struct Conversation {
    /// The end that opens.
    pub client: End,
    /// The other.
    pub server: End,
    /// The moment of the next frame.
    pub now: Timestamp,
    /// Frames so far.
    pub frames: Vec<Captured>,
}

impl Conversation {
    /// A connection that is not open yet.
    pub fn new(client: SocketAddr, server: SocketAddr) -> Self {
        let end = |address, link, iss| End {
            address,
            link: LinkAddress([2, 0, 0, 0, 0, link]),
            snd_nxt: iss,
            rcv_nxt: 0,
            seg_wnd: 1000,
            tsval: iss.wrapping_mul(7),
            window_scale: 7,
        };
        Conversation {
            client: end(client, 1, 0xffff_ff00),
            server: end(server, 2, 5_000),
            now: Timestamp::from_micros(1_000_000),
            frames: Vec::new(),
        }
    }

    /// Lets time pass.
    pub fn wait(&mut self, time: Duration) -> &mut Self {
        self.now = self.now + time;
        let ticks = time.as_millis() as u32;
        self.client.tsval = self.client.tsval.wrapping_add(ticks);
        self.server.tsval = self.server.tsval.wrapping_add(ticks);
        self
    }

    /// SYN, SYN-ACK, ACK.
    pub fn open(&mut self) -> &mut Self {
        self.syn();
        self.bent(Direction::FromServer, |segment| {
            segment.flags = Flags::SYN.with(Flags::ACK);
        });
        self.ack(Direction::FromClient)
    }

    /// The client's SYN alone.
    pub fn syn(&mut self) -> &mut Self {
        self.bent(Direction::FromClient, |segment| {
            segment.flags = Flags::SYN;
            segment.seg_ack = 0;
        })
    }

    /// Octets in one segment.
    pub fn send(&mut self, direction: Direction, octets: &[u8]) -> &mut Self {
        self.bent(direction, |segment| {
            segment.flags = Flags::ACK.with(Flags::PSH);
            segment.payload = octets.to_vec();
        })
    }

    /// Octets in one segment, and the other side's acknowledgement.
    pub fn exchange(&mut self, direction: Direction, octets: &[u8]) -> &mut Self {
        self.send(direction, octets).ack(direction.reverse())
    }

    /// A pure acknowledgement of everything sent so far.
    pub fn ack(&mut self, direction: Direction) -> &mut Self {
        self.bent(direction, |_| {})
    }

    /// A FIN.
    pub fn fin(&mut self, direction: Direction) -> &mut Self {
        self.bent(direction, |segment| {
            segment.flags = Flags::FIN.with(Flags::ACK);
        })
    }

    /// A RST.
    pub fn reset(&mut self, direction: Direction) -> &mut Self {
        self.bent(direction, |segment| {
            segment.flags = Flags::RST.with(Flags::ACK);
            segment.timestamps = None;
        })
    }

    /// A pure acknowledgement, changed by `bend`. The ends move on by what the segment then is, unless it repeats
    /// sequence numbers.
    pub fn bent(&mut self, direction: Direction, bend: impl FnOnce(&mut Segment)) -> &mut Self {
        let (sender, receiver) = match direction {
            Direction::FromClient => (&mut self.client, &mut self.server),
            Direction::FromServer => (&mut self.server, &mut self.client),
        };
        let mut segment = Segment {
            seg_seq: sender.snd_nxt,
            seg_ack: sender.rcv_nxt,
            flags: Flags::ACK,
            seg_wnd: sender.seg_wnd,
            timestamps: Some((sender.tsval, receiver.tsval)),
            ..Segment::default()
        };
        bend(&mut segment);
        let syn = segment.flags.has(Flags::SYN);
        if syn {
            segment.mss = Some(1460);
            segment.sack_permitted = true;
            segment.window_scale = Some(sender.window_scale);
        }
        let fin = segment.flags.has(Flags::FIN);
        let seg_len = segment.payload.len() as u32 + u32::from(syn) + u32::from(fin);
        let end = segment.seg_seq.wrapping_add(seg_len);
        if end.wrapping_sub(sender.snd_nxt) as i32 > 0 {
            sender.snd_nxt = end;
        }
        receiver.rcv_nxt = sender.snd_nxt;
        let packet = ip_packet(sender.address, receiver.address, &segment);
        self.frames.push(Captured {
            time: self.now,
            octets: frame(sender.link, receiver.link, &packet),
        });
        self.wait(Duration::from_millis(1))
    }
}
