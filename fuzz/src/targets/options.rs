//! The walk over the options of a header.

use tcp_ha_engine::options::{MAX_WINDOW_SCALE, Options, Signature};

/// Option octets: the walk ends, and what it found survives being written and read again.
///
/// # Panics
/// A promise of the walk is broken.
pub fn run(octets: &[u8]) {
    let found = Options::parse(octets);
    assert!(found.window_scale.is_none_or(|it| it <= MAX_WINDOW_SCALE));
    let mut again = Vec::new();
    found.emit(&mut again);
    assert_eq!(again.len(), found.wire_len());
    assert!(again.len().is_multiple_of(4));
    // A malformed signature is known to have been there, and is not written.
    if found.signature == Signature::Malformed {
        return;
    }
    assert_eq!(Options::parse(&again), found);
}
