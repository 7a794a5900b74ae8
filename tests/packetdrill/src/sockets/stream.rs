//! The user's end of one connection.

use super::chronograph::Chronograph;
use super::errno::Errno;
use super::sending::Outgoing;
use std::collections::VecDeque;
use std::net::SocketAddr;
use tcp_ha_engine::{ConnectionId, Instant};

/// How to receive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecvFlags {
    /// MSG_PEEK: leave the octets where they are.
    pub peek: bool,
    /// MSG_DONTWAIT: never block.
    pub dont_wait: bool,
}

/// How to send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendFlags {
    /// MSG_MORE: hold a trailing part of a segment back, more is to come.
    pub more: bool,
    /// MSG_EOR: no segment holds octets of before and after the end of these.
    pub record: bool,
    /// MSG_DONTWAIT: never block.
    pub dont_wait: bool,
}

/// Which directions a `shutdown` ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// SHUT_RD.
    Read,
    /// SHUT_WR.
    Write,
    /// SHUT_RDWR.
    Both,
}

/// How far an active open has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// The handshake is under way.
    Connecting,
    /// Done, but `connect` has not said so yet.
    Connected,
    /// Done, or passive.
    Told,
}

/// The user's end of a connection.
#[derive(Debug)]
pub(super) struct Stream {
    /// The connection, while the engine has it.
    pub(super) id: Option<ConnectionId>,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) opening: Opening,
    /// When the handshake was over.
    pub(super) opened_at: Instant,
    /// What SO_ERROR would say.
    pub(super) error: Option<Errno>,
    /// Octets that were received and not read.
    pub(super) unread: VecDeque<u8>,
    /// Stream offset behind `unread`.
    pub(super) pulled: u64,
    /// The peer's FIN came.
    pub(super) peer_closed: bool,
    pub(super) read_shut: bool,
    pub(super) write_shut: bool,
    /// What has not been given to the engine, and how much the user may write.
    pub(super) outgoing: Outgoing,
    /// What sending waits for.
    pub(super) chronograph: Chronograph,
    /// TCP_INQ: each receive tells how much is left.
    pub(super) tells_rest: bool,
}

impl Stream {
    pub(super) fn new(
        id: ConnectionId,
        local: SocketAddr,
        remote: SocketAddr,
        opening: Opening,
        opened_at: Instant,
    ) -> Stream {
        Stream {
            id: Some(id),
            local,
            remote,
            opening,
            opened_at,
            error: None,
            unread: VecDeque::new(),
            pulled: 0,
            peer_closed: false,
            read_shut: false,
            write_shut: false,
            outgoing: Outgoing::default(),
            chronograph: Chronograph::new(opened_at),
            tells_rest: false,
        }
    }

    /// Stream offset of the next octet to be read.
    pub(super) fn read_offset(&self) -> u64 {
        self.pulled - self.unread.len() as u64
    }

    /// What the receiving side says where nothing is left to read: end of stream, an error,
    /// or that more may come.
    pub(super) fn end_of_read(&mut self) -> Result<(), Errno> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        if self.peer_closed || self.read_shut || self.id.is_none() {
            return Ok(());
        }
        match self.opening {
            Opening::Connecting => Err(Errno::NotConnected),
            _ => Err(Errno::Again),
        }
    }
}
