//! Random changes, the same in every run.

/// Numbers that look random (xorshift64*, Vigna 2016).
pub(crate) struct Numbers(u64);

impl Numbers {
    /// A sequence of its own for each seed but 0.
    pub(crate) fn new(seed: u64) -> Numbers {
        Numbers(seed)
    }

    /// One below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }
}
