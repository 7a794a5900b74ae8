//! What the checkpoint costs: octets and records for payload that goes through a pair, and the time of a record.

use crate::pair::{BATCH_FRAMES, MARK_OCTETS, Pair, Setting};
use crate::report::{Row, Section};
use crate::rounds::{Contender, in_turn};
use crate::spread::Spread;
use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};
use tcp_ha::core::delta::ConnectionDelta;
use tcp_ha::core::record::{self, Record, SnapshotRecord};
use tcp_ha::core::shadow::Shadow;
use tcp_ha::core::{NodeEvent, Protection, SendMode};
use tcp_ha::engine::{Config, ConnectionId, ConnectionState, ReceiveMode};
use tcp_ha::ipc::Lsn;
use tcp_ha::ipc::batch::{Batch, BatchBuilder};

/// As a node has it.
const MARK_PATIENCE: Duration = Duration::from_millis(1);
/// Octets before the record's body: its kind and its length.
const RECORD_HEADER_OCTETS: usize = 6;

/// What a run of bulk through a pair cost.
#[derive(Clone, Copy, Debug)]
struct Cost {
    /// Octets that the daemons handed in or took.
    payload: f64,
    /// Checkpoint records, and their octets.
    records: f64,
    octets: f64,
    /// Octets of streams that the library shipped, and of the daemon's own records.
    shipped: f64,
    /// All octets on the channel, both ways.
    channel: f64,
}

/// Which way the payload goes, and in which mode.
#[derive(Clone, Copy, Debug)]
enum Flow {
    In(ReceiveMode),
    Out(SendMode),
}

impl Flow {
    const ALL: [Flow; 4] = [
        Flow::In(ReceiveMode::Logged),
        Flow::In(ReceiveMode::Marked),
        Flow::Out(SendMode::Logged),
        Flow::Out(SendMode::Regenerated),
    ];

    fn name(self) -> String {
        match self {
            Flow::In(mode) => format!("received, `{mode:?}`"),
            Flow::Out(mode) => format!("sent, `{mode:?}`"),
        }
    }

    fn protection(self) -> Protection {
        let mut protection = Protection::default();
        match self {
            Flow::In(mode) => protection.receive = mode,
            Flow::Out(mode) => protection.send = mode,
        }
        protection
    }
}

/// Sends `octets` through a ready pair, in batches of at most `frames` frames.
fn bulk(flow: Flow, frames: usize, octets: u64) -> io::Result<Cost> {
    let setting = Setting {
        protection: Some(flow.protection()),
        frames,
        tcp: Config {
            mark_patience: MARK_PATIENCE,
            ..Config::default()
        },
        ..Setting::default()
    };
    let mut pair = Pair::ready(setting, 1)?;
    let (counters, carried) = (pair.speaker.active.counters(), pair.carried);
    let (mut written, mut left) = (0, octets);
    loop {
        let most = usize::try_from(left).unwrap_or(usize::MAX);
        let now_us = pair.now_us;
        let taken = match flow {
            Flow::In(_) => pair.peer.write(now_us, 0, most),
            Flow::Out(_) => pair.speaker.write(now_us, 0, most),
        };
        written += taken as u64;
        left -= taken as u64;
        pair.turn()?;
        let arrived = match flow {
            Flow::In(_) => pair.speaker.read,
            Flow::Out(_) => pair.peer.received,
        };
        if left == 0 && arrived == written {
            break;
        }
    }
    let after = pair.speaker.active.counters();
    let marks = pair.speaker.marks * MARK_OCTETS as u64;
    let channel = pair.carried.to_standby + pair.carried.to_active;
    Ok(Cost {
        payload: written as f64,
        records: (after.checkpoints - counters.checkpoints) as f64,
        octets: (after.checkpoint_octets - counters.checkpoint_octets) as f64,
        shipped: (after.payload_octets - counters.payload_octets + marks) as f64,
        channel: (channel - carried.to_standby - carried.to_active) as f64,
    })
}

