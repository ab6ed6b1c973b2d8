//! Remainders of the generator's states, many at a time and without a division.

/// States that are worked on at once: as many as the generator's window holds behind the first 32 bits.
pub(super) const BLOCK: usize = 32;

/// Remainders of so many states.
pub(super) type Block = [u16; BLOCK];

/// What stands in a block for a state that was not asked for.
pub(super) const NOWHERE: u16 = u16::MAX;

/// The bits of a state.
pub(super) const STATE: u32 = 0x7f_ffff;

/// Added to a smaller number, it leaves the number, rounded, in the low bits: floats of this size are 1 apart.
pub(super) const WHOLE: f32 = 8_388_608.0;

/// A divisor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Modulus {
    pub(super) value: u16,
    pub(super) inverse: f32,
}

impl Modulus {
    #[inline(always)]
    pub(super) fn new(value: u16) -> Self {
        Self { value, inverse: 1.0 / f32::from(value) }
    }

    /// The remainder of any number.
    #[inline(always)]
    pub(super) fn of(self, number: u32) -> u16 {
        (number % u32::from(self.value)) as u16
    }

    /// The remainders of the states that begin at the lowest `count` bits of `window`, and [`NOWHERE`] for the rest of
    /// a block.
    ///
    /// The quotient is rounded to the nearest and off by less than one, so that at most one divisor is missing
    /// from the rest; and since that is less than 2^15 either way, its 16 low bits are enough: a negative one
    /// is the larger number until the divisor is added.
    #[inline(always)]
    pub(super) fn of_states(self, window: u64, count: usize) -> Block {
        let mut states = [0; BLOCK];
        for (shift, state) in states.iter_mut().enumerate() {
            *state = (window >> shift) as u32 & STATE;
        }
        let mut rests = [0; BLOCK];
        for (rest, state) in rests.iter_mut().zip(states) {
            let quotient = (state as f32 * self.inverse + WHOLE).to_bits() as u16;
            let difference = (state as u16).wrapping_sub(quotient.wrapping_mul(self.value));
            *rest = difference.min(difference.wrapping_add(self.value));
        }
        for rest in &mut rests[count.min(BLOCK)..] {
            *rest = NOWHERE;
        }
        rests
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::simd::{Job, Registers, Simd};

    struct Remainders(u64, Modulus, usize);

    impl Job for Remainders {
        type Output = Block;

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> Block {
            simd.remainders(self.0, self.1, self.2)
        }
    }

    /// Every modulus there is, on states near its multiples, where rounding could go wrong, and on others.
    #[test]
    fn they_are_those_of_a_division() {
        for value in 2..=16_384 {
            let modulus = Modulus::new(value);
            let wide = u64::from(value);
            let multiples =
                [1, 2, 3, 5, 8, 100, STATE as u64 / wide / 2, STATE as u64 / wide].map(|q| q * wide);
            let near = multiples.into_iter().flat_map(|number| [number - 1, number, number + 1]);
            for window in near.chain([0, STATE.into(), 0x0123_4567_89ab_cdef, u64::MAX]) {
                // Another pattern behind, so that the later states of the block differ too.
                let window = window ^ window.wrapping_mul(0x9e37_79b9_7f4a_7c15) << 23;
                let count = (window % 33) as usize;
                let mut expected = [NOWHERE; BLOCK];
                for (shift, rest) in (0..count).zip(&mut expected) {
                    *rest = modulus.of((window >> shift) as u32 & STATE);
                }
                for registers in [Registers::Common, Registers::Widest] {
                    let got = registers.run(Remainders(window, modulus, count));
                    assert_eq!(got, expected, "{count} states in {window:#x} modulo {value}");
                }
            }
        }
    }
}
