//! What a batch says of a connection, it says once.

use tcp_ha::core::{Protection, SendMode};
use tcp_ha::engine::ReceiveMode;
use tcp_ha_bench::pair::{Pair, Setting};

const TURNS: usize = 300;
const OFFERED: usize = 256 << 10;

#[test]
fn a_connection_has_one_delta_a_batch_whatever_the_daemon_records() {
    for receive in [ReceiveMode::Logged, ReceiveMode::Marked] {
        let setting = Setting {
            protection: Some(Protection {
                receive,
                send: SendMode::Regenerated,
                application_sync: false,
            }),
            ..Setting::default()
        };
        let mut pair = Pair::ready(setting, 1).expect("a pair");
        let (before, read) = (pair.speaker.active.counters(), pair.speaker.read);
        for _ in 0..TURNS {
            pair.peer.write(pair.now_us, 0, OFFERED);
            pair.turn().expect("a turn");
        }
        let after = pair.speaker.active.counters();
        let records = after.checkpoints - before.checkpoints;
        let batches = after.batches - before.batches;
        assert!(records <= batches, "{receive:?}: {records} in {batches}");
        let octets = after.checkpoint_octets - before.checkpoint_octets;
        let payload = pair.speaker.read - read;
        assert!(
            octets * 1_000 <= payload,
            "{receive:?}: {octets} octets of checkpoints for {payload}"
        );
    }
}
