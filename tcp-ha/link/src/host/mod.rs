//! The host layer: everything between a device and TCP, pure.

mod config;
mod counters;
mod inbound;

use core::net::IpAddr;

use tcp_ha_engine::Instant;

pub use config::{HostConfig, HostError};
pub use counters::{Counters, DropReason};
pub use inbound::{Inbound, Unreachable, UnreachableCode};

use crate::address::LinkAddress;
use crate::frame::Frames;

/// One host on one segment.
#[derive(Debug)]
pub struct Host {
    config: HostConfig,
    counters: Counters,
}

impl Host {
    /// A host with an empty neighbour table.
    ///
    /// # Errors
    /// See [`HostError`].
    pub fn new(config: HostConfig) -> Result<Host, HostError> {
        config.check()?;
        Ok(Host {
            config,
            counters: Counters::default(),
        })
    }

    /// Takes a frame in. Answers go into `out`.
    ///
    /// # Errors
    /// Why the frame was dropped; counted already.
    pub fn handle_frame<'f>(
        &mut self,
        now: Instant,
        frame: &'f [u8],
        out: &mut Frames,
    ) -> Result<Inbound<'f>, DropReason> {
        let _ = (now, frame, out);
        self.counters.drop(DropReason::Truncated);
        Err(DropReason::Truncated)
    }

    /// Sends a TCP segment to the next hop.
    #[allow(clippy::too_many_arguments)]
    pub fn send_segment(
        &mut self,
        now: Instant,
        src: IpAddr,
        dst: IpAddr,
        dscp: u8,
        hop_limit: u8,
        segment: &[u8],
        out: &mut Frames,
    ) {
        let _ = (now, src, dst, dscp, hop_limit, segment, out);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Frames) {
        let _ = (now, out);
    }

    /// When [`Host::handle_timeout`] is to be called next.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        None
    }

    /// Announces every own address.
    pub fn announce(&mut self, now: Instant, out: &mut Frames) {
        let _ = (now, out);
    }

    /// All neighbours whose link address is known, by address.
    pub fn neighbours(&self) -> impl Iterator<Item = (IpAddr, LinkAddress)> + '_ {
        core::iter::empty()
    }

    /// Appends the neighbours whose link address is new or changed since the last call.
    pub fn take_changed_neighbours(&mut self, into: &mut Vec<(IpAddr, LinkAddress)>) {
        let _ = into;
    }

    /// Takes over a link address that the other route processor knows.
    pub fn learn(&mut self, now: Instant, address: IpAddr, mac: LinkAddress) {
        let _ = (now, address, mac);
    }

    /// What was counted since the start.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The description that the host was made with.
    #[must_use]
    pub fn config(&self) -> &HostConfig {
        &self.config
    }
}
