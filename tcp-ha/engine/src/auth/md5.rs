//! TCP MD5 signatures (RFC 2385).

use super::pseudo_header::PseudoHeader;
use super::secret::Secret;
use crate::options::Signature;
use crate::segment::{HEADER_LEN, Segment};
use md5::{Digest, Md5};
use std::net::IpAddr;
use subtle::ConstantTimeEq;

/// The digest that `segment` (header, options, text; what its option and checksum say does
/// not matter) must carry on the way from `src` to `dst` (RFC 2385 2.0).
///
/// `None` for what is no segment, or where the families of the addresses differ.
pub fn signature(src: IpAddr, dst: IpAddr, segment: &[u8], key: &Secret) -> Option<[u8; 16]> {
    let payload = Segment::parse(segment)?.payload;
    let mut header: [u8; HEADER_LEN] = *segment.first_chunk()?;
    header[16..18].fill(0);
    let pseudo = PseudoHeader::new(src, dst, segment.len())?;
    let mut digest = Md5::new();
    digest.update(pseudo.as_slice());
    digest.update(header);
    digest.update(payload);
    digest.update(key.expose());
    Some(digest.finalize().into())
}

/// True where `segment` carries the digest that `key` gives. The comparison takes the same
/// time whatever differs.
pub fn verify(src: IpAddr, dst: IpAddr, segment: &[u8], key: &Secret) -> bool {
    let Some(Signature::Md5(carried)) = Segment::parse(segment).map(|s| s.options.signature) else {
        return false;
    };
    signature(src, dst, segment, key).is_some_and(|expected| expected.ct_eq(&carried).into())
}
