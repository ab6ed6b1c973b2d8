//! The pseudo-random generator behind every parity row (TS004-1.0.0, FEC annex).

/// PRBS23: a shift register of 23 bits with taps at bits 0 and 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prbs23(u32);

impl Prbs23 {
    /// Starts from `seed`.
    #[must_use]
    pub const fn new(seed: u32) -> Self {
        Self(seed)
    }

    /// The start of parity row k: 1 + 1001·k.
    ///
    /// The text of TS004-2.0.0 can be read as seeding with N = M + k; every deployed implementation of both
    /// editions seeds with k. This is the one place that decides.
    #[must_use]
    pub(crate) const fn for_row(k: u16) -> Self {
        Self(1 + 1001 * k as u32)
    }

    /// The state, which is also the output of the last step.
    #[must_use]
    pub const fn state(self) -> u32 {
        self.0
    }

    /// One step; the new state is also the output.
    pub const fn step(&mut self) -> u32 {
        let feedback = (self.0 ^ (self.0 >> 5)) & 1;
        // The feedback is added, not ORed: from k = 8381 on the seed needs 24 bits, and the carry matters.
        self.0 = (self.0 >> 1) + (feedback << 22);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_states_of_row_one() {
        let mut prbs = Prbs23::for_row(1);
        let states = core::array::from_fn(|_| prbs.step());
        assert_eq!(states, [0x4001f5, 0x2000fa, 0x50007d, 0x28003e, 0x54001f, 0x6a000f, 0x750007, 0x7a8003]);
    }
}
