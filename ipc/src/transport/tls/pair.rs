//! Names of pairs, as certificates carry them.

use core::fmt;
use core::str::FromStr;

/// A name is not longer than this, in octets.
const NAME_OCTETS_MAX: usize = 63;
/// What stands before the name in a certificate's URI.
const URI_PREFIX: &str = "tcp-ha:pair:";

/// The name of a pair of nodes: 1 to 63 letters, digits, `.`, `-` and `_`. Both nodes' certificates carry it as the URI
/// `tcp-ha:pair:NAME`; which of the two shows it, and in which role, makes no difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairName(String);

impl PairName {
    /// The URI of certificates.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("{URI_PREFIX}{}", self.0)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PairName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that cannot name a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAPairName;

impl fmt::Display for NotAPairName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the name of a pair has 1 to {NAME_OCTETS_MAX} letters, digits, '.', '-' or '_'"
        )
    }
}

impl core::error::Error for NotAPairName {}

impl FromStr for PairName {
    type Err = NotAPairName;

    fn from_str(text: &str) -> Result<Self, NotAPairName> {
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if text.is_empty() || text.len() > NAME_OCTETS_MAX || !text.chars().all(known) {
            return Err(NotAPairName);
        }
        Ok(Self(text.to_owned()))
    }
}
