//! The BGP speaker under random octets, messages, connections and time, with a replica that follows it and goes on in the end.

use crate::input::Choices;
use bgp_demo::attributes::{AsPath, PathAttributes};
use bgp_demo::config::{PeerConfig, SpeakerConfig};
use bgp_demo::message::{self, Notification, Open};
use bgp_demo::prefix::{Families, Family, Prefix};
use bgp_demo::replica::HandedOver;
use bgp_demo::speaker::{ConnId, Input, Opener, OriginatedRoute, Output, Speaker};
use bgp_demo::time::Instant;
use bytes::Bytes;
use core::time::Duration;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::LazyLock;

/// Actions of one input, at most.
const ACTIONS_MAX: usize = 40;
/// Connections of one input, at most.
const CONNECTIONS_MAX: u64 = 6;
/// Messages that may wait for one peer: more than all actions of an input can bring about.
const MESSAGES_MAX: usize = 1_000;
const MESSAGE_OCTETS_MAX: usize = message::MESSAGE_OCTETS_MAX;
const US: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 1));

/// One connection as the driver of a speaker sees it.
struct Wire {
    local: SocketAddr,
    remote: SocketAddr,
    opener: Opener,
    /// Octets given to the speaker that it has not dealt with, and where they begin.
    taken: Vec<u8>,
    taken_at: u64,
    written: u64,
    closing: bool,
}

struct Bench {
    speaker: Speaker,
    replica: Speaker,
    wires: BTreeMap<ConnId, Wire>,
    next_conn: u64,
    now: Instant,
}

/// A list of what peers and users do; the replica must know the same routes, and live on.
///
/// # Panics
/// An invariant is broken.
pub fn run(octets: &[u8]) {
    let mut choices = Choices::new(octets);
    let mut bench = Bench::new();
    bench.input(Input::Start);
    for _ in 0..ACTIONS_MAX {
        if choices.is_empty() {
            break;
        }
        bench.act(&mut choices);
    }
    bench.come_to_rest();
    bench.compare();
    bench.promote();
}

fn peer(number: usize) -> IpAddr {
    Ipv4Addr::new(10, 99, 0, 2 + (number & 1) as u8).into()
}

fn asn(number: usize) -> u32 {
    // The first is external, the second internal.
    if number & 1 == 0 { 65_002 } else { 65_001 }
}

/// Made once; a speaker takes a copy.
static CONFIG: LazyLock<SpeakerConfig> = LazyLock::new(speaker_config);

fn speaker_config() -> SpeakerConfig {
    let peers = [0, 1].map(|number| PeerConfig {
        address: peer(number),
        asn: asn(number),
        passive: number == 1,
        families: Families::from_iter([Family::Ipv4, Family::Ipv6]),
        local: None,
        connect_retry: Duration::from_secs(5),
    });
    SpeakerConfig {
        asn: 65_001,
        router_id: Ipv4Addr::new(10, 99, 0, 1),
        hold_time: Duration::from_secs(9),
        next_hop_ipv4: None,
        next_hop_ipv6: Some(Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, 1)),
        peers: peers.to_vec(),
    }
}

impl Bench {
    fn new() -> Bench {
        Bench {
            speaker: Speaker::new(CONFIG.clone()),
            replica: Speaker::new_replica(CONFIG.clone()),
            wires: BTreeMap::new(),
            next_conn: 1,
            now: Instant::from_micros(1_000_000),
        }
    }

    fn act(&mut self, choices: &mut Choices<'_>) {
        match choices.below(16) {
            0 => self.connect(choices),
            1 => {
                if let Some(conn) = self.pick(choices) {
                    self.close(conn);
                }
            }
            2 => {
                let octet = choices.octet();
                self.now =
                    self.now + Duration::from_micros(u64::from(octet & 15) << (octet >> 4 << 1));
                self.input(Input::Timer);
            }
            3 => {
                let due = self.speaker.next_timeout();
                self.now = due.map_or(self.now, |due| self.now.max(due));
                self.input(Input::Timer);
            }
            4 | 5 => self.pull(choices),
            6 => self.originate(choices),
            7 => self.input(Input::ConnectFailed {
                peer: peer(choices.below(2)),
            }),
            8 => {
                let octets = choices.slice(60).to_vec();
                self.receive(choices, &octets);
            }
            _ => self.say(choices),
        }
    }

    fn pick(&self, choices: &mut Choices<'_>) -> Option<ConnId> {
        let at = choices.below(self.wires.len());
        self.wires.keys().nth(at).copied()
    }

