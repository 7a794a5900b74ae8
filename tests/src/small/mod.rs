//! A small TCP, written only to stand on the other side: it shares nothing with the engine but the octets on the wire. It keeps to RFC 9293,
//! RFC 7323, RFC 2018 and RFC 2883 in the plainest way there is (one timeout that never changes, ten segments on the way, no congestion
//! control), and accuses whoever talks to it of all that a strict receiver would.

mod connection;
mod judge;
mod receive;
mod segment;
mod settings;
mod sign;
mod stamps;

#[cfg(test)]
mod tests;

pub use settings::{Expected, Settings};
pub use sign::Keys;

use connection::{Connection, State};
use segment::{ACK, Options, RST, SYN, Segment};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// The sockets of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ends {
    /// Ours.
    pub local: SocketAddr,
    /// The other side's.
    pub remote: SocketAddr,
}

/// A connection, for as long as the small TCP lives.
pub type Number = u64;

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Both sides closed.
    Normal,
    /// The other side reset it.
    Reset,
    /// The user did.
    Aborted,
    /// There was no answer.
    TimedOut,
}

/// What happened to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The other side opened it.
    Accepted,
    /// Octets are there up to this offset of the stream.
    Received(u64),
    /// The other side closed, behind everything received.
    PeerClosed,
    /// The other side opens another connection with the same ends, as if it knew nothing of this one.
    OpenedAnew,
    /// It is over, and forgotten.
    Closed(End),
}

/// A segment on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Header, options and text.
    pub octets: Vec<u8>,
}

/// First port that it opens from; each connection has another.
const FIRST_PORT: u16 = 20_000;
/// The last one.
const LAST_PORT: u16 = 29_999;

/// Octets after which sequence numbers go round, where they do so soon.
const WRAP_WITHIN: u32 = 6_000;

/// See the module's text.
#[derive(Debug)]
pub struct SmallTcp {
    settings: Settings,
    connections: BTreeMap<Number, Connection>,
    next: Number,
    /// Connections are taken here.
    listens: Option<SocketAddr>,
    /// Ends of connections that there were.
    used: BTreeSet<Ends>,
    /// How connections sign that open from now on.
    keys: Keys,
    out: Vec<Outgoing>,
    told: Vec<(Number, Told)>,
    /// Segments of open connections that it has judged.
    pub judged: u64,
}

impl SmallTcp {
    /// One without connections.
    pub fn new(settings: Settings) -> SmallTcp {
        SmallTcp {
            settings,
            connections: BTreeMap::new(),
            next: 0,
            listens: None,
            used: BTreeSet::new(),
            keys: Keys::None,
            out: Vec::new(),
            told: Vec::new(),
            judged: 0,
        }
    }

    /// Whether a segment for this port is one of a connection that it opened.
    pub fn opened_from(port: u16) -> bool {
        (FIRST_PORT..=LAST_PORT).contains(&port)
    }

    /// Takes connections to `local`.
    pub fn listen(&mut self, local: SocketAddr) {
        self.listens = Some(local);
    }

    /// Segments are signed so from now on; open connections keep their way of signing and take the keys.
    pub fn set_keys(&mut self, keys: Keys) {
        for connection in self.connections.values_mut() {
            if let (Keys::Ao { current, .. }, Keys::Ao { chain, next, .. }) =
                (&connection.keys, &keys)
            {
                let stays = chain.iter().any(|(id, _)| id == current);
                connection.keys = Keys::Ao {
                    chain: chain.clone(),
                    current: if stays { *current } else { *next },
                    next: *next,
                };
            }
        }
        self.keys = keys;
    }

    /// Opens a connection.
    pub fn connect(&mut self, now_us: u64, local: IpAddr, remote: SocketAddr) -> Number {
        let span = u64::from(LAST_PORT - FIRST_PORT) + 1;
        let port = FIRST_PORT + (self.next % span) as u16;
        let ends = Ends {
            local: SocketAddr::new(local, port),
            remote,
        };
        let (settings, number) = (self.settings.clone(), self.begin(ends, false));
        let connection = self.connections.get_mut(&number).expect("it was made");
        connection.open(now_us, &settings);
        self.settle(now_us, number);
        number
    }

