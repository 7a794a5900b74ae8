//! The service: answers every octet twisted. Its state is a digest of everything in and out, and its replica must come to the same one.

use super::keys::{self, Generation};
use super::model::{Model, Part, parts, unpack};
use super::scenario::{MUCH, Opener, Says, Scenario, Signing};
use std::collections::{BTreeMap, VecDeque};
use tcp_ha::core::{Active, Digest, NodeEvent, Promotion, SendMode};
use tcp_ha::engine::{ConnectionId, ReceiveMode, State};

/// Octets answered in one call where the service has no messages.
const CHUNK: usize = 16_384;

/// First octet of a record that is part of a dump.
const DUMP: u8 = b'D';
/// First octet of a record that is a message received (`Marked`); its position follows, then its octets.
const MESSAGE: u8 = b'M';

/// One connection, as the service sees it.
#[derive(Debug, Default)]
pub struct Stream {
    /// Everything in and out.
    pub model: Model,
    /// The model is whole: it followed from the first octet, or from a dump.
    pub whole: bool,
    unread: VecDeque<u8>,
    peer_closed: bool,
    closes: bool,
    closed: bool,
    dump: Vec<Part>,
}

/// What the test wants the service to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes {
    /// It deals with nothing more.
    pub pauses: bool,
    /// It closes every connection.
    pub closes: bool,
    /// It closes a connection once the peer has and everything is answered.
    pub closes_after_peer: bool,
    /// It closes a connection once it has answered everything that the client will send.
    pub closes_when_done: bool,
    /// It does not answer when its state is asked for.
    pub keeps_its_state: bool,
    /// It supplies regenerated octets so many turns late.
    pub supplies_late: u32,
    /// Who has taken over ends the other, if it still lives.
    pub ends_the_other: bool,
    /// The keys that it is to have set.
    pub generation: Generation,
}

/// See the module's text.
pub struct Daemon {
    scenario: Scenario,
    /// What it is to do.
    pub wishes: Wishes,
    events: Vec<NodeEvent>,
    /// Its connections.
    pub streams: BTreeMap<ConnectionId, Stream>,
    /// State of its own that belongs to no connection: messages answered.
    pub answered: u64,
    /// That state is whole on this node.
    pub answered_whole: bool,
    asked: VecDeque<Option<ConnectionId>>,
    audited: VecDeque<Option<ConnectionId>>,
    /// What audits found to differ in this replica.
    pub(super) differs: Vec<Option<ConnectionId>>,
    /// Audits in which this replica was found equal.
    pub audits_passed: u64,
    to_supply: VecDeque<(ConnectionId, u64, Vec<u8>)>,
    supply_in: u32,
    /// How often its state was asked for.
    pub dumps: u64,
    /// The keys that are set.
    pub generation: Generation,
}

impl Daemon {
    pub(super) fn new(scenario: &Scenario) -> Daemon {
        Daemon {
            scenario: scenario.clone(),
            wishes: Wishes::default(),
            events: Vec::new(),
            streams: BTreeMap::new(),
            answered: 0,
            answered_whole: true,
            asked: VecDeque::new(),
            audited: VecDeque::new(),
            differs: Vec::new(),
            audits_passed: 0,
            to_supply: VecDeque::new(),
            supply_in: 0,
            dumps: 0,
            generation: 0,
        }
    }

    fn receive_mode(&self) -> ReceiveMode {
        self.scenario
            .protection
            .map_or(ReceiveMode::Logged, |protection| protection.receive)
    }

    fn has_own_state(&self) -> bool {
        self.scenario
            .protection
            .is_some_and(|protection| protection.application_sync)
    }

    /// It says again what the peer has not acknowledged.
    fn supplies(&self) -> bool {
        self.scenario
            .protection
            .is_some_and(|protection| protection.send == SendMode::Regenerated)
    }

    /// Where its streams stand, for people.
    pub fn told(&self, active: &Active) -> String {
        let streams = self.streams.iter().map(|(id, stream)| {
            let info = active.engine().connection(*id).map(|info| (info.read, info.safe, info.rcv_nxt, info.snd_una, info.snd_nxt, info.snd_end));
            let (unread, room) = (stream.unread.len(), active.engine().send_room(*id));
            let (read, sent) = (stream.model.read, stream.model.sent);
            format!(
                "{id}: unread {unread}, room {room}, read {read}, sent {sent}, whole {}, closed {}, {} to supply; (read, safe, nxt, una, nxt, end) {info:?}",
                stream.whole,
                stream.closed,
                self.to_supply.len()
            )
        });
        streams.collect::<Vec<_>>().join("; ")
    }

