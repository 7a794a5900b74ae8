//! Connection ids that no active comes to.

use tcp_ha_core::record::{Record, SendMode, SharedState, SnapshotRecord};
use tcp_ha_core::shadow::{ID_MAX, Shadow, ShadowError};
use tcp_ha_core::takeover;
use tcp_ha_engine::{Config, ConnectionId, ConnectionState, Effects, Engine, Instant, Secrets};
use tcp_ha_link::LinkAddress;
use tcp_ha_link::host::{Host, HostConfig};

fn secrets() -> Secrets {
    Secrets::from_bytes(&[7; Secrets::LEN])
}

fn shared(next_id: ConnectionId) -> Record<'static> {
    Record::Shared(SharedState::of(&secrets(), next_id))
}

fn snapshot(id: ConnectionId) -> Record<'static> {
    Record::Snapshot(Box::new(SnapshotRecord {
        id,
        state: checkpoint(),
        send_mode: SendMode::Logged,
        application_sync: false,
    }))
}

fn checkpoint() -> ConnectionState {
    let mut engine = Engine::new(Config::default(), secrets());
    let (local, remote) = ("10.0.0.1:0", "10.0.0.2:179");
    let [local, remote] = [local, remote].map(|end| end.parse().expect("an address"));
    let options = Default::default();
    let now = Instant::from_millis(1_000);
    let opened = engine.connect(now, local, remote, options, &mut Effects::new());
    let id = opened.expect("a free port");
    engine.snapshot(id).expect("it is live")
}

#[test]
fn an_id_beyond_all_that_an_active_gives_is_refused() {
    let beyond = ConnectionId(ID_MAX.0 + 1);
    for hostile in [beyond, ConnectionId(u64::MAX)] {
        for record in [shared(hostile), snapshot(hostile)] {
            let mut shadow = Shadow::default();
            let applied = shadow.apply(record, &mut Vec::new());
            assert_eq!(applied, Err(ShadowError::HugeId(hostile)));
            assert!(shadow.shared().is_none() && shadow.connections().next().is_none());
        }
    }
}

#[test]
fn a_survivor_of_the_largest_id_still_counts_on() {
    let mut shadow = Shadow::default();
    for record in [shared(ID_MAX), snapshot(ID_MAX)] {
        let applied = shadow.apply(record, &mut Vec::new());
        applied.expect("an id within the bound");
    }
    let mut here = HostConfig::ethernet(LinkAddress([2, 0, 0, 0, 0, 1]));
    here.addresses = vec![([10, 0, 0, 1].into(), 24)];
    let mut host = Host::new(here).expect("a plain host");
    let now = Instant::from_millis(2_000);
    let survivor = takeover::survive(shadow, Config::default(), now, &mut host);
    let next = survivor.expect("shared secrets").engine.next_id();
    assert!(next > ID_MAX && next.0 < u64::MAX - ID_MAX.0 / 2);
}
