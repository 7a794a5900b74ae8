//! An input read as a list of choices.

/// Takes choices off the front of an input. After its end every choice is 0.
#[derive(Clone, Debug)]
pub struct Choices<'a> {
    rest: &'a [u8],
}

impl<'a> Choices<'a> {
    /// All of `octets`.
    #[must_use]
    pub fn new(octets: &'a [u8]) -> Choices<'a> {
        Choices { rest: octets }
    }

    /// True where nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next octet.
    pub fn octet(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((first, rest)) => {
                self.rest = rest;
                *first
            }
            None => 0,
        }
    }

    /// The next two octets.
    pub fn two(&mut self) -> u16 {
        u16::from_be_bytes([self.octet(), self.octet()])
    }

    /// The next four octets.
    pub fn four(&mut self) -> u32 {
        u32::from(self.two()) << 16 | u32::from(self.two())
    }

    /// One octet as a number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::from(self.octet()) % limit.max(1)
    }

    /// One octet as a yes or a no.
    pub fn flag(&mut self) -> bool {
        self.octet() & 1 == 1
    }

    /// One octet as a distance: small ones exactly, then in growing steps up to a few millions, both ways.
    pub fn distance(&mut self) -> i64 {
        const FAR: [i64; 16] = [
            17,
            64,
            100,
            500,
            536,
            1_000,
            1_448,
            1_460,
            2_048,
            4_096,
            65_535,
            65_536,
            1 << 20,
            1 << 30,
            1 << 31,
            1 << 32,
        ];
        let octet = self.octet();
        let size = usize::from(octet >> 1 & 0x1f);
        let distance = if octet & 0x40 == 0 || size >= FAR.len() {
            size as i64 & 0xf
        } else {
            FAR[size]
        };
        if octet & 1 == 1 { -distance } else { distance }
    }

    /// Up to `max` octets, as many as the next octet says and there are.
    pub fn slice(&mut self, max: usize) -> &'a [u8] {
        let wanted = usize::from(self.octet()).min(max).min(self.rest.len());
        let (taken, rest) = self.rest.split_at(wanted);
        self.rest = rest;
        taken
    }

    /// All that is left.
    pub fn remainder(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }
}
