//! Judges captures: sessions opened once and never reset, no clock and no window edge going back, every octet the same.
//!
//! A [`Checker`] takes packets in the order of the capture and gives a [`Report`]. It knows TCP from the standards
//! alone and shares no code with any TCP that it judges.

mod config;
mod observer;
mod report;
mod violation;

pub use config::CheckConfig;
pub use observer::{Observer, SegmentSeen};
pub use report::{
    CaptureCounts, DirectionReport, FlowReport, Opening, Report, SessionReport, Silence, Verdict,
};
pub use violation::{Rule, Violation};

use crate::packet::{Packet, Skip};
use crate::time::Timestamp;

/// Judges one capture.
pub struct Checker<O: Observer = ()> {
    config: CheckConfig,
    observer: O,
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
        Checker { config, observer }
    }

    /// Takes the next packet of the capture.
    pub fn packet(&mut self, time: Timestamp, packet: &Packet<'_>) {
        let _ = (time, packet, &self.config);
    }

    /// Takes note of a packet that could not be read, so that the report tells of it.
    pub fn skipped(&mut self, time: Timestamp, reason: Skip) {
        let _ = (time, reason);
    }

    /// The observer.
    pub fn observer(&mut self) -> &mut O {
        &mut self.observer
    }

    /// Ends the capture and gives the report.
    pub fn finish(self) -> Report {
        self.finish_with_observer().0
    }

    /// Ends the capture and gives the report and the observer.
    pub fn finish_with_observer(self) -> (Report, O) {
        todo!()
    }
}
