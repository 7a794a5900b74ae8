//! A snapshot and the deltas after it are the state (I4).

use ipc::Lsn;
use ipc::batch::{Batch, BatchBuilder};
use proptest::prelude::*;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tcp_ha_core::delta::ConnectionDelta;
use tcp_ha_core::record::{self, Record};
use tcp_ha_engine::{
    Config, ConnectionId, ConnectionOptions, ConnectionState, Effects, Engine, Instant, Secrets,
    SeqNum, State,
};

/// A change of one variable: which, and to what.
type Change = (u8, u64);

/// The checkpoint of a connection that has just been opened.
fn fresh() -> ConnectionState {
    let mut engine = Engine::new(Config::default(), Secrets::from_bytes(&[1; Secrets::LEN]));
    let socket = |low, port| SocketAddr::new(Ipv4Addr::new(10, 0, 0, low).into(), port);
    let options = ConnectionOptions::default();
    let mut fx = Effects::new();
    let opened = engine.connect(
        Instant::ZERO,
        socket(1, 0),
        socket(2, 179),
        options,
        &mut fx,
    );
    let id = opened.expect("room");
    engine.snapshot(id).expect("it was opened")
}

/// Changes a variable of each concern in turn; some of the changes change nothing.
fn change(state: &mut ConnectionState, (which, value): Change) {
    let moment = Instant::from_micros(value);
    match which % 16 {
        0 => state.identity.irs = SeqNum(value as u32),
        1 => state.identity.options.dscp = value as u8,
        2 => {
            state.lifecycle.state = if value & 1 == 0 {
                State::SynSent
            } else {
                State::Established
            }
        }
        3 => state.lifecycle.fin_sent = value & 1 == 1,
        4 => state.send.una = value,
        5 => state.send.wnd = value,
        6 => state.recv.nxt = value,
        7 => state.recv.right_edge = value,
        8 => state.rtt.srtt = (value & 1 == 1).then_some(Duration::from_micros(value)),
        9 => state.rtt.tsval_sent = value as u32,
        10 => state.congestion.cwnd = value as u32,
        11 => state.congestion.ssthresh = value as u32,
        12 => state.timers.retransmit = (value & 1 == 1).then_some(moment),
        13 => state.timers.progress_at = moment,
        14 => state.send.path_mtu = value as u16,
        _ => {}
    }
}

/// A delta as the standby reads it.
fn over_the_wire(delta: ConnectionDelta) -> ConnectionDelta {
    let mut batch = BatchBuilder::new();
    Record::Delta(Box::new(delta)).write(&mut batch);
    let octets = batch.to_bytes(Lsn(1), 0);
    let batch = Batch::parse(&octets).expect("a batch");
    let first = batch.records().next().expect("its record");
    match record::parse(first.kind, first.body) {
        Ok(Record::Delta(delta)) => *delta,
        other => panic!("a delta became {other:?}"),
    }
}

proptest! {
    #[test]
    fn a_snapshot_and_its_deltas_are_the_state(
        batches in proptest::collection::vec(
            proptest::collection::vec((any::<u8>(), any::<u64>()), 0..5), 0..20),
    ) {
        let id = ConnectionId(7);
        let mut state = fresh();
        let mut shadow = state;
        for batch in batches {
            let before = state;
            for it in batch {
                change(&mut state, it);
            }
            match ConnectionDelta::between(id, &before, &state) {
                Some(delta) => over_the_wire(delta).apply(&mut shadow),
                None => prop_assert_eq!(before, state),
            }
            prop_assert_eq!(shadow, state);
        }
    }

    #[test]
    fn a_delta_leaves_other_concerns_alone(first in any::<Change>(), second in any::<Change>()) {
        let id = ConnectionId(7);
        let old = fresh();
        let mut new = old;
        change(&mut new, first);
        let mut elsewhere = old;
        change(&mut elsewhere, second);
        let (before, was_send, was_timers) = (elsewhere, old.send == new.send, old.timers == new.timers);
        if let Some(delta) = ConnectionDelta::between(id, &old, &new) {
            delta.apply(&mut elsewhere);
        }
        prop_assert!(!was_send || elsewhere.send == before.send);
        prop_assert!(!was_timers || elsewhere.timers == before.timers);
        // Applied to what it was made from, it makes what it was made for.
        let mut again = old;
        if let Some(delta) = ConnectionDelta::between(id, &old, &new) {
            delta.apply(&mut again);
        }
        prop_assert_eq!(again, new);
    }
}
