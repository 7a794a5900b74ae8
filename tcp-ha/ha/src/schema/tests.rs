use super::*;
use core::time::Duration;
use proptest::prelude::*;
use tcp_ha_engine::auth::{AoState, Signing};
use tcp_ha_engine::{
    AuthState, CongestionAlgorithm, CongestionState, ConnectionOptions, FourTuple, IdentityState,
    Instant, KeepaliveConfig, ListenerId, Opener, ReceiveMode, RecvState, RttState, SendState,
    SeqNum, State, TimersState,
};

const STATES: [State; 11] = [
    State::Closed,
    State::Listen,
    State::SynSent,
    State::SynReceived,
    State::Established,
    State::FinWait1,
    State::FinWait2,
    State::CloseWait,
    State::Closing,
    State::LastAck,
    State::TimeWait,
];

/// Values for fields, one after the other.
struct Values<'a>(core::iter::Cycle<core::slice::Iter<'a, u64>>);

impl Values<'_> {
    fn next(&mut self) -> u64 {
        *self.0.next().expect("some values")
    }

    fn yes(&mut self) -> bool {
        self.next() & 1 == 1
    }

    fn small(&mut self) -> u8 {
        self.next() as u8
    }

    fn short(&mut self) -> u16 {
        self.next() as u16
    }

    fn word(&mut self) -> u32 {
        self.next() as u32
    }

    fn duration(&mut self) -> Duration {
        Duration::new(self.next(), self.word() % 1_000_000_000)
    }

    fn moment(&mut self) -> Instant {
        Instant::from_micros(self.next())
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.yes().then(|| make(self))
    }

    fn socket(&mut self) -> std::net::SocketAddr {
        let port = self.short();
        if self.yes() {
            return ((u128::from(self.next()) << 64 | 1).to_be_bytes(), port).into();
        }
        (self.word().to_be_bytes(), port).into()
    }
}

fn identity(from: &mut Values<'_>) -> IdentityState {
    IdentityState {
        tuple: FourTuple {
            local: from.socket(),
            remote: from.socket(),
        },
        opener: match from.maybe(Values::word) {
            Some(listener) => Opener::Passive(ListenerId(listener)),
            None => Opener::Active,
        },
        iss: SeqNum(from.word()),
        irs: SeqNum(from.word()),
        our_mss: from.short(),
        peer_mss: from.short(),
        rcv_wscale: from.small(),
        snd_wscale: from.small(),
        window_scaling: from.yes(),
        sack_permitted: from.yes(),
        timestamps: from.yes(),
        timestamp_offset: from.word(),
        options: ConnectionOptions {
            nodelay: from.yes(),
            keepalive: from.maybe(|from| KeepaliveConfig {
                idle: from.duration(),
                interval: from.duration(),
                probes: from.small(),
            }),
            dscp: from.small(),
            hop_limit: from.small(),
            min_hop_limit: from.small(),
            receive_mode: if from.yes() {
                ReceiveMode::Marked
            } else {
                ReceiveMode::Logged
            },
            user_timeout: from.maybe(Values::duration),
            connect_timeout: from.maybe(Values::duration),
            linger: from.maybe(Values::duration),
            max_segment: from.maybe(Values::short),
            congestion: if from.yes() {
                CongestionAlgorithm::Reno
            } else {
                CongestionAlgorithm::Cubic
            },
        },
    }
}