/// Octets and records for a megabyte of payload.
///
/// # Errors
/// A pair does not come to be.
pub fn octets(megabytes: u64) -> io::Result<Section> {
    let mut section = Section::new(
        "Checkpoint: what travels for a megabyte of payload",
        "One connection, bulk, roles of production in virtual time with a channel in memory; a batch takes at most so many frames. \
         The ratio is octets over octets of payload. `Marked`: the daemon's own record has 16 octets for what it was given at once.",
    );
    let megabyte = 1e6;
    for flow in Flow::ALL {
        for frames in [1, BATCH_FRAMES] {
            let cost = bulk(flow, frames, megabytes * 1_000_000)?;
            let name = format!("{}, batches of {frames}", flow.name());
            let row = |what: &str, unit: &str, figure: f64| {
                let each = figure / (cost.payload / megabyte);
                Row::once(format!("{name}: {what}"), unit, each)
            };
            let over = |what: &str, figure: f64| {
                let mut row = row(what, "octets", figure);
                row.ratio = Some(figure / cost.payload);
                row
            };
            let checkpoint = over("checkpoint octets", cost.octets);
            section.rows.extend([
                row("checkpoint records", "records", cost.records),
                // A frame for itself is no bulk: its record outweighs it.
                match frames {
                    1 => checkpoint,
                    _ => checkpoint.goal("ratio <= 0.001"),
                },
                over("octets of streams and daemon", cost.shipped),
                over("whole channel", cost.channel),
            ]);
        }
    }
    Ok(section)
}

/// Octets that a connection costs from its opening to its being ready, and the size of a full one.
///
/// # Errors
/// A pair does not come to be.
pub fn connection(connections: usize) -> io::Result<Section> {
    let mut section = Section::new(
        "Checkpoint: what travels for a connection",
        "Connections that a peer opens at a pair; nothing is sent on them. The full connection is a snapshot record after a megabyte \
         each way.",
    );
    let mut pair = Pair::ready(Setting::default(), 0)?;
    let (counters, carried) = (pair.speaker.active.counters(), pair.carried);
    pair.open(connections)?;
    pair.until("ready connections", Pair::is_ready)?;
    let after = pair.speaker.active.counters();
    let each = |figure: u64| figure as f64 / connections as f64;
    let records = after.checkpoints - counters.checkpoints;
    let octets = after.checkpoint_octets - counters.checkpoint_octets;
    let channel = pair.carried.to_standby - carried.to_standby;
    section.rows.push(Row::once(
        "opening: checkpoint records",
        "records",
        each(records),
    ));
    section.rows.push(Row::once(
        "opening: checkpoint octets",
        "octets",
        each(octets),
    ));
    section.rows.push(Row::once(
        "opening: from the active, whole channel, heartbeats with it",
        "octets",
        each(channel),
    ));
    let states = states(200)?;
    let last = states.last().ok_or_else(|| io::Error::other("no state"))?;
    let mut batch = BatchBuilder::new();
    let empty = batch.octets();
    snapshot(last).write(&mut batch);
    let size = batch.octets() - empty;
    section.rows.push(
        Row::once(
            "full connection on the wire, record header with it",
            "octets",
            size as f64,
        )
        .goal("<= 160"),
    );
    section.rows.push(Row::once(
        "full connection on the wire, its body alone",
        "octets",
        (size - RECORD_HEADER_OCTETS) as f64,
    ));
    Ok(section)
}

const ID: ConnectionId = ConnectionId(0);

fn snapshot(state: &ConnectionState) -> Record<'static> {
    Record::Snapshot(Box::new(SnapshotRecord {
        id: ID,
        state: *state,
        send_mode: SendMode::Regenerated,
        application_sync: false,
    }))
}

/// Checkpoints of one connection, turn by turn, while bulk goes both ways.
pub(crate) fn states(turns: usize) -> io::Result<Vec<ConnectionState>> {
    let setting = Setting {
        protection: Some(Protection {
            receive: ReceiveMode::Marked,
            send: SendMode::Regenerated,
            application_sync: false,
        }),
        ..Setting::default()
    };
    let mut pair = Pair::ready(setting, 1)?;
    let id = pair.speaker.lines[0];
    let mut states = Vec::new();
    while states.len() < turns {
        let now_us = pair.now_us;
        pair.peer.write(now_us, 0, 1 << 20);
        pair.speaker.write(now_us, 0, 1 << 20);
        pair.turn()?;
        let state = pair.speaker.active.engine().snapshot(id);
        states.extend(state.filter(|state| states.last() != Some(state)));
    }
    Ok(states)
}

