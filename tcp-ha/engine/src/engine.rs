//! The engine: all connections and listeners of one node.

use crate::checkpoint::ConnectionState;
use crate::config::{Config, ConnectionOptions, ReceiveMode};
use crate::counters::Counters;
use crate::effects::Effects;
use crate::error::{Error, RestoreError};
use crate::ids::{ConnectionId, ListenerId};
use crate::info::ConnectionInfo;
use crate::secrets::Secrets;
use crate::time::Instant;
use std::net::{IpAddr, SocketAddr};

/// What the network said about a segment of ours (ICMP, ICMPv6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// Host, network, port, protocol or administratively unreachable.
    Destination,
    /// The packet was too large; the next hop takes `mtu` octets.
    TooBig {
        /// Largest IP packet that passes.
        mtu: u16,
    },
}

/// All connections and listeners of one node.
pub struct Engine {
    config: Config,
    secrets: Secrets,
}

#[allow(unused_variables, missing_docs)]
impl Engine {
    pub fn new(config: Config, secrets: Secrets) -> Engine {
        Engine {
            config: config.bounded(),
            secrets,
        }
    }
    pub fn config(&self) -> &Config {
        &self.config
    }
    pub fn handle_segment(
        &mut self,
        now: Instant,
        src: IpAddr,
        dst: IpAddr,
        segment: &[u8],
        fx: &mut Effects,
    ) {
        todo!()
    }
    pub fn handle_unreachable(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        seq: u32,
        what: Unreachable,
        fx: &mut Effects,
    ) {
        todo!()
    }
    pub fn handle_timeout(&mut self, now: Instant, fx: &mut Effects) {
        todo!()
    }
    pub fn next_timeout(&self) -> Option<Instant> {
        todo!()
    }
    pub fn listen(
        &mut self,
        local: SocketAddr,
        options: ConnectionOptions,
        backlog: usize,
    ) -> Result<ListenerId, Error> {
        todo!()
    }
    pub fn unlisten(&mut self, id: ListenerId) {
        todo!()
    }
    pub fn connect(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        options: ConnectionOptions,
        fx: &mut Effects,
    ) -> Result<ConnectionId, Error> {
        todo!()
    }
    pub fn send(
        &mut self,
        now: Instant,
        id: ConnectionId,
        data: &[u8],
        fx: &mut Effects,
    ) -> Result<usize, Error> {
        todo!()
    }
    pub fn send_room(&self, id: ConnectionId) -> usize {
        todo!()
    }
    pub fn received(&self, id: ConnectionId, from: u64) -> Result<(&[u8], &[u8]), Error> {
        todo!()
    }
    pub fn consume(
        &mut self,
        now: Instant,
        id: ConnectionId,
        upto: u64,
        fx: &mut Effects,
    ) -> Result<(), Error> {
        todo!()
    }
    pub fn unacknowledged(&self, id: ConnectionId) -> Result<(u64, &[u8], &[u8]), Error> {
        todo!()
    }
    pub fn make_safe(
        &mut self,
        now: Instant,
        id: ConnectionId,
        upto: u64,
        fx: &mut Effects,
    ) -> Result<(), Error> {
        todo!()
    }
    pub fn set_options(
        &mut self,
        now: Instant,
        id: ConnectionId,
        options: ConnectionOptions,
        fx: &mut Effects,
    ) -> Result<(), Error> {
        todo!()
    }
    pub fn set_receive_mode(
        &mut self,
        now: Instant,
        id: ConnectionId,
        mode: ReceiveMode,
        fx: &mut Effects,
    ) -> Result<(), Error> {
        todo!()
    }
    pub fn close(&mut self, now: Instant, id: ConnectionId, fx: &mut Effects) -> Result<(), Error> {
        todo!()
    }
    pub fn abort(&mut self, now: Instant, id: ConnectionId, fx: &mut Effects) -> Result<(), Error> {
        todo!()
    }
    pub fn connection(&self, id: ConnectionId) -> Option<ConnectionInfo> {
        todo!()
    }
    pub fn connections(&self) -> impl Iterator<Item = ConnectionId> + '_ {
        std::iter::empty()
    }
    pub fn counters(&self) -> &Counters {
        todo!()
    }
    pub fn take_dirty(&mut self, into: &mut Vec<ConnectionId>) {
        todo!()
    }
    pub fn snapshot(&self, id: ConnectionId) -> Option<ConnectionState> {
        todo!()
    }
    pub fn restore(
        &mut self,
        now: Instant,
        id: ConnectionId,
        state: &ConnectionState,
        received: &[u8],
        unsent: Option<&[u8]>,
    ) -> Result<(), RestoreError> {
        todo!()
    }
    pub fn supply(
        &mut self,
        now: Instant,
        id: ConnectionId,
        offset: u64,
        data: &[u8],
        fx: &mut Effects,
    ) -> Result<(), Error> {
        todo!()
    }
    pub fn resume(
        &mut self,
        now: Instant,
        id: ConnectionId,
        timestamp_jump_ms: u32,
        fx: &mut Effects,
    ) -> Result<(), Error> {
        todo!()
    }
    pub fn set_next_id(&mut self, next: ConnectionId) {
        todo!()
    }
    pub fn next_id(&self) -> ConnectionId {
        todo!()
    }
}
