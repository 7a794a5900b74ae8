//! The speaker alone, in memory and on one thread: what the table costs it without a stack.

use super::receiver::{FRESH_AS, SPEAKER_AS};
use super::told::Told;
use super::updates::{FEEDER_AS, Updates};
use crate::report::{Row, Section};
use crate::rounds::{Contender, in_turn};
use bgp_demo::config::{PeerConfig, SpeakerConfig};
use bgp_demo::message::{
    DecodeContext, HEADER_OCTETS, MESSAGE_OCTETS_MAX, Open, decode, encode_keepalive, encode_open,
};
use bgp_demo::prefix::Family;
use bgp_demo::speaker::{ConnId, Input, Opener, Output, Speaker};
use bgp_demo::time::Instant as SpeakerInstant;
use std::hint::black_box;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Octets that come at once, as from a stream.
const CHUNK_OCTETS: usize = 64 << 10;
const LOCAL: Ipv4Addr = Ipv4Addr::new(10, 98, 0, 1);
const FEEDER: Ipv4Addr = Ipv4Addr::new(10, 98, 0, 2);
const FRESH: Ipv4Addr = Ipv4Addr::new(10, 98, 0, 3);
const NOW: SpeakerInstant = SpeakerInstant::ZERO;

/// Measures it.
///
/// # Errors
/// A session does not come up, or the table does not arrive.
pub(super) fn alone(rounds: usize, updates: &Updates) -> io::Result<Section> {
    let mut section = Section::new(
        "BGP: the speaker alone",
        &format!(
            "The same {} prefixes in memory, on one thread: the messages read and thrown away; taken into Adj-RIB-In and Loc-RIB; told to a fresh peer; \
             a replica fed with what the live speaker received. Nanoseconds of the processor for each prefix.",
            updates.prefixes
        ),
    );
    let speaking = Contender::new("in and out", || played(updates));
    for (_, [decoded, taken, told, replica]) in in_turn(rounds, vec![speaking])? {
        for (what, spread) in [
            ("messages decoded", decoded),
            ("taken in, messages decoded", taken),
            ("told to a fresh peer", told),
            ("taken in by a replica", replica),
        ] {
            section.rows.push(Row::of(what, "ns", spread));
        }
    }
    Ok(section)
}

/// Nanoseconds a prefix of each of the four.
fn played(updates: &Updates) -> io::Result<[f64; 4]> {
    let each = |began: f64| (cpu_now() - began) * 1e9 / updates.prefixes as f64;
    let began = cpu_now();
    decode_all(&updates.octets)?;
    let decoded = each(began);

    let mut speaker = Speaker::new(config());
    let mut out = Vec::new();
    let feeder = opened(&mut speaker, 1, FEEDER, FEEDER_AS, &mut out)?;
    let (mut replica, first) = replica_of(&mut out, feeder)?;
    let began = cpu_now();
    for chunk in updates.octets.chunks(CHUNK_OCTETS) {
        speaker.handle(
            NOW,
            Input::Received {
                conn: feeder,
                data: chunk,
            },
            &mut out,
        );
        out.clear();
    }
    let taken = each(began);
    held(&speaker, updates)?;

    let fresh = opened(&mut speaker, 2, FRESH, FRESH_AS, &mut out)?;
    let (began, mut told) = (cpu_now(), Told::default());
    while let Some(message) = speaker.poll_send(NOW, fresh, MESSAGE_OCTETS_MAX) {
        told.take(&message)?;
    }
    let out_each = each(began);
    if told.prefixes != updates.prefixes as u64 {
        let what = format!(
            "{} of {} prefixes were told",
            told.prefixes, updates.prefixes
        );
        return Err(io::Error::other(what));
    }

    let (began, mut offset) = (cpu_now(), first);
    for chunk in updates.octets.chunks(CHUNK_OCTETS) {
        replica.replica_received(NOW, feeder, offset, chunk);
        offset += chunk.len() as u64;
    }
    let followed = each(began);
    held(&replica, updates)?;
    Ok([decoded, taken, out_each, followed])
}

