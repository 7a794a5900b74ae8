//! Records from an active: what the standby makes of them, and what a survivor makes of that.
//!
//! The records of two real connections, in order and spoilt at chosen places, or octets of the input. A standby refuses what
//! contradicts itself; what it takes must make an engine that lives.

use super::connection::{config, options};
use crate::input::Choices;
use ipc::Lsn;
use ipc::batch::{Batch, BatchBuilder};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::LazyLock;
use tcp_ha_core::delta::ConnectionDelta;
use tcp_ha_core::record::{self, Record, SendMode, SharedState, SnapshotRecord};
use tcp_ha_core::shadow::{Shadow, ShadowBounds};
use tcp_ha_core::{DownReason, Readiness, takeover};
use tcp_ha_engine::segment::{self, Flags, Header};
use tcp_ha_engine::{ConnectionId, Effects, Engine, Event, Instant, Secrets};
use tcp_ha_link::LinkAddress;
use tcp_ha_link::host::{Host, HostConfig};

/// Records of one input, at most.
const RECORDS_MAX: usize = 32;
/// Timers and segments that a survivor lives through.
const TURNS: usize = 9;

const ADDRESSES: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)),
];

/// Kind and body of each record of a short history.
static HISTORY: LazyLock<Vec<(u16, Vec<u8>)>> = LazyLock::new(history);

/// A list of records; then a takeover.
///
/// # Panics
/// A record, or the survivor that it made, breaks a promise.
pub fn run(octets: &[u8]) {
    let mut choices = Choices::new(octets);
    let bits = choices.octet();
    let mut shadow = Shadow::bounded(ShadowBounds {
        octets: 64 << 10,
        connections: 8,
        neighbours: 8,
    });
    let mut events = Vec::new();
    let mut place = 0;
    for _ in 0..RECORDS_MAX {
        if choices.is_empty() {
            break;
        }
        let shape = choices.octet();
        let (kind, mut body) = match shape & 7 {
            0..=4 => HISTORY[place % HISTORY.len()].clone(),
            5 => HISTORY[choices.below(HISTORY.len())].clone(),
            6 => (u16::from(choices.octet() & 15), choices.slice(80).to_vec()),
            _ => {
                if shadow.end_batch(&mut events).is_err() {
                    return;
                }
                continue;
            }
        };
        place += usize::from(shape & 7 < 5);
        let strange = shape & 7 == 6 || shape >> 4 & 3 != 0;
        for _ in 0..shape >> 4 & 3 {
            let at = choices.below(body.len());
            if let Some(octet) = body.get_mut(at) {
                *octet = choices.octet();
            }
        }
        let Ok(record) = record::parse(kind, &body) else {
            return;
        };
        // The history as it is was written by what would be asked again.
        if strange {
            again(&record);
        }
        if shadow.apply(record, &mut events).is_err() {
            return;
        }
    }
    if shadow.end_batch(&mut events).is_ok() {
        survive(shadow, bits);
    }
}

/// What was read and is written again reads the same.
fn again(record: &Record<'_>) {
    let (kind, body) = written(record);
    assert_eq!(record::parse(kind, &body).as_ref(), Ok(record));
}

fn written(record: &Record<'_>) -> (u16, Vec<u8>) {
    let mut batch = BatchBuilder::new();
    record.write(&mut batch);
    let octets = batch.to_bytes(Lsn(1), 0);
    let batch = Batch::parse(&octets).expect("a batch");
    let first = batch.records().next().expect("its record");
    (first.kind, first.body.to_vec())
}

