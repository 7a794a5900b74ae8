//! What a host is made from.

use std::net::{Ipv4Addr, Ipv6Addr};
use tcp_ha_engine::{Config, ConnectionOptions, Instant, Secrets};

/// What a host is made from.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Settings of its engine.
    pub engine: Config,
    /// Keys of its engine.
    pub secrets: Secrets,
    /// Source of IPv4 connections that are not bound.
    pub local_v4: Ipv4Addr,
    /// Source of IPv6 connections that are not bound.
    pub local_v6: Ipv6Addr,
    /// Options of a new socket.
    pub options: ConnectionOptions,
    /// When octets of `ReceiveMode::Marked` become safe.
    pub makes_safe: MakesSafe,
    /// Whose word counts where they differ about a user's call.
    pub semantics: Semantics,
    /// SO_SNDBUF of a new socket in octets; `None` for all that the engine takes.
    pub send_buffer: Option<usize>,
    /// TCP_NOTSENT_LOWAT of a new socket.
    pub notsent_lowat: Option<u32>,
    /// The time at which the host begins.
    pub start: Instant,
}

impl Default for HostConfig {
    fn default() -> HostConfig {
        HostConfig {
            engine: Config::default(),
            secrets: Secrets::from_bytes(&[0x5a; Secrets::LEN]),
            local_v4: Ipv4Addr::new(192, 168, 0, 1),
            local_v6: Ipv6Addr::new(0xfd3d, 0xfa7b, 0xd17d, 0, 0, 0, 0, 1),
            options: ConnectionOptions::default(),
            makes_safe: MakesSafe::default(),
            semantics: Semantics::default(),
            send_buffer: None,
            notsent_lowat: None,
            start: Instant::from_millis(1_000),
        }
    }
}

/// Who says what becomes of a user's call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Semantics {
    /// Linux: a write waits for the handshake; a second shutdown is fine; what was received
    /// before a connection broke can be read; a reset behind the peer's FIN is EPIPE.
    #[default]
    Linux,
    /// RFC 9293 3.10: SEND queues octets in SYN-SENT; CLOSE after CLOSE is an error; a
    /// connection that breaks takes along what was not read.
    Rfc9293,
}

/// When octets that came in with `ReceiveMode::Marked` may be acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MakesSafe {
    /// As soon as an ACK is due.
    #[default]
    WhenDue,
    /// When the user has read them, or has said so with [`make_safe`](super::Host::make_safe).
    WhenRead,
}
