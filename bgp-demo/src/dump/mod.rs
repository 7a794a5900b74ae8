//! Records: what the live speaker tells its replica beside the octets of its connections.
//!
//! A record is one octet of kind and a body, big-endian, at most [`RECORD_OCTETS_MAX`] long. Routes travel as synthesized UPDATE messages with
//! 4-octet AS numbers, packed by attributes. A dump of a connection is one `DUMP_BEGIN`, any number of `DUMP_IN` and `DUMP_OUT`, one `DUMP_END`.

mod audit;
mod load;
mod octets;
mod session;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::attributes::{Attributes, PathAttributes};
use crate::fsm::Event;
use crate::message::{self, DecodeContext, HEADER_OCTETS, Update};
use crate::prefix::{Family, Prefix};
use crate::speaker::{ConnId, Opener, Speaker};
use crate::time::Instant;

use octets::{Reader, Writer};

/// No record is longer.
pub const RECORD_OCTETS_MAX: usize = 60_000;

/// Prefixes looked at together when routes are packed by attributes.
const WINDOW_PREFIXES: usize = 4096;

/// UPDATEs in records may be longer than on the wire, for AS numbers that were shorter there.
const RECORD_UPDATE_OCTETS_MAX: usize = 12_000;

/// Kinds of records. Numbers are never used again for something else.
pub(crate) mod kind {
    pub(crate) const BEGIN: u8 = 1;
    pub(crate) const EVENT: u8 = 2;
    pub(crate) const ORIGINATE: u8 = 3;
    pub(crate) const DUMP_BEGIN: u8 = 4;
    pub(crate) const DUMP_IN: u8 = 5;
    pub(crate) const DUMP_OUT: u8 = 6;
    pub(crate) const DUMP_END: u8 = 7;
    pub(crate) const ORIGINATED_BEGIN: u8 = 8;
    pub(crate) const ORIGINATED: u8 = 9;
    pub(crate) const ORIGINATED_END: u8 = 10;
}

/// A record that cannot be understood: the replica is of another version or the record is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordError(pub(crate) String);

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record of the active speaker not understood: {}", self.0)
    }
}

impl std::error::Error for RecordError {}

/// Routes in records are decoded as if internal, so that nothing is left out.
pub(crate) const RECORD_CONTEXT: DecodeContext = DecodeContext {
    four_octet_as: true,
    external: false,
};

/// The speaker has taken a connection.
pub(crate) fn encode_begin(local: SocketAddr, remote: SocketAddr, opener: Opener) -> Bytes {
    let mut out = Writer::new(kind::BEGIN);
    out.address(local);
    out.address(remote);
    out.u8(opener_code(opener));
    out.finish()
}

pub(crate) fn decode_begin(body: &[u8]) -> Result<(SocketAddr, SocketAddr, Opener), RecordError> {
    let mut body = Reader::new(body);
    Ok((body.address()?, body.address()?, opener(body.u8()?)?))
}

const fn opener_code(opener: Opener) -> u8 {
    match opener {
        Opener::Active => 0,
        Opener::Passive => 1,
    }
}

fn opener(code: u8) -> Result<Opener, RecordError> {
    match code {
        0 => Ok(Opener::Active),
        1 => Ok(Opener::Passive),
        _ => Err(RecordError(format!("opener {code}"))),
    }
}

/// An event that the replica cannot see in the octets; none for all others.
pub(crate) fn encode_event(event: &Event) -> Option<Bytes> {
    let code = match event {
        Event::Stop => 1,
        Event::HoldExpires => 2,
        Event::TcpFails => 3,
        _ => return None,
    };
    let mut out = Writer::new(kind::EVENT);
    out.u8(code);
    Some(out.finish())
}

pub(crate) fn decode_event(body: &[u8]) -> Result<(Event, &'static str), RecordError> {
    match body {
        [1] => Ok((Event::Stop, "stopped")),
        [2] => Ok((Event::HoldExpires, "hold time expired")),
        [3] => Ok((Event::TcpFails, "the connection was closed")),
        _ => Err(RecordError(format!("event {body:?}"))),
    }
}

/// Changes of the originated routes, as records.
pub(crate) fn encode_originate(changes: &BTreeMap<Prefix, Option<Attributes>>) -> Vec<Bytes> {
    let mut packer = Packer::new(kind::ORIGINATE);
    let gone: Vec<Prefix> = changes
        .iter()
        .filter(|(_, it)| it.is_none())
        .map(|(prefix, _)| *prefix)
        .collect();
    packer.withdraw(&gone);
    packer.announce(
        changes
            .iter()
            .filter_map(|(prefix, it)| it.as_ref().map(|it| (*prefix, it))),
    );
    packer.finish()
}

/// Packs routes into records of one kind.
struct Packer {
    kind: u8,
    records: Vec<Bytes>,
    open: Vec<u8>,
}

impl Packer {
    const fn new(kind: u8) -> Self {
        Self {
            kind,
            records: Vec::new(),
            open: Vec::new(),
        }
    }

    fn push(&mut self, message: &[u8]) {
        if self.open.len() + message.len() > RECORD_OCTETS_MAX {
            self.records.push(std::mem::take(&mut self.open).into());
        }
        if self.open.is_empty() {
            self.open.push(self.kind);
        }
        self.open.extend_from_slice(message);
    }

