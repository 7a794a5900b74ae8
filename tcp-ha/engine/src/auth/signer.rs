//! Signing and verifying the segments of one connection. Follows from the table of keys and
//! the checkpoint, and is in neither.

use super::ao::session::{AoSession, Ends};
use super::md5;
use super::secret::Secret;
use super::state::Signing;
use super::table::PeerKeys;
use crate::counters::DropReason;
use crate::options::{AoSignature, Signature};
use crate::segment::{Flags, Segment};
use std::net::IpAddr;
use std::sync::Arc;

/// Where the digest lies in a segment that this engine built: the option comes first.
const DIGEST_AT: core::ops::Range<usize> = 24..40;

/// The keys of one connection.
#[derive(Debug)]
pub(crate) enum Signer {
    Plain,
    Md5(Arc<Secret>),
    Ao(AoSession),
    /// The connection signs, but its key is not here any more: it is silent and deaf.
    Missing,
}

impl Signer {
    /// For a new connection.
    pub(crate) fn new(keys: &PeerKeys) -> Signer {
        match keys {
            PeerKeys::None => Signer::Plain,
            PeerKeys::Md5(key) => Signer::Md5(Arc::clone(key)),
            PeerKeys::Ao(chain) => Signer::Ao(AoSession::new(Arc::clone(chain))),
        }
    }

    /// For a connection that signs in this way already.
    pub(crate) fn of(signing: &Signing, keys: &PeerKeys) -> Signer {
        match (signing, keys) {
            (Signing::None, _) => Signer::Plain,
            (Signing::Md5, PeerKeys::Md5(_)) | (Signing::Ao(_), PeerKeys::Ao(_)) => {
                Signer::new(keys)
            }
            _ => Signer::Missing,
        }
    }

    /// Nothing is signed.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Signer::Plain)
    }

    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Signer::Missing)
    }

    /// How a new connection signs.
    pub(crate) fn signing(&self) -> Signing {
        match self {
            Signer::Plain | Signer::Missing => Signing::None,
            Signer::Md5(_) => Signing::Md5,
            Signer::Ao(session) => Signing::Ao(session.initial_state()),
        }
    }

    /// Fills in the signature of a segment of ours, built with [`blank`] in its options.
    pub(crate) fn sign(
        &mut self,
        ends: &Ends,
        signing: &Signing,
        flags: Flags,
        extension: u32,
        segment: &mut [u8],
    ) {
        match (self, signing) {
            (Signer::Md5(key), _) => sign_md5(ends, key, segment),
            (Signer::Ao(session), Signing::Ao(state)) => {
                session.sign(ends, state, flags, extension, segment);
            }
            _ => {}
        }
    }

    /// Whether an arrived segment is signed as it must be.
    pub(crate) fn verify(
        &mut self,
        ends: &Ends,
        extension: u32,
        segment: &Segment<'_>,
        octets: &[u8],
    ) -> Result<(), DropReason> {
        match (self, &segment.options.signature) {
            (Signer::Plain, Signature::None) => Ok(()),
            (Signer::Plain, _) => Err(DropReason::UnexpectedSignature),
            (_, Signature::None) => Err(DropReason::MissingSignature),
            (Signer::Md5(key), Signature::Md5(_)) => {
                let (src, dst): (IpAddr, IpAddr) = (ends.tuple.remote.ip(), ends.tuple.local.ip());
                if md5::verify(src, dst, octets, key) {
                    Ok(())
                } else {
                    Err(DropReason::BadSignature)
                }
            }
            (Signer::Ao(session), Signature::Ao(ao)) => {
                session.verify(ends, ao, segment.header.flags, extension, octets)
            }
            (Signer::Missing, _) => Err(DropReason::UnknownKey),
            _ => Err(DropReason::BadSignature),
        }
    }
}

fn sign_md5(ends: &Ends, key: &Secret, segment: &mut [u8]) {
    let (src, dst) = (ends.tuple.local.ip(), ends.tuple.remote.ip());
    if let Some(digest) = md5::signature(src, dst, segment, key)
        && let Some(slot) = segment.get_mut(DIGEST_AT)
    {
        slot.copy_from_slice(&digest);
    }
}

/// The option with the signature still to be filled in.
pub(crate) fn blank(signing: &Signing) -> Signature {
    match signing {
        Signing::None => Signature::None,
        Signing::Md5 => Signature::Md5([0; 16]),
        Signing::Ao(state) => Signature::Ao(AoSignature {
            key_id: state.current,
            r_next_key_id: state.rnext,
            mac: [0; 12],
        }),
    }
}
