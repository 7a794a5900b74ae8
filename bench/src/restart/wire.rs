//! What crossed the peer's wire: UPDATEs of the route processor after the cut.

use super::OWN;
use super::ground::PEER_DEVICE;
use crate::tap::place::Place;
use pcaps::bgp::{MessageReader, MessageType};
use pcaps::check::{CheckConfig, Observer};
use pcaps::flow::{Direction, Flow, FlowId};
use pcaps::time::Timestamp;
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::takeover::wire::Capture;

/// Octets of an UPDATE that says nothing: the mark of the end of a table (RFC 4724 2).
const END_OF_RIB_OCTETS: usize = 23;

/// Begins to capture at the peer's device.
pub(super) fn capture(place: &Place) -> io::Result<Capture> {
    Capture::whole(place, &place.far, PEER_DEVICE)
}

/// What was told after the cut.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Told {
    /// UPDATE messages, but those that mark an end.
    pub(super) updates: u64,
    /// From the cut to the last of them, in milliseconds.
    pub(super) last_ms: f64,
    /// Connections that were begun.
    pub(super) connections: u64,
}

/// Reads a capture.
pub(super) fn told(file: &PathBuf, cut: Timestamp) -> io::Result<Told> {
    let watch = Watch {
        cut,
        readers: BTreeMap::new(),
        told: Told::default(),
    };
    let checked = pcaps::capture::check_file_with(Path::new(file), CheckConfig::default(), watch);
    let (_, watch) = checked.map_err(|error| io::Error::other(error.to_string()))?;
    Ok(watch.told)
}

struct Watch {
    cut: Timestamp,
    readers: BTreeMap<FlowId, MessageReader>,
    told: Told,
}

impl Observer for Watch {
    fn on_octets(&mut self, flow: &Flow, direction: Direction, time: Timestamp, octets: &[u8]) {
        if flow.source(direction).ip() != IpAddr::V4(OWN) {
            return;
        }
        let after = time >= self.cut;
        let fresh = !self.readers.contains_key(&flow.id);
        self.told.connections += u64::from(after && fresh);
        let reader = self.readers.entry(flow.id).or_default();
        let told = &mut self.told;
        let since_cut = time.saturating_since(self.cut);
        reader.feed(octets, |message| {
            let update = MessageType::of(message) == Some(MessageType::Update);
            if after && update && message.len() > END_OF_RIB_OCTETS {
                told.updates += 1;
                told.last_ms = since_cut.as_secs_f64() * 1e3;
            }
        });
    }
}