/// A checkpoint with these values in its fields, whether any connection could be so or not.
fn state(values: &[u64]) -> ConnectionState {
    let from = &mut Values(values.iter().cycle());
    ConnectionState {
        identity: identity(from),
        lifecycle: LifecycleState {
            state: STATES[usize::from(from.small()) % STATES.len()],
            user_closed: from.yes(),
            fin_sent: from.yes(),
            fin_acked: from.yes(),
            fin_received: from.yes(),
            orphaned: from.maybe(Values::next),
            #[cfg(feature = "schema-v2")]
            trial: 0,
        },
        send: SendState {
            una: from.next(),
            max: from.next(),
            end: from.next(),
            wnd: from.next(),
            wl1: from.next(),
            wl2: from.next(),
            max_wnd: from.next(),
            small: from.next(),
            path_mtu: from.short(),
        },
        recv: RecvState {
            nxt: from.next(),
            safe: from.next(),
            read: from.next(),
            right_edge: from.next(),
            last_ack_sent: from.next(),
            ts_recent: from.word(),
            ts_recent_at: from.moment(),
        },
        rtt: RttState {
            srtt: from.maybe(Values::duration),
            rttvar: from.duration(),
            variance: from.duration(),
            variance_peak: from.duration(),
            round_end: from.next(),
            rto: from.duration(),
            tsval_sent: from.word(),
            tsecr_floor: from.maybe(Values::word),
        },
        congestion: CongestionState {
            cwnd: from.word(),
            ssthresh: from.word(),
            w_max: from.word(),
        },
        timers: TimersState {
            retransmit: from.maybe(Values::moment),
            retransmits: from.small(),
            persist: from.maybe(Values::moment),
            persists: from.small(),
            keepalive: from.maybe(Values::moment),
            keepalives: from.small(),
            linger: from.maybe(Values::moment),
            path: from.maybe(Values::moment),
            progress_at: from.moment(),
            sent_at: from.moment(),
        },
        auth: AuthState {
            signing: match from.small() % 3 {
                0 => Signing::None,
                1 => Signing::Md5,
                _ => Signing::Ao(AoState {
                    current: from.small(),
                    rnext: from.small(),
                    received: from.small(),
                }),
            },
            min_hop_limit: from.small(),
        },
    }
}

fn snapshot(state: ConnectionState) -> SnapshotRecord {
    SnapshotRecord {
        id: ConnectionId(7),
        state,
        send_mode: SendMode::Unrecorded,
        application_sync: true,
    }
}

fn octets_of(snapshot: &SnapshotRecord) -> Vec<u8> {
    let mut out = Vec::new();
    write_snapshot(Version::V1, snapshot, &mut out);
    out
}

fn values() -> impl Strategy<Value = Vec<u64>> {
    let value = prop_oneof![any::<u64>(), 0..1_000_u64, Just(u64::MAX)];
    proptest::collection::vec(value, 1..120)
}

/// As a session of a router is after weeks with some megabytes each way, signed and watched.
fn of_a_router(local: &str, remote: &str) -> ConnectionState {
    let micros = Duration::from_micros;
    let now = Instant::from_micros(40 * 86_400_000_000 + 123_457);
    let mut state = state(&[0]);
    state.identity = IdentityState {
        tuple: FourTuple {
            local: local.parse().expect("a socket"),
            remote: remote.parse().expect("a socket"),
        },
        opener: Opener::Passive(ListenerId(1)),
        iss: SeqNum(0xf000_0001),
        irs: SeqNum(0xf000_0002),
        our_mss: 1_460,
        peer_mss: 1_460,
        rcv_wscale: 5,
        snd_wscale: 7,
        window_scaling: true,
        sack_permitted: true,
        timestamps: true,
        timestamp_offset: 0xf000_0003,
        options: ConnectionOptions {
            nodelay: true,
            keepalive: Some(KeepaliveConfig::default()),
            dscp: 48,
            hop_limit: 255,
            ..ConnectionOptions::default()
        },
    };
    state.lifecycle.state = State::Established;
    state.send = SendState {
        una: 9_000_001,
        max: 9_300_001,
        end: 9_999_999,
        wnd: 262_144,
        wl1: 5_000_001,
        wl2: 9_000_001,
        max_wnd: 262_272,
        small: 8_999_999,
        path_mtu: 1_500,
    };
    state.recv = RecvState {
        nxt: 5_000_001,
        safe: 5_000_001,
        read: 4_990_001,
        right_edge: 6_038_577,
        last_ack_sent: 5_000_001,
        ts_recent: 0xf000_0004,
        ts_recent_at: now,
    };
    state.rtt = RttState {
        srtt: Some(Duration::from_nanos(20_123_457)),
        rttvar: Duration::from_nanos(3_123_457),
        variance: Duration::from_millis(200),
        variance_peak: Duration::from_millis(200),
        round_end: 9_200_001,
        rto: Duration::from_nanos(220_123_457),
        tsval_sent: 0xf000_0005,
        tsecr_floor: None,
    };
    state.congestion = CongestionState {
        cwnd: 220,
        ssthresh: 150,
        w_max: 300,
    };
    state.timers.retransmit = Some(now + micros(220_123));
    state.timers.keepalive = Some(now + micros(7_200_000_000));
    state.timers.path = Some(now + micros(600_000_000));
    state.timers.progress_at = now;
    state.timers.sent_at = now;
    state.auth.signing = Signing::Md5;
    state
}