    fn begin(&mut self, ends: Ends, passive: bool) -> Number {
        let number = self.next;
        self.next += 1;
        let isn = if self.settings.wraps {
            (number as u32).wrapping_mul(977) % WRAP_WITHIN
        } else {
            // Each far from the one before.
            !(self.settings.isn).wrapping_add((number as u32).wrapping_mul(0x0100_0000))
        };
        let isn = !isn;
        let mut connection = Connection::new(ends, isn, passive, &self.settings);
        connection.keys = self.keys.clone();
        connection.reborn = !self.used.insert(ends);
        self.connections.insert(number, connection);
        number
    }

    /// Queues octets; how many were taken.
    pub fn send(&mut self, now_us: u64, number: Number, octets: &[u8]) -> usize {
        let Some(connection) = self.connections.get_mut(&number) else {
            return 0;
        };
        if !connection.takes_octets() {
            return 0;
        }
        let taken = octets.len().min(connection.room(&self.settings));
        connection.queue(&octets[..taken]);
        self.settle(now_us, number);
        taken
    }

    /// Octets that [`send`](Self::send) would take.
    pub fn room(&self, number: Number) -> usize {
        let connection = self.connections.get(&number);
        connection.map_or(0, |connection| connection.room(&self.settings))
    }

    /// Whether a connection is open for what its user says.
    pub fn is_open(&self, number: Number) -> bool {
        let connection = self.connections.get(&number);
        connection.is_some_and(Connection::takes_octets)
    }

    /// Closes behind everything queued; false where it is not open.
    pub fn close(&mut self, now_us: u64, number: Number) -> bool {
        let closed = match self.connections.get_mut(&number) {
            Some(connection) => connection.close(),
            None => false,
        };
        self.settle(now_us, number);
        closed
    }

