//! Who may speak on a connection: signatures of segments (RFC 2385, RFC 5925) and the
//! generalized TTL security mechanism (RFC 5082).
//!
//! A [`SecurityTable`] says what is asked of which peer. Segments that do not meet it are
//! dropped without an answer and counted; nothing of a connection changes.

pub mod ao;
mod connection;
pub mod md5;
mod octets;
mod prefix;
mod pseudo_header;
mod secret;
pub(crate) mod signer;
mod state;
mod stateless;
mod table;

pub use prefix::{BadPrefix, PeerPrefix};
pub use secret::{BadSecret, Secret};
pub use state::{AoState, AuthState, Signing};
pub(crate) use stateless::{sign_stateless, verify_stateless};
pub use table::{PeerKeys, PeerSecurity, SecurityTable, TableFull};
