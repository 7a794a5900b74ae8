//! One of each kind of what travels, with a value in every field.

use core::time::Duration;
use ipc::frame::{FrameHeader, FrameKind};
use ipc::schema::v1::{Audited, Control, Finding, Heartbeat, Hello, RefuseReason, ResignCause};
use ipc::schema::{Ack, Version, Versions};
use ipc::{Epoch, Incarnation, Lsn, codec, frame};
use tcp_ha::core::delta::ConnectionDelta;
use tcp_ha::core::record::{Record, SendMode, SharedState, SnapshotRecord};
use tcp_ha::core::{Digest, DownReason, Readiness};
use tcp_ha::engine::auth::{PeerKeys, PeerSecurity, Secret, SecurityTable};
use tcp_ha::engine::{
    AuthState, CongestionAlgorithm, CongestionState, ConnectionId, ConnectionOptions,
    ConnectionState, FourTuple, IdentityState, Instant, KeepaliveConfig, LifecycleState,
    ListenerId, Opener, ReceiveMode, RecvState, RttState, SendState, SeqNum, State, TimersState,
};

const ID: ConnectionId = ConnectionId(0x0102);

fn micros(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

fn at(micros: u64) -> Instant {
    Instant::from_micros(micros)
}

/// A checkpoint of IPv4; every field is named, so that a new one does not compile until it is decided what version 1 says of it.
pub(crate) fn state() -> ConnectionState {
    ConnectionState {
        identity: identity(),
        lifecycle: LifecycleState {
            state: State::CloseWait,
            user_closed: false,
            fin_sent: false,
            fin_acked: false,
            fin_received: true,
            orphaned: None,
            #[cfg(feature = "schema-v2")]
            trial: 0,
        },
        send: SendState {
            una: 5_001,
            max: 6_001,
            end: 7_001,
            wnd: 65_536,
            wl1: 301,
            wl2: 5_001,
            max_wnd: 131_072,
            small: 5_900,
            path_mtu: 1_500,
        },
        recv: RecvState {
            nxt: 302,
            safe: 302,
            read: 201,
            right_edge: 65_737,
            last_ack_sent: 302,
            ts_recent: 0x0a0b_0c0d,
            ts_recent_at: at(1_000_001),
        },
        rtt: RttState {
            srtt: Some(micros(12_345)),
            rttvar: micros(678),
            variance: micros(2_712),
            variance_peak: micros(2_800),
            round_end: 6_001,
            rto: micros(200_000),
            tsval_sent: 0x0102_0304,
            tsecr_floor: Some(0x0102_0000),
        },
        congestion: CongestionState {
            cwnd: 20,
            ssthresh: 10,
            w_max: 24,
        },
        timers: TimersState {
            retransmit: Some(at(1_200_002)),
            retransmits: 1,
            persist: None,
            persists: 2,
            keepalive: Some(at(9_000_003)),
            keepalives: 3,
            linger: None,
            path: Some(at(600_000_004)),
            progress_at: at(1_000_005),
            sent_at: at(1_000_006),
        },
        auth: AuthState::default(),
    }
}

fn identity() -> IdentityState {
    IdentityState {
        tuple: FourTuple {
            local: "10.0.0.1:179".parse().expect("a socket"),
            remote: "[fd99::2]:40000".parse().expect("a socket"),
        },
        opener: Opener::Passive(ListenerId(3)),
        iss: SeqNum(0x1111_2222),
        irs: SeqNum(0x3333_4444),
        our_mss: 1_460,
        peer_mss: 1_220,
        rcv_wscale: 7,
        snd_wscale: 10,
        window_scaling: true,
        sack_permitted: true,
        timestamps: true,
        timestamp_offset: 0x5555_6666,
        options: ConnectionOptions {
            nodelay: true,
            keepalive: Some(KeepaliveConfig {
                idle: micros(60_000_000),
                interval: micros(5_000_000),
                probes: 9,
            }),
            dscp: 48,
            hop_limit: 255,
            min_hop_limit: 254,
            receive_mode: ReceiveMode::Marked,
            user_timeout: Some(micros(90_000_000)),
            connect_timeout: None,
            linger: Some(Duration::ZERO),
            max_segment: Some(1_400),
            congestion: CongestionAlgorithm::Reno,
        },
    }
}

/// A delta of one concern, and one of all.
fn deltas() -> (ConnectionDelta, ConnectionDelta) {
    let before = state();
    let mut one = before;
    one.congestion.cwnd = 21;
    let mut all = one;
    all.identity.sack_permitted = false;
    all.lifecycle.user_closed = true;
    all.send.una += 1;
    all.recv.read += 1;
    all.rtt.srtt = None;
    all.timers.retransmit = None;
    all.auth.min_hop_limit = 254;
    let between = |new| ConnectionDelta::between(ID, &before, new).expect("they differ");
    (between(&one), between(&all))
}

fn security() -> SecurityTable {
    let mut table = SecurityTable::default();
    let secret = Secret::new(b"key").expect("a key");
    let security = PeerSecurity {
        keys: PeerKeys::Md5(secret.into()),
        ttl_security: Some(1),
    };
    table
        .set("10.0.0.2".parse().expect("a prefix"), security)
        .expect("room");
    table
}

/// Every kind of record, with its file's name.
pub(crate) fn records() -> Vec<(&'static str, Record<'static>)> {
    let (one, all) = deltas();
    let digest = Digest([0xab; 16]);
    let snapshot = SnapshotRecord {
        id: ID,
        state: state(),
        send_mode: SendMode::Logged,
        application_sync: true,
    };
    let shared = SharedState {
        isn_key: [1; 16],
        demux_key: [2; 16],
        timestamp_key: [3; 16],
        cookie_key: [4; 16],
        next_id: 300,
    };
    let (id, offset, octets) = (ID, 0x1234, b"text".as_slice());
    let down = Readiness::Down(DownReason::NotCarried);
    vec![
        ("record-shared", Record::Shared(shared)),
        ("record-security", Record::Security(security())),
        (
            "record-neighbour",
            Record::Neighbour {
                address: "fd99::2".parse().expect("an address"),
                link: [2, 0, 0, 0, 0, 9],
            },
        ),
        ("record-snapshot", Record::Snapshot(Box::new(snapshot))),
        ("record-delta-one", Record::Delta(Box::new(one))),
        ("record-delta-all", Record::Delta(Box::new(all))),
        ("record-deleted", Record::Deleted { id }),
        ("record-received", Record::Received { id, offset, octets }),
        ("record-sent", Record::Sent { id, offset, octets }),
        (
            "record-application",
            Record::Application {
                id: Some(id),
                octets,
            },
        ),
        (
            "record-readiness",
            Record::Readiness {
                id,
                readiness: Readiness::Ready,
            },
        ),
        (
            "record-readiness-down",
            Record::Readiness {
                id,
                readiness: down,
            },
        ),
        ("record-audit-mark", Record::AuditMark { round: 300 }),
        ("record-audit", Record::Audit { id, digest }),
        ("record-audit-sweep", Record::AuditSweep { shared: digest }),
        (
            "record-audit-application",
            Record::AuditApplication { id: None, octets },
        ),
    ]
}

/// Every message, with its file's name, its kind and its octets.
pub(crate) fn messages() -> Vec<(&'static str, FrameKind, Vec<u8>)> {
    let hello = |heard| Hello {
        version_min: 1,
        version_max: 1,
        incarnation: Incarnation::from_bytes([0x11; 16]),
        config_digest: [0x22; 32],
        heartbeat_us: 5_000,
        software: "rp 1".to_owned(),
        heard,
    };
    let v1 = Versions::only(Version::V1);
    let reason = || "why".to_owned();
    let controls = [
        ("control-caught-up", Control::CaughtUp { lsn: Lsn(7) }),
        ("control-paired", Control::Paired { epoch: Epoch(8) }),
        ("control-hand-over", Control::HandOver { epoch: Epoch(9) }),
        (
            "control-resign",
            Control::Resign {
                cause: ResignCause::Replica,
                reason: reason(),
            },
        ),
        ("control-goodbye", Control::Goodbye { reason: reason() }),
        ("control-audited", Control::Audited(audited())),
    ];
    let heartbeat = Heartbeat {
        lsn: Lsn(1),
        time_us: 0x0001_0203,
        answer_us: 9,
    };
    let mut messages = vec![
        ("hello-first", FrameKind::Hello, octets(&hello(None))),
        ("hello-answer", FrameKind::Hello, octets(&hello(Some(v1)))),
        ("refuse", FrameKind::Refuse, octets(&RefuseReason::Busy)),
        ("ack", FrameKind::Ack, octets(&Ack { lsn: Lsn(300) })),
        ("heartbeat", FrameKind::Heartbeat, octets(&heartbeat)),
    ];
    let controls = controls.map(|(name, control)| (name, FrameKind::Control, octets(&control)));
    messages.extend(controls);
    messages
}

fn audited() -> Audited {
    Audited {
        round: 300,
        over: true,
        compared: 7,
        more: false,
        findings: vec![
            Finding::Differs(1),
            Finding::Missing(2),
            Finding::Stale(3),
            Finding::SharedDiffers,
            Finding::ApplicationDiffers(4),
            Finding::ApplicationSharedDiffers,
        ],
    }
}

fn octets(message: &impl serde::Serialize) -> Vec<u8> {
    let mut octets = Vec::new();
    codec::encode_into(message, &mut octets).expect("a message");
    octets
}

/// A body in a frame.
pub(crate) fn framed(kind: FrameKind, body: &[u8]) -> Vec<u8> {
    let header = FrameHeader {
        kind,
        flags: 0,
        epoch: Epoch(0x0102_0304_0506_0708),
        from: Incarnation::from_bytes([0x11; 16]),
        to: Incarnation::from_bytes([0x33; 16]),
    };
    let mut octets = Vec::new();
    frame::encode_into(&header, &[body], &mut octets);
    octets
}
