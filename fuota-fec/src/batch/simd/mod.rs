//! Which vector instructions there are, found out at run time.
//!
//! The work itself is plain safe code over arrays: compiled once more with wider registers allowed, it
//! becomes several times as fast. `unsafe` is needed for entering such a second version, and for the few
//! instructions that plain code does not find; each time a value proves that the machine has been asked.

#[cfg(all(feature = "std", target_arch = "x86_64"))]
#[allow(unsafe_code, reason = "entering code that was compiled for instructions found at run time")]
mod avx2;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
#[allow(unsafe_code, reason = "entering code that was compiled for instructions found at run time")]
pub(super) mod gfni;

use super::eliminate::{Four, Lanes};
use super::remainder::{Block, Modulus};

/// Work that gains from wide registers. `run` has to be `#[inline(always)]`, all the way down.
pub(super) trait Job {
    type Output;

    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// What a set of instructions offers beyond what the compiler finds by itself.
pub(super) trait Simd: Copy {
    /// Bit i becomes the highest bit of octet i.
    fn signs(self, octets: &[u8; 32]) -> u32;

    /// Does work in a function of its own, where it has all registers for itself.
    fn apart<J: Job>(self, job: J) -> J::Output;

    /// [`Modulus::of_states`].
    fn remainders(self, window: u64, modulus: Modulus, count: usize) -> Block;

    /// [`Four::take_off`].
    fn take_off<const W: usize>(self, columns: &mut [[Lanes; W]], four: &Four<W>);
}

/// No assumption at all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plain;

impl Simd for Plain {
    #[inline(always)]
    fn signs(self, octets: &[u8; 32]) -> u32 {
        let (eights, _) = octets.as_chunks::<8>();
        let mut bits = 0;
        for eight in eights.iter().rev() {
            // The product gathers the highest bits of all eight octets in the topmost one.
            let ones = u64::from_le_bytes(*eight) >> 7 & 0x0101_0101_0101_0101;
            bits = bits << 8 | u64::from((ones.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8);
        }
        bits as u32
    }

    #[inline(never)]
    fn apart<J: Job>(self, job: J) -> J::Output {
        job.run(self)
    }

    #[inline(always)]
    fn remainders(self, window: u64, modulus: Modulus, count: usize) -> Block {
        modulus.of_states(window, count)
    }

    #[inline(always)]
    fn take_off<const W: usize>(self, columns: &mut [[Lanes; W]], four: &Four<W>) {
        four.take_off(columns);
    }
}

/// Which registers to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Registers {
    /// The widest that this machine is found to have (feature `std`).
    #[default]
    Widest,
    /// Those that every machine of the target has: what `no_std` gets, and what the others are tested against.
    Common,
}

impl Registers {
    /// Does the work with them.
    pub(super) fn run<J: Job>(self, job: J) -> J::Output {
        #[cfg(all(feature = "std", target_arch = "x86_64"))]
        if self == Self::Widest
            && let Some(avx2) = avx2::Avx2::detect()
        {
            return avx2.run(job);
        }
        job.run(Plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Signs([u8; 32]);

    impl Job for Signs {
        type Output = u32;

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> u32 {
            simd.signs(&self.0)
        }
    }

    #[test]
    fn both_ways_gather_the_same_bits() {
        for bit in 0..32 {
            let mut octets = [0x7f; 32];
            octets[bit] = 0xff;
            assert_eq!(Registers::Common.run(Signs(octets)), 1 << bit);
            assert_eq!(Registers::Widest.run(Signs(octets)), 1 << bit);
        }
    }
}
