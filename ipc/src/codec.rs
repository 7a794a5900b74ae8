//! Bodies of records and messages: serde values as octets.
//!
//! bincode 2 in its standard configuration (variable-length integers, little endian), bounded.
//! Used in this crate alone, so that it can be replaced in one place.

use core::fmt;

use bincode::config::{self, Configuration, Limit, LittleEndian, Varint};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// No value takes more octets than this.
pub const VALUE_OCTETS_MAX: usize = 1 << 20;

type Bounded = Configuration<LittleEndian, Varint, Limit<VALUE_OCTETS_MAX>>;

const CONFIG: Bounded = config::standard().with_limit::<VALUE_OCTETS_MAX>();

/// A value could not be encoded or decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodecError {
    /// The octets are not such a value, or the value is too long; the text says how.
    Malformed(String),
    /// The value ended before the octets did.
    Trailing {
        /// Octets left over.
        octets: usize,
    },
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "malformed value: {why}"),
            Self::Trailing { octets } => write!(f, "{octets} octets after the value"),
        }
    }
}

impl core::error::Error for CodecError {}

/// Appends `value` to `out`.
///
/// # Errors
/// [`CodecError::Malformed`] when it takes more than [`VALUE_OCTETS_MAX`] octets or its type has
/// no such encoding; `out` is as before then.
pub fn encode_into<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let start = out.len();
    let encoded = bincode::serde::encode_into_std_write(value, &mut *out, CONFIG);
    let error = match encoded {
        Ok(octets) if octets <= VALUE_OCTETS_MAX => return Ok(()),
        Ok(octets) => format!("{octets} octets, more than {VALUE_OCTETS_MAX}"),
        Err(error) => error.to_string(),
    };
    out.truncate(start);
    Err(CodecError::Malformed(error))
}

/// Reads a value that takes all of `octets`.
///
/// # Errors
/// [`CodecError`], when they are not one such value exactly.
pub fn decode<T: DeserializeOwned>(octets: &[u8]) -> Result<T, CodecError> {
    let (value, taken) = bincode::serde::decode_from_slice(octets, CONFIG)
        .map_err(|error| CodecError::Malformed(error.to_string()))?;
    match octets.len() - taken {
        0 => Ok(value),
        octets => Err(CodecError::Trailing { octets }),
    }
}

/// Reads a value that begins `octets`; what follows it is of a newer version, and passed over.
///
/// # Errors
/// [`CodecError::Malformed`], when they do not begin with such a value.
pub fn decode_head<T: DeserializeOwned>(octets: &[u8]) -> Result<T, CodecError> {
    bincode::serde::decode_from_slice(octets, CONFIG)
        .map(|(value, _)| value)
        .map_err(|error| CodecError::Malformed(error.to_string()))
}

#[cfg(test)]
mod tests;
