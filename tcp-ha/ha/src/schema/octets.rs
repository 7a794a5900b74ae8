//! Numbers as checkpoints have them: seven bits an octet, the lowest first, and no octet more than it takes; so one value has one form.

use core::time::Duration;

/// Set in every octet of a number but the last.
const MORE: u8 = 0x80;
/// Bits of a number in an octet.
const BITS: u32 = 7;

/// Units of a duration, the largest first: nanoseconds of one, and how a number says which.
const UNITS: [(u128, u128); 4] = [(1_000_000_000, 0), (1_000_000, 1), (1_000, 2), (1, 3)];
/// Bits that the unit takes.
const UNIT_BITS: u32 = 2;

/// Appends a number.
pub(super) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= u64::from(MORE) {
        // The low octet alone.
        out.push(number as u8 | MORE);
        number >>= BITS;
    }
    out.push(number as u8);
}

/// Appends a number that lies near another: few octets for a small distance either way.
pub(super) fn put_near(out: &mut Vec<u8>, base: u64, number: u64) {
    let distance = number.wrapping_sub(base) as i64;
    // Small numbers whatever the sign: 0, -1, 1, -2 ...
    put(out, ((distance << 1) ^ (distance >> 63)) as u64);
}

/// Appends a duration: so many of the largest unit of which it is a whole number.
pub(super) fn put_duration(out: &mut Vec<u8>, duration: Duration) {
    let nanos = duration.as_nanos();
    let whole = UNITS.iter().find(|(unit, _)| nanos.is_multiple_of(*unit));
    let &(unit, tag) = whole.unwrap_or(&UNITS[3]);
    let mut number = (nanos / unit) << UNIT_BITS | tag;
    while number >= u128::from(MORE) {
        // The low octet alone.
        out.push(number as u8 | MORE);
        number >>= BITS;
    }
    out.push(number as u8);
}

/// Octets that are read from the front. Whatever they are, reading ends: with `None` where they are not what is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    octets: &'a [u8],
}

impl<'a> Reader<'a> {
    /// At the front of `octets`.
    pub(super) fn new(octets: &'a [u8]) -> Reader<'a> {
        Reader { octets }
    }

    /// Octets of a fixed number.
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.octets.split_first_chunk()?;
        self.octets = rest;
        Some(*head)
    }

    /// One octet.
    pub(super) fn octet(&mut self) -> Option<u8> {
        self.array().map(|[octet]| octet)
    }

    /// One octet in which no bit is set but these.
    pub(super) fn flags(&mut self, known: u8) -> Option<u8> {
        self.octet().filter(|octet| octet & !known == 0)
    }

    /// Four octets, little endian.
    pub(super) fn fixed(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// A number that fits into `T`.
    pub(super) fn number<T: TryFrom<u128>>(&mut self) -> Option<T> {
        T::try_from(self.wide()?).ok()
    }

    /// A number that was written as lying near `base`.
    pub(super) fn near(&mut self, base: u64) -> Option<u64> {
        let folded: u64 = self.number()?;
        let distance = (folded >> 1) as i64 ^ -((folded & 1) as i64);
        Some(base.wrapping_add(distance as u64))
    }

    /// A duration.
    pub(super) fn duration(&mut self) -> Option<Duration> {
        let number = self.wide()?;
        let (count, tag) = (number >> UNIT_BITS, number & ((1 << UNIT_BITS) - 1));
        let &(unit, _) = UNITS.iter().find(|(_, it)| *it == tag)?;
        let nanos = count.checked_mul(unit)?;
        let seconds = u64::try_from(nanos / UNITS[0].0).ok()?;
        // Less than a second.
        Some(Duration::new(seconds, (nanos % UNITS[0].0) as u32))
    }

    /// Nothing is left.
    pub(super) fn end(&self) -> Option<()> {
        self.octets.is_empty().then_some(())
    }

    fn wide(&mut self) -> Option<u128> {
        let mut number = 0;
        for shift in (0..u128::BITS).step_by(BITS as usize) {
            let octet = self.octet()?;
            let part = u128::from(octet & !MORE);
            let placed = part << shift;
            if placed >> shift != part {
                return None;
            }
            number |= placed;
            if octet & MORE == 0 {
                // A longer form than it takes is nobody's.
                return (octet != 0 || shift == 0).then_some(number);
            }
        }
        None
    }
}

/// A flag's bit where it is set, 0 elsewhere.
pub(super) fn bit(bit: u8, set: bool) -> u8 {
    if set { bit } else { 0 }
}

#[cfg(test)]
mod tests;