    /// Whether it has something to do in the next turn.
    pub(super) fn is_busy(&self) -> bool {
        !(self.events.is_empty()
            && self.asked.is_empty()
            && self.audited.is_empty()
            && self.to_supply.is_empty())
    }

    /// Takes over what the node tells.
    pub(super) fn listen_to(&mut self, active: &mut Active) {
        active.take_events(&mut self.events);
    }

    /// A turn of the service on the active.
    pub(super) fn serve(&mut self, active: &mut Active, now_us: u64) {
        for event in std::mem::take(&mut self.events) {
            self.note(active, event);
        }
        if self.generation != self.wishes.generation {
            self.set_keys(active, self.wishes.generation);
        }
        self.open(active, now_us);
        if self.supply_in == 0 {
            while let Some((id, offset, octets)) = self.to_supply.pop_front() {
                let _ = active.supply(now_us, id, offset, &octets);
            }
        }
        self.supply_in = self.supply_in.saturating_sub(1);
        let ids: Vec<ConnectionId> = self.streams.keys().copied().collect();
        for id in ids {
            while !self.wishes.pauses && self.answer(active, now_us, id) {
                // In the middle of a batch: what was said before is in the dump, what is said later is not.
                self.dump(active);
            }
            self.close_if_due(active, now_us, id);
        }
        self.dump(active);
        while let Some(id) = self.audited.pop_front() {
            if let Some(Digest(octets)) = self.digest(id) {
                active
                    .application_audit(id, &octets)
                    .expect("a record of a few octets");
            }
        }
    }

    /// The digest of its own state: of a connection, or of what belongs to none.
    fn digest(&self, id: Option<ConnectionId>) -> Option<Digest> {
        let Some(id) = id else {
            return self
                .answered_whole
                .then(|| Digest::of(&self.answered.to_le_bytes()));
        };
        let stream = self.streams.get(&id).filter(|stream| stream.whole)?;
        let summary = stream.model.summary().map(u64::to_le_bytes);
        Some(Digest::of(summary.as_flattened()))
    }

    /// Has segments of the peer signed with the keys of this generation.
    pub(super) fn set_keys(&mut self, active: &mut Active, generation: Generation) {
        let Scenario {
            signing, family, ..
        } = self.scenario;
        active.set_security(keys::of_the_pair(signing, generation, family));
        self.generation = generation;
    }

    /// The node has come with keys: of which generation?
    fn recognise_keys(&mut self, active: &Active) {
        let Scenario {
            signing, family, ..
        } = self.scenario;
        let here = active.engine().security();
        let fits = |it: &Generation| keys::of_the_pair(signing, *it, family) == *here;
        let Some(generation) = (0..=self.wishes.generation).rev().find(fits) else {
            panic!("[keys] the survivor has keys that nobody has set");
        };
        self.generation = generation;
    }