/// Time to find out and write what has changed, to read it, and to apply it.
///
/// # Errors
/// The shadow refuses what the pair wrote.
pub fn time(rounds: usize) -> io::Result<Section> {
    const STATES: usize = 2_000;
    const PASSES: usize = 50;
    let states = states(STATES)?;
    let mut section = Section::new(
        "Checkpoint: time of a record",
        "Deltas of a connection with bulk both ways, in one thread. Applied: parsed, applied to the shadow, and the batch ended.",
    );
    let written = written(&states);
    let deltas = states.len() - 1;
    let each = |begun: Instant| begun.elapsed().as_nanos() as f64 / (PASSES * deltas) as f64;
    let encode = || {
        let mut batch = BatchBuilder::new();
        let begun = Instant::now();
        for _ in 0..PASSES {
            for pair in states.windows(2) {
                if let Some(delta) = ConnectionDelta::between(ID, &pair[0], &pair[1]) {
                    Record::Delta(Box::new(delta)).write(&mut batch);
                }
                black_box(batch.octets());
                batch.clear();
            }
        }
        Ok([each(begun)])
    };
    let parse = || {
        let begun = Instant::now();
        for _ in 0..PASSES {
            for octets in &written {
                black_box(read(octets, |_| Ok(()))?);
            }
        }
        Ok([each(begun)])
    };
    let apply = || {
        let begun = Instant::now();
        for _ in 0..PASSES {
            // Positions never go back: each pass begins anew.
            applied(&states[0], &written)?;
        }
        Ok([each(begun)])
    };
    let contenders = vec![
        Contender::new("found and written", encode),
        Contender::new("parsed", parse),
        Contender::new("parsed and applied", apply),
    ];
    for (name, [spread]) in in_turn(rounds, contenders)? {
        section.rows.push(Row::of(name, "ns a record", spread));
    }
    let sizes: Vec<f64> = written.iter().map(|it| it.len() as f64).collect();
    let sizes = Spread::of(sizes).ok_or_else(|| io::Error::other("no delta"))?;
    let what = "octets of a batch with one delta, its header with it";
    section.rows.push(Row::of(what, "octets", sizes));
    Ok(section)
}

/// The deltas between them, a batch each.
pub(crate) fn written(states: &[ConnectionState]) -> Vec<Vec<u8>> {
    let deltas = states.windows(2);
    let deltas = deltas.filter_map(|pair| ConnectionDelta::between(ID, &pair[0], &pair[1]));
    let mut batch = BatchBuilder::new();
    deltas
        .map(|delta| {
            batch.clear();
            Record::Delta(Box::new(delta)).write(&mut batch);
            batch.to_bytes(Lsn(1), 0)
        })
        .collect()
}

/// Applies batches to a shadow that begins with a state.
pub(crate) fn applied(first: &ConnectionState, written: &[Vec<u8>]) -> io::Result<()> {
    let mut events = Vec::<NodeEvent>::new();
    let refused = |error| io::Error::other(format!("{error}"));
    let mut shadow = Shadow::default();
    shadow
        .apply(snapshot(first), &mut events)
        .map_err(refused)?;
    for octets in written {
        read(octets, |record| {
            shadow.apply(record, &mut events).map_err(refused)
        })?;
        shadow.end_batch(&mut events).map_err(refused)?;
        events.clear();
    }
    Ok(())
}

fn read(octets: &[u8], mut take: impl FnMut(Record<'_>) -> io::Result<()>) -> io::Result<usize> {
    let batch = Batch::parse(octets).map_err(|error| io::Error::other(error.to_string()))?;
    let mut records = 0;
    for record in batch.records() {
        let record = record::parse(record.kind, record.body);
        take(record.map_err(|error| io::Error::other(error.to_string()))?)?;
        records += 1;
    }
    Ok(records)
}
