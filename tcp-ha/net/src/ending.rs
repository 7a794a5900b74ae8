//! Why a connection ended, as an error of `std::io`.

use std::io;
use tcp_ha_engine::CloseCause;

/// The error that reading and writing give once the connection has ended; for one that was closed
/// by both ends, that of writing.
pub(crate) fn error(cause: CloseCause) -> io::Error {
    use io::ErrorKind;
    match cause {
        CloseCause::Normal => ErrorKind::BrokenPipe.into(),
        CloseCause::ResetByPeer => ErrorKind::ConnectionReset.into(),
        CloseCause::Refused => ErrorKind::ConnectionRefused.into(),
        CloseCause::TimedOut => ErrorKind::TimedOut.into(),
        CloseCause::UserTimeout => io::Error::new(
            ErrorKind::TimedOut,
            "the peer acknowledged nothing for as long as the user timeout",
        ),
        CloseCause::Aborted => ErrorKind::ConnectionAborted.into(),
        CloseCause::Unreachable => ErrorKind::HostUnreachable.into(),
        CloseCause::NetworkUnreachable => ErrorKind::NetworkUnreachable.into(),
    }
}

/// The error that an active open gives.
pub(crate) fn connect_error(cause: CloseCause) -> io::Error {
    match cause {
        // The peer's end of it was gone before ours was handed over.
        CloseCause::Normal | CloseCause::ResetByPeer => io::ErrorKind::ConnectionReset.into(),
        other => error(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_the_kind_that_a_kernel_gives() {
        for (cause, kind) in [
            (CloseCause::Refused, io::ErrorKind::ConnectionRefused),
            (CloseCause::ResetByPeer, io::ErrorKind::ConnectionReset),
            (CloseCause::TimedOut, io::ErrorKind::TimedOut),
            (CloseCause::UserTimeout, io::ErrorKind::TimedOut),
            (CloseCause::Unreachable, io::ErrorKind::HostUnreachable),
            (
                CloseCause::NetworkUnreachable,
                io::ErrorKind::NetworkUnreachable,
            ),
            (CloseCause::Aborted, io::ErrorKind::ConnectionAborted),
        ] {
            assert_eq!(error(cause).kind(), kind);
            assert_eq!(connect_error(cause).kind(), kind);
        }
        assert!(
            error(CloseCause::UserTimeout)
                .to_string()
                .contains("user timeout")
        );
    }
}