/// The survivor lives: its timers come to rest, segments and calls do it no harm, its checkpoints are taken again.
fn survive(shadow: Shadow, bits: u8) {
    let mut now = Instant::from_millis(2_000);
    let mut here = HostConfig::ethernet(LinkAddress([2, 0, 0, 0, 0, 1]));
    here.addresses = vec![(ADDRESSES[0], 24)];
    let mut host = Host::new(here).expect("a plain host");
    let Some(mut survivor) = takeover::survive(shadow, config(bits), now, &mut host) else {
        return;
    };
    let (engine, mut fx) = (&mut survivor.engine, Effects::new());
    for id in survivor.taken.iter().chain(&survivor.finishing) {
        engine
            .resume(now, *id, 1_000, &mut fx)
            .expect("it was taken");
    }
    for turn in 0..TURNS {
        let ids: Vec<_> = engine.connections().collect();
        if ids.is_empty() {
            break;
        }
        if let Some(next) = engine.next_timeout() {
            now = now.max(next);
            engine.handle_timeout(now, &mut fx);
            assert!(
                engine.next_timeout().is_none_or(|next| next > now),
                "a timer that is due stays due"
            );
        }
        for id in ids {
            live(engine, now, id, turn, &mut fx);
        }
        assert!(fx.segments().len() < 4_096, "a storm of segments");
        fx.clear();
    }
}

fn live(engine: &mut Engine, now: Instant, id: ConnectionId, turn: usize, fx: &mut Effects) {
    let Some(state) = engine.snapshot(id) else {
        return;
    };
    let tuple = state.identity.tuple;
    let header = Header {
        src_port: tuple.remote.port(),
        dst_port: tuple.local.port(),
        seq: state.identity.irs.at(state.recv.nxt),
        ack: state.identity.iss.at(if turn.is_multiple_of(2) {
            state.send.una
        } else {
            state.send.max
        }),
        flags: Flags::ACK,
        window: 4_000,
    };
    let options = tcp_ha_engine::options::Options {
        timestamps: state
            .identity
            .timestamps
            .then_some(tcp_ha_engine::options::Timestamps {
                value: state.recv.ts_recent,
                echo: state.rtt.tsval_sent,
            }),
        ..Default::default()
    };
    let mut octets = Vec::new();
    let (src, dst) = (tuple.remote.ip(), tuple.local.ip());
    segment::emit(&mut octets, src, dst, &header, &options, (&[7; 100], &[]));
    engine.handle_segment(now, src, dst, &octets, fx);
    // The connection may have ended by now; errors are answers too.
    let _ = engine.send(now, id, &[9; 300], fx);
    if let Some(info) = engine.connection(id) {
        let _ = engine.make_safe(now, id, info.rcv_nxt, fx);
        let _ = engine.consume(now, id, info.safe, fx);
    }
    if turn == 6 {
        let _ = engine.close(now, id, fx);
    }
}

/// Two engines talk; what the first would have recorded of it.
fn history() -> Vec<(u16, Vec<u8>)> {
    let secrets = Secrets::from_bytes(&[7; Secrets::LEN]);
    let engine = || Engine::new(config(0), secrets.clone());
    let mut talk = Talk {
        engines: [engine(), engine()],
        now: Instant::from_millis(1_000),
        ids: [Vec::new(), Vec::new()],
    };
    let mut records = vec![
        written(&Record::Shared(SharedState::of(&secrets, ConnectionId(3)))),
        written(&Record::Neighbour {
            address: ADDRESSES[1],
            link: [2, 0, 0, 0, 0, 9],
        }),
    ];
    for (mode, port) in [(0, 179), (4, 180)] {
        talk.open(mode, port);
        let id = *talk.ids[0].last().expect("open");
        records.extend(talk.records_of(id, SendMode::Logged));
    }
    records.push(written(&Record::Application {
        id: None,
        octets: b"daemon",
    }));
    for id in talk.ids[0].clone() {
        records.extend(talk.closing_of(id));
    }
    let readiness = Readiness::Down(DownReason::Lagging);
    records.push(written(&Record::Readiness {
        id: talk.ids[0][1],
        readiness,
    }));
    records.push(written(&Record::Deleted { id: talk.ids[0][1] }));
    records
}

struct Talk {
    engines: [Engine; 2],
    now: Instant,
    ids: [Vec<ConnectionId>; 2],
}

