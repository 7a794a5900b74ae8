//! Sequence numbers, and their place on an unbounded line.

use std::fmt;

use serde::Serialize;

/// A TCP sequence number as it stands in a header, modulo 2^32 (RFC 9293 3.4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize)]
pub struct SeqNum(pub u32);

impl SeqNum {
    /// The signed distance from `other` to here, in -2^31 .. 2^31.
    pub const fn distance_from(self, other: SeqNum) -> i32 {
        self.0.wrapping_sub(other.0) as i32
    }

    /// The number `octets` further on.
    pub const fn plus(self, octets: u32) -> SeqNum {
        SeqNum(self.0.wrapping_add(octets))
    }
}

impl fmt::Display for SeqNum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A place in one direction's sequence space, not wrapped: the SYN (or the first octet
/// seen, where the SYN was not) stands at [`Position::ORIGIN`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub struct Position(u64);

impl Position {
    /// Where a direction's sequence space begins. Far from zero, so that places before
    /// the first segment seen can be named as well.
    pub const ORIGIN: Position = Position(1 << 33);

    /// The place `octets` further on; saturates.
    pub const fn plus(self, octets: u64) -> Position {
        Position(self.0.saturating_add(octets))
    }

    /// Octets from `earlier` to here; zero when `earlier` is later.
    pub const fn octets_since(self, earlier: Position) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The place nearest to here whose number modulo 2^32 lies as far away as `number` lies from
    /// `here_number`, the number that stands here.
    pub const fn nearest(self, here_number: SeqNum, number: SeqNum) -> Position {
        let distance = number.distance_from(here_number) as i64;
        Position(self.0.saturating_add_signed(distance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_crosses_the_wrap() {
        assert_eq!(SeqNum(5).distance_from(SeqNum(u32::MAX - 4)), 10);
        assert_eq!(SeqNum(u32::MAX - 4).distance_from(SeqNum(5)), -10);
    }

    #[test]
    fn nearest_place_goes_both_ways() {
        let here = Position::ORIGIN.plus(100);
        assert_eq!(here.nearest(SeqNum(2), SeqNum(12)), here.plus(10));
        let before = here.nearest(SeqNum(2), SeqNum(u32::MAX));
        assert_eq!(here.octets_since(before), 3);
        assert_eq!(before.octets_since(here), 0);
    }
}
