//! Which vector instructions there are, found out at run time.
//!
//! The work itself is plain safe code over arrays: compiled once more with wider registers allowed, it
//! becomes several times as fast. Only two things need `unsafe`: entering that second version, and one
//! instruction that plain code does not find.

/// Work that gains from wide registers. `run` has to be `#[inline(always)]`, all the way down.
pub(super) trait Job {
    type Output;

    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// What a set of instructions offers beyond what the compiler finds by itself.
pub(super) trait Simd: Copy {
    /// Bit i becomes the lowest bit of octet i.
    fn low_bits(self, octets: &[u8; 32]) -> u32;
}

/// No assumption at all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plain;

impl Simd for Plain {
    #[inline(always)]
    fn low_bits(self, octets: &[u8; 32]) -> u32 {
        let (eights, _) = octets.as_chunks::<8>();
        let mut bits = 0;
        for eight in eights.iter().rev() {
            // The product gathers the lowest bits of all eight octets in the topmost one.
            let ones = u64::from_le_bytes(*eight) & 0x0101_0101_0101_0101;
            bits = bits << 8 | u64::from((ones.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8);
        }
        bits as u32
    }
}

/// Which registers to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
            && let Some(avx2) = x86::Avx2::detect()
        {
            return avx2.run(job);
        }
        job.run(Plain)
    }
}

#[cfg(all(feature = "std", target_arch = "x86_64"))]
#[allow(unsafe_code, reason = "entering code that was compiled for instructions found at run time")]
mod x86 {
    use core::arch::x86_64::{_mm256_movemask_epi8, _mm256_set_epi64x, _mm256_slli_epi16};

    use super::{Job, Simd};

    /// Proof that this machine has AVX2: [`detect`](Self::detect) is the only way to one.
    #[derive(Debug, Clone, Copy)]
    pub(super) struct Avx2(());

    impl Avx2 {
        pub(super) fn detect() -> Option<Self> {
            std::is_x86_feature_detected!("avx2").then_some(Self(()))
        }

        pub(super) fn run<J: Job>(self, job: J) -> J::Output {
            // SAFETY: `self` proves that the instructions of AVX2 are there.
            unsafe { run(self, job) }
        }
    }

    #[target_feature(enable = "avx2")]
    fn run<J: Job>(simd: Avx2, job: J) -> J::Output {
        job.run(simd)
    }

    impl Simd for Avx2 {
        #[inline(always)]
        fn low_bits(self, octets: &[u8; 32]) -> u32 {
            // SAFETY: `self` proves that the instructions of AVX2 are there.
            unsafe { low_bits(octets) }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn low_bits(octets: &[u8; 32]) -> u32 {
        let (eights, _) = octets.as_chunks::<8>();
        let [a, b, c, d] =
            core::array::from_fn(|i| eights.get(i).map_or(0, |eight| i64::from_le_bytes(*eight)));
        let lowest_to_highest = _mm256_slli_epi16::<7>(_mm256_set_epi64x(d, c, b, a));
        _mm256_movemask_epi8(lowest_to_highest).cast_unsigned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct LowBits([u8; 32]);

    impl Job for LowBits {
        type Output = u32;

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> u32 {
            simd.low_bits(&self.0)
        }
    }

    #[test]
    fn both_ways_gather_the_same_bits() {
        for bit in 0..32 {
            let mut octets = [0xfe; 32];
            octets[bit] = 0xff;
            assert_eq!(Registers::Common.run(LowBits(octets)), 1 << bit);
            assert_eq!(Registers::Widest.run(LowBits(octets)), 1 << bit);
        }
    }
}