    fn note(&mut self, active: &mut Active, event: NodeEvent) {
        match event {
            NodeEvent::Accepted { id, .. } | NodeEvent::Connected { id, .. } => {
                let stream = Stream {
                    whole: true,
                    ..Stream::default()
                };
                self.streams.insert(id, stream);
            }
            NodeEvent::Received { id, data, .. } => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.unread.extend(data.iter());
                }
            }
            NodeEvent::Acknowledged { id, upto } => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.model.acknowledged(upto);
                }
            }
            NodeEvent::PeerClosed { id } => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.peer_closed = true;
                }
            }
            NodeEvent::Closed { id, .. } => {
                self.streams.remove(&id);
            }
            NodeEvent::SyncRequested { id } => self.asked.push_back(Some(id)),
            NodeEvent::NodeSyncRequested => self.asked.push_back(None),
            NodeEvent::AuditRequested { id } => self.audited.push_back(id),
            NodeEvent::ForeignAnnouncement { .. } => active.confirm(),
            _ => {}
        }
    }

    /// Opens what is missing, where it is the service that opens.
    fn open(&mut self, active: &mut Active, now_us: u64) {
        if self.scenario.opener != Opener::Pair || self.wishes.closes {
            return;
        }
        // A peer that has forgotten a signed connection cannot reset it: its end may be long in coming.
        let signed = self.scenario.signing != Signing::None;
        let engine = active.engine();
        let infos = engine.connections().filter_map(|id| engine.connection(id));
        let there = infos
            .filter(|info| !(signed && info.state == State::LastAck))
            .count();
        for _ in there..self.scenario.clients {
            let local = std::net::SocketAddr::new(self.scenario.family.pair(), 0);
            let options = self.scenario.options();
            let remote = self.scenario.peer_socket();
            active
                .connect(now_us, local, remote, options, self.scenario.protection)
                .expect("a free port");
        }
    }

    /// Answers one message, or one chunk; false where there is none, or no room for the answer.
    fn answer(&mut self, active: &mut Active, now_us: u64, id: ConnectionId) -> bool {
        let mode = self.receive_mode();
        let message = self.scenario.message;
        let room = active.engine().send_room(id);
        let Some(stream) = self.streams.get_mut(&id) else {
            return false;
        };
        let unread = stream.unread.len();
        let len = match message {
            0 if self.scenario.says == Says::Much => unread.min(room / MUCH as usize),
            0 => unread.min(CHUNK).min(room),
            len if stream.unread.len() >= len => len,
            _ if stream.peer_closed => stream.unread.len(),
            _ => 0,
        };
        let said = self.scenario.answered(stream.model.read + len as u64) - stream.model.sent;
        if len == 0 || stream.closed || (room as u64) < said {
            return false;
        }
        let octets = front(&stream.unread, len);
        let end = stream.model.read + len as u64;
        let answer = self.scenario.answer(&octets, end, stream.model.sent);
        let done = match mode {
            ReceiveMode::Logged => active.write(now_us, id, &answer, Some(end)),
            ReceiveMode::Marked => {
                let from = stream.model.read.to_le_bytes();
                let record = [&[MESSAGE], from.as_slice(), octets.as_slice()].concat();
                active
                    .record(now_us, Some(id), &record, Some(end))
                    .and_then(|()| active.write(now_us, id, &answer, None))
            }
        };
        if let Err(error) = done {
            assert!(
                active.engine().connection(id).is_none(),
                "the service is refused: {error}"
            );
            return false;
        }
        stream.unread.drain(..len);
        stream.model.take(&octets);
        stream.model.say(&answer);
        if self.scenario.node_state {
            self.answered += 1;
            active
                .record(now_us, None, &self.answered.to_le_bytes(), None)
                .expect("a record of no connection");
        }
        true
    }

    fn close_if_due(&mut self, active: &mut Active, now_us: u64, id: ConnectionId) {
        let wishes = self.wishes;
        let octets = self.scenario.octets;
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let due = wishes.closes
            || stream.closes
            || (wishes.closes_after_peer && stream.peer_closed && stream.unread.is_empty())
            || (wishes.closes_when_done && stream.model.read == octets);
        if due && !stream.closed {
            stream.closed = true;
            active.close(now_us, id);
        }
    }

    /// Hands over state that was asked for.
    fn dump(&mut self, active: &mut Active) {
        if self.wishes.keeps_its_state {
            return;
        }
        while let Some(asked) = self.asked.pop_front() {
            self.dumps += 1;
            match asked {
                Some(id) => {
                    let Some(stream) = self.streams.get(&id) else {
                        continue;
                    };
                    let records: Vec<Vec<u8>> = parts(&stream.model)
                        .into_iter()
                        .map(|part| [&[DUMP], part.as_slice()].concat())
                        .collect();
                    active.application_records(Some(id), records.iter().map(Vec::as_slice));
                }
                None => {
                    let record = self.answered.to_le_bytes();
                    active.application_records(None, [record.as_slice()]);
                }
            }
            active.application_synced(asked);
        }
    }
}

impl Daemon {
    /// What the node that shadows tells.
    pub(super) fn replicate(&mut self, events: Vec<NodeEvent>) {
        for event in events {
            match event {
                NodeEvent::ReplicaReset => {
                    self.streams.clear();
                    self.answered = 0;
                    self.answered_whole = false;
                }
                NodeEvent::ReplicaOpened { id, .. } => {
                    let stream = Stream {
                        whole: true,
                        ..Stream::default()
                    };
                    self.streams.insert(id, stream);
                }
                NodeEvent::ReplicaReceived { id, offset, data } => {
                    self.replicate_received(id, offset, &data);
                }
                NodeEvent::ReplicaSent { id, offset, data } => {
                    if let Some(stream) = self.streams.get_mut(&id) {
                        stream.follow(offset, stream.model.sent, "sent");
                        if stream.whole {
                            stream.model.say(&data);
                        }
                    }
                }
                NodeEvent::ReplicaRecord { id: Some(id), data } => {
                    self.replicate_record(id, &data);
                }
                NodeEvent::ReplicaRecord { id: None, data } => {
                    let octets = data.as_ref().try_into().expect("a counter");
                    self.answered = u64::from_le_bytes(octets);
                    self.answered_whole = true;
                }
                NodeEvent::ReplicaAudit { id, data } => match self.digest(id) {
                    Some(own) if own.0 == *data => self.audits_passed += 1,
                    _ => self.differs.push(id),
                },
                NodeEvent::ReplicaClosed { id } => {
                    if let Some(stream) = self.streams.get_mut(&id) {
                        stream.closed = true;
                    }
                }
                _ => {}
            }
        }
    }

