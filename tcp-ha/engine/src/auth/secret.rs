//! A key that is not shown and does not stay in memory.

use core::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A shared secret of 1 to 80 octets.
///
/// `Debug` prints nothing of it, it cannot be serialised by accident, comparison takes the
/// same time whatever differs, and its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<Box<[u8]>>);

/// A key that is empty or longer than [`Secret::MAX_LEN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSecret {
    /// Octets given.
    pub len: usize,
}

impl fmt::Display for BadSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let max = Secret::MAX_LEN;
        write!(f, "a key has 1 to {max} octets, this one has {}", self.len)
    }
}

impl std::error::Error for BadSecret {}

impl Secret {
    /// The longest key that other stacks take.
    pub const MAX_LEN: usize = 80;

    /// Takes a copy of `octets`.
    ///
    /// Errors: `BadSecret` where there is none, or more than 80.
    pub fn new(octets: &[u8]) -> Result<Secret, BadSecret> {
        if octets.is_empty() || octets.len() > Secret::MAX_LEN {
            return Err(BadSecret { len: octets.len() });
        }
        Ok(Secret(Zeroizing::new(octets.into())))
    }

    /// The octets, for whoever signs with them or hands them to the other node.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
