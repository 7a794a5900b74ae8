//! Who the ends are, what they agreed on, and what the user chose.

use crate::schema::octets::{Reader, bit, put, put_duration};
use core::time::Duration;
use std::net::{IpAddr, SocketAddr};
use tcp_ha_engine::{
    CongestionAlgorithm, ConnectionOptions, FourTuple, IdentityState, KeepaliveConfig, ListenerId,
    Opener, ReceiveMode, SeqNum,
};

const LOCAL_V6: u8 = 1;
const REMOTE_V6: u8 = 1 << 1;
const PASSIVE: u8 = 1 << 2;
const WINDOW_SCALING: u8 = 1 << 3;
const SACK_PERMITTED: u8 = 1 << 4;
const TIMESTAMPS: u8 = 1 << 5;
const KNOWN: u8 = (1 << 6) - 1;

const NODELAY: u8 = 1;
const KEEPALIVE: u8 = 1 << 1;
const MARKED: u8 = 1 << 2;
const USER_TIMEOUT: u8 = 1 << 3;
const CONNECT_TIMEOUT: u8 = 1 << 4;
const LINGER: u8 = 1 << 5;
const MAX_SEGMENT: u8 = 1 << 6;
const RENO: u8 = 1 << 7;

pub(in crate::schema) fn write_identity(identity: &IdentityState, out: &mut Vec<u8>) {
    let IdentityState {
        tuple: FourTuple { local, remote },
        opener,
        iss,
        irs,
        our_mss,
        peer_mss,
        rcv_wscale,
        snd_wscale,
        window_scaling,
        sack_permitted,
        timestamps,
        timestamp_offset,
        options,
    } = *identity;
    out.push(
        bit(LOCAL_V6, local.is_ipv6())
            | bit(REMOTE_V6, remote.is_ipv6())
            | bit(PASSIVE, matches!(opener, Opener::Passive(_)))
            | bit(WINDOW_SCALING, window_scaling)
            | bit(SACK_PERMITTED, sack_permitted)
            | bit(TIMESTAMPS, timestamps),
    );
    write_socket(local, out);
    write_socket(remote, out);
    if let Opener::Passive(ListenerId(listener)) = opener {
        put(out, u64::from(listener));
    }
    out.extend_from_slice(&iss.0.to_le_bytes());
    out.extend_from_slice(&irs.0.to_le_bytes());
    put(out, u64::from(our_mss));
    put(out, u64::from(peer_mss));
    out.extend_from_slice(&[rcv_wscale, snd_wscale]);
    out.extend_from_slice(&timestamp_offset.to_le_bytes());
    write_options(&options, out);
}

pub(in crate::schema) fn read_identity(from: &mut Reader<'_>) -> Option<IdentityState> {
    let flags = from.flags(KNOWN)?;
    let set = |bit| flags & bit != 0;
    let local = read_socket(set(LOCAL_V6), from)?;
    let remote = read_socket(set(REMOTE_V6), from)?;
    let opener = if set(PASSIVE) {
        Opener::Passive(ListenerId(from.number()?))
    } else {
        Opener::Active
    };
    let (iss, irs) = (SeqNum(from.fixed()?), SeqNum(from.fixed()?));
    let (our_mss, peer_mss) = (from.number()?, from.number()?);
    let [rcv_wscale, snd_wscale] = from.array()?;
    Some(IdentityState {
        tuple: FourTuple { local, remote },
        opener,
        iss,
        irs,
        our_mss,
        peer_mss,
        rcv_wscale,
        snd_wscale,
        window_scaling: set(WINDOW_SCALING),
        sack_permitted: set(SACK_PERMITTED),
        timestamps: set(TIMESTAMPS),
        timestamp_offset: from.fixed()?,
        options: read_options(from)?,
    })
}

fn write_socket(socket: SocketAddr, out: &mut Vec<u8>) {
    match socket.ip() {
        IpAddr::V4(ip) => out.extend_from_slice(&ip.octets()),
        IpAddr::V6(ip) => out.extend_from_slice(&ip.octets()),
    }
    out.extend_from_slice(&socket.port().to_le_bytes());
}

fn read_socket(v6: bool, from: &mut Reader<'_>) -> Option<SocketAddr> {
    let ip = if v6 {
        IpAddr::from(from.array::<16>()?)
    } else {
        IpAddr::from(from.array::<4>()?)
    };
    let port = u16::from_le_bytes(from.array()?);
    Some(SocketAddr::new(ip, port))
}

fn write_options(options: &ConnectionOptions, out: &mut Vec<u8>) {
    let ConnectionOptions {
        nodelay,
        keepalive,
        dscp,
        hop_limit,
        min_hop_limit,
        receive_mode,
        user_timeout,
        connect_timeout,
        linger,
        max_segment,
        congestion,
    } = *options;
    let marked = match receive_mode {
        ReceiveMode::Logged => false,
        ReceiveMode::Marked => true,
    };
    let reno = match congestion {
        CongestionAlgorithm::Cubic => false,
        CongestionAlgorithm::Reno => true,
    };
    out.push(
        bit(NODELAY, nodelay)
            | bit(KEEPALIVE, keepalive.is_some())
            | bit(MARKED, marked)
            | bit(USER_TIMEOUT, user_timeout.is_some())
            | bit(CONNECT_TIMEOUT, connect_timeout.is_some())
            | bit(LINGER, linger.is_some())
            | bit(MAX_SEGMENT, max_segment.is_some())
            | bit(RENO, reno),
    );
    out.extend_from_slice(&[dscp, hop_limit, min_hop_limit]);
    if let Some(KeepaliveConfig {
        idle,
        interval,
        probes,
    }) = keepalive
    {
        put_duration(out, idle);
        put_duration(out, interval);
        out.push(probes);
    }
    for duration in [user_timeout, connect_timeout, linger]
        .into_iter()
        .flatten()
    {
        put_duration(out, duration);
    }
    if let Some(most) = max_segment {
        put(out, u64::from(most));
    }
}

fn read_options(from: &mut Reader<'_>) -> Option<ConnectionOptions> {
    let flags = from.octet()?;
    let set = |bit| flags & bit != 0;
    let [dscp, hop_limit, min_hop_limit] = from.array()?;
    let keepalive = if set(KEEPALIVE) {
        Some(KeepaliveConfig {
            idle: from.duration()?,
            interval: from.duration()?,
            probes: from.octet()?,
        })
    } else {
        None
    };
    Some(ConnectionOptions {
        nodelay: set(NODELAY),
        keepalive,
        dscp,
        hop_limit,
        min_hop_limit,
        receive_mode: if set(MARKED) {
            ReceiveMode::Marked
        } else {
            ReceiveMode::Logged
        },
        user_timeout: read_timeout(set(USER_TIMEOUT), from)?,
        connect_timeout: read_timeout(set(CONNECT_TIMEOUT), from)?,
        linger: read_timeout(set(LINGER), from)?,
        max_segment: if set(MAX_SEGMENT) {
            Some(from.number()?)
        } else {
            None
        },
        congestion: if set(RENO) {
            CongestionAlgorithm::Reno
        } else {
            CongestionAlgorithm::Cubic
        },
    })
}

fn read_timeout(there: bool, from: &mut Reader<'_>) -> Option<Option<Duration>> {
    if there {
        from.duration().map(Some)
    } else {
        Some(None)
    }
}
