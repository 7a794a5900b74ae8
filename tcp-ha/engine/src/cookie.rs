//! SYN cookies (RFC 4987 3.6): a half-open connection that is kept in its own ISS and TSval.
//!
//! ISS = 5 bits of the epoch, 3 bits of the MSS, 24 bits of a keyed hash over both, the four
//! tuple and IRS. Where the peer has timestamps, the low 6 bits of the TSval keep window scale
//! and SACK; without them neither is agreed on. Whoever holds the key can take the ACK: the
//! survivor of a takeover as well as the node that sent the cookie.

use crate::four_tuple::FourTuple;
use crate::keyed_hash;
use crate::options::Options;
use crate::seq::SeqNum;
use crate::time::Instant;

/// An epoch lasts so long.
const EPOCH_SECONDS: u64 = 64;
/// A cookie of this epoch or the one before is good: it lives for one to two minutes.
const EPOCHS: u64 = 2;
/// The MSS that the three bits stand for, ascending; a peer's counts as the next smaller one.
const MSS: [u16; 8] = [88, 536, 1_024, 1_220, 1_360, 1_440, 1_460, 8_960];
const HASH_BITS: u32 = 24;
const HASH_MASK: u32 = (1 << HASH_BITS) - 1;
/// Low bits of the TSval: 4 of the window scale, 1 of SACK, 1 that says "a cookie's".
const STAMP_MASK: u32 = 0x3f;
const NO_WINDOW_SCALE: u32 = 15;
const SACK_BIT: u32 = 0x10;

/// What a cookie keeps of the peer's SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The peer's MSS, rounded down.
    pub(crate) mss: u16,
}

/// The ISS for a SYN with sequence number `irs` and MSS `peer_mss`.
pub(crate) fn bake(
    key: &[u8; 16],
    tuple: &FourTuple,
    irs: SeqNum,
    peer_mss: u16,
    now: Instant,
) -> SeqNum {
    let index = MSS.iter().rposition(|&mss| mss <= peer_mss).unwrap_or(0);
    iss(key, tuple, irs, epoch(now), index)
}

/// What the ISS `cookie` keeps, where it was made with this key for this SYN, and of late.
pub(crate) fn taste(
    key: &[u8; 16],
    tuple: &FourTuple,
    irs: SeqNum,
    cookie: SeqNum,
    now: Instant,
) -> Option<Kept> {
    let index = (cookie.0 >> HASH_BITS & 7) as usize;
    let current = epoch(now);
    (0..EPOCHS)
        .filter_map(|age| current.checked_sub(age))
        .any(|epoch| iss(key, tuple, irs, epoch, index) == cookie)
        .then(|| Kept { mss: MSS[index] })
}

fn epoch(now: Instant) -> u64 {
    now.as_millis() / 1_000 / EPOCH_SECONDS
}

fn iss(key: &[u8; 16], tuple: &FourTuple, irs: SeqNum, epoch: u64, index: usize) -> SeqNum {
    let hash = keyed_hash::cookie(key, tuple, irs, epoch, index as u64);
    // Five bits of the epoch, three of the index: what is cut off is in the hash.
    let head = (epoch as u32) << 27 | (index as u32 & 7) << HASH_BITS;
    SeqNum(head | (hash as u32 & HASH_MASK))
}

/// The TSval not before `clock` that keeps window scale and SACK of the peer's SYN.
pub(crate) fn stamp(clock: u32, options: &Options) -> u32 {
    let scale = options.window_scale.map_or(NO_WINDOW_SCALE, u32::from);
    let sack = if options.sack_permitted { SACK_BIT } else { 0 };
    (clock | STAMP_MASK).wrapping_add(1) | sack | scale
}

/// Puts what `stamp` kept into the options of the SYN that is told over.
pub(crate) fn read_stamp(echo: u32, options: &mut Options) {
    let scale = echo & 0xf;
    options.window_scale = (scale != NO_WINDOW_SCALE).then_some(scale as u8);
    options.sack_permitted = echo & SACK_BIT != 0;
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;
    use std::net::SocketAddr;

    const KEY: [u8; 16] = [7; 16];
    const IRS: SeqNum = SeqNum(0x1234_5678);

    fn tuple(port: u16) -> FourTuple {
        FourTuple {
            local: SocketAddr::from(([10, 0, 0, 1], 179)),
            remote: SocketAddr::from(([10, 0, 0, 2], port)),
        }
    }

    #[test]
    fn a_cookie_is_good_for_its_syn_alone() {
        let now = Instant::from_millis(5_000_000);
        for (mss, kept) in [
            (20, 88),
            (536, 536),
            (1_459, 1_440),
            (1_460, 1_460),
            (65_000, 8_960),
        ] {
            let cookie = bake(&KEY, &tuple(1), IRS, mss, now);
            assert_eq!(
                taste(&KEY, &tuple(1), IRS, cookie, now),
                Some(Kept { mss: kept })
            );
            assert_eq!(taste(&KEY, &tuple(2), IRS, cookie, now), None);
            assert_eq!(taste(&[8; 16], &tuple(1), IRS, cookie, now), None);
            assert_eq!(taste(&KEY, &tuple(1), SeqNum(IRS.0 + 1), cookie, now), None);
            for bit in 0..32 {
                let forged = SeqNum(cookie.0 ^ 1 << bit);
                assert_eq!(taste(&KEY, &tuple(1), IRS, forged, now), None, "bit {bit}");
            }
        }
    }

    #[test]
    fn a_cookie_lives_for_one_to_two_minutes() {
        let made = Instant::from_millis(5_000_000);
        let cookie = bake(&KEY, &tuple(1), IRS, 1_460, made);
        let taken = |after| {
            taste(
                &KEY,
                &tuple(1),
                IRS,
                cookie,
                made + Duration::from_secs(after),
            )
        };
        assert!(taken(60).is_some());
        assert!(taken(130).is_none());
        assert!(taken(64 * 32).is_none(), "when the five bits come round");
    }

    #[test]
    fn a_stamp_keeps_the_options_and_is_not_older_than_the_clock() {
        for scale in [None, Some(0), Some(7), Some(14)] {
            for sack_permitted in [false, true] {
                let options = Options {
                    window_scale: scale,
                    sack_permitted,
                    ..Options::default()
                };
                for clock in [0, 63, 64, 1_000_001, u32::MAX] {
                    let stamp = stamp(clock, &options);
                    assert!(stamp.wrapping_sub(clock) <= 127, "{clock} {stamp}");
                    let mut read = Options::default();
                    read_stamp(stamp, &mut read);
                    assert_eq!(read, options);
                }
            }
        }
    }
}
