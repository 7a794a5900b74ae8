//! Two engines over a network that loses, doubles and reorders, with takeovers at either end: no octet is lost, and none comes
//! in a wrong place (I7).

use super::connection::{config, options};
use super::replicated::Replicated;
use crate::input::Choices;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tcp_ha_engine::auth::ao::{AoChain, AoKey};
use tcp_ha_engine::auth::{PeerKeys, PeerPrefix, PeerSecurity, Secret, SecurityTable};
use tcp_ha_engine::{CloseCause, ConnectionId, Event};

/// Actions of one input, at most.
const ACTIONS_MAX: usize = 64;
/// Segments on the way to one end, at most; what comes then is lost.
const ON_THE_WAY_MAX: usize = 64;
/// Turns in which a network that loses nothing has to bring everything there.
const HEALING_TURNS_MAX: usize = 400;

struct End {
    node: Replicated,
    address: IpAddr,
    id: Option<ConnectionId>,
    inbound: VecDeque<Vec<u8>>,
    /// Octets that its user has written, and that its user has read.
    written: u64,
    read: u64,
    closed: bool,
    peer_closed: bool,
    end: Option<CloseCause>,
}

/// The octet that either end sends at an offset.
fn octet_at(offset: u64) -> u8 {
    (offset ^ offset >> 8).wrapping_mul(0x9d) as u8
}

/// A list of what the network and the users do. Then the network heals, and everything written must arrive.
///
/// # Panics
/// An invariant is broken.
pub fn run(octets: &[u8]) {
    let mut choices = Choices::new(octets);
    let mut world = World::new(&mut choices);
    for _ in 0..ACTIONS_MAX {
        if choices.is_empty() {
            break;
        }
        world.act(&mut choices);
    }
    world.heal();
}

/// How the ends sign.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    None,
    Md5,
    /// TCP-AO with two keys; the first or the second is preferred.
    Ao,
}

struct World {
    ends: [End; 2],
    keys: Keys,
    now_us: u64,
}

impl World {
    fn new(choices: &mut Choices<'_>) -> World {
        let end = |low: u8, bits: u8| End {
            node: Replicated::new(config(bits)),
            address: Ipv4Addr::new(10, 0, 0, low).into(),
            id: None,
            inbound: VecDeque::new(),
            written: 0,
            read: 0,
            closed: false,
            peer_closed: false,
            end: None,
        };
        let mut world = World {
            ends: [end(1, choices.octet()), end(2, choices.octet())],
            keys: match choices.octet() & 7 {
                1 => Keys::Md5,
                2 => Keys::Ao,
                _ => Keys::None,
            },
            now_us: 1_000_000,
        };
        (0..2).for_each(|at| world.secure(at, 1));
        // Neither gives up by itself: keepalive and user timeout are off.
        let users = [choices.octet() & !10, choices.octet() & !10];
        let server = SocketAddr::new(world.ends[1].address, 179);
        world.ends[1].node.listen(server, options(users[1]));
        let client = &mut world.ends[0];
        let (now, local) = (
            client.node.clock(world.now_us),
            SocketAddr::new(client.address, 0),
        );
        let Replicated { engine, fx, .. } = &mut client.node;
        client.id = engine
            .connect(now, local, server, options(users[0]), fx)
            .ok();
        world.settle(0);
        world
    }

    /// Gives an end its keys, of which it prefers this one.
    fn secure(&mut self, at: usize, preferred: u8) {
        let secret = |id: u8| Secret::new(&[id; 12]).expect("a short secret");
        let keys = match self.keys {
            Keys::None => return,
            Keys::Md5 => PeerKeys::Md5(Arc::new(secret(1))),
            Keys::Ao => {
                let mut chain = AoChain::new(AoKey::new(1, secret(1)));
                chain.add(AoKey::new(2, secret(2))).expect("room");
                chain.prefer(preferred).expect("a key of the chain");
                PeerKeys::Ao(Arc::new(chain))
            }
        };
        let mut table = SecurityTable::default();
        let peer = PeerPrefix::host(self.ends[1 - at].address);
        let security = PeerSecurity {
            keys,
            ttl_security: None,
        };
        table.set(peer, security).expect("room for one");
        self.ends[at].node.secure(table);
    }

    fn act(&mut self, choices: &mut Choices<'_>) {
        let octet = choices.octet();
        let at = usize::from(octet & 1);
        match octet >> 1 & 15 {
            0..=4 => self.deliver(at, 0),
            5 => self.deliver(at, choices.below(8)),
            6 => drop(self.ends[at].inbound.pop_front()),
            7 => {
                let again = self.ends[at].inbound.front().cloned();
                self.ends[at].inbound.extend(again);
            }
            8 => self.pass_to_timer(at),
            9 => {
                let octet = choices.octet();
                self.now_us += u64::from(octet & 15) << (octet >> 4);
                self.tick();
            }
            10 | 11 => self.write(at, usize::from(choices.two()) % 3_000),
            12 => self.read(at),
            13 => self.take_over(at, u64::from(choices.octet()) * 1_000_003),
            14 if octet & 32 == 32 => self.close(at),
            14 => {
                self.secure(at, 1 + (octet >> 6 & 1));
                self.settle(at);
            }
            _ => {
                let count = choices.below(8);
                (0..count).for_each(|_| self.deliver(at, 0));
            }
        }
    }