impl Talk {
    fn open(&mut self, mode: u8, port: u16) {
        let server = SocketAddr::new(ADDRESSES[1], port);
        self.engines[1]
            .listen(server, options(mode), 4)
            .expect("a free port");
        let local = SocketAddr::new(ADDRESSES[0], 0);
        let mut fx = Effects::new();
        let opened = self.engines[0].connect(self.now, local, server, options(mode), &mut fx);
        self.ids[0].push(opened.expect("a free port"));
        self.exchange(0, fx);
    }

    /// Carries segments to and fro until both are silent.
    fn exchange(&mut self, from: usize, fx: Effects) {
        let mut at = from;
        let mut fx = fx;
        for _ in 0..16 {
            let mut answer = Effects::new();
            for out in fx.segments() {
                self.engines[1 - at].handle_segment(
                    self.now,
                    out.src,
                    out.dst,
                    out.bytes,
                    &mut answer,
                );
            }
            for event in &answer.events {
                if let Event::Accepted { id, .. } = event {
                    self.ids[1].push(*id);
                }
            }
            (at, fx) = (1 - at, answer);
            if fx.segments().len() == 0 {
                break;
            }
        }
    }

    /// The snapshot of a connection with octets both ways, those octets, and its way to ready.
    fn records_of(&mut self, id: ConnectionId, send_mode: SendMode) -> Vec<(u16, Vec<u8>)> {
        let mut fx = Effects::new();
        let theirs = *self.ids[1].last().expect("accepted");
        self.engines[1]
            .send(self.now, theirs, b"from them", &mut fx)
            .expect("open");
        self.exchange(1, fx);
        let engine = &mut self.engines[0];
        if let Some(info) = engine.connection(id) {
            let mut fx = Effects::new();
            engine
                .make_safe(self.now, id, info.rcv_nxt, &mut fx)
                .expect("RCV.NXT");
        }
        let mut fx = Effects::new();
        engine
            .send(self.now, id, b"from us, on its way", &mut fx)
            .expect("open");
        let state = engine.snapshot(id).expect("open");
        let info = engine.connection(id).expect("open");
        let snapshot = SnapshotRecord {
            id,
            state,
            send_mode,
            application_sync: false,
        };
        let received = engine.received(id, info.read).expect("READ");
        let received = received.collect::<Vec<_>>().concat();
        let (una, mut sent) = engine.unacknowledged(id).expect("open");
        let sent = sent.next().unwrap_or_default();
        vec![
            written(&Record::Snapshot(Box::new(snapshot))),
            written(&Record::Received {
                id,
                offset: info.read,
                octets: &received,
            }),
            written(&Record::Sent {
                id,
                offset: una,
                octets: sent,
            }),
            written(&Record::Readiness {
                id,
                readiness: Readiness::Ready,
            }),
        ]
    }

    /// Deltas on the way to FIN-WAIT, with what was sent between.
    fn closing_of(&mut self, id: ConnectionId) -> Vec<(u16, Vec<u8>)> {
        let engine = &mut self.engines[0];
        let mut records = Vec::new();
        let mut fx = Effects::new();
        for step in 0..3 {
            let old = engine.snapshot(id).expect("open");
            match step {
                0 => {
                    let end = engine.connection(id).expect("open").snd_end;
                    engine.send(self.now, id, b"more", &mut fx).expect("open");
                    records.push(written(&Record::Sent {
                        id,
                        offset: end,
                        octets: b"more",
                    }));
                }
                1 => {
                    let read = engine.connection(id).expect("open").safe;
                    engine.consume(self.now, id, read, &mut fx).expect("safe");
                }
                _ => engine.close(self.now, id, &mut fx).expect("open"),
            }
            let new = engine.snapshot(id).expect("open");
            let delta = ConnectionDelta::between(id, &old, &new).expect("a change");
            records.push(written(&Record::Delta(Box::new(delta))));
        }
        records
    }
}