#[test]
fn a_full_connection_takes_at_most_160_octets() {
    /// Kind and length.
    const RECORD_HEADER_OCTETS: usize = 2 + 4;
    /// Two addresses of IPv6 instead of IPv4.
    const LONGER: usize = 2 * (16 - 4);
    for (local, remote, most) in [
        ("203.0.113.201:179", "198.51.100.102:40001", 160),
        ("[2001:db8::a]:179", "[2001:db8::b]:40001", 160 + LONGER),
    ] {
        let octets = octets_of(&snapshot(of_a_router(local, remote)));
        let all = RECORD_HEADER_OCTETS + octets.len();
        assert!(all <= most, "{remote}: {all} octets");
    }
}

#[test]
fn a_record_that_was_cut_is_refused() {
    let octets = octets_of(&snapshot(of_a_router("192.0.2.1:179", "192.0.2.2:40001")));
    for len in 0..octets.len() {
        assert_eq!(read_snapshot(Version::V1, &octets[..len]), None, "{len}");
    }
    let longer = [octets.as_slice(), &[0]].concat();
    assert_eq!(read_snapshot(Version::V1, &longer), None);
}

#[test]
fn modes_and_states_that_nobody_has_are_refused() {
    let octets = octets_of(&snapshot(of_a_router("192.0.2.1:179", "192.0.2.2:40001")));
    let with = |at: usize, octet: u8| {
        let mut octets = octets.clone();
        octets[at] = octet;
        read_snapshot(Version::V1, &octets)
    };
    assert!(with(1, UNRECORDED).is_some());
    for modes in [3, 1 << 3, 1 << 7] {
        assert_eq!(with(1, modes), None, "modes {modes}");
    }
    let flags = octets[2];
    assert_eq!(with(2, flags | 1 << 6), None);
}

proptest! {
    #[test]
    fn whatever_a_checkpoint_says_is_read_as_it_was_written(values in values()) {
        let snapshot = snapshot(state(&values));
        prop_assert_eq!(read_snapshot(Version::V1, &octets_of(&snapshot)), Some(snapshot));
    }

    #[test]
    fn whatever_changes_is_read_as_it_was_written(values in values(), others in values()) {
        let id = ConnectionId(values[0]);
        if let Some(delta) = ConnectionDelta::between(id, &state(&values), &state(&others)) {
            let mut out = Vec::new();
            write_delta(Version::V1, &delta, &mut out);
            prop_assert_eq!(read_delta(Version::V1, &out), Some(delta));
        }
    }

    #[test]
    fn octets_that_are_read_are_written_so_that_they_read_the_same(
        values in values(),
        spoilt in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..4),
    ) {
        let mut octets = octets_of(&snapshot(state(&values)));
        for (at, octet) in spoilt {
            let len = octets.len();
            octets[usize::from(at) % len] = octet;
        }
        if let Some(read) = read_snapshot(Version::V1, &octets) {
            prop_assert_eq!(read_snapshot(Version::V1, &octets_of(&read)), Some(read));
        }
        // Whatever a delta of these octets is, reading it ends.
        let _ = read_delta(Version::V1, &octets);
    }
}

#[cfg(feature = "schema-v2")]
#[test]
fn the_trial_field_travels_in_version_2_alone() {
    let mut snapshot = snapshot(of_a_router("192.0.2.1:179", "192.0.2.2:40001"));
    snapshot.state.lifecycle.trial = 300;
    let mut out = Vec::new();
    write_snapshot(Version::V2, &snapshot, &mut out);
    assert_eq!(read_snapshot(Version::V2, &out).as_ref(), Some(&snapshot));
    assert_eq!(read_snapshot(Version::V1, &out), None);
    assert!(!carries(Version::V1, &snapshot.state));
    snapshot.state.lifecycle.trial = 0;
    assert_eq!(
        read_snapshot(Version::V1, &octets_of(&snapshot)),
        Some(snapshot)
    );
}
