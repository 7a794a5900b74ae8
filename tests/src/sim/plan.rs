//! The scenario of a seed.

use crate::world::{Dice, Family, MUCH, Opener, Says, Scenario, Signing, Stacks};
use std::time::Duration;
use tcp_ha::Protection;
use tcp_ha::core::{NodeLimits, SendMode};
use tcp_ha::engine::{Config, KeepaliveConfig, ReceiveMode};

/// How long an ACK waits for the daemon's mark, by the seed: not at all, as a node has it, and for longer than much else.
const MARK_PATIENCES_MS: [u64; 3] = [0, 1, 20];

/// What happens in the world of a seed.
pub fn scenario(seed: u64, dice: &mut Dice) -> Scenario {
    let receive = dice.pick(&[
        ReceiveMode::Logged,
        ReceiveMode::Logged,
        ReceiveMode::Marked,
    ]);
    let send = dice.pick(&[SendMode::Logged, SendMode::Logged, SendMode::Regenerated]);
    let regenerates = send == SendMode::Regenerated;
    let protection = Protection {
        receive,
        send,
        application_sync: regenerates || dice.one_in(2),
    };
    let message = dice.pick(&[0, 100, 700, 1_900]);
    let message = match receive {
        ReceiveMode::Marked => message.max(100),
        ReceiveMode::Logged => message,
    };
    let pair_tcp = Config {
        mark_patience: Duration::from_millis(MARK_PATIENCES_MS[(seed % 3) as usize]),
        // Their frames are cut as a device cuts them. No roll: a seed is what it was.
        super_segments: (seed / 3) % 3 == 1,
        gather_acks: (seed / 9).is_multiple_of(2),
        ..tcp(dice)
    };
    Scenario {
        seed,
        octets: whole(message, dice.between(500, 6_000)),
        per_turn: dice.between(100, 4_000) as usize,
        salt: dice.below(256) as u8,
        clients: dice.pick(&[1, 1, 2, 3]),
        loss: 0,
        family: dice.pick(&[Family::V4, Family::V4, Family::V6]),
        opener: dice.pick(&[Opener::Peer, Opener::Peer, Opener::Pair]),
        protection: Some(protection),
        message,
        node_state: dice.one_in(3),
        keepalive: dice.one_in(3).then_some(KeepaliveConfig {
            idle: Duration::from_millis(80),
            interval: Duration::from_millis(50),
            probes: 200,
        }),
        limits: limits(seed, dice, &pair_tcp),
        stacks: dice.pick(&[Stacks::Engine, Stacks::Small, Stacks::Both, Stacks::Both]),
        wraps: dice.one_in(2),
        says: match dice.pick(&[Says::Twisted, Says::Twisted, Says::Little, Says::Much]) {
            Says::Much if message * MUCH as usize > pair_tcp.send_capacity => Says::Twisted,
            says => says,
        },
        signing: dice.pick(&[
            Signing::None,
            Signing::None,
            Signing::None,
            Signing::None,
            Signing::None,
            Signing::Md5,
            Signing::Ao,
            Signing::Ao,
        ]),
        pair_tcp,
        peer_tcp: Config {
            // What is half open and signed is never reset: it ends by itself.
            syn_ack_retries: 7,
            ..tcp(dice)
        },
    }
}

/// So many octets, as whole messages: half of one would never be answered.
pub(super) fn whole(message: usize, octets: u64) -> u64 {
    octets.next_multiple_of(message.max(1) as u64)
}

/// TCP with small buffers and short times.
fn tcp(dice: &mut Dice) -> Config {
    let millis = Duration::from_millis;
    Config {
        send_capacity: dice.pick(&[4_096, 8_192, 16_384]),
        receive_capacity: dice.pick(&[4_096, 8_192, 100_000]),
        min_rto: millis(dice.between(10, 60)),
        initial_rto: millis(dice.between(50, 200)),
        max_rto: millis(1_000),
        delayed_ack: millis(dice.pick(&[0, 5, 20])),
        msl: millis(40),
        fin_wait_2_limit: millis(60_000),
        max_retransmits: 60,
        syn_retries: 20,
        // Ten seconds at most: what an old SYN half opened is over before the bound of liveness.
        syn_ack_retries: 10,
        mtu: dice.pick(&[1_280, 1_500]),
        timestamps: !dice.one_in(4),
        sack: !dice.one_in(4),
        window_scaling: !dice.one_in(4),
        max_connections: 64,
        max_half_open: 16,
        ..Config::default()
    }
}

fn limits(seed: u64, dice: &mut Dice, tcp: &Config) -> NodeLimits {
    // A log that cannot take in the snapshots of all connections would never let a standby join.
    let log_octets = 16 * (tcp.send_capacity + tcp.receive_capacity) + 20_000;
    NodeLimits {
        heartbeat_us: 5_000,
        misses: 3,
        hold_limit_us: dice.pick(&[40_000, 100_000]),
        gate_frames: dice.pick(&[64, 1_024]),
        log_octets: dice.pick(&[log_octets, 1 << 20]),
        sync_octets: dice.pick(&[600, 1 << 20]),
        application_sync_us: 400_000,
        // Now and then audits follow each other at once.
        audit_interval_us: if seed % 8 == 3 { 5_000 } else { 200_000 },
        audit_connections: 2,
        ..NodeLimits::default()
    }
}
