//! Planted faults of a takeover.

use tcp_ha_engine::{Config, ConnectionState, Secrets};

/// The checkpoint as a wrong survivor would read it.
pub(super) fn spoiled(mut state: ConnectionState) -> ConnectionState {
    const LEAP_MS: u32 = 5_000;
    let una = state.send.una;
    if planted!(SeqBelowSndMax) {
        state.send.max = una;
    }
    if planted!(TsvalReset) {
        state.identity.timestamp_offset = state.identity.timestamp_offset.wrapping_sub(LEAP_MS);
        state.rtt.tsval_sent = state.rtt.tsval_sent.wrapping_sub(LEAP_MS);
    }
    if planted!(TsRecentAhead) {
        state.recv.ts_recent = state.recv.ts_recent.wrapping_add(100 * LEAP_MS);
    }
    if planted!(EdgeMovedLeft) {
        state.recv.right_edge = state.recv.nxt;
    }
    state
}

/// Settings under which an edge can move left.
pub(super) fn narrowed(mut config: Config) -> Config {
    if planted!(EdgeMovedLeft) {
        config.receive_capacity = 2_048;
    }
    config
}

/// The secrets, or others.
pub(super) fn mistaken(mut secrets: Secrets) -> Secrets {
    if planted!(IsnKeyLost) {
        secrets.isn = [0x55; 16];
    }
    secrets
}
