//! TCP with mutual TLS 1.3: the channel between hosts.
//!
//! Both ends show a certificate that carries the pair's name and is issued by the pair's authority ([`Credentials`]). There is no
//! older version of TLS, no resumption, no early data: whatever is played back belongs to keys that are gone.
//!
//! A node listens with a [`TlsListener`], whose thread does the handshakes and hands over what has passed; it connects with a
//! [`Dial`]. Whoever is turned away is counted in [`Refusals`](crate::refusal::Refusals).

mod credentials;
mod dial;
mod door;
pub(crate) mod files;
mod moment;
mod pair;
mod refused;
mod stream;
mod verifier;

pub use super::tcp::Bound;
pub use credentials::{CredentialFiles, Credentials};
pub use dial::{Dial, DialFailed};
pub use door::TlsListener;
pub use files::{About, CredentialError};
pub use moment::Moment;
pub use pair::{NotAPairName, PairName};
pub use stream::TlsTransport;

#[cfg(test)]
mod tests;