/// Processor time of this thread in seconds.
fn cpu_now() -> f64 {
    let clock = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    clock.tv_sec as f64 + clock.tv_nsec as f64 / 1e9
}

fn decode_all(mut rest: &[u8]) -> io::Result<()> {
    let context = DecodeContext {
        four_octet_as: true,
        external: true,
    };
    while let Some(octets) = rest.get(16..18) {
        let octets = usize::from(u16::from_be_bytes([octets[0], octets[1]])).max(HEADER_OCTETS);
        let (message, after) = rest.split_at(octets.min(rest.len()));
        black_box(decode(message, context).map_err(io::Error::other)?);
        rest = after;
    }
    Ok(())
}

fn held(speaker: &Speaker, updates: &Updates) -> io::Result<()> {
    let status = speaker.status(NOW);
    if status.prefixes == updates.prefixes {
        return Ok(());
    }
    let what = format!(
        "{} of {} prefixes are there",
        status.prefixes, updates.prefixes
    );
    Err(io::Error::other(what))
}

fn config() -> SpeakerConfig {
    let peer = |address: Ipv4Addr, asn| PeerConfig {
        address: address.into(),
        asn,
        passive: true,
        families: Family::ALL.into_iter().collect(),
        local: None,
        connect_retry: Duration::from_secs(10),
    };
    SpeakerConfig {
        asn: SPEAKER_AS,
        router_id: LOCAL,
        hold_time: Duration::from_secs(600),
        next_hop_ipv4: None,
        next_hop_ipv6: Some(Ipv6Addr::new(0xfd98, 0, 0, 0, 0, 0, 0, 1)),
        peers: vec![peer(FEEDER, FEEDER_AS), peer(FRESH, FRESH_AS)],
    }
}

/// The peer's first words.
fn greeting(identifier: Ipv4Addr, asn: u32) -> Vec<u8> {
    let open = encode_open(&Open {
        asn,
        hold_time: 600,
        identifier,
        families: Family::ALL.into_iter().collect(),
        four_octet_as: true,
    });
    [&open[..], &encode_keepalive()].concat()
}

/// A session that is up; what the speaker had to say for it is thrown away.
fn opened(
    speaker: &mut Speaker,
    conn: u64,
    peer: Ipv4Addr,
    asn: u32,
    out: &mut Vec<Output>,
) -> io::Result<ConnId> {
    let conn = ConnId(conn);
    let address = |ip: Ipv4Addr, port| SocketAddr::new(IpAddr::V4(ip), port);
    let connected = Input::Connected {
        conn,
        local: address(LOCAL, 179),
        remote: address(peer, 40_000),
        opener: Opener::Passive,
    };
    speaker.handle(NOW, connected, out);
    let data = greeting(peer, asn);
    speaker.handle(NOW, Input::Received { conn, data: &data }, out);
    let up = |it: &Output| matches!(it, Output::PeerUp { peer: up } if *up == IpAddr::V4(peer));
    if out.iter().any(up) {
        return Ok(conn);
    }
    Err(io::Error::other(format!("no session with {peer}: {out:?}")))
}

/// A replica that has followed so far, and the offset of what comes next.
fn replica_of(out: &mut Vec<Output>, feeder: ConnId) -> io::Result<(Speaker, u64)> {
    let mut replica = Speaker::new_replica(config());
    for output in out.drain(..) {
        if let Output::Record { conn, data } = output {
            replica
                .replica_record(NOW, conn, &data)
                .map_err(io::Error::other)?;
        }
    }
    let greeting = greeting(FEEDER, FEEDER_AS);
    replica.replica_received(NOW, feeder, 0, &greeting);
    Ok((replica, greeting.len() as u64))
}
