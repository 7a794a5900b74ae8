//! Judges captures: sessions opened once and never reset, no clock and no window edge going back, every octet the same.
//!
//! A [`Checker`] takes packets in the order of the capture and gives a [`Report`]. It knows TCP from the standards
//! alone and shares no code with any TCP that it judges.

mod announced;
mod arrival;
mod config;
mod judge;
mod observer;
mod report;
mod session;
mod side;
mod silence;
mod summary;
mod text;
mod track;
mod violation;

pub use config::CheckConfig;
pub use observer::{Observer, SegmentSeen};
pub use report::{
    CaptureCounts, DirectionReport, FlowReport, Opening, Report, SessionReport, Silence, Verdict,
};
pub use violation::{Rule, Violation};

use crate::packet::{Body, IpHeader, Packet, Skip};
use crate::stream::Bounds;
use crate::tcp::TcpSegment;
use crate::time::Timestamp;
use arrival::{Court, Seen};
use judge::Judge;
use session::Sessions;
use track::Table;

/// Octets of history that a direction may keep however many flows there are.
const HISTORY_MIN: usize = 16 << 10;

/// Judges one capture.
///
/// Memory is bounded by the bounds of its [`CheckConfig`], not by the length of the capture.
pub struct Checker<O: Observer = ()> {
    config: CheckConfig,
    observer: O,
    table: Table,
    sessions: Sessions,
    judge: Judge,
    counts: CaptureCounts,
}

impl Checker<()> {
    /// A checker that nobody observes.
    pub fn new(config: CheckConfig) -> Self {
        Checker::with_observer(config, ())
    }
}

impl<O: Observer> Checker<O> {
    /// A checker that tells `observer` what it sees.
    pub fn with_observer(config: CheckConfig, observer: O) -> Self {
        Checker {
            config,
            observer,
            table: Table::default(),
            sessions: Sessions::default(),
            judge: Judge::default(),
            counts: CaptureCounts::default(),
        }
    }

    /// Takes the next packet of the capture.
    pub fn packet(&mut self, time: Timestamp, packet: &Packet<'_>) {
        self.count(time);
        match &packet.body {
            Body::Tcp(ip, tcp) => self.segment(time, packet, ip, tcp),
            Body::Neighbour(neighbour) => {
                self.counts.neighbours += 1;
                self.observer
                    .on_neighbour(time, packet.link_source, neighbour);
            }
            Body::OtherIp(_) | Body::Other(_) => self.counts.other += 1,
        }
    }

    /// Takes note of a packet that could not be read, so that the report tells of it.
    pub fn skipped(&mut self, time: Timestamp, reason: Skip) {
        self.count(time);
        *self.counts.skipped.entry(reason.to_string()).or_default() += 1;
    }

    /// Takes note of what the capture says about itself: packets that it lost, and that its file ends within a packet.
    pub fn capture_lacks(&mut self, dropped: u64, truncated: bool) {
        self.counts.dropped_by_capture += dropped;
        self.counts.truncated |= truncated;
    }

    /// Ends the capture and gives the report.
    pub fn finish(self) -> Report {
        self.finish_with_observer().0
    }

    /// Ends the capture and gives the report and the observer.
    pub fn finish_with_observer(self) -> (Report, O) {
        let report = summary::summarize(&self.config, self.table, self.judge, self.counts);
        (report, self.observer)
    }

    fn count(&mut self, time: Timestamp) {
        self.counts.packets += 1;
        self.counts.first = self.counts.first.or(Some(time));
        self.counts.last = self.counts.last.max(Some(time));
    }

    fn segment(
        &mut self,
        time: Timestamp,
        packet: &Packet<'_>,
        ip: &IpHeader,
        tcp: &TcpSegment<'_>,
    ) {
        let wanted = |list: &[u16], port| list.is_empty() || list.contains(&port);
        let ports = &self.config.ports;
        let interfaces = &self.config.interfaces;
        let looked_at = (wanted(ports, tcp.source_port) || wanted(ports, tcp.destination_port))
            && (interfaces.is_empty() || interfaces.contains(&packet.interface));
        let Some(endpoints) = packet.endpoints().filter(|_| looked_at) else {
            self.counts.left_out += 1;
            return;
        };
        let found = self.table.find(&self.config, time, endpoints, tcp);
        let Some(found) = found else {
            self.counts.untracked += 1;
            return;
        };
        self.counts.segments += 1;
        let seen = Seen {
            time,
            packet: self.counts.packets,
            interface: packet.interface,
            link_source: packet.link_source,
            ip,
            tcp,
        };
        let bounds = bounds(&self.config, self.table.flows.len());
        let mut court = Court {
            config: &self.config,
            bounds,
            judge: &mut self.judge,
            sessions: &mut self.sessions,
            observer: &mut self.observer,
        };
        self.table.flows[found.index].arrive(&seen, found.direction, found.attempt, &mut court);
    }
}

/// The share of the memory that one direction has when there are `flows`.
fn bounds(config: &CheckConfig, flows: usize) -> Bounds {
    let share = (config.history_total_octets / (2 * flows.max(1))).max(HISTORY_MIN);
    Bounds {
        history: config.history_octets.min(share),
        waiting: config.reassembly_octets.min(4 * share),
    }
}

#[cfg(test)]
mod tests;