    fn connect(&mut self, choices: &mut Choices<'_>) {
        if self.next_conn > CONNECTIONS_MAX {
            return;
        }
        let conn = ConnId(self.next_conn);
        let port = 40_000 + self.next_conn as u16;
        self.next_conn += 1;
        let which = choices.octet();
        let remote = peer(usize::from(which));
        let (opener, local, remote) = if which & 2 == 0 {
            (
                Opener::Passive,
                SocketAddr::new(US, 179),
                SocketAddr::new(remote, port),
            )
        } else {
            (
                Opener::Active,
                SocketAddr::new(US, port),
                SocketAddr::new(remote, 179),
            )
        };
        let wire = Wire {
            local,
            remote,
            opener,
            taken: Vec::new(),
            taken_at: 0,
            written: 0,
            closing: false,
        };
        self.wires.insert(conn, wire);
        self.input(Input::Connected {
            conn,
            local,
            remote,
            opener,
        });
    }

    fn close(&mut self, conn: ConnId) {
        if self.wires.remove(&conn).is_some() {
            self.input(Input::ConnectionClosed { conn });
            self.replica.replica_closed(self.now, conn);
        }
    }

    fn pull(&mut self, choices: &mut Choices<'_>) {
        let Some(conn) = self.pick(choices) else {
            return;
        };
        let octets_max = if choices.octet() < 16 {
            64
        } else {
            MESSAGE_OCTETS_MAX
        };
        self.pull_up_to(conn, 8, octets_max);
    }

    /// The driver writes up to `messages` messages of a connection. True where no more are waiting.
    fn pull_up_to(&mut self, conn: ConnId, messages: usize, octets_max: usize) -> bool {
        for _ in 0..messages {
            let Some(octets) = self.speaker.poll_send(self.now, conn, octets_max) else {
                // A closing connection's last message may be larger than the room.
                if octets_max == MESSAGE_OCTETS_MAX
                    && self.wires.get(&conn).is_some_and(|wire| wire.closing)
                {
                    self.close(conn);
                }
                return true;
            };
            assert!(
                octets.len() <= octets_max,
                "a message of {} octets",
                octets.len()
            );
            assert_eq!(message::frame(&octets), Ok(Some(octets.len())));
            if let Some(wire) = self.wires.get_mut(&conn) {
                self.replica
                    .replica_sent(self.now, conn, wire.written, &octets);
                wire.written += octets.len() as u64;
            }
        }
        false
    }

    /// Everything that waits is written: until then the live speaker is ahead of what its replica can know.
    fn come_to_rest(&mut self) {
        for conn in self.wires.keys().copied().collect::<Vec<_>>() {
            let dry = self.pull_up_to(conn, MESSAGES_MAX, MESSAGE_OCTETS_MAX);
            assert!(dry, "messages without end");
        }
    }

    fn originate(&mut self, choices: &mut Choices<'_>) {
        let which = choices.octet();
        let prefix = prefix(which);
        let next_hop: IpAddr = match Family::of(&prefix) {
            Family::Ipv4 => Ipv4Addr::UNSPECIFIED.into(),
            Family::Ipv6 => Ipv6Addr::UNSPECIFIED.into(),
        };
        let announce = (which & 64 == 0).then(|| OriginatedRoute {
            prefix,
            attributes: PathAttributes::originated(next_hop),
        });
        let withdraw = if which & 64 == 0 {
            vec![]
        } else {
            vec![prefix]
        };
        self.input(Input::Originate {
            announce: announce.into_iter().collect(),
            withdraw,
        });
    }

    /// A message of a peer, spoilt in places, or a good header before octets of the input.
    fn say(&mut self, choices: &mut Choices<'_>) {
        let shape = choices.octet();
        let mut octets = match shape & 15 {
            0..=2 => open(shape).to_vec(),
            3..=5 => message::encode_keepalive().to_vec(),
            6..=8 => announce(choices),
            9 => message::encode_withdraw(&[prefix(choices.octet())], MESSAGE_OCTETS_MAX)
                .0
                .to_vec(),
            10 => message::encode_end_of_rib(Family::Ipv4).to_vec(),
            11 => message::encode_notification(&Notification::new(choices.octet() & 7, shape >> 4))
                .to_vec(),
            12 => [&[0xff; 16][..], &[0, 23, 5, 0, 1, 0, 1]].concat(),
            _ => {
                let body = choices.slice(120);
                let length = (19 + body.len()) as u16;
                let kind = 1 + (shape >> 4) % 5;
                [&[0xff; 16][..], &length.to_be_bytes(), &[kind], body].concat()
            }
        };
        for _ in 0..choices.below(4) {
            let at = choices.below(octets.len());
            octets[at] = choices.octet();
        }
        self.receive(choices, &octets);
    }

