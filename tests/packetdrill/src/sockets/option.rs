//! Socket options.

use super::errno::Errno;
use super::host::Host;
use super::table::{Fd, Kind};
use core::time::Duration;
use tcp_ha_engine::{ConnectionInfo, ConnectionOptions, Instant, KeepaliveConfig};

/// The smallest SO_SNDBUF in octets (as Linux has it).
const MIN_SEND_BUFFER: usize = 4_608;

/// An option with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketOption {
    /// TCP_NODELAY.
    NoDelay(bool),
    /// TCP_CORK.
    Cork(bool),
    /// SO_KEEPALIVE.
    Keepalive(bool),
    /// TCP_KEEPIDLE.
    KeepaliveIdle(Duration),
    /// TCP_KEEPINTVL.
    KeepaliveInterval(Duration),
    /// TCP_KEEPCNT.
    KeepaliveProbes(u8),
    /// TCP_USER_TIMEOUT; zero stands for none.
    UserTimeout(Duration),
    /// IP_TOS or IPV6_TCLASS; the two ECN bits are ignored.
    TrafficClass(u8),
    /// IP_TTL or IPV6_UNICAST_HOPS.
    HopLimit(u8),
    /// SO_SNDBUF in octets; Linux doubles it.
    SendBuffer(usize),
    /// TCP_NOTSENT_LOWAT in octets.
    NotSentLowWater(u32),
    /// SO_LINGER.
    Linger(Option<Duration>),
    /// TCP_MAXSEG in octets.
    MaxSegment(u16),
    /// TCP_INQ: each receive tells how much is left.
    TellRest(bool),
}

impl Host {
    /// setsockopt(2).
    ///
    /// Errors: `BadDescriptor`; `NotConnected` for an option that only a connection has.
    pub fn set_option(&mut self, fd: Fd, option: SocketOption) -> Result<(), Errno> {
        let chosen = {
            let options = &mut self.table.socket_mut(fd)?.options;
            let before = *options;
            choose(options, option);
            (*options != before).then_some(*options)
        };
        if let Some(options) = chosen {
            self.apply(fd, options)?;
        }
        match option {
            SocketOption::Cork(on) => {
                self.table.stream_mut(fd)?.outgoing.corked = on;
                if !on {
                    self.hand_over_all(fd)?;
                }
            }
            // What is queued goes out even where it is corked (as Linux has it).
            SocketOption::NoDelay(true) if self.table.stream(fd).is_ok() => {
                self.hand_over_all(fd)?;
            }
            SocketOption::SendBuffer(octets) => {
                if let Ok(stream) = self.table.stream_mut(fd) {
                    let least = MIN_SEND_BUFFER;
                    stream.outgoing.buffer = Some(octets.saturating_mul(2).max(least));
                }
            }
            SocketOption::NotSentLowWater(octets) => {
                self.table.stream_mut(fd)?.outgoing.lowat = Some(octets);
            }
            SocketOption::TellRest(on) => self.table.stream_mut(fd)?.tells_rest = on,
            _ => {}
        }
        Ok(())
    }

    fn apply(&mut self, fd: Fd, options: ConnectionOptions) -> Result<(), Errno> {
        let socket = self.table.socket_mut(fd)?;
        match &mut socket.kind {
            Kind::Fresh => {}
            Kind::Stream(stream) => {
                if let Some(id) = stream.id {
                    self.with_engine(|engine, now, fx| engine.set_options(now, id, options, fx))?;
                }
            }
            Kind::Listener(listener) => {
                let local = socket.local.ok_or(Errno::Invalid)?;
                let (opens, engine) = (&mut self.passive_opens, &mut self.engine);
                opens.unlisten(engine, listener.id);
                listener.id = opens.listen(engine, local, options, listener.backlog)?;
            }
        }
        Ok(())
    }

    /// What the user chose for a socket.
    pub fn options(&self, fd: Fd) -> Result<ConnectionOptions, Errno> {
        Ok(self.table.socket(fd)?.options)
    }

    /// SO_ERROR: what ended the connection; told once.
    pub fn take_error(&mut self, fd: Fd) -> Result<Option<Errno>, Errno> {
        match &mut self.table.socket_mut(fd)?.kind {
            Kind::Stream(stream) => Ok(stream.error.take()),
            _ => Ok(None),
        }
    }

    /// SO_SNDBUF in octets.
    pub fn send_buffer(&self, fd: Fd) -> Result<usize, Errno> {
        let chosen = match self.kind_of(fd)? {
            Kind::Stream(stream) => stream.outgoing.buffer,
            _ => self.config.send_buffer,
        };
        Ok(chosen.unwrap_or(self.config.engine.send_capacity))
    }

    /// TCP_NOTSENT_LOWAT in octets, where one was set on the socket.
    pub fn notsent_lowat(&self, fd: Fd) -> Result<Option<u32>, Errno> {
        match self.kind_of(fd)? {
            Kind::Stream(stream) => Ok(stream.outgoing.lowat),
            _ => Ok(None),
        }
    }

    /// SIOCINQ: octets that can be read at once.
    pub fn unread(&self, fd: Fd) -> Result<usize, Errno> {
        Ok(self.table.stream(fd)?.unread.len())
    }

    /// SIOCOUTQ: octets that the peer has not acknowledged.
    pub fn unacknowledged(&self, fd: Fd) -> Result<usize, Errno> {
        Ok(self.queued(self.table.stream(fd)?))
    }

    /// True where TCP_INQ is on.
    pub fn tells_rest(&self, fd: Fd) -> Result<bool, Errno> {
        Ok(self.table.stream(fd)?.tells_rest)
    }

    /// When the handshake of a stream was over.
    pub fn opened_at(&self, fd: Fd) -> Result<Instant, Errno> {
        Ok(self.table.stream(fd)?.opened_at)
    }

    /// The connection of a stream, as the engine shows it; `None` when it is over.
    pub fn connection(&self, fd: Fd) -> Result<Option<ConnectionInfo>, Errno> {
        let id = self.table.stream(fd)?.id;
        Ok(id.and_then(|id| self.engine.connection(id)))
    }
}

/// Puts an option that the engine knows where it belongs.
fn choose(options: &mut ConnectionOptions, option: SocketOption) {
    match option {
        SocketOption::NoDelay(on) => options.nodelay = on,
        SocketOption::Keepalive(on) => {
            options.keepalive = on.then(|| options.keepalive.unwrap_or_default());
        }
        SocketOption::KeepaliveIdle(idle) => keepalive(options).idle = idle,
        SocketOption::KeepaliveInterval(interval) => keepalive(options).interval = interval,
        SocketOption::KeepaliveProbes(probes) => keepalive(options).probes = probes,
        SocketOption::UserTimeout(limit) => {
            options.user_timeout = (!limit.is_zero()).then_some(limit);
        }
        SocketOption::TrafficClass(class) => options.dscp = class >> 2,
        SocketOption::HopLimit(limit) => options.hop_limit = limit,
        SocketOption::Linger(linger) => options.linger = linger,
        SocketOption::MaxSegment(octets) => options.max_segment = Some(octets),
        _ => {}
    }
}

fn keepalive(options: &mut ConnectionOptions) -> &mut KeepaliveConfig {
    options.keepalive.get_or_insert_default()
}
