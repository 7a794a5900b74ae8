//! What a checkpoint says of the security of a connection: ids, and no octet of a key.

use core::fmt;
use serde::{Deserialize, Serialize};

/// What a connection asks of the segments of its peer, and does to its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthState {
    /// How segments are signed.
    pub signing: Signing,
    /// RFC 5082: segments with a smaller TTL or hop limit are dropped, and ours leave with
    /// 255; 0 where that is not asked for.
    pub min_hop_limit: u8,
}

/// How the segments of a connection are signed; chosen when it is opened, and then for life
/// (RFC 5925 7.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signing {
    /// Not at all.
    #[default]
    None,
    /// RFC 2385.
    Md5,
    /// RFC 5925.
    Ao(AoState),
}

/// The two pointers of RFC 5925 3.1. ISNs are in `IdentityState`, sequence number extensions
/// follow from the 64-bit positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AoState {
    /// SendID of `current_key`: our segments are signed with it.
    pub current: u8,
    /// RecvID of `rnext_key`: our RNextKeyID asks for it.
    pub rnext: u8,
    /// KeyID of the newest segment of the peer, for status.
    pub received: u8,
}

impl fmt::Display for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Signing::None => f.write_str("none"),
            Signing::Md5 => f.write_str("md5"),
            Signing::Ao(ao) => write!(
                f,
                "ao: signs with key {}, asks for {}, receives {}",
                ao.current, ao.rnext, ao.received
            ),
        }
    }
}