    fn receive(&mut self, choices: &mut Choices<'_>, octets: &[u8]) {
        let Some(conn) = self.pick(choices) else {
            return;
        };
        let cut = choices.below(octets.len());
        for piece in [&octets[..cut], &octets[cut..]] {
            if let Some(wire) = self.wires.get_mut(&conn) {
                wire.taken.extend_from_slice(piece);
                self.input(Input::Received { conn, data: piece });
            }
        }
    }

    fn input(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        self.speaker.handle(self.now, input, &mut out);
        for output in out {
            match output {
                Output::Processed { conn, total_octets } => self.dealt_with(conn, total_octets),
                Output::Record { conn, data } => {
                    let taken = self.replica.replica_record(self.now, conn, &data);
                    taken.expect("a record of the live speaker");
                }
                Output::Close { conn } => {
                    if let Some(wire) = self.wires.get_mut(&conn) {
                        wire.closing = true;
                    }
                }
                Output::Abort { conn } => self.close(conn),
                _ => {}
            }
        }
    }

    fn dealt_with(&mut self, conn: ConnId, total: u64) {
        let Some(wire) = self.wires.get_mut(&conn) else {
            return;
        };
        let octets = (total - wire.taken_at) as usize;
        let gone: Vec<u8> = wire.taken.drain(..octets).collect();
        let offset = std::mem::replace(&mut wire.taken_at, total);
        self.replica.replica_received(self.now, conn, offset, &gone);
    }

    /// The replica has heard the same routes from each peer, and would have told them the same.
    fn compare(&self) {
        for number in 0..2 {
            let peer = peer(number);
            assert_eq!(self.speaker.routes_in(peer), self.replica.routes_in(peer));
            assert_eq!(self.speaker.routes_out(peer), self.replica.routes_out(peer));
        }
    }

    /// The live speaker is dead; the replica goes on.
    fn promote(&mut self) {
        let handed_over = |(conn, wire): (&ConnId, &Wire)| HandedOver {
            conn: *conn,
            local: wire.local,
            remote: wire.remote,
            opener: wire.opener,
        };
        let handed_over: Vec<_> = self.wires.iter().map(handed_over).collect();
        let mut out = Vec::new();
        self.replica.promote(self.now, &handed_over, &mut out);
        for conn in handed_over.iter().map(|it| it.conn) {
            for _ in 0..16 {
                let pulled: Option<Bytes> =
                    self.replica.poll_send(self.now, conn, MESSAGE_OCTETS_MAX);
                let Some(octets) = pulled else { break };
                assert_eq!(message::frame(&octets), Ok(Some(octets.len())));
            }
        }
        for _ in 0..4 {
            if let Some(due) = self.replica.next_timeout() {
                self.now = self.now.max(due);
                self.replica.handle(self.now, Input::Timer, &mut out);
            }
        }
    }
}

fn prefix(which: u8) -> Prefix {
    let low = which & 7;
    let whole = if which & 8 == 0 {
        Prefix::new(Ipv4Addr::new(10, low, 0, 0).into(), 16)
    } else {
        let low = u16::from(low);
        Prefix::new(Ipv6Addr::new(0x2001, 0xdb8, low, 0, 0, 0, 0, 0).into(), 48)
    };
    whole.expect("a length within the family")
}

fn open(shape: u8) -> Bytes {
    let number = usize::from(shape >> 4 & 1);
    message::encode_open(&Open {
        asn: asn(number),
        hold_time: if shape & 0x20 == 0 { 9 } else { 0 },
        identifier: Ipv4Addr::new(10, 99, 0, 2 + number as u8 + (shape >> 6)),
        families: Families::from_iter(if shape & 0x40 == 0 {
            vec![Family::Ipv4]
        } else {
            vec![Family::Ipv4, Family::Ipv6]
        }),
        four_octet_as: shape & 0x80 == 0,
    })
}

fn announce(choices: &mut Choices<'_>) -> Vec<u8> {
    let (which, shape) = (choices.octet(), choices.octet());
    let next_hop: IpAddr = if which & 8 == 0 {
        Ipv4Addr::new(10, 99, 0, 2).into()
    } else {
        Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, 2).into()
    };
    let mut attributes = PathAttributes::originated(next_hop);
    attributes.as_path = AsPath::from_sequence(&[65_002, u32::from(shape & 3)]);
    attributes.med = (shape & 4 == 4).then_some(u32::from(shape));
    attributes.local_pref = (shape & 8 == 8).then_some(100);
    attributes.communities = if shape & 16 == 16 {
        [7].into()
    } else {
        [].into()
    };
    let octets = message::encode_attributes(&attributes, shape & 32 == 0);
    message::encode_announce(&octets, &attributes, &[prefix(which)], MESSAGE_OCTETS_MAX)
        .0
        .to_vec()
}
