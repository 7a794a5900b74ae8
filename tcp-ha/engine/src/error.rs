//! What the caller did wrong.

use core::fmt;

/// Misuse of a user call, or a bound that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// No connection has this id (RFC 9293: "connection does not exist").
    UnknownConnection,
    /// The four-tuple or the listening socket is taken.
    AddressInUse,
    /// The addresses cannot name a connection: families differ, unspecified or multicast
    /// address, or port 0 where a port is needed.
    InvalidAddress,
    /// Every ephemeral port towards this remote socket is taken.
    NoFreePort,
    /// `Config::max_connections` is reached.
    TooManyConnections,
    /// The user has closed the connection for sending (RFC 9293: "connection closing").
    Closing,
    /// A stream offset outside what the call may name.
    OutOfRange,
    /// READ may not pass SAFE: call `make_safe` before `consume`.
    NotSafe,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::UnknownConnection => "no connection has this id; it may have been closed",
            Error::AddressInUse => "address in use: choose another port or wait for TIME-WAIT",
            Error::InvalidAddress => {
                "addresses must be unicast, of one family, and with a port other than 0"
            }
            Error::NoFreePort => "every ephemeral port towards this peer is in use",
            Error::TooManyConnections => {
                "the limit `max_connections` is reached; close some or raise it"
            }
            Error::Closing => "the connection is closed for sending",
            Error::OutOfRange => "stream offset outside of what the connection holds",
            Error::NotSafe => "octets must be made safe before they are consumed",
        })
    }
}

impl std::error::Error for Error {}

/// Why a checkpoint was not taken up. The connection does not exist afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreError {
    /// The id or the four-tuple belongs to a living connection.
    InUse,
    /// `Config::max_connections` is reached.
    TooManyConnections,
    /// A field, named here, contradicts the others or exceeds its bound.
    Inconsistent(&'static str),
    /// The octets that came with the checkpoint are not as many as it says.
    WrongLength {
        /// Which of the two: `received` or `unsent`.
        which: &'static str,
        /// Octets that the checkpoint asks for.
        expected: u64,
        /// Octets given.
        given: u64,
    },
    /// The connection signs its segments, and the key for that is not in the table.
    MissingKey,
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RestoreError::InUse => f.write_str("id or four-tuple of the checkpoint is in use"),
            RestoreError::TooManyConnections => {
                f.write_str("the limit `max_connections` is reached")
            }
            RestoreError::Inconsistent(field) => {
                write!(f, "checkpoint contradicts itself in field `{field}`")
            }
            RestoreError::MissingKey => {
                f.write_str("the connection signs its segments, but there is no key for its peer")
            }
            RestoreError::WrongLength {
                which,
                expected,
                given,
            } => write!(
                f,
                "checkpoint needs {expected} {which} octets, {given} were given"
            ),
        }
    }
}

impl std::error::Error for RestoreError {}