    /// Resets a connection.
    pub fn abort(&mut self, now_us: u64, number: Number) {
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.abort(now_us, &self.settings);
        }
        self.settle(now_us, number);
    }

    /// Octets received and not read, in two parts.
    pub fn received(&self, number: Number) -> (&[u8], &[u8]) {
        let connection = self.connections.get(&number);
        connection.map_or((&[], &[]), |it| it.receiver.waiting.as_slices())
    }

    /// How far a connection has received, as an offset, and whether the other side has closed.
    pub fn progress(&self, number: Number) -> (u64, bool) {
        let connection = self.connections.get(&number);
        connection.map_or((0, false), |it| (it.received(), it.receiver.over))
    }

    /// The user has read up to this offset.
    pub fn consume(&mut self, now_us: u64, number: Number, upto: u64) {
        if let Some(connection) = self.connections.get_mut(&number) {
            let receiver = &mut connection.receiver;
            let more = (upto + 1 - receiver.read) as usize;
            receiver.waiting.drain(..more);
            receiver.read = upto + 1;
        }
        self.settle(now_us, number);
    }

    /// The ends of a connection.
    pub fn ends(&self, number: Number) -> Option<Ends> {
        let connection = self.connections.get(&number);
        connection.map(|connection| connection.ends)
    }

    /// All connections.
    pub fn numbers(&self) -> impl Iterator<Item = Number> + '_ {
        self.connections.keys().copied()
    }

    /// Whether a connection has these ends, or had.
    pub fn knows(&self, ends: Ends) -> bool {
        self.used.contains(&ends)
    }

    /// A segment came.
    ///
    /// # Errors
    /// What a strict receiver holds against it.
    pub fn arrive(
        &mut self,
        now_us: u64,
        src: IpAddr,
        dst: IpAddr,
        octets: &[u8],
    ) -> Result<(), String> {
        let Some(segment) = Segment::parse(src, dst, octets) else {
            return Ok(());
        };
        let ends = Ends {
            local: SocketAddr::new(dst, segment.dst_port),
            remote: SocketAddr::new(src, segment.src_port),
        };
        let found = self.connections.iter().find(|(_, it)| it.ends == ends);
        let number = found.map(|(number, _)| *number);
        let Some(number) = number.filter(|number| !self.gives_way(*number, &segment)) else {
            self.arrive_unknown(now_us, ends, &segment, octets);
            return Ok(());
        };
        let connection = self.connections.get_mut(&number).expect("it was found");
        match connection.is_signed(&segment, octets) {
            Some(true) => {}
            Some(false) if !connection.reborn && connection.state != State::SynSent => {
                return Err(told(&ends, &segment, "it is not signed as agreed on"));
            }
            _ => return Ok(()),
        }
        self.judged += 1;
        let accused = connection.arrive(now_us, &self.settings, &segment);
        self.settle(now_us, number);
        accused.map_err(|wrong| told(&ends, &segment, &wrong))
    }

    /// A connection in TIME-WAIT makes room for a newer one with the same ends.
    fn gives_way(&mut self, number: Number, segment: &Segment<'_>) -> bool {
        let connection = &self.connections[&number];
        let nxt = connection.irs.wrapping_add(connection.receiver.nxt as u32);
        let newer = (segment.seq.wrapping_sub(nxt) as i32) > 0;
        let opens = segment.has(SYN) && !segment.has(ACK);
        if connection.state != State::TimeWait || !opens || !newer {
            return false;
        }
        self.connections.remove(&number);
        self.told.push((number, Told::Closed(End::Normal)));
        true
    }

    fn arrive_unknown(&mut self, now_us: u64, ends: Ends, segment: &Segment<'_>, octets: &[u8]) {
        if segment.has(RST) {
            return;
        }
        let here = self.listens == Some(ends.local);
        if !(here && segment.has(SYN) && !segment.has(ACK)) {
            // What is signed belongs to nobody without a connection: no key would fit.
            if self.keys == Keys::None {
                self.refuse(ends, segment);
            }
            return;
        }
        let isns = (0, segment.seq);
        if self.keys.verify(&ends, isns, 0, segment, octets) != Some(true) {
            return;
        }
        let number = self.begin(ends, true);
        let connection = self.connections.get_mut(&number).expect("it was made");
        connection.answer(now_us, &self.settings, segment);
        self.settle(now_us, number);
    }

    /// RFC 9293 3.10.7.1.
    fn refuse(&mut self, ends: Ends, segment: &Segment<'_>) {
        let (seq, ack, flags) = if segment.has(ACK) {
            (segment.ack, 0, RST)
        } else {
            (0, segment.seq.wrapping_add(segment.len()), RST | ACK)
        };
        let reset = Segment {
            src_port: ends.local.port(),
            dst_port: ends.remote.port(),
            seq,
            ack,
            flags,
            window: 0,
            options: Options::default(),
            text: &[],
        };
        let (src, dst) = (ends.local.ip(), ends.remote.ip());
        let octets = reset.build(src, dst, |_, _| {});
        self.out.push(Outgoing { src, dst, octets });
    }

    /// Timers that are due.
    pub fn timeout(&mut self, now_us: u64) {
        let due = |it: &Connection| it.next_us().is_some_and(|at| at <= now_us);
        let late = self.connections.iter().filter(|(_, it)| due(it));
        let late: Vec<Number> = late.map(|(number, _)| *number).collect();
        for number in late {
            let connection = self.connections.get_mut(&number).expect("it was there");
            connection.timeout(now_us, &self.settings);
            self.settle(now_us, number);
        }
    }

    /// When a timer is due next.
    pub fn next_us(&self) -> Option<u64> {
        self.connections
            .values()
            .filter_map(Connection::next_us)
            .min()
    }

    /// Sends what a connection may send; forgets it when it is over.
    fn settle(&mut self, now_us: u64, number: Number) {
        let Some(connection) = self.connections.get_mut(&number) else {
            return;
        };
        connection.flush(now_us, &self.settings);
        let (src, dst) = (connection.ends.local.ip(), connection.ends.remote.ip());
        let out = connection.out.drain(..);
        self.out
            .extend(out.map(|octets| Outgoing { src, dst, octets }));
        let told = connection.told.drain(..);
        self.told.extend(told.map(|told| (number, told)));
        if connection.state == State::Over {
            self.connections.remove(&number);
        }
    }

    /// Segments to transmit, oldest first.
    pub fn take_segments(&mut self) -> Vec<Outgoing> {
        std::mem::take(&mut self.out)
    }

    /// What happened, oldest first.
    pub fn take_told(&mut self) -> Vec<(Number, Told)> {
        std::mem::take(&mut self.told)
    }

    /// Whether something happened that nobody has asked for yet.
    pub fn has_news(&self) -> bool {
        !(self.told.is_empty() && self.out.is_empty())
    }
}

/// An accusation, with the segment.
fn told(ends: &Ends, segment: &Segment<'_>, wrong: &str) -> String {
    format!(
        "{wrong}: {} to {}, flags {:#x}, seq {}, ack {}, win {}, {:?}, {} octets",
        ends.remote,
        ends.local,
        segment.flags,
        segment.seq,
        segment.ack,
        segment.window,
        segment.options,
        segment.text.len()
    )
}
