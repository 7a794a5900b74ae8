//! The user's end of one connection.

use super::errno::Errno;
use core::time::Duration;
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
    /// Octets that TCP_CORK or MSG_MORE hold back: less than a segment.
    pub(super) held: Vec<u8>,
    /// When `held` goes out all the same.
    pub(super) held_until: Option<Instant>,
    /// TCP_CORK.
    pub(super) corked: bool,
    /// SO_SNDBUF as set, doubled as Linux does.
    pub(super) send_buffer: Option<usize>,
    /// TCP_NOTSENT_LOWAT.
    pub(super) notsent_lowat: Option<u32>,
    /// TCP_INQ: each receive tells how much is left.
    pub(super) tells_rest: bool,
    /// SO_LINGER.
    pub(super) linger: Option<Duration>,
    /// When text was last received.
    pub(super) received_at: Option<Instant>,
}

impl Stream {
    pub(super) fn new(
        id: ConnectionId,
        local: SocketAddr,
        remote: SocketAddr,
        opening: Opening,
    ) -> Stream {
        Stream {
            id: Some(id),
            local,
            remote,
            opening,
            error: None,
            unread: VecDeque::new(),
            pulled: 0,
            peer_closed: false,
            read_shut: false,
            write_shut: false,
            held: Vec::new(),
            held_until: None,
            corked: false,
            send_buffer: None,
            notsent_lowat: None,
            tells_rest: false,
            linger: None,
            received_at: None,
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