    fn replicate_received(&mut self, id: ConnectionId, offset: u64, data: &[u8]) {
        assert_eq!(
            self.receive_mode(),
            ReceiveMode::Logged,
            "the service's own records are its feed"
        );
        let regenerates = regenerates(&self.scenario);
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.follow(offset, stream.model.read, "received");
            if stream.whole {
                stream.replay(data, regenerates);
            }
        }
    }

    fn replicate_record(&mut self, id: ConnectionId, data: &[u8]) {
        let regenerates = regenerates(&self.scenario);
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        match data.split_first() {
            Some((&MESSAGE, rest)) => {
                let (from, octets) = rest.split_first_chunk().expect("a position");
                stream.follow(u64::from_le_bytes(*from), stream.model.read, "received");
                if stream.whole {
                    stream.replay(octets, regenerates);
                }
            }
            Some((&DUMP, part)) => {
                stream.dump.push(part.to_vec());
                if let Some(model) = unpack(&stream.dump) {
                    stream.dump.clear();
                    stream.model = model;
                    stream.whole = true;
                }
            }
            _ => panic!("a record that the service never wrote: {data:?}"),
        }
    }

    /// The node speaks now: takes the streams up.
    pub(super) fn promoted(&mut self, promotion: &mut Promotion) {
        let mut former = std::mem::take(&mut self.streams);
        self.asked.clear();
        self.audited.clear();
        self.differs.clear();
        self.supply_in = self.wishes.supplies_late;
        self.recognise_keys(&promotion.active);
        for &id in &promotion.taken {
            let start = promotion.active.hand_over(id).expect("a stream taken over");
            let mut stream = former.remove(&id).expect("a replica of every stream");
            // Without a dump, a replica that joined late knows nothing of what was before.
            let model = &stream.model;
            stream.whole &= if self.has_own_state() {
                *model != Model::default() || start.read == 0
            } else {
                (model.read > 0 || start.read == 0) && (model.sent > 0 || start.snd_end == 0)
            };
            if stream.whole {
                let model = &stream.model;
                assert_eq!(
                    model.read, start.read,
                    "the replica read what the active had"
                );
                assert_eq!(
                    model.sent, start.snd_end,
                    "the replica wrote what the active had"
                );
            } else {
                stream.model = Model::at(start.read, start.snd_end);
            }
            // What the peer has acknowledged need not be said again.
            stream.model.acknowledged(start.snd_una);
            if self.supplies() {
                assert!(stream.whole, "only a whole replica can say it again");
                let octets = stream.model.said_since(start.snd_una);
                self.to_supply.push_back((id, start.snd_una, octets));
            }
            stream.closed = false;
            self.streams.insert(id, stream);
        }
    }
}

/// The scenario, if the replica must know by itself what was said.
fn regenerates(scenario: &Scenario) -> Option<&Scenario> {
    let send = scenario.protection.map(|protection| protection.send);
    send.is_some_and(|send| send != SendMode::Logged)
        .then_some(scenario)
}

/// The first `len` octets.
fn front(octets: &VecDeque<u8>, len: usize) -> Vec<u8> {
    let (head, tail) = octets.as_slices();
    let (head, tail) = match head.split_at_checked(len) {
        Some((head, _)) => (head, &[][..]),
        None => (head, &tail[..len - head.len()]),
    };
    [head, tail].concat()
}

impl Stream {
    /// The feed goes on at `offset`; `expected` is how far the model is.
    fn follow(&mut self, offset: u64, expected: u64, direction: &str) {
        if offset == expected {
            return;
        }
        assert!(
            !(self.whole && expected > 0),
            "{direction} octets go on at {offset}, the replica is at {expected}"
        );
        self.whole = false;
    }

    fn replay(&mut self, octets: &[u8], regenerates: Option<&Scenario>) {
        self.model.take(octets);
        if let Some(scenario) = regenerates {
            let answer = scenario.answer(octets, self.model.read, self.model.sent);
            self.model.say(&answer);
        }
    }
}
