//! Why a call failed, as the C library numbers it.

use core::fmt;
use tcp_ha_engine::{CloseCause, Error};

/// The reason a socket call gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errno {
    /// EAGAIN: the call would block.
    Again,
    /// EINPROGRESS: the handshake has begun.
    InProgress,
    /// EALREADY: the handshake is under way.
    Already,
    /// EISCONN: connected before.
    IsConnected,
    /// ENOTCONN: no peer yet, or no more.
    NotConnected,
    /// EINVAL: an argument makes no sense in this state.
    Invalid,
    /// EBADF: no such descriptor.
    BadDescriptor,
    /// EFAULT: an argument points nowhere.
    Fault,
    /// EOPNOTSUPP: not a call for this kind of socket.
    NotSupported,
    /// ENOPROTOOPT: unknown option.
    UnknownOption,
    /// EAFNOSUPPORT: neither IPv4 nor IPv6, or the other one of the two.
    WrongFamily,
    /// EADDRINUSE: the address is taken.
    AddressInUse,
    /// EADDRNOTAVAIL: no port is free.
    NoPort,
    /// ENOBUFS: a limit of the engine is reached.
    NoBuffers,
    /// EPIPE: closed for sending.
    Pipe,
    /// ECONNRESET: the peer reset the connection.
    Reset,
    /// ECONNREFUSED: the peer refused it.
    Refused,
    /// ECONNABORTED: it was aborted here.
    Aborted,
    /// ETIMEDOUT: the peer was silent for too long.
    TimedOut,
    /// EHOSTUNREACH: the network cannot reach the peer.
    HostUnreachable,
    /// ENETUNREACH: there is no route to the peer.
    NetworkUnreachable,
    /// EDEADLK: a call waits for something that can never come.
    Deadlock,
}

impl Errno {
    /// The number in `errno`.
    pub fn number(self) -> i32 {
        match self {
            Errno::Again => libc::EAGAIN,
            Errno::InProgress => libc::EINPROGRESS,
            Errno::Already => libc::EALREADY,
            Errno::IsConnected => libc::EISCONN,
            Errno::NotConnected => libc::ENOTCONN,
            Errno::Invalid => libc::EINVAL,
            Errno::BadDescriptor => libc::EBADF,
            Errno::Fault => libc::EFAULT,
            Errno::NotSupported => libc::EOPNOTSUPP,
            Errno::UnknownOption => libc::ENOPROTOOPT,
            Errno::WrongFamily => libc::EAFNOSUPPORT,
            Errno::AddressInUse => libc::EADDRINUSE,
            Errno::NoPort => libc::EADDRNOTAVAIL,
            Errno::NoBuffers => libc::ENOBUFS,
            Errno::Pipe => libc::EPIPE,
            Errno::Reset => libc::ECONNRESET,
            Errno::Refused => libc::ECONNREFUSED,
            Errno::Aborted => libc::ECONNABORTED,
            Errno::TimedOut => libc::ETIMEDOUT,
            Errno::HostUnreachable => libc::EHOSTUNREACH,
            Errno::NetworkUnreachable => libc::ENETUNREACH,
            Errno::Deadlock => libc::EDEADLK,
        }
    }

    /// The name of the number, as `errno.h` has it.
    pub fn name(self) -> &'static str {
        match self {
            Errno::Again => "EAGAIN",
            Errno::InProgress => "EINPROGRESS",
            Errno::Already => "EALREADY",
            Errno::IsConnected => "EISCONN",
            Errno::NotConnected => "ENOTCONN",
            Errno::Invalid => "EINVAL",
            Errno::BadDescriptor => "EBADF",
            Errno::Fault => "EFAULT",
            Errno::NotSupported => "EOPNOTSUPP",
            Errno::UnknownOption => "ENOPROTOOPT",
            Errno::WrongFamily => "EAFNOSUPPORT",
            Errno::AddressInUse => "EADDRINUSE",
            Errno::NoPort => "EADDRNOTAVAIL",
            Errno::NoBuffers => "ENOBUFS",
            Errno::Pipe => "EPIPE",
            Errno::Reset => "ECONNRESET",
            Errno::Refused => "ECONNREFUSED",
            Errno::Aborted => "ECONNABORTED",
            Errno::TimedOut => "ETIMEDOUT",
            Errno::HostUnreachable => "EHOSTUNREACH",
            Errno::NetworkUnreachable => "ENETUNREACH",
            Errno::Deadlock => "EDEADLK",
        }
    }

    /// What the user of a connection that ended so is told, if anything.
    pub(super) fn of_cause(cause: CloseCause) -> Option<Errno> {
        match cause {
            CloseCause::Normal => None,
            CloseCause::ResetByPeer => Some(Errno::Reset),
            CloseCause::Refused => Some(Errno::Refused),
            CloseCause::TimedOut => Some(Errno::TimedOut),
            CloseCause::Aborted => Some(Errno::Aborted),
            CloseCause::UserTimeout => Some(Errno::TimedOut),
            CloseCause::Unreachable => Some(Errno::HostUnreachable),
            CloseCause::NetworkUnreachable => Some(Errno::NetworkUnreachable),
        }
    }
}

impl From<Error> for Errno {
    fn from(error: Error) -> Errno {
        match error {
            Error::UnknownConnection => Errno::NotConnected,
            Error::AddressInUse => Errno::AddressInUse,
            Error::NoFreePort => Errno::NoPort,
            Error::TooManyConnections => Errno::NoBuffers,
            Error::Closing => Errno::Pipe,
            Error::InvalidAddress | Error::OutOfRange | Error::NotSafe => Errno::Invalid,
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for Errno {}
