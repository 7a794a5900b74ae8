//! Seeded mutations, for runs without coverage.

/// xorshift64*: the same sequence everywhere for one seed.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A sequence of its own for each seed.
    #[must_use]
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next 32 bits.
    pub fn bits(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        // The upper half is the better one.
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    /// A number below `limit`; 0 where `limit` is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        self.bits() as usize % limit.max(1)
    }
}

/// Numbers that stand at the edges of things.
const EDGES: [u8; 9] = [0, 1, 2, 0x0f, 0x10, 0x7f, 0x80, 0xfe, 0xff];

/// A new input: one of `corpus`, spoilt in one to eight places, or noise where the corpus is empty.
pub fn spoil(random: &mut Random, corpus: &[Vec<u8>], octets_max: usize, out: &mut Vec<u8>) {
    out.clear();
    if let Some(base) = corpus.get(random.below(corpus.len())) {
        out.extend_from_slice(base);
    }
    if out.is_empty() || random.below(16) == 0 {
        out.clear();
        let len = random.below(octets_max) + 1;
        out.extend((0..len).map(|_| random.bits() as u8));
    }
    for _ in 0..=random.below(8) {
        let at = random.below(out.len());
        match random.below(7) {
            0 | 1 => with(out, at, |octet| *octet = random.bits() as u8),
            2 => with(out, at, |octet| *octet ^= 1 << random.below(8)),
            3 => with(out, at, |octet| *octet = EDGES[random.below(EDGES.len())]),
            4 => out.insert(at, random.bits() as u8),
            5 => drop(out.splice(at..(at + random.below(9)).min(out.len()), [])),
            _ => graft(random, corpus, at, out),
        }
    }
    out.truncate(octets_max);
}

fn with(out: &mut [u8], at: usize, change: impl FnOnce(&mut u8)) {
    if let Some(octet) = out.get_mut(at) {
        change(octet);
    }
}

/// Puts a piece of another input at `at`.
fn graft(random: &mut Random, corpus: &[Vec<u8>], at: usize, out: &mut Vec<u8>) {
    let Some(donor) = corpus.get(random.below(corpus.len())) else {
        return;
    };
    let from = random.below(donor.len());
    let to = (from + 1 + random.below(32)).min(donor.len());
    let at = at.min(out.len());
    out.splice(at..at, donor[from..to].iter().copied());
}
