//! Signatures of segments that belong to no connection.

use super::ao::session::{Ends, is_first_syn};
use super::signer::Signer;
use super::state::Signing;
use super::table::PeerKeys;
use crate::counters::DropReason;
use crate::four_tuple::FourTuple;
use crate::segment::{Flags, Segment};
use crate::seq::SeqNum;

/// Whether a segment that belongs to no connection is signed as its peer's keys ask.
///
/// With TCP-AO that can be known of a SYN, and of an ACK that follows the handshake at once:
/// both ISNs can be read off it. Anything else is from a connection that nobody remembers.
pub(crate) fn verify_stateless(
    keys: &PeerKeys,
    tuple: &FourTuple,
    segment: &Segment<'_>,
    octets: &[u8],
) -> Result<(), DropReason> {
    let header = &segment.header;
    let before = |seq: SeqNum| SeqNum(seq.0.wrapping_sub(1));
    let ends = if is_first_syn(header.flags) {
        ends(tuple, SeqNum(0), header.seq)
    } else {
        ends(tuple, before(header.ack), before(header.seq))
    };
    // The first octet lies behind the ISN, which may be the last number before a wrap.
    let wrapped = !header.flags.has(Flags::SYN) && header.seq.0 == 0;
    Signer::new(keys).verify(&ends, u32::from(wrapped), segment, octets)
}

/// How a segment that belongs to no connection is to be signed, and a function that does.
///
/// `None` with TCP-AO, where the ISNs would have to be known: such a segment is not sent.
pub(crate) fn sign_stateless(
    keys: &PeerKeys,
    tuple: &FourTuple,
) -> Option<(Signing, impl FnOnce(&mut [u8]))> {
    if matches!(keys, PeerKeys::Ao(_)) {
        return None;
    }
    let mut signer = Signer::new(keys);
    let signing = signer.signing();
    let ends = ends(tuple, SeqNum(0), SeqNum(0));
    let sign = move |octets: &mut [u8]| signer.sign(&ends, &signing, Flags::NONE, 0, octets);
    Some((signing, sign))
}

fn ends(tuple: &FourTuple, iss: SeqNum, irs: SeqNum) -> Ends {
    Ends {
        tuple: *tuple,
        iss,
        irs,
    }
}
