//! Which refusal an error of a handshake is.

use std::io::{self, ErrorKind};

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

use crate::refusal::Refusal;

/// What went wrong, as the counters tell it apart.
pub(super) fn refusal(error: &io::Error) -> Refusal {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>());
    match inner {
        Some(error) => of_tls(error),
        None if error.kind() == ErrorKind::TimedOut => Refusal::HandshakeTimedOut,
        None => Refusal::HungUp,
    }
}

fn of_tls(error: &Error) -> Refusal {
    match error {
        Error::InvalidMessage(_) => Refusal::NotTls,
        Error::PeerIncompatible(
            PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => Refusal::OldTls,
        Error::PeerIncompatible(_) | Error::NoApplicationProtocol => Refusal::Incompatible,
        Error::NoCertificatesPresented => Refusal::NoCertificate,
        Error::InvalidCertificate(reason) => of_certificate(reason),
        Error::AlertReceived(AlertDescription::CloseNotify) => Refusal::HungUp,
        Error::AlertReceived(_) => Refusal::Declined,
        _ => Refusal::BrokenHandshake,
    }
}

fn of_certificate(reason: &CertificateError) -> Refusal {
    match reason {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Refusal::OtherAuthority,
        CertificateError::ApplicationVerificationFailure => Refusal::OtherPair,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Refusal::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Refusal::NotYetValid
        }
        _ => Refusal::UnfitCertificate,
    }
}