    /// The segment at place `nth` arrives.
    fn deliver(&mut self, at: usize, nth: usize) {
        let src = self.ends[1 - at].address;
        let end = &mut self.ends[at];
        if let Some(octets) = end.inbound.remove(nth) {
            let now = end.node.clock(self.now_us);
            let Replicated { engine, fx, .. } = &mut end.node;
            engine.handle_segment(now, src, end.address, &octets, fx);
            self.settle(at);
        }
    }

    fn tick(&mut self) {
        for at in 0..2 {
            self.ends[at].node.tick(self.now_us);
            self.settle(at);
        }
    }

    fn pass_to_timer(&mut self, at: usize) {
        if let Some(next) = self.ends[at].node.next_timeout_us() {
            self.now_us = self.now_us.max(next);
            self.tick();
        }
    }

    fn write(&mut self, at: usize, len: usize) {
        let end = &mut self.ends[at];
        let Some(id) = end.id.filter(|_| !end.closed) else {
            return;
        };
        let text: Vec<u8> = (end.written..).take(len).map(octet_at).collect();
        let now = end.node.clock(self.now_us);
        let Replicated { engine, fx, .. } = &mut end.node;
        end.written += engine.send(now, id, &text, fx).unwrap_or(0) as u64;
        self.settle(at);
    }

    /// The user of an end takes what it may take, after looking at each octet.
    fn read(&mut self, at: usize) {
        let end = &mut self.ends[at];
        let Some(id) = end.id else { return };
        let now = end.node.clock(self.now_us);
        let Replicated { engine, fx, .. } = &mut end.node;
        let Some(info) = engine.connection(id) else {
            return;
        };
        let came = engine
            .received(id, info.read)
            .expect("READ is held")
            .flatten();
        for (offset, octet) in (info.read..).zip(came) {
            assert_eq!(*octet, octet_at(offset), "a wrong octet at {offset}");
        }
        engine
            .make_safe(now, id, info.rcv_nxt, fx)
            .expect("RCV.NXT may be safe");
        engine
            .consume(now, id, info.rcv_nxt, fx)
            .expect("what is safe may be read");
        end.read = info.rcv_nxt;
        let (read, written) = (end.read, self.ends[1 - at].written);
        assert!(read <= written, "{read} octets came of {written}");
        self.settle(at);
    }

    fn close(&mut self, at: usize) {
        let end = &mut self.ends[at];
        if let Some(id) = end.id {
            let now = end.node.clock(self.now_us);
            let Replicated { engine, fx, .. } = &mut end.node;
            end.closed |= engine.close(now, id, fx).is_ok();
            self.settle(at);
        }
    }

    fn take_over(&mut self, at: usize, ahead_us: u64) {
        self.ends[at].node.take_over(self.now_us, ahead_us);
        self.settle(at);
    }

    /// Ends a round of one end: its segments go on their way, its user hears what happened.
    fn settle(&mut self, at: usize) {
        let (segments, events) = self.ends[at].node.settle();
        let way = &mut self.ends[1 - at].inbound;
        way.extend(segments);
        way.truncate(ON_THE_WAY_MAX);
        for event in events {
            let end = &mut self.ends[at];
            match event {
                Event::Accepted { id, .. } => end.id = Some(id),
                Event::PeerClosed { .. } => end.peer_closed = true,
                // Also a half-open one that nobody was told of.
                Event::Closed { cause, .. } => {
                    end.end = Some(cause);
                    end.id = None;
                }
                Event::SafeDue { id, upto } => {
                    let now = end.node.clock(self.now_us);
                    let Replicated { engine, fx, .. } = &mut end.node;
                    // The connection may have ended in the same round.
                    let _ = engine.make_safe(now, id, upto, fx);
                    self.settle(at);
                }
                _ => {}
            }
        }
    }

    /// Nothing is lost any more, and both users read: everything written arrives, unless one end has given the other up.
    fn heal(&mut self) {
        for _ in 0..HEALING_TURNS_MAX {
            if self.is_done() {
                return;
            }
            for at in 0..2 {
                while !self.ends[at].inbound.is_empty() {
                    self.deliver(at, 0);
                }
                self.read(at);
            }
            if self.ends.iter().all(|end| end.inbound.is_empty()) {
                let nexts = self
                    .ends
                    .iter()
                    .filter_map(|end| end.node.next_timeout_us());
                let Some(next) = nexts.min() else { break };
                self.now_us = self.now_us.max(next);
                self.tick();
            }
        }
        let lag: Vec<_> = self
            .ends
            .iter()
            .map(|end| (end.written, end.read, end.end))
            .collect();
        let states: Vec<_> = self.ends.iter().map(End::describe).collect();
        assert!(self.is_done(), "a stall: {lag:?} {states:#?}");
    }

    fn is_done(&self) -> bool {
        let whole = |at: usize| self.ends[at].read == self.ends[1 - at].written;
        let gone = self.ends.iter().any(|end| end.end.is_some());
        // The last ACK of a connection that has ended on one side may leave the other to its timers.
        gone || (self.ends[1].id.is_some() && whole(0) && whole(1))
    }
}

impl End {
    fn describe(&self) -> String {
        let info = self.id.and_then(|id| self.node.engine.connection(id));
        format!("{info:?} {:?}", self.node.engine.counters())
    }
}