    fn withdraw(&mut self, prefixes: &[Prefix]) {
        for family in Family::ALL {
            let all: Vec<Prefix> = prefixes
                .iter()
                .filter(|prefix| Family::of(prefix) == family)
                .copied()
                .collect();
            let mut rest = &all[..];
            while !rest.is_empty() {
                let (message, taken) = message::encode_withdraw(rest, RECORD_UPDATE_OCTETS_MAX);
                self.push(&message);
                rest = &rest[taken.max(1)..];
            }
        }
    }

    fn announce<'a>(&mut self, routes: impl Iterator<Item = (Prefix, &'a Attributes)>) {
        let mut routes = routes.peekable();
        while routes.peek().is_some() {
            let mut places: BTreeMap<(usize, Family), usize> = BTreeMap::new();
            let mut groups: Vec<(&Attributes, Vec<Prefix>)> = Vec::new();
            for (prefix, attributes) in routes.by_ref().take(WINDOW_PREFIXES) {
                let key = (Arc::as_ptr(attributes).addr(), Family::of(&prefix));
                let at = *places.entry(key).or_insert(groups.len());
                if at == groups.len() {
                    groups.push((attributes, Vec::new()));
                }
                groups[at].1.push(prefix);
            }
            for (attributes, prefixes) in groups {
                let octets = message::encode_attributes(attributes, true);
                let mut rest = &prefixes[..];
                while !rest.is_empty() {
                    let (message, taken) = message::encode_announce(
                        &octets,
                        attributes,
                        rest,
                        RECORD_UPDATE_OCTETS_MAX,
                    );
                    self.push(&message);
                    rest = &rest[taken.max(1)..];
                }
            }
        }
    }

    fn finish(mut self) -> Vec<Bytes> {
        if !self.open.is_empty() {
            self.records.push(std::mem::take(&mut self.open).into());
        }
        self.records
    }
}

/// The UPDATEs of a record's body.
pub(crate) fn decode_updates(mut body: &[u8]) -> Result<Vec<Update>, RecordError> {
    let mut updates = Vec::new();
    while !body.is_empty() {
        let octets = match body.get(16..18) {
            Some([high, low]) => usize::from(u16::from_be_bytes([*high, *low])),
            _ => return Err(RecordError("an UPDATE is cut short".into())),
        };
        let whole = body.get(..octets).filter(|_| octets >= HEADER_OCTETS);
        let whole = whole
            .ok_or_else(|| RecordError(format!("an UPDATE of {octets} octets does not fit")))?;
        let update = message::decode_long_update(whole, RECORD_CONTEXT)
            .map_err(|error| RecordError(error.to_string()))?;
        if let Some(fault) = update.faults.first() {
            return Err(RecordError(fault.to_string()));
        }
        updates.push(update);
        body = &body[octets..];
    }
    Ok(updates)
}

impl Speaker {
    /// The state of a connection as records, in the order in which the replica must get them; empty for an unknown connection.
    ///
    /// It covers everything up to the last `handle`, `poll_send` and `unsend`: a message that was pulled must have been written, or given back.
    #[must_use]
    pub fn dump(&mut self, now: Instant, conn: ConnId) -> Vec<Bytes> {
        let Some(session) = self.sessions.get(&conn) else {
            return Vec::new();
        };
        let mut records = vec![self.encode_session(now, session)];
        let (index, exporter) = (session.peer, &mut self.exporter);
        let peer = &self.peers[usize::from(index.0)];
        if let Some(adj_rib_out) = peer
            .adj_rib_out
            .as_ref()
            .filter(|_| session.is_established())
        {
            let mut packer = Packer::new(kind::DUMP_IN);
            packer.announce(peer.adj_rib_in.iter());
            records.extend(packer.finish());
            let desired = |prefix: &Prefix, path: Option<&_>| {
                exporter.desired(index, &peer.groups, prefix, path)
            };
            let told = adj_rib_out.routes(&self.loc_rib, desired);
            let mut packer = Packer::new(kind::DUMP_OUT);
            packer.announce(
                told.iter()
                    .map(|(prefix, attributes)| (*prefix, attributes)),
            );
            records.extend(packer.finish());
        }
        records.push(Bytes::from_static(&[kind::DUMP_END]));
        records
    }

    /// All originated routes as node-wide records; they replace what the replica has.
    #[must_use]
    pub fn dump_originated(&self) -> Vec<Bytes> {
        let mut records = vec![Bytes::from_static(&[kind::ORIGINATED_BEGIN])];
        let mut packer = Packer::new(kind::ORIGINATED);
        packer.announce(
            self.originated
                .iter()
                .map(|(prefix, attributes)| (*prefix, attributes)),
        );
        records.extend(packer.finish());
        records.push(Bytes::from_static(&[kind::ORIGINATED_END]));
        records
    }
}

/// What a route in a record says.
pub(crate) fn routes(
    updates: Vec<Update>,
) -> impl Iterator<Item = (Prefix, Option<PathAttributes>)> {
    updates.into_iter().flat_map(|update| {
        let gone = update.withdrawn.into_iter().map(|prefix| (prefix, None));
        let told = update.announced.into_iter().flat_map(|announcement| {
            let attributes = announcement.attributes;
            announcement
                .prefixes
                .into_iter()
                .map(move |prefix| (prefix, Some(attributes.clone())))
        });
        gone.chain(told).collect::<Vec<_>>()
    })
}
